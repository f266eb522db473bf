"""One engine against a switch that writes down what it is told: mailboxes, slots, claims, bugs and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.calls import ids
from ppc_engine.calls.call import Call
from ppc_engine.calls.events import (
    AppCompleted,
    CallEnded,
    CallHungUp,
    CallParked,
    CallVanished,
    LegBridged,
    LegEnded,
)
from ppc_engine.engine.call_runner import MAILBOX_MAX
from ppc_engine.engine.claims import Claims
from ppc_engine.engine.reconcile import Reconciler
from ppc_engine.ports import CommandRefusedError, LiveChannel, SwitchError
from tests.calls.call_traces import CALL_ID, DIRECT, FLOW, KEY, T0, buyer, context, target
from tests.engine.fakes import ListJournal, World

LEG = ids.leg_id(KEY, ids.attempt_id(CALL_ID, 1))


def direct(**campaign: Any) -> Any:
    acme = buyer("acme", target("acme-la", concurrency_cap=2), concurrency_cap=5)
    return context(acme, flow=DIRECT, concurrency_cap=9, **campaign)


def parked(call_id: str = CALL_ID, at: int = T0, timer_id: str = "7", **more: Any) -> CallParked:
    offer = {"dialed_number": "+18005550100", "caller_number": "+13105550123", "core_uuid": "core", "offered_at": T0}
    return CallParked(call_id=call_id, at=at, timer_id=timer_id, **{**offer, **more})


def ended(call_id: str = CALL_ID, at: int = T0 + 60_000_000) -> CallEnded:
    return CallEnded(
        call_id=call_id, at=at, cause="NORMAL_CLEARING", disposition="recv_bye", offered_at=T0, ended_at=at
    )


def leg_ended(at: int, bridged_at: int = 0) -> LegEnded:
    return LegEnded(
        call_id=CALL_ID, at=at, leg_id=LEG, cause="NORMAL_CLEARING", disposition="send_bye", created_at=T0,
        answered_at=bridged_at, bridged_at=bridged_at, ended_at=at,
    )  # fmt: skip


def channel(app: str, bridged: str = "", **more: Any) -> LiveChannel:
    return LiveChannel(call_id=CALL_ID, app=app, answered_at=T0 + 1, bridged_leg_id=bridged, variables={}, **more)


def test_call_takes_its_slots_dials_and_gives_everything_back() -> None:
    world = World(direct())
    assert world.post(parked()) == ["dial acme-la"]
    assert world.capacity.used(["target:acme-la", "buyer:acme", "campaign:roofing"]) == {
        "target:acme-la": 1,
        "buyer:acme": 1,
        "campaign:roofing": 1,
    }
    world.post(LegBridged(call_id=CALL_ID, at=T0 + 5_000_000, leg_id=LEG))
    world.post(CallHungUp(call_id=CALL_ID, at=T0 + 60_000_000, cause="NORMAL_CLEARING"))
    world.post(leg_ended(T0 + 60_000_000, T0 + 5_000_000))
    world.post(ended())
    assert world.capacity.used_now() == {}
    assert [(cdr.outcome, cdr.connected_ms) for cdr in world.sink.cdrs] == [("connected", 55_000)]
    assert world.dispatcher.calls == {} and world.counts.bugs == []


def test_cap_of_two_lets_two_of_five_simultaneous_calls_through() -> None:
    world = World(direct())
    said = [world.post(parked(f"call-{n}", caller_number=f"+1310555010{n}")) for n in range(5)]
    assert [lines[0].split()[0] for lines in said] == ["dial", "dial", "hangup", "hangup", "hangup"]
    assert world.capacity.used_now()["target:acme-la"] == 2


def test_events_of_unknown_calls_and_after_the_end_are_dropped_and_counted() -> None:
    world = World(direct())
    assert world.post(ended("stranger")) == []
    world.post(parked())
    world.post(leg_ended(T0 + 1))
    world.post(ended())
    world.post(ended())
    assert world.counts.dropped == ["unknown_call", "unknown_call"]


def test_refused_command_becomes_a_fact_and_the_hunt_goes_on() -> None:
    world = World(direct())
    world.switch.fails = CommandRefusedError("-ERR invalid session id")
    world.dispatcher.handle_event(parked())
    world.settle()
    kinds = [fact["e"]["k"] for _, fact in world.journal.facts]
    assert "CommandFailed" in kinds
    world.clock.move(1.1)
    world.dispatcher.timers.fire_due()
    world.settle()
    assert world.capacity.used(["target:acme-la"]) == {}


def test_command_without_an_answer_is_left_to_its_deadline() -> None:
    world = World(direct())
    world.switch.fails = SwitchError("no answer within 3 s")
    world.dispatcher.handle_event(parked())
    world.settle()
    assert "command_unanswered" in world.logged
    assert world.capacity.used(["target:acme-la"]) == {"target:acme-la": 1}  # it may be ringing
    world.switch.fails = None
    world.clock.move(32)
    world.dispatcher.timers.fire_due()
    world.settle()
    assert world.switch.take() == ["hangup leg ALLOTTED_TIMEOUT"]


def test_bug_ends_its_own_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(direct())
    world.post(parked("good", caller_number="+13105550199"))
    world.post(parked())
    healthy = Call.handle

    def broken(self: Call, event: Any) -> Any:
        if isinstance(event, AppCompleted):
            raise KeyError("bug")
        return healthy(self, event)

    monkeypatch.setattr(Call, "handle", broken)
    assert world.post(AppCompleted(call_id=CALL_ID, at=T0 + 9, command_id="x", app="bridge")) == [
        "hangup NORMAL_TEMPORARY_FAILURE"
    ]
    assert world.counts.bugs == ["call"]
    world.post(ended())
    assert [(cdr.call_id, cdr.outcome) for cdr in world.sink.cdrs] == [(CALL_ID, "failed")]
    assert world.capacity.used(["target:acme-la"]) == {"target:acme-la": 1}  # the good call's own
    assert list(world.dispatcher.calls) == ["good"]


def test_call_goes_on_while_the_journal_takes_nothing() -> None:
    world = World(direct())
    world.journal.full = True
    assert world.post(parked()) == ["dial acme-la"]
    world.post(leg_ended(T0 + 1_000_000))
    world.post(ended())
    assert [cdr.outcome for cdr in world.sink.cdrs] == ["abandoned_ringing"]
    assert world.logged.count("journal_refused") == len(world.logged) - 1


def test_no_new_call_is_claimed_while_money_could_not_be_written() -> None:
    world = World(direct())
    world.post(parked())
    world.refusing = True
    assert world.post(parked("late", caller_number="+13105550199")) == []
    assert world.counts.dropped == ["not_claimed"]
    world.post(leg_ended(T0 + 1_000_000))
    world.post(ended())
    assert len(world.sink.cdrs) == 1


def test_full_mailbox_drops_and_counts() -> None:
    world = World(direct())
    world.switch.silent = True
    world.dispatcher.handle_event(parked())
    for _ in range(MAILBOX_MAX + 3):
        world.dispatcher.handle_event(parked())
    assert world.counts.dropped == ["mailbox_full"] * 3


def test_call_rests_while_the_switch_owes_an_answer_and_goes_on_in_order() -> None:
    world = World(direct())
    world.switch.silent = True
    assert world.post(parked()) == ["dial acme-la"]
    world.post(LegBridged(call_id=CALL_ID, at=T0 + 1_000_000, leg_id=LEG))
    world.post(leg_ended(T0 + 2_000_000, bridged_at=T0 + 1_000_000))
    world.post(ended())
    assert world.sink.cdrs == []
    world.switch.waiting.pop()("+OK")
    assert world.switch.waiting == []
    assert [(cdr.outcome, cdr.attempts[0].outcome) for cdr in world.sink.cdrs] == [("connected", "answered")]


def test_refusal_that_comes_later_is_a_failed_attempt() -> None:
    world = World(direct())
    world.switch.silent = True
    world.post(parked())
    world.switch.silent = False
    world.switch.waiting.pop()(CommandRefusedError("-ERR no such gateway"))
    world.clock.move(1.1)
    world.dispatcher.timers.fire_due()
    assert world.capacity.used(["target:acme-la", "buyer:acme"]) == {}


def test_answer_that_never_comes_is_no_refusal() -> None:
    world = World(direct())
    world.switch.silent = True
    world.post(parked())
    world.switch.waiting.pop()(SwitchError("away"))
    assert world.capacity.used(["target:acme-la"]) == {"target:acme-la": 1}
    assert world.logged == ["command_unanswered"]


def test_claim_is_renewed_add_first_and_only_while_nobody_talks() -> None:
    world = World(context(buyer("acme", target("acme-la"))))
    claims = Claims(world.dispatcher, renew_s=7)
    world.post(parked())
    world.clock.move(6.9)
    claims.renew_due()
    assert world.switch.timers == []
    world.clock.move(0.2)
    claims.renew_due()
    claims.renew_due()
    assert world.switch.timers == ["add 101 drop 7"]
    world.clock.move(7)
    claims.renew_due()
    assert world.switch.timers == ["add 101 drop 7", "add 102 drop 101"]


def test_renewal_that_crosses_a_bridge_is_deleted() -> None:
    world = World(direct())
    claims = Claims(world.dispatcher, renew_s=7)
    world.post(parked())
    world.clock.move(7)
    claims.renew_due()
    world.post(LegBridged(call_id=CALL_ID, at=T0 + 8_000_000, leg_id=LEG))
    assert world.switch.timers == ["add 101 drop 7", "drop 101"]
    world.clock.move(20)
    claims.renew_due()
    assert len(world.switch.timers) == 2


def test_no_timer_is_armed_on_a_call_that_may_have_been_bridged_unheard() -> None:
    world = World(direct())
    claims = Claims(world.dispatcher, renew_s=7)
    world.post(parked())
    world.dispatcher.hold()
    world.clock.move(8)
    claims.renew_due()
    assert world.switch.timers == []


def test_call_found_talking_keeps_no_timer_whoever_armed_it() -> None:
    world = World(direct())
    claims = Claims(world.dispatcher, renew_s=7)
    world.post(parked())
    world.clock.move(8)
    claims.renew_due()
    world.dispatcher.hold()
    world.switch.channels = [channel("bridge", LEG, timer_ids=("101", "102"))]
    reconciler = Reconciler(world.dispatcher, claims, lambda opened: direct())
    reconciler.resynchronise()
    world.settle()
    assert world.switch.timers == ["add 101 drop 7", "drop 101", "drop 102", "drop 101"]
    world.switch.channels = [channel("bridge", LEG, timer_ids=("103",)), channel("park", timer_ids=("104",))]
    reconciler.sweep_timers()
    assert world.switch.timers[-1] == "drop 103"


def test_lost_switch_holds_every_call_until_it_was_asked() -> None:
    world = World(direct())
    world.post(parked())
    world.dispatcher.hold()
    assert world.post(leg_ended(T0 + 4_000_000)) == []
    assert world.dispatcher.calls[CALL_ID].call.state.attempts[0].leg_ended is False
    world.switch.channels = [channel("bridge", timer_ids=("7",))]
    reconciler = Reconciler(world.dispatcher, Claims(world.dispatcher, renew_s=7), lambda opened: direct())
    reconciler.resynchronise()
    world.settle()
    assert world.dispatcher.calls[CALL_ID].call.state.attempts[0].leg_ended is True
    assert world.switch.timers == ["add 101", "drop 7"]


def restart(journal: ListJournal, call_context: Any, channels: list[LiveChannel]) -> tuple[World, Reconciler]:
    world = World(call_context, journal)
    world.clock.move(3)
    world.switch.channels = channels
    reconciler = Reconciler(world.dispatcher, Claims(world.dispatcher, renew_s=7), lambda opened: call_context)
    reconciler.restore(list(journal.open_calls()))
    return world, reconciler


def test_killed_engine_finds_its_bridged_call_and_its_slots_again() -> None:
    first = World(direct())
    first.post(parked())
    first.post(LegBridged(call_id=CALL_ID, at=T0 + 1_000_000, leg_id=LEG))
    world, reconciler = restart(first.journal, direct(), [channel("bridge", LEG)])
    assert world.capacity.used_now() == {"target:acme-la": 1, "buyer:acme": 1, "campaign:roofing": 1}
    reconciler.resynchronise()
    world.settle()
    assert world.switch.take() == [] and world.switch.timers == []
    world.post(CallHungUp(call_id=CALL_ID, at=T0 + 60_000_000, cause="NORMAL_CLEARING"))
    world.post(leg_ended(T0 + 60_000_000, T0 + 1_000_000))
    world.post(ended())
    assert [(cdr.connected_ms, cdr.end_estimated) for cdr in world.sink.cdrs] == [(59_000, False)]
    assert world.capacity.used_now() == {}


def test_killed_engine_asks_the_same_node_again_and_arms_a_timer_of_its_own() -> None:
    ivr = context(buyer("acme", target("acme-la")), flow=FLOW)
    first = World(ivr)
    assert first.post(parked()) == ["answer"]
    world, reconciler = restart(first.journal, ivr, [channel("park", timer_ids=("7", "55"))])
    reconciler.resynchronise()
    world.settle()
    assert world.switch.take() == ["play welcome"]  # the dump says that the answer was given
    assert world.switch.timers == ["add 101", "drop 7", "drop 55"]


def test_call_that_ended_while_no_engine_lived_gets_one_estimated_record() -> None:
    first = World(direct())
    first.post(parked())
    first.post(LegBridged(call_id=CALL_ID, at=T0 + 1_000_000, leg_id=LEG))
    world, reconciler = restart(first.journal, direct(), [])
    reconciler.resynchronise()
    world.settle()
    assert [(cdr.outcome, cdr.end_estimated) for cdr in world.sink.cdrs] == [("connected", True)]
    assert world.capacity.used_now() == {}


def test_slot_that_was_only_asked_for_is_not_counted_after_a_restart() -> None:
    first = World(direct())
    first.post(parked())
    asked = [pair for pair in first.journal.facts if pair[1]["e"]["k"] not in ("SlotReserved",)][:1]
    journal = ListJournal()
    journal.facts = asked
    world, _ = restart(journal, direct(), [channel("park")])
    assert world.capacity.used_now() == {}
    world.dispatcher.calls.clear()


def test_call_that_only_lacked_its_record_is_finished_without_the_switch() -> None:
    first = World(direct())
    first.post(parked())
    first.post(leg_ended(T0 + 5))
    first.post(ended())
    world, _ = restart(first.journal, direct(), [])
    assert world.sink.cdrs == first.sink.cdrs
    assert world.dispatcher.calls == {}


def test_call_that_parked_while_nobody_listened_is_claimed_and_a_foreign_one_left_alone() -> None:
    missed = LiveChannel(call_id=CALL_ID, app="park", answered_at=0, bridged_leg_id="", variables={}, parked=parked())
    foreign = LiveChannel(call_id="foreign", app="bridge", answered_at=1, bridged_leg_id="x", variables={})
    world, reconciler = restart(ListJournal(), direct(), [missed, foreign])
    reconciler.resynchronise()
    world.settle()
    assert world.switch.take() == ["dial acme-la"]
    assert world.counts.dropped == ["foreign"]


def test_switch_that_cannot_say_what_lives_leaves_every_call_held() -> None:
    first = World(direct())
    first.post(parked())
    world, reconciler = restart(first.journal, direct(), [])
    world.switch.fails = SwitchError("away")
    with pytest.raises(SwitchError):
        reconciler.resynchronise()
    assert world.dispatcher.calls[CALL_ID].held
    assert world.post(CallVanished(call_id=CALL_ID, at=T0, reason="x")) == []
    assert world.sink.cdrs == []
    world.dispatcher.calls.clear()
