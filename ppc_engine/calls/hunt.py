"""Hunting: one target after another until one talks to the caller, and again when it hung up too soon.

Source: semantics.md, "Choosing a target" and "Revenue recovery". A slot is taken before a target is dialled and given
back on proof that its attempt is over: the leg's own end, or a bridge application that ended and left no leg.
"""

from __future__ import annotations

from ppc_engine.calls import ids
from ppc_engine.calls.causes import attempt_outcome
from ppc_engine.calls.commands import CancelTimer, Dial, HangupLeg, Leg, ReadUsage
from ppc_engine.calls.events import (
    AppCompleted,
    CallParked,
    CommandFailed,
    LegBridged,
    LegEnded,
    SlotRefused,
    SlotReserved,
    TimerFired,
    UsageRead,
)
from ppc_engine.calls.state import AttemptState, HuntState
from ppc_engine.calls.states import Phase, Step
from ppc_engine.calls.turning import LEG_END_MS_MAX, REFUSED_MS, Turning
from ppc_engine.catalog.model import Buyer, Target
from ppc_engine.routing.caps import attempt_caps
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.selection import Selection, select

DIAL_SLACK_MS = 6_000  # leg_timeout is compared in whole seconds and fires up to 2 s late (reference 4.3).
TALK_SLACK_MS = 10_000  # The switch's own sched_hangup ends a call at its longest length; this is the backstop.
STUCK_LEG_MS_MAX = 5_000  # What a leg may take to die once we hung it up.
RETURN_MS_MAX = 3_000  # From the end of a talk to the caller's next park, or hang-up.
LEGLESS_CAUSES = frozenset({"GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_URL", "CHAN_NOT_IMPLEMENTED"})
REFUSED_MAX = 50  # Lost races for a slot in one call; each uses an attempt number up.


