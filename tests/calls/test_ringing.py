"""Several targets at once, whisper and press-1, rules for ringing again and for stopping, and the `dial` node."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.calls.commands import legs_of
from tests.calls.call_traces import DIRECT, Trace, buyer, context, target


def flow(node: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A flow of this one node and an end; ``more`` are nodes before it, the first of them the start."""
    nodes = {**more, "sell": node, "bye": {"type": "hangup"}}
    return {"id": "direct", "start": next(iter(nodes)), "nodes": nodes}


ROUTE = DIRECT["nodes"]["sell"]
ANSWERED = {"hello": {"type": "answer", "exits": {"done": "sell"}}}


def together(count: int, *buyers: Any, **campaign: Any) -> Trace:
    return Trace(context(*buyers, flow=flow({**ROUTE, "together": str(count)}), **campaign))


THREE = (buyer("acme", target("acme-1"), target("acme-2")), buyer("zenith", target("zenith-1")))


def the_dial(trace: Trace) -> dict[str, Any]:
    return next(c for fact in reversed(trace.facts) for c in fact.get("c", ()) if c["k"] == "Dial")


# Several at once.


def test_the_first_to_answer_talks_and_the_others_are_cancelled() -> None:
    trace = together(3, *THREE)
    (dial,) = trace.park()
    assert sorted(dial.split()[1:]) == ["acme-1", "acme-2", "zenith-1"]
    names = [attempt.target for attempt in trace.call.state.attempts]
    assert trace.bridged(4, number=2) == []
    assert trace.call.talking
    assert trace.leg_ended(4.01, "LOSE_RACE", 1, by="send_cancel") == []
    assert trace.leg_ended(4.02, "LOSE_RACE", 3, by="send_cancel") == []
    trace.leg_ended(60, "NORMAL_CLEARING", 2, bridged=4, by="send_bye")
    assert trace.ended(60.1) == ["finish"]
    cdr = trace.cdr()
    assert [(a.target, a.outcome) for a in cdr.attempts] == [
        (names[0], "cancelled"), (names[1], "answered"), (names[2], "cancelled"),
    ]  # fmt: skip
    assert (cdr.outcome, cdr.connected_ms) == ("connected", 56_000)


def test_each_leg_holds_slots_of_its_own_until_it_is_over() -> None:
    capped = buyer("acme", target("acme-1", concurrency_cap=1), target("acme-2", concurrency_cap=1))
    trace = together(2, capped)
    assert trace.park() == ["usage target:acme-1 target:acme-2"]
    reserved = trace.usage()
    assert sorted(word.split()[-1] for word in reserved) == ["target:acme-1", "target:acme-2"]
    first, second = (f"{trace.call.state.call_id}:{number}" for number in (1, 2))
    assert trace.slot_of(second) == []
    (dial,) = trace.slot_of(first)
    assert sorted(dial.split()[1:]) == ["acme-1", "acme-2"]
    trace.bridged(4, number=1)
    assert trace.leg_ended(4.01, "LOSE_RACE", 2, by="send_cancel") == ["release :2"]
    assert trace.leg_ended(60, "NORMAL_CLEARING", 1, bridged=4, by="send_bye") == ["release :1"]


def test_who_lost_the_race_for_a_slot_is_left_out() -> None:
    capped = buyer("acme", target("acme-1", concurrency_cap=1), target("acme-2", concurrency_cap=1))
    trace = together(2, capped)
    trace.park()
    trace.usage()
    lost = trace.call.state.attempts[1].target
    assert trace.full_of(f"{trace.call.state.call_id}:2", {f"target:{lost}": [1, 1]}) == []
    (dial,) = trace.slot_of(f"{trace.call.state.call_id}:1")
    assert dial == f"dial {trace.call.state.attempts[0].target}"


def test_only_one_level_of_priority_rings_at_once() -> None:
    trace = together(3, buyer("acme", target("acme-1"), target("acme-2", priority=2), target("acme-3", priority=2)))
    assert trace.park() == ["dial acme-1"]
    trace.leg_ended(1, "USER_BUSY", 1, by="recv_refuse", sip=486)
    (dial,) = trace.done(1.1)
    assert sorted(dial.split()[1:]) == ["acme-2", "acme-3"]


