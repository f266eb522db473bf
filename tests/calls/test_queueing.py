"""Waiting in a queue: first come, first served, with music and the place in the line, and never too long."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.calls.events import UsageRead
from tests.calls.call_traces import CALL_ID, Trace, buyer, context, target

QUEUE = {
    "type": "queue", "callers_max": "5", "wait_ms_max": "60000", "music": "hold_music",
    "exits": dict.fromkeys(
        ("ended", "no_match", "all_closed", "all_capped", "all_no_answer", "recovered_none", "full", "waited_too_long"),
        "bye",
    ),
}  # fmt: skip
ONE = buyer("acme", target("acme-la", concurrency_cap=1))
USAGE, RESERVE = ["usage target:acme-la"], ["reserve :1 target:acme-la"]


def queueing(*buyers: Any, node: dict[str, Any] | None = None, **campaign: Any) -> Trace:
    """An answered caller who comes to the queue at 0.1 s."""
    nodes = {"hello": {"type": "answer", "exits": {"done": "hold"}}, "hold": {**QUEUE, **(node or {})}}
    flow = {"id": "held", "start": "hello", "nodes": {**nodes, "bye": {"type": "hangup"}}}
    trace = Trace(context(*(buyers or (ONE,)), flow=flow, **campaign))
    assert trace.park() == ["answer"]
    assert trace.done(0.1) == ["join roofing/held/hold"]
    return trace


def waiting(position: int = 1, **more: Any) -> Trace:
    """The same caller, who waits and hears music."""
    trace = queueing(**more)
    if position == 1:
        assert trace.joined(0.1, 1) == USAGE
        assert trace.usage(target__acme_la=1) == ["loop hold_music"]
    else:
        assert trace.joined(0.1, position) == ["loop hold_music"]
    return trace


def music(trace: Trace) -> int:
    return int(trace.call.state.music.rpartition(".")[2])


def test_the_first_in_line_is_tried_at_once_and_hears_no_music() -> None:
    trace = queueing()
    assert trace.joined(0.1, 1) == USAGE
    assert trace.usage() == RESERVE
    assert trace.slot() == ["leave roofing/held/hold", "dial acme-la"]


def test_nobody_overtakes_who_came_before() -> None:
    trace = queueing()
    assert trace.joined(0.1, 3) == ["loop hold_music"]  # a slot may be free: it is for those in front


def test_a_turn_stops_the_music_and_dials() -> None:
    trace = waiting()
    free, busy = (UsageRead(call_id=CALL_ID, at=trace.at, used=used) for used in ({}, {"target:acme-la": 1}))
    assert trace.call.could_be_served(free) and not trace.call.could_be_served(busy)
    assert trace.turn(20) == USAGE
    assert trace.usage() == RESERVE
    assert trace.slot() == ["break"]
    assert trace.done(20.05, command=music(trace)) == ["leave roofing/held/hold", "dial acme-la"]
    trace.bridged(25)
    trace.leg_ended(85, "NORMAL_CLEARING", dialed=20.05, bridged=25, by="send_bye")
    assert trace.ended(85.1) == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.connected_ms) == ("connected", 60_000)
    assert (cdr.ivr_ms, cdr.queue_ms) == (100, 19_950)
    assert cdr.silent_ms < 100


def test_a_turn_that_comes_to_nothing_leaves_the_music_on() -> None:
    trace = waiting()
    trace.turn(20)
    assert trace.usage(target__acme_la=1) == []
    assert trace.call.state.music


def test_music_that_ends_by_itself_is_played_again() -> None:
    trace = waiting()
    assert trace.done(40, command=music(trace)) == ["loop hold_music"]


def test_music_that_is_not_there_gives_way_to_ringing_and_ringing_to_silence() -> None:
    trace = waiting()
    assert trace.done(0.12, command=music(trace)) == ["loop ringing"]
    assert trace.done(0.14, command=music(trace)) == []


def test_a_full_queue_is_left_at_once() -> None:
    trace = queueing()
    assert trace.queue_full(0.1, 5) == ["hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": "full"}
    trace.ended(0.2, by="send_bye")
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.queue_ms) == ("all_capped", 0)


def test_nobody_waits_longer_than_allowed() -> None:
    trace = waiting()
    assert trace.timers["queue"] == 60_000
    assert trace.fires(60.1, "queue") == ["leave roofing/held/hold", "break"]
    assert trace.done(60.15, command=music(trace)) == ["hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": "waited_too_long"}
    trace.ended(60.3, by="send_bye")
    assert trace.cdr().outcome == "all_capped"


def test_the_time_runs_while_it_rings_and_then_nobody_waits_again() -> None:
    trace = queueing(buyer("acme", target("acme-1", concurrency_cap=1), target("acme-2", concurrency_cap=1)))
    trace.joined(0.1, 1)
    trace.usage(target__acme_1=1, target__acme_2=1)
    trace.turn(55)
    trace.usage(target__acme_2=1)
    trace.slot()
    assert trace.done(55.1, command=music(trace))[-1] == "dial acme-1"
    assert trace.fires(60.1, "queue") == []  # it may still be answered
    trace.leg_ended(80, "ALLOTTED_TIMEOUT", by="send_cancel")
    trace.done(80.1)
    assert trace.usage(target__acme_2=1) == ["hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": "waited_too_long"}


def test_who_was_dropped_too_soon_waits_again_for_another() -> None:
    buyers = buyer("acme", target("acme-1", concurrency_cap=1), target("acme-2", concurrency_cap=1, priority=2))
    trace = queueing(buyers, recovery={"connected_ms_max": 20_000})
    trace.joined(0.1, 1)
    assert trace.usage() == ["reserve :1 target:acme-1"]
    trace.slot()
    trace.bridged(3)
    trace.leg_ended(8, "NORMAL_CLEARING", bridged=3)
    trace.done(8.1)
    assert trace.park(8.2)[-1] == "usage target:acme-1 target:acme-2"
    assert trace.usage(target__acme_2=1) == ["join roofing/held/hold"]
    assert trace.joined(8.2, 1) == ["loop hold_music"]
    trace.turn(15)
    assert trace.usage()[0].startswith("reserve :2")
    assert trace.slot() == ["break"]
    assert trace.done(15.1, command=music(trace))[-1] == "dial acme-2"
    trace.check_replay()


def test_who_hangs_up_in_the_line_has_abandoned_the_queue() -> None:
    trace = waiting()
    assert trace.ended(30) == ["leave roofing/held/hold", "finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.ivr_ms, cdr.queue_ms) == ("abandoned_in_queue", 100, 29_900)


@pytest.mark.parametrize(
    ("more", "leaves"),
    [({"area": {"states": ["NY"]}}, "no_match"), ({"hours": {"zone": "UTC", "sunday": ["09:00-10:00"]}}, "all_closed")],
)
def test_what_will_not_come_free_is_not_waited_for(more: dict[str, Any], leaves: str) -> None:
    trace = queueing(buyer("acme", target("acme-la", concurrency_cap=1, **more)))
    trace.joined(0.1, 1)
    assert trace.usage(target__acme_la=1) == ["leave roofing/held/hold", "hangup NORMAL_CLEARING"]
    assert trace.told("route") == {"exit": leaves}


def test_who_was_not_answered_waits_again_for_the_others_at_the_old_place() -> None:
    trace = queueing(buyer("acme", target("acme-1", concurrency_cap=1), target("acme-2", concurrency_cap=1)))
    trace.joined(0.1, 1)
    assert trace.usage(target__acme_2=1) == ["reserve :1 target:acme-1"]
    trace.slot()
    trace.leg_ended(5, "USER_BUSY", by="recv_refuse")
    trace.done(5.1)
    (join,) = trace.usage(target__acme_2=1)
    assert join == "join roofing/held/hold"
    command = next(c for c in trace.facts[-1]["c"] if c["k"] == "JoinQueue")
    assert (command["callers_max"], command["since"]) == (0, trace.call.state.hunt.queue.since)
    assert trace.joined(5.1, 1) == ["loop hold_music"]


def test_the_place_in_the_line_is_said_between_the_music() -> None:
    trace = waiting(3, node={"positions": ["you_are_next", "you_are_second", "please_hold"], "position_ms": "20000"})
    assert trace.timers["position"] == 20_000
    assert trace.fires(20.1, "position") == ["join roofing/held/hold"]
    assert trace.joined(20.1, 2, waiting=4) == ["break"]
    assert trace.done(20.15, command=music(trace)) == ["play you_are_second"]
    assert trace.done(20.7, command=music(trace)) == ["loop hold_music"]
    assert trace.timers["position"] == 20_000
    trace.check_replay()


def test_a_turn_during_the_announcement_stops_it() -> None:
    trace = waiting(2, node={"positions": ["please_hold"]})
    trace.fires(30, "position")
    trace.joined(30, 1)
    trace.done(30.05, command=music(trace))
    assert trace.turn(31) == USAGE
    trace.usage()
    assert trace.slot() == ["break"]
    assert trace.done(31.1, command=music(trace)) == ["leave roofing/held/hold", "dial acme-la"]


def test_restart_in_the_queue_keeps_the_place_and_the_music() -> None:
    trace = waiting(2)
    since = trace.call.state.hunt.queue.since
    assert trace.adopted(10, "playback") == ["join roofing/held/hold"]
    assert trace.facts[-1]["c"][-1]["since"] == since
    assert trace.joined(10, 2) == []
    assert 49_000 < trace.timers["queue"] < 50_200
    assert trace.turn(20) == USAGE
    trace.usage()
    assert trace.slot() == ["break"]
    assert trace.done(20.1, command=music(trace)) == ["leave roofing/held/hold", "dial acme-la"]
    trace.check_replay()


def test_restart_in_the_queue_after_the_music_stopped_plays_it_again() -> None:
    trace = waiting(2)
    trace.adopted(10, "park")
    assert trace.joined(10, 1) == ["loop hold_music"]


def test_restart_while_the_music_was_being_stopped_dials_once() -> None:
    trace = waiting()
    trace.turn(20)
    trace.usage()
    assert trace.slot() == ["break"]
    assert trace.adopted(22, "park") == ["leave roofing/held/hold", "dial acme-la"]


def test_music_that_the_journal_does_not_know_is_stopped_before_it_can_hold_up_a_dial() -> None:
    trace = queueing()
    trace.joined(0.1, 1)
    assert trace.adopted(3, "playback") == ["break", *USAGE]


def test_an_order_to_redirect_takes_the_caller_out_of_the_line() -> None:
    from ppc_engine.calls.events import OperatorRedirect

    trace = waiting(2)
    order = OperatorRedirect(
        call_id=trace.call.state.call_id, at=trace.time(9), action=1, who="ann", why="x", node="bye"
    )
    assert trace.take(order) == ["break"]
    assert trace.done(9.1, command=music(trace)) == ["leave roofing/held/hold", "hangup NORMAL_CLEARING"]
