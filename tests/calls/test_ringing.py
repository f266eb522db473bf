"""Several targets at once, and bridges that an earlier engine began."""

from __future__ import annotations

from typing import Any

from tests.calls.call_traces import DIRECT, Trace, buyer, context, target
from tests.calls.rounds import ANSWERED, ROUTE, flow


def together(count: int, *buyers: Any, **campaign: Any) -> Trace:
    return Trace(context(*buyers, flow=flow({**ROUTE, "together": str(count)}), **campaign))


THREE = (buyer("acme", target("acme-1"), target("acme-2")), buyer("zenith", target("zenith-1")))


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


def test_a_bridge_that_ended_waits_for_every_leg_to_say_so() -> None:
    trace = together(3, *THREE)
    trace.park()
    assert trace.done(25) == []
    assert trace.leg_ended(25.1, "ALLOTTED_TIMEOUT", 1, by="send_cancel") == []
    assert trace.leg_ended(25.2, "ALLOTTED_TIMEOUT", 3, by="send_cancel") == []
    assert trace.leg_ended(25.3, "ALLOTTED_TIMEOUT", 2, by="send_cancel") == ["hangup NORMAL_CLEARING"]


def test_a_talk_that_was_never_seen_to_begin_leaves_no_loser_unsettled() -> None:
    trace = together(2, *THREE, recovery={"connected_ms_max": 1_000})
    trace.park()
    trace.leg_ended(40, "NORMAL_CLEARING", 1, bridged=3)
    assert trace.done(40.1) == []
    assert trace.fires(42, "leg:2") == []
    assert [data["number"] for kind, data in trace.decisions if kind == "attempt"] == [1, 2]


def test_a_talk_whose_end_was_never_told_ends_when_it_was_given_up_not_with_the_call() -> None:
    trace = Trace(
        context(buyer("acme", target("acme-la")), buyer("z", target("z-1", priority=2)), flow=DIRECT,
                recovery={"connected_ms_max": 20_000})
    )  # fmt: skip
    trace.park()
    trace.bridged(3)
    trace.done(9)
    assert trace.fires(11, "leg:1") == []
    trace.park(11.1)
    trace.fires(13.2, "leg:1")
    trace.ended(90, by="send_bye")
    trace.fires(92, "legs")
    (attempt,) = trace.cdr().attempts
    assert (attempt.connected_ms, attempt.end_estimated) == (8_000, True)


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
    told = trace.told("attempt")
    assert (told["number"], told["outcome"], told["cause"]) == (1, "cancelled", "LOSE_RACE")
    trace.leg_ended(60, "NORMAL_CLEARING", 2, bridged=8, by="send_bye")
    assert trace.ended(60.1) == ["finish"]
    assert [a.outcome for a in trace.cdr().attempts] == ["cancelled", "answered"]


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