def test_no_more_ring_at_once_than_may_be_tried() -> None:
    trace = together(3, *THREE, attempts_max=2)
    (dial,) = trace.park()
    assert len(dial.split()) == 3


def test_all_must_have_failed_before_the_next_are_tried() -> None:
    trace = together(2, buyer("acme", target("acme-1"), target("acme-2")), buyer("late", target("late-1", priority=2)))
    trace.park()
    assert trace.leg_ended(1, "USER_BUSY", 1, by="recv_refuse", sip=486) == []
    assert trace.done(25) == []
    assert "leg:2" in trace.timers
    assert trace.leg_ended(25.1, "ALLOTTED_TIMEOUT", 2, by="send_cancel") == ["dial late-1"]
    told = [data["outcome"] for kind, data in trace.decisions if kind == "attempt"]
    assert told == ["busy", "no_answer"]


def test_leg_that_was_never_made_among_others_is_settled_after_a_moment() -> None:
    trace = together(2, buyer("acme", target("acme-1"), target("acme-2")))
    trace.park()
    trace.bridged(3, number=1)
    assert trace.fires(5, "leg:2") == []
    assert trace.told("attempt") == {
        "number": 2, "outcome": "failed", "cause": "", "sip_status": 0, "connected_ms": 0,
    }  # fmt: skip
    assert trace.call.talking
    trace.leg_ended(60, "NORMAL_CLEARING", 1, bridged=3, by="send_bye")
    trace.ended(60.1)
    cdr = trace.cdr()
    assert [(a.outcome, a.ring_ms) for a in cdr.attempts] == [("answered", 3_000), ("failed", 5_000)]
    assert cdr.ring_ms == 5_000  # both at once, and not 8 s


def test_caller_who_cancels_ends_all_that_ring() -> None:
    trace = together(2, buyer("acme", target("acme-1"), target("acme-2")))
    trace.park()
    trace.leg_ended(3, "ORIGINATOR_CANCEL", 1, by="send_cancel")
    trace.ended(3.01, by="recv_cancel", cause="ORIGINATOR_CANCEL")
    assert trace.leg_ended(3.02, "ORIGINATOR_CANCEL", 2, by="send_cancel") == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, [a.outcome for a in cdr.attempts]) == ("abandoned_ringing", ["cancelled", "cancelled"])


def test_recovery_after_several_rang_leaves_all_of_them_out() -> None:
    trace = together(
        2, buyer("acme", target("acme-1"), target("acme-2")), buyer("late", target("late-1", priority=2)),
        recovery={"connected_ms_max": 20_000},
    )  # fmt: skip
    trace.park()
    trace.bridged(3, number=2)
    trace.leg_ended(3.01, "LOSE_RACE", 1, by="send_cancel")
    trace.leg_ended(9, "NORMAL_CLEARING", 2, bridged=3)
    trace.done(9.02)
    assert trace.park(9.03) == ["dial late-1"]


def test_restart_while_several_ring_waits_for_them_and_finds_who_talks() -> None:
    trace = together(2, buyer("acme", target("acme-1"), target("acme-2")))
    trace.park()
    assert trace.adopted(5, "bridge") == []
    assert trace.adopted(9, "bridge", bridged=2) == []
    assert trace.call.talking
    trace.leg_ended(60, "NORMAL_CLEARING", 2, bridged=8, by="send_bye")
    trace.ended(60.1)
    assert trace.fires(62, "legs") == ["finish"]
    assert [a.outcome for a in trace.cdr().attempts] == ["cancelled", "answered"]


# Whisper, press-1, caller id, headers.


def test_what_a_target_is_told_and_must_do() -> None:
    told = target(
        "acme-la", whisper="roofing_call", accept={"prompt": "press_one", "ms_max": "12000"},
        caller_id={"show": "tracking_number"},
        headers={"X-Call-Token": "token", "X-Campaign": "campaign", "X-Zip": "zip_code", "X-Plan": "tag.plan"},
    )  # fmt: skip
    trace = Trace(context(buyer("acme", told), flow=DIRECT))
    trace.park()
    (leg,) = legs_of(the_dial(trace))
    token = trace.told("opened")["token"]
    assert leg["headers"] == {"X-Call-Token": token, "X-Campaign": "roofing"}  # no ZIP is known, and no plan
    assert (leg["caller_id"], leg["whisper"]) == ("+18005550100", "roofing_call")
    assert (leg["accept_prompt"], leg["accept_digit"], leg["accept_ms_max"]) == ("press_one", "1", 12_000)
    assert trace.timers["dial:1"] == 25_000 + 12_000 + 6_000