class Hunting(Turning):
    """The part of the call machine that chooses, reserves, dials and waits for the end of talking."""

    def _hunt_over(self, route_exit: str) -> None:
        raise NotImplementedError

    def _start_hunt(self, targets: tuple[str, ...]) -> None:
        self.state.phase = Phase.HUNTING
        self.state.hunt = HuntState(targets=list(targets or self._campaign().targets))
        self._read_usage()

    def _hunt(self) -> HuntState:
        assert self.state.hunt is not None
        return self.state.hunt

    def _current(self) -> AttemptState:
        return self.state.attempts[-1]

    def _candidates(self) -> list[tuple[Buyer, Target]]:
        known = self.context.catalog.targets
        return [known[target] for target in self._hunt().targets]

    def _read_usage(self) -> None:
        if self._redirected():
            return
        caps = sorted({cap for buyer, target in self._candidates() for cap in attempt_caps(buyer, target)})
        self._hunt().step = Step.USAGE
        if caps:
            self._give(ReadUsage(call_id=self.state.call_id, caps=caps))
        else:
            self._choose({})

    def _on_usage(self, event: UsageRead) -> None:
        if self._hunt().step is Step.USAGE:
            self._choose(event.used)

    def _choose(self, used: dict[str, int]) -> None:
        state = self.state
        number = len(state.attempts) + 1
        dialed = sum(attempt.dialed for attempt in state.attempts)
        attempts_max = self._campaign().attempts_max
        if dialed >= attempts_max or number > attempts_max + REFUSED_MAX:
            self._tell("hunt_limit", {"attempts": dialed, "limit": attempts_max})
            self._exhausted(None)
            return
        selection = select(self._candidates(), self._situation(used), number)
        told = {"number": number, "candidates": selection.candidates}
        if selection.target is not None:
            told.update(target=selection.target.id, draw=selection.draw, weight_total=selection.weight_total)
        self._tell("selection", told)
        if selection.target is None or selection.buyer is None:
            self._exhausted(selection)
            return
        attempt_id = ids.attempt_id(state.call_id, number)
        state.attempts.append(AttemptState(number=number, attempt_id=attempt_id, target=selection.target.id))
        caps = attempt_caps(selection.buyer, selection.target)
        if caps:
            self._hunt().step = Step.RESERVE
            self._reserve(attempt_id, caps)
        else:
            self._dial()

    def _situation(self, used: dict[str, int]) -> Situation:
        state = self.state
        tags = state.run.tags if state.run else {}
        tried = frozenset(attempt.target for attempt in state.attempts if attempt.dialed)
        known = self.context.catalog.targets
        return Situation(
            call_id=state.call_id,
            at=self._at,
            zip_code=tags.get("zip_code", ""),
            zip_source=tags.get("zip_source", ""),
            state=tags.get("state", "") or self.context.places.area_code_state(state.area_code),
            area_code=state.area_code,
            used=used,
            tried_targets=tried,
            tried_destinations=frozenset(known[target][1].destination for target in tried),
        )

    def _exhausted(self, selection: Selection | None) -> None:
        if self._hunt().recovering:
            self._hunt_over("recovered_none")
        elif selection is None or any(attempt.dialed for attempt in self.state.attempts):
            self._hunt_over("all_no_answer")
        else:
            self._hunt_over(selection.exception())

    def _on_slot(self, event: SlotReserved) -> None:
        if self._hunt().step is Step.RESERVE and event.lease_id == self._current().attempt_id:
            self._dial()

    def _on_slot_refused(self, event: SlotRefused) -> None:
        if self._hunt().step is not Step.RESERVE or event.lease_id != self._current().attempt_id:
            return
        self.state.leases.pop(event.lease_id, None)
        self._current().over = True
        self._tell("slot_refused", {"number": self._current().number, "full": event.full})
        self._read_usage()

    def _dial(self) -> None:
        state, attempt = self.state, self._current()
        buyer, target = self.context.catalog.targets[attempt.target]
        recovery = self._campaign().recovery
        attempt.leg_id = self._leg_id(attempt.attempt_id)
        attempt.command_id = state.pending = self._next_command_id()
        attempt.returns = recovery is not None and state.reroutes < recovery.reroutes_max
        attempt.dialed = True
        self._hunt().step = Step.DIAL
        told = {"number": attempt.number, "target": target.id, "buyer": buyer.id, "leg_id": attempt.leg_id}
        told |= {"ring_ms_max": target.ring_ms_max, "returns": attempt.returns}
        self._tell("dialed", told | ({"test": True} if target.test else {}))
        self._give(
            Dial(
                call_id=state.call_id,
                command_id=attempt.command_id,
                legs=[
                    Leg(
                        attempt_id=attempt.attempt_id,
                        leg_id=attempt.leg_id,
                        destination=target.destination,
                        gateway=target.gateway or "",
                        ring_ms_max=target.ring_ms_max,
                        progress_ms_max=target.progress_ms_max,
                        connected_ms_max=target.connected_ms_max,
                    )
                ],
                early_media=target.early_media,
                returns=attempt.returns,
            )
        )
        self._start_timer(f"dial:{attempt.number}", target.ring_ms_max + DIAL_SLACK_MS)

    def _on_bridged(self, event: LegBridged) -> None:
        if self.state.attempts and event.leg_id == self._current().leg_id and not self._current().connected:
            self._talking()

    def _talking(self) -> None:
        attempt = self._current()
        attempt.connected = True
        self._hunt().step = Step.TALK
        _, target = self.context.catalog.targets[attempt.target]
        self._give(CancelTimer(call_id=self.state.call_id, name=f"dial:{attempt.number}"))
        self._start_timer(f"talk:{attempt.number}", target.connected_ms_max + TALK_SLACK_MS)

    def _take_leg_end(self, event: LegEnded) -> AttemptState | None:
        """Note the end of a leg of ours and give its slots back; None for a repeat or a leg unknown to this call."""
        attempt = next((a for a in self.state.attempts if a.leg_id == event.leg_id), None)
        if attempt is None or attempt.leg_ended:
            return None
        attempt.leg_ended = True
        attempt.leg_cause, attempt.leg_sip_status = event.cause, event.sip_status
        attempt.leg_disposition = event.disposition
        if event.bridged_at:
            attempt.connected = True
            attempt.leg_connected_ms = (event.ended_at - event.bridged_at) // 1000
        self._release(attempt.attempt_id)
        return attempt

    def _on_leg_ended(self, event: LegEnded) -> None:
        attempt = self._take_leg_end(event)
        if attempt is None:
            return
        if attempt.bridge_done and not attempt.over:
            self._attempt_over(attempt)
        elif attempt.returned and self._hunt().step is not Step.DIAL and attempt is self._current():
            self._recover_or_end(attempt)

    def _on_bridge_completed(self, event: AppCompleted) -> None:
        if event.command_id != self.state.pending or not self.state.attempts or self._current().bridge_done:
            return
        self._take_answer(event.answered_at)
        attempt = self._current()
        attempt.bridge_done = True
        if not attempt.leg_ended and event.cause in LEGLESS_CAUSES:
            attempt.leg_cause = event.cause
        if attempt.leg_ended or attempt.leg_cause:
            self._attempt_over(attempt)
        else:
            self._start_timer(f"leg:{attempt.number}", LEG_END_MS_MAX)

    def _take_answer(self, answered_at: int) -> None:
        self.state.answered_at = self.state.answered_at or answered_at

    def _on_dial_failed(self, event: CommandFailed) -> None:
        if event.command_id == self.state.pending and self._hunt().step is Step.DIAL:
            self._tell("command_failed", {"command_id": event.command_id, "reason": event.reason})
            self._current().leg_cause = "COMMAND_REFUSED"
            self._start_timer(f"refused:{self._current().number}", REFUSED_MS)

    def _attempt_over(self, attempt: AttemptState) -> None:
        """The attempt is proved to be over: talk is followed by the caller's return, silence by the next target."""
        attempt.over = True
        self._release(attempt.attempt_id)
        outcome = attempt_outcome(attempt.leg_cause, attempt.leg_sip_status, connected=attempt.connected)
        told = {"number": attempt.number, "outcome": outcome, "cause": attempt.leg_cause}
        self._tell("attempt", {**told, "sip_status": attempt.leg_sip_status, "connected_ms": attempt.leg_connected_ms})
        for timer in ("dial", "talk", "leg"):
            self._give(CancelTimer(call_id=self.state.call_id, name=f"{timer}:{attempt.number}"))
        if attempt.connected:
            self._hunt().step = Step.RETURN
            self._start_timer(f"return:{attempt.number}", RETURN_MS_MAX)
        else:
            self._read_usage()

    def _on_returned(self, event: CallParked) -> None:
        """The caller is parked again after a talk; any other CHANNEL_PARK of a known call is a repeat."""
        self.state.timer_id = event.timer_id
        self._take_answer(event.answered_at)
        attempt = self._current() if self.state.attempts else None
        if attempt is None or not attempt.connected or self._hunt().step not in (Step.RETURN, Step.TALK):
            return
        attempt.over = attempt.returned = True
        if attempt.leg_ended:
            self._recover_or_end(attempt)
        else:
            self._start_timer(f"leg:{attempt.number}", LEG_END_MS_MAX)

    def _stop_ringing(self) -> None:
        """Hang up whatever rings; the attempt's own end follows and decides what is next."""
        if self._hunt().step is Step.DIAL and not self._current().over:
            leg_id = self._current().leg_id
            self._give(HangupLeg(call_id=self.state.call_id, leg_id=leg_id, cause="ORIGINATOR_CANCEL"))
            self._start_timer(f"stuck:{self._current().number}", STUCK_LEG_MS_MAX)

    def _recover_or_end(self, attempt: AttemptState) -> None:
        if self._redirected():
            return
        against = self._against_recovery(attempt)
        self._tell("recovery", {"number": attempt.number, "try_next": not against, "against": against})
        if against:
            self._hunt_over("recovered_none" if against == ["reroutes_used_up"] else "ended")
            return
        self.state.reroutes += 1
        self._hunt().recovering = True
        self._read_usage()

    def _against_recovery(self, attempt: AttemptState) -> list[str]:
        """Every reason against trying the next target after a talk; [] means go on."""
        recovery = self._campaign().recovery
        if recovery is None:
            return ["recovery_off"]
        buyer, _ = self.context.catalog.targets[attempt.target]
        offer = self.context.catalog.buyer_offer(buyer.id, self.state.campaign)
        against = []
        if not attempt.leg_ended or not attempt.leg_disposition.startswith("recv_"):
            against.append("not_ended_by_target")
        if attempt.leg_connected_ms > recovery.connected_ms_max:
            against.append("talked_too_long")
        if offer is not None and attempt.leg_connected_ms >= offer.connected_ms_min:
            against.append("buyer_may_owe")
        if self.state.reroutes >= recovery.reroutes_max:
            against.append("reroutes_used_up")
        return against

    def _on_hunt_timer(self, event: TimerFired) -> None:
        name, _, number = event.name.partition(":")
        if not self.state.attempts or number != str(self._current().number):
            return
        attempt = self._current()
        if name == "leg" and attempt.returned:
            self._recover_or_end(attempt)
        elif name in ("leg", "refused") and not attempt.over:
            self._attempt_over(attempt)
        elif name in ("dial", "talk") and not attempt.over:
            self._tell("deadline", {"timer": event.name, "number": attempt.number})
            self._give(HangupLeg(call_id=self.state.call_id, leg_id=attempt.leg_id, cause="ALLOTTED_TIMEOUT"))
            self._start_timer(f"stuck:{attempt.number}", STUCK_LEG_MS_MAX)
        elif name == "return" and self._hunt().step is Step.RETURN:
            self._leave("NORMAL_CLEARING")
        elif name == "stuck" and not attempt.over:
            self._leave("NORMAL_TEMPORARY_FAILURE", "failed")
