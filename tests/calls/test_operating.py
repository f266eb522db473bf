"""Orders of people to one call, as traces: end it, send it to another target or node, refuse it because of a pause."""

from __future__ import annotations

import pytest

from ppc_engine.calls.events import Event, OperatorHangup, OperatorRedirect, SlotReserved, UsageRead
from ppc_engine.calls.operating import TAKE_BACK_MS_MAX
from ppc_engine.calls.states import Phase
from tests.calls.call_traces import CALL_ID, FLOW, Trace, buyer, context, target

ACME = buyer("acme", target("acme-la", concurrency_cap=2))
ZENITH = buyer("zenith", target("zenith-1", priority=2, concurrency_cap=1))
SAID = {"who": "maria", "why": "wrong trade"}


class Order(Trace):
    """A trace whose slots are always free: what is asked of the stores is answered at once and not told."""

    full_targets: frozenset[str] = frozenset()

    def take(self, event: Event) -> list[str]:
        told: list[str] = []
        words = super().take(event)
        while words:
            word = words.pop(0)
            if word.startswith("usage"):
                used = {f"target:{name}": 99 for name in self.full_targets}
                words += super().take(UsageRead(call_id=CALL_ID, at=self.at, used=used))
            elif word.startswith("reserve"):
                lease = list(self.call.state.leases)[-1]
                words += super().take(SlotReserved(call_id=CALL_ID, at=self.at, lease_id=lease))
            elif not word.startswith("release"):
                told.append(word)
        return told

    def hangup_ordered(self, at: float, action: int = 7) -> list[str]:
        return self.take(OperatorHangup(call_id=CALL_ID, at=self.time(at), action=action, **SAID))

    def redirected(self, at: float, action: int = 7, **where: str) -> list[str]:
        return self.take(OperatorRedirect(call_id=CALL_ID, at=self.time(at), action=action, **SAID, **where))

    def back(self, at: float) -> list[str]:
        """The caller is parked again."""
        return self.park(at, answered_at=self.call.state.answered_at)


def in_ivr(**more: object) -> Order:
    trace = Order(context(ACME, ZENITH, **more))  # type: ignore[arg-type]
    assert trace.park() == ["answer"]
    assert trace.done(0.1) == ["play welcome"]
    assert trace.done(3.1) == ["collect enter_zip"]
    return trace


def ringing() -> Order:
    trace = in_ivr()
    assert trace.done(8.0, digits="90210") == ["dial acme-la"]
    return trace


def talking() -> Order:
    trace = ringing()
    assert trace.bridged(12.0) == []
    return trace


def over(trace: Order, at: float, bridged: float = 0) -> None:
    """The caller hangs up, and with it the leg that is still there."""
    trace.hung_up(at)
    attempt = trace.call.state.attempts[-1]
    if not attempt.leg_ended:
        cause = "NORMAL_CLEARING" if bridged else "ORIGINATOR_CANCEL"
        trace.leg_ended(at, cause, attempt.number, dialed=bridged or at, bridged=bridged, by="send_bye")
    assert trace.ended(at + 0.01) == ["finish"]


def test_a_talk_is_ended_by_order_and_stays_a_connected_call() -> None:
    trace = talking()
    assert trace.hangup_ordered(42.0) == ["hangup NORMAL_CLEARING"]
    assert trace.told("operator") == {"verb": "hangup", "action": 7, **SAID}
    trace.leg_ended(42.02, "NORMAL_CLEARING", dialed=8.02, bridged=12.0, by="send_bye")
    assert trace.ended(42.03, by="send_bye") == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.hung_up_by, cdr.connected_ms) == ("connected", "engine", 30_020)
    assert cdr.attempts[0].hung_up_by == "engine"


def test_a_call_that_was_never_connected_and_ended_by_order_is_blocked() -> None:
    trace = in_ivr()
    assert trace.hangup_ordered(5.0) == ["hangup NORMAL_CLEARING"]
    trace.ended(5.1, by="send_bye")
    assert (trace.cdr().outcome, trace.cdr().hung_up_by) == ("blocked", "engine")


def test_an_unanswered_call_is_declined_so_that_no_carrier_brings_it_back() -> None:
    direct = {"id": "direct", "start": "sell", "nodes": {"sell": FLOW["nodes"]["sell"], "sorry": FLOW["nodes"]["bye"]}}  # type: ignore[index]
    direct["nodes"]["sell"] = {**FLOW["nodes"]["sell"], "exits": dict.fromkeys(FLOW["nodes"]["sell"]["exits"], "sorry")}  # type: ignore[index]
    trace = Order(context(ACME, ZENITH, flow=direct))
    assert trace.park() == ["dial acme-la"]
    assert trace.hangup_ordered(2.0) == ["hangup CALL_REJECTED"]