def test_nothing_is_told_by_default() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=DIRECT))
    trace.park()
    (leg,) = legs_of(the_dial(trace))
    assert set(leg) == {
        "attempt_id", "leg_id", "destination", "ring_ms_max", "progress_ms_max", "connected_ms_max",
    }  # fmt: skip


@pytest.mark.parametrize(
    "shown",
    [{}, {"caller_id": {"show": "tracking_number"}}, {"caller_id": {"show": "fixed", "number": "+13105550100"}}],
)
def test_a_caller_who_asked_for_privacy_is_withheld_whatever_stands_there(shown: dict[str, Any]) -> None:
    trace = Trace(context(buyer("acme", target("acme-la", **shown)), flow=DIRECT))
    trace.park(private=True)
    assert legs_of(the_dial(trace))[0]["caller_id"] == "withheld"


def test_the_buyer_s_policy_holds_where_the_target_has_none() -> None:
    fixed = {"show": "fixed", "number": "+13105550100"}
    own = target("acme-2", priority=2, caller_id={"show": "withheld"}, headers={})
    trace = Trace(
        context(buyer("acme", target("acme-1"), own, caller_id=fixed, headers={"X-Token": "token"}), flow=DIRECT)
    )
    trace.park()
    assert legs_of(the_dial(trace))[0]["caller_id"] == "+13105550100"
    assert set(legs_of(the_dial(trace))[0]["headers"]) == {"X-Token"}
    trace.leg_ended(1, "USER_BUSY", 1, by="recv_refuse")
    trace.done(1.1)
    assert legs_of(the_dial(trace))[0]["caller_id"] == "withheld"
    assert "headers" not in legs_of(the_dial(trace))[0]


def test_connected_begins_after_the_whisper() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", whisper="roofing_call")), flow=DIRECT))
    trace.park()
    trace.bridged(8)
    trace.leg_ended(38, "NORMAL_CLEARING", bridged=8, answered=5, by="send_bye")
    trace.ended(38.1)
    (attempt,) = trace.cdr().attempts
    assert (attempt.ring_ms, attempt.connected_ms) == (5_000, 30_000)
    assert attempt.connected_at - attempt.target_answered_at == 3_000_000


@pytest.mark.parametrize(
    ("cause", "by", "outcome"),
    [
        ("NORMAL_CLEARING", "recv_bye", "rejected"),  # hung up on the whisper or the question
        ("ALLOTTED_TIMEOUT", "send_bye", "no_answer"),  # nobody keyed the digit: a voicemail
        ("LOSE_RACE", "send_bye", "cancelled"),
        ("ORIGINATOR_CANCEL", "send_bye", "cancelled"),
        ("MEDIA_TIMEOUT", "send_bye", "failed"),
    ],
)
def test_picked_up_and_never_connected(cause: str, by: str, outcome: str) -> None:
    trace = Trace(context(buyer("acme", target("acme-la", accept={"prompt": "press_one"})), flow=DIRECT))
    trace.park()
    trace.leg_ended(12, cause, by=by, answered=3)
    trace.done(12.1)
    assert trace.told("attempt")["outcome"] == outcome
    trace.ended(12.2, by="send_refuse")
    assert [a.outcome for a in trace.cdr().attempts] == [outcome]


def test_a_talk_after_a_whisper_is_ended_by_us_because_the_switch_counts_from_the_answer() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", whisper="w", connected_ms_max=60_000)), flow=DIRECT))
    trace.park()
    trace.bridged(8)
    assert trace.timers["talk:1"] == 61_000
    assert trace.fires(69, "talk:1") == ["hangup leg ALLOTTED_TIMEOUT"]


