"""What a target is told and must do, how often it is rung, when nobody else is; and the `dial` node."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.calls.commands import legs_of
from tests.calls.call_traces import DIRECT, Trace, buyer, context, target
from tests.calls.rounds import ANSWERED, ROUTE, busy, flow, the_dial

# Whisper, press-1, caller id, headers.


def test_what_a_target_is_told_and_must_do() -> None:
    told = target(
        "acme-la", whisper="roofing_call", accept={"prompt": "press_one", "ms_max": "12000"},
        caller_id={"show": "tracking_number"},
        headers={"X-Call-Token": "token", "X-Campaign": "campaign", "X-Zip": "zip_code", "X-Plan": "tag.plan"},
    )  # fmt: skip
    trace = Trace(context(buyer("acme", told), flow=flow(ROUTE, **ANSWERED)))
    trace.park()
    assert trace.call.state.run is not None
    trace.call.state.run.tags["plan"] = "gold,sip_h_X-Admin=1"  # no plain word: it is left out
    trace.done(0.5)
    (leg,) = legs_of(the_dial(trace))
    token = trace.told("opened")["token"]
    assert leg["headers"] == {"X-Call-Token": token, "X-Campaign": "roofing"}  # no ZIP is known
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


def test_a_target_that_took_the_call_by_a_key_and_dropped_it_is_followed_by_the_next() -> None:
    accepts = target("acme-la", accept={"prompt": "press_one"})
    trace = Trace(
        context(buyer("acme", accepts), buyer("z", target("z-1", priority=2, redial={"busy": "1"})), flow=DIRECT,
                recovery={"connected_ms_max": 20_000})
    )  # fmt: skip
    trace.park()
    trace.bridged(9)
    trace.leg_ended(15, "NORMAL_CLEARING", bridged=9, answered=4)
    trace.done(15.1)
    assert trace.park(15.2)[-1] == "dial z-1"
    assert busy(trace, 2, 16) == ["loop ringing"]  # the recovered caller has been answered: it hears the pause
    trace.fires(21, "redial")
    assert trace.done(21.1, command=int(trace.call.state.music.rpartition(".")[2]))[-1] == "dial z-1"


def test_restart_during_a_whisper_waits_for_the_bridge() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", whisper="w")), buyer("b", target("b-1")), flow=DIRECT))
    trace.park()
    assert trace.adopted(5, "bridge") == []
    assert trace.bridged(7) == []
    assert trace.call.talking


# Again, and no further.


def redialled(**rule: Any) -> dict[str, Any]:
    return target("acme-la", redial={"after_s": "5", **rule})


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