def test_the_same_order_again_changes_nothing() -> None:
    trace = in_ivr()
    assert trace.redirected(5.0, target="zenith-1") == ["break"]
    assert trace.redirected(5.1, target="zenith-1") == []
    assert trace.done(5.2) == ["dial zenith-1"]
    assert trace.redirected(5.3, target="zenith-1") == []
    assert trace.hangup_ordered(5.4, action=8) == ["hangup NORMAL_CLEARING"]


def test_a_caller_in_the_ivr_is_sent_to_a_target_that_no_longer_waits_for_the_zip() -> None:
    trace = in_ivr()
    assert trace.redirected(5.0, target="zenith-1") == ["break"]
    assert trace.done(5.1) == ["dial zenith-1"]
    assert trace.told("redirected") == {"target": "zenith-1"}
    trace.bridged(9.0)
    over(trace, 60.0, bridged=9.0)
    cdr = trace.cdr()
    assert [(a.target, a.number) for a in cdr.attempts] == [("zenith-1", 1)]


def test_digits_keyed_at_the_moment_of_the_order_are_not_taken() -> None:
    trace = in_ivr()
    trace.redirected(5.0, target="zenith-1")
    assert trace.done(5.1, digits="90210") == ["dial zenith-1"]
    over(trace, 8.0)
    assert trace.cdr().zip_code == ""


def test_a_ringing_target_is_stopped_and_the_ordered_one_rung() -> None:
    trace = ringing()
    assert trace.redirected(10.0, target="zenith-1") == ["hangup leg ORIGINATOR_CANCEL"]
    trace.leg_ended(10.1, "ORIGINATOR_CANCEL", dialed=8.0, by="send_cancel")
    assert trace.done(10.12) == ["dial zenith-1"]
    trace.bridged(14.0, number=2)
    over(trace, 60.0, bridged=14.0)
    cdr = trace.cdr()
    assert [(a.target, a.outcome, a.hung_up_by) for a in cdr.attempts] == [
        ("acme-la", "cancelled", "engine"),
        ("zenith-1", "answered", "caller"),
    ]


@pytest.mark.parametrize("leg_first", [True, False])
def test_a_talk_is_taken_back_and_goes_on_with_another_target(leg_first: bool) -> None:
    trace = talking()
    assert trace.redirected(30.0, target="zenith-1") == ["take back"]
    told: list[str] = []
    ends = [
        lambda: trace.leg_ended(30.02, "NORMAL_CLEARING", dialed=8.02, bridged=12.0, by="send_bye"),
        lambda: trace.back(30.03),
    ]
    for happens in ends if leg_first else reversed(ends):
        told += happens()
    assert told == ["dial zenith-1"]
    trace.bridged(34.0, number=2)
    trace.leg_ended(94.0, "NORMAL_CLEARING", 2, dialed=30.04, bridged=34.0)
    over(trace, 94.02)
    cdr = trace.cdr()
    assert [(a.target, a.connected_ms, a.hung_up_by) for a in cdr.attempts] == [
        ("acme-la", 18_020, "engine"),
        ("zenith-1", 60_000, "target"),
    ]
    assert (cdr.outcome, cdr.connected_ms) == ("connected", 78_020)


def test_a_talk_that_does_not_come_back_goes_on_and_the_order_is_dropped() -> None:
    trace = talking()
    trace.redirected(30.0, node="ask_zip")
    assert trace.timers["take_back"] == TAKE_BACK_MS_MAX
    assert trace.fires(35.0, "take_back") == []
    assert trace.told("deadline") == {"timer": "take_back", "dropped": {"node": "ask_zip"}}
    assert trace.call.state.redirect == {}
    over(trace, 60.0, bridged=12.0)
    assert trace.cdr().outcome == "connected"


def test_a_caller_is_sent_to_a_node_from_wherever_the_call_stands() -> None:
    trace = in_ivr()
    trace.redirected(5.0, node="sorry")
    assert trace.done(5.1) == ["play sorry"]
    trace = ringing()
    trace.redirected(10.0, node="ask_zip")
    trace.leg_ended(10.1, "ORIGINATOR_CANCEL", dialed=8.0, by="send_cancel")
    assert trace.done(10.12) == ["collect enter_zip"]
    trace = talking()
    trace.redirected(30.0, node="ask_zip")
    trace.leg_ended(30.02, "NORMAL_CLEARING", dialed=8.02, bridged=12.0, by="send_bye")
    assert trace.back(30.03) == ["collect enter_zip"]
    over(trace, 33.0)
    assert trace.cdr().outcome == "connected"


def test_an_ordered_target_that_is_full_leaves_the_caller_where_the_order_met_them() -> None:
    trace = in_ivr()
    trace.full_targets = frozenset({"zenith-1"})
    trace.redirected(5.0, target="zenith-1")
    assert trace.done(5.1) == ["collect enter_zip"]
    assert trace.told("route") == {"exit": "all_capped"}
    trace.full_targets = frozenset()
    assert trace.done(9.0, digits="90210") == ["dial acme-la"]