def test_restart_during_a_whisper_waits_for_the_bridge() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", whisper="w")), buyer("b", target("b-1")), flow=DIRECT))
    trace.park()
    assert trace.adopted(5, "bridge") == []
    assert trace.bridged(7) == []
    assert trace.call.talking


# Again, and no further.


def redialled(**rule: Any) -> dict[str, Any]:
    return target("acme-la", redial={"after_s": "5", **rule})


def busy(trace: Trace, number: int, at: float) -> list[str]:
    assert trace.leg_ended(at, "USER_BUSY", number, by="recv_refuse", sip=486) == []
    return trace.done(at + 0.01, answered=trace.call.state.answered_at > 0)


def test_a_busy_target_is_rung_again_after_a_pause_as_often_as_its_rule_says() -> None:
    trace = Trace(context(buyer("acme", redialled(busy="2")), buyer("z", target("z-1", priority=2)), flow=DIRECT))
    assert trace.park() == ["dial acme-la"]
    for number in (1, 2):
        assert busy(trace, number, number * 10.0) == []  # unanswered: the network rings meanwhile
        assert trace.timers["redial"] == 5_000
        assert trace.fires(number * 10 + 5, "redial") == ["dial acme-la"]
        assert trace.told("selection")["by"] == "redial"
    assert busy(trace, 3, 30) == ["dial z-1"]
    trace.check_replay()


def test_each_outcome_has_a_rule_of_its_own() -> None:
    trace = Trace(context(buyer("acme", redialled(no_answer="1")), buyer("z", target("z-1", priority=2)), flow=DIRECT))
    trace.park()
    assert busy(trace, 1, 1) == ["dial z-1"]


def test_an_answered_caller_hears_ringing_in_the_pause() -> None:
    answered = flow(ROUTE, **ANSWERED)
    trace = Trace(context(buyer("acme", redialled(busy="1")), flow=answered))
    trace.park()
    assert trace.done(0.1) == ["dial acme-la"]
    assert busy(trace, 1, 1) == ["loop ringing"]
    ringing = trace.call.state.commands_given
    assert trace.fires(6.1, "redial") == ["break"]
    assert trace.done(6.12, command=ringing) == ["dial acme-la"]
    trace.ended(30)
    trace.fires(32, "legs")
    assert trace.cdr().silent_ms < 100


def test_a_break_that_the_switch_lost_is_given_again() -> None:
    trace = Trace(context(buyer("acme", redialled(busy="1")), flow=flow(ROUTE, **ANSWERED)))
    trace.park()
    trace.done(0.1)
    busy(trace, 1, 1)
    trace.fires(6.1, "redial")
    for _ in range(4):
        assert trace.fires(7, "hunt_music") == ["break"]
    assert trace.fires(8, "hunt_music") == ["hangup NORMAL_TEMPORARY_FAILURE"]


def test_restart_in_the_pause_rings_again_in_time() -> None:
    trace = Trace(context(buyer("acme", redialled(busy="1")), flow=flow(ROUTE, **ANSWERED)))
    trace.park()
    trace.done(0.1)
    busy(trace, 1, 1)
    assert trace.adopted(3, "playback") == []
    assert 2_500 < trace.timers["redial"] < 3_100
    ringing = trace.call.state.commands_given
    assert trace.fires(6.1, "redial") == ["break"]
    assert trace.done(6.2, command=ringing) == ["dial acme-la"]


def test_a_target_that_is_capped_after_the_pause_is_not_rung_again() -> None:
    again = target("acme-la", concurrency_cap=1, redial={"busy": "1"})
    trace = Trace(context(buyer("acme", again), buyer("z", target("z-1", priority=2)), flow=DIRECT))
    trace.park()
    trace.usage()
    trace.slot()
    trace.leg_ended(1, "USER_BUSY", by="recv_refuse")
    trace.done(1.1, answered=False)
    assert trace.fires(6.1, "redial") == ["usage target:acme-la"]
    assert trace.usage(target__acme_la=1) == ["dial z-1"]