def test_after_a_talk_with_the_ordered_target_the_call_ends() -> None:
    trace = Order(context(ACME, ZENITH, recovery={"connected_ms_max": 20_000}))
    trace.park()
    trace.done(0.1)
    trace.done(3.1)
    trace.redirected(5.0, target="zenith-1")
    assert trace.done(5.1) == ["dial zenith-1"]
    trace.bridged(9.0)
    trace.leg_ended(59.0, "NORMAL_CLEARING", dialed=5.1, bridged=9.0)
    assert trace.back(59.02) == ["hangup NORMAL_CLEARING"]


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"target": "nobody"}, "its revision has no such target"),
        ({"node": "nowhere"}, "its flow roofing has no such node"),
    ],
)
def test_an_order_that_cannot_be_followed_is_told_and_nothing_is_done(where: dict[str, str], why: str) -> None:
    trace = in_ivr()
    assert trace.redirected(5.0, **where) == []
    assert trace.told("operator")["refused"] == why
    assert trace.done(9.0, digits="90210") == ["dial acme-la"]


def test_a_call_that_is_ending_is_not_redirected() -> None:
    trace = talking()
    trace.hangup_ordered(20.0)
    assert trace.redirected(20.1, action=8, target="zenith-1") == []
    assert trace.told("operator")["refused"] == "the call is not in its flow"
    assert trace.call.state.phase is Phase.LEAVING


def test_an_engine_that_died_after_the_order_carries_it_out_when_it_is_back() -> None:
    trace = talking()
    trace.redirected(30.0, target="zenith-1")
    assert trace.adopted(33.0, "bridge", bridged=1) == ["take back"]
    trace.leg_ended(33.2, "NORMAL_CLEARING", dialed=8.02, bridged=12.0, by="send_bye")
    assert trace.back(33.3) == ["dial zenith-1"]


def test_an_engine_that_died_between_break_and_end_of_a_prompt_goes_where_it_was_ordered() -> None:
    trace = in_ivr()
    trace.redirected(5.0, node="sorry")
    assert trace.adopted(8.0, "park") == ["play sorry"]


@pytest.mark.parametrize(
    ("paused", "cause", "outcome", "why"),
    [
        ({"engine": "maria: new kernel"}, "NORMAL_TEMPORARY_FAILURE", "refused_overload", "draining"),
        ({"publisher:peak": "maria: fraud"}, "SUBSCRIBER_ABSENT", "blocked", "paused"),
        ({"number:+18005550100": "jo: fraud", "engine": "maria: new kernel"},
         "NORMAL_TEMPORARY_FAILURE", "refused_overload", "draining"),
    ],
)  # fmt: skip
def test_a_paused_offer_is_refused_before_anything_is_taken(
    paused: dict[str, str], cause: str, outcome: str, why: str
) -> None:
    trace = Order(context(ACME, ZENITH, concurrency_cap=1))
    assert trace.park(paused=paused) == [f"hangup {cause}"]
    assert trace.told("refused") == {"why": why, "paused": paused}
    assert trace.call.state.leases == {}
    assert trace.facts[-1]["c"][0]["reason"] == why
    trace.ended(0.2, by="send_refuse", cause=cause)
    assert (trace.cdr().outcome, trace.cdr().publisher) == (outcome, "peak")


def in_queue() -> Order:
    """A caller who hears music because the one target is busy."""
    exits = (
        "ended",
        "no_match",
        "all_closed",
        "all_capped",
        "all_no_answer",
        "recovered_none",
        "full",
        "waited_too_long",
    )
    hold = {"type": "queue", "music": "hold_music", "targets": ["acme-la"], "exits": dict.fromkeys(exits, "bye")}
    nodes = {"hello": {"type": "answer", "exits": {"done": "hold"}}, "hold": hold, "bye": {"type": "hangup"}}
    trace = Order(context(ACME, ZENITH, flow={"id": "held", "start": "hello", "nodes": nodes}))
    trace.full_targets = frozenset({"acme-la"})
    assert trace.park() == ["answer"]
    assert trace.done(0.1) == ["join roofing/held/hold"]
    assert trace.joined(0.1, 1) == ["loop hold_music"]
    return trace


def test_a_waiting_caller_leaves_the_line_and_the_music_for_the_ordered_target() -> None:
    trace = in_queue()
    music = int(trace.call.state.music.rpartition(".")[2])
    assert trace.redirected(30.0, target="zenith-1") == ["break"]
    assert trace.done(30.05, command=music) == ["leave roofing/held/hold", "dial zenith-1"]
    trace.bridged(34.0)
    over(trace, 60.0, bridged=34.0)
    assert trace.cdr().outcome == "connected"


def test_a_waiting_caller_is_hung_up_by_order() -> None:
    trace = in_queue()
    assert trace.hangup_ordered(30.0) == ["hangup NORMAL_CLEARING"]
    assert trace.call.may_queue is False  # The board prunes its line of calls that look for nothing any more.
    assert trace.ended(30.1, by="send_bye") == ["finish"]
    assert (trace.cdr().outcome, trace.cdr().hung_up_by) == ("blocked", "engine")