@pytest.mark.parametrize(
    ("campaign", "node", "sip", "stops"),
    [
        ({"stop_hunting_on": ["rejected"]}, {}, 603, True),
        ({"stop_hunting_on": ["CALL_REJECTED"]}, {}, 603, True),
        ({}, {"stop_hunting_on": ["603"]}, 603, True),
        ({}, {"stop_hunting_on": ["603"]}, 607, False),
        ({"stop_hunting_on": ["busy"]}, {}, 603, False),
        ({}, {}, 603, False),
    ],
)
def test_an_outcome_after_which_nobody_else_is_tried(
    campaign: dict[str, Any], node: dict[str, Any], sip: int, stops: bool
) -> None:
    buyers = buyer("acme", target("acme-la")), buyer("z", target("z-1", priority=2))
    trace = Trace(context(*buyers, flow=flow({**ROUTE, **node}), **campaign))
    trace.park()
    trace.leg_ended(1, "CALL_REJECTED", by="recv_refuse", sip=sip)
    went_on = trace.done(1.1)
    assert went_on == (["hangup NORMAL_CLEARING"] if stops else ["dial z-1"])
    if stops:
        assert trace.told("route") == {"exit": "all_no_answer"}
        assert trace.told("hunt_stopped")["number"] == 1


def test_the_caller_s_own_target_of_an_earlier_call_is_asked_first() -> None:
    targets = buyer("acme", target("acme-la")), buyer("z", target("z-1", priority=9, weight=1))
    trace = Trace(context(*targets, flow=flow({**ROUTE, "sticky": "true"}, **ANSWERED)))
    assert trace.park() == ["answer"]
    assert trace.call.state.run is not None
    trace.call.state.run.tags["sticky_target"] = "z-1"  # as caller_history leaves it
    assert trace.done(0.5) == ["dial z-1"]
    assert trace.told("selection")["by"] == "sticky"
    assert busy(trace, 1, 1) == ["dial acme-la"]


# One fixed destination.

OFFICE = {"type": "dial", "destination": "sip:office@127.0.0.1:6001", "exits": {"ended": "bye", "no_answer": "bye"}}


def test_a_fixed_destination_is_no_buyer() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=flow(OFFICE)))
    assert trace.park() == ["dial office"]
    trace.bridged(3)
    trace.leg_ended(40, "NORMAL_CLEARING", bridged=3)
    assert trace.done(40.1) == []
    assert trace.park(40.2) == ["hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": "ended"}
    trace.ended(40.3, by="send_bye")
    (attempt,) = trace.cdr().attempts
    assert (attempt.target, attempt.buyer, attempt.outcome, attempt.connected_ms) == ("", "", "answered", 37_000)


def test_a_fixed_destination_that_does_not_answer() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=flow(OFFICE)))
    trace.park()
    assert busy(trace, 1, 2) == ["hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": "no_answer"}
    trace.ended(2.2, by="send_refuse")
    assert trace.cdr().outcome == "all_no_answer"


# What an earlier engine began and could not note.


def test_a_bridge_that_the_journal_does_not_know_is_hung_up_and_never_followed_by_a_second_leg() -> None:
    capped = buyer("acme", target("acme-la", concurrency_cap=1))
    trace = Trace(context(capped, flow=DIRECT))
    trace.park()
    trace.usage()  # asked for the slot; that it was granted and dialled was lost in the crash
    assert set(trace.adopted(4, "bridge")) == {"hangup leg ORIGINATOR_CANCEL", "release :1"}
    assert trace.told("stray_bridge") == {"talks": False}
    assert trace.stray_done(4.2) == ["usage target:acme-la"]
    assert trace.usage() == ["reserve :7 target:acme-la"]  # its number was used up, and those of a whole round
    assert trace.slot() == ["dial acme-la"]


def test_a_talk_that_the_journal_does_not_know_goes_on_and_is_for_review() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", concurrency_cap=1)), flow=DIRECT))
    trace.park()
    assert trace.adopted(4, "bridge", bridged=1) in (["release :1"], [])
    assert trace.call.talking and not trace.call.needs_claim
    trace.ended(60)
    assert trace.cdr().end_estimated


def test_a_bridge_in_the_ivr_is_hung_up_and_the_node_is_entered_again() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=flow(ROUTE, **ANSWERED)))
    assert trace.park() == ["answer"]
    assert set(trace.adopted(4, "bridge")) == {"hangup leg ORIGINATOR_CANCEL"}
    assert trace.stray_done(4.2) == ["answer"]
