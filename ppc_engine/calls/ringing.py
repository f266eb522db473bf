"""Ringing: one bridge for the whole round, and the proof that each of its attempts is over.

Source: semantics.md, "Clocks of a call": connected means bridged, after whisper and press-1. A slot is given back on
proof that its attempt is over: the leg's own end, or a bridge application that ended and left no leg. Of several that
ring at once the first to answer (and accept) talks; the others lose, and their attempts are cancelled.
"""

from __future__ import annotations

from ppc_engine.calls.causes import attempt_outcome
from ppc_engine.calls.choosing import Choosing
from ppc_engine.calls.commands import CancelTimer, Dial, HangupLeg, Leg
from ppc_engine.calls.events import AppCompleted, LegBridged, LegEnded
from ppc_engine.calls.legs import Known, fixed_leg, leg_to
from ppc_engine.calls.state import AttemptState
from ppc_engine.calls.states import Step
from ppc_engine.calls.turning import LEG_END_MS_MAX
from ppc_engine.flows.waits import DialWait
from ppc_engine.routing.attribution import attribute

DIAL_SLACK_MS = 6_000  # leg_timeout is compared in whole seconds and fires up to 2 s late (reference 4.3).
TALK_SLACK_MS = 10_000  # The switch's own sched_hangup ends a call at its longest length; this is the backstop.
LISTENED_SLACK_MS = 1_000  # The switch counts from the answer, so after a whisper it is too late: then we end the talk.
STUCK_LEG_MS_MAX = 5_000  # What a leg may take to die once we hung it up.
RETURN_MS_MAX = 3_000  # From the end of a talk to the caller's next park, or hang-up.
LEGLESS_CAUSES = frozenset({"GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_URL", "CHAN_NOT_IMPLEMENTED"})


class Ringing(Choosing):
    """The part of the call machine that rings targets."""

    def _next_round(self) -> None:
        """Nobody of the round took the call: what now?"""
        raise NotImplementedError

    def _recover_or_end(self, attempt: AttemptState) -> None:
        raise NotImplementedError

    def _holds_the_leg(self, then: str) -> bool:
        """Whether something still plays to the caller; then it is stopped, and ``then`` is done once it has ended."""
        raise NotImplementedError

    def _leave_line(self) -> None:
        raise NotImplementedError

    # Dialling.

    def _dial(self) -> None:
        """Ring every attempt of the round, as soon as nothing plays to the caller any more."""
        if self._holds_the_leg("dial"):
            return
        self._leave_line()
        state, hunt = self.state, self._hunt()
        attempts = self._round()
        recovery = self._campaign().recovery
        returns = bool(hunt.fixed) or (recovery is not None and state.reroutes < recovery.reroutes_max)
        state.pending = self._next_command_id()
        hunt.step = Step.DIAL
        legs = [self._leg_of(attempt) for attempt in attempts]
        for attempt, leg in zip(attempts, legs, strict=True):
            attempt.command_id, attempt.returns, attempt.dialed = state.pending, returns, True
            attempt.talk_ms_max = leg.connected_ms_max + (LISTENED_SLACK_MS if leg.accept_ms_max else TALK_SLACK_MS)
            self._tell_dialed(attempt, leg)
        early_media = "ignore"
        if len(attempts) == 1 and attempts[0].target:
            early_media = self.context.catalog.targets[attempts[0].target][1].early_media
        self._give(
            Dial(
                call_id=state.call_id,
                command_id=state.pending,
                legs=legs,
                early_media=early_media,
                returns=returns,
            )
        )
        hunt.ring_ms_max = max(leg.ring_ms_max + leg.accept_ms_max for leg in legs)
        self._start_timer(f"dial:{attempts[0].number}", hunt.ring_ms_max + DIAL_SLACK_MS)

    def _leg_of(self, attempt: AttemptState) -> Leg:
        attempt.leg_id = self._leg_id(attempt.attempt_id)
        named = {"attempt_id": attempt.attempt_id, "leg_id": attempt.leg_id}
        if not attempt.target:
            return fixed_leg(DialWait(**self._hunt().fixed), self._known(""), **named)
        buyer, target = self.context.catalog.targets[attempt.target]
        return leg_to(buyer, target, self._known(target.id), **named)

    def _known(self, target: str) -> Known:
        state = self.state
        number = attribute(state.dialed_number, self.context.numbers)
        return Known(
            private=state.private,
            tracking_number=number.number if number else "",
            words=lambda: self._words(target),
        )

    def _words(self, target: str) -> dict[str, str]:
        """What headers may tell of this call, by the catalog's words for it."""
        state = self.state
        tags = state.run.tags if state.run else {}
        own = {"token": self._token(), "campaign": state.campaign, "publisher": state.publisher, "target": target}
        places = {"zip_code": tags.get("zip_code", ""), "state": tags.get("state", "")}
        return {f"tag.{name}": value for name, value in tags.items()} | own | places

    def _tell_dialed(self, attempt: AttemptState, leg: Leg) -> None:
        told = {"number": attempt.number, "target": attempt.target, "buyer": "", "leg_id": attempt.leg_id}
        more = {"ring_ms_max": leg.ring_ms_max, "returns": attempt.returns}
        if attempt.target:
            buyer, target = self.context.catalog.targets[attempt.target]
            told["buyer"] = buyer.id
            more |= {"test": True} if target.test else {}
        self._tell("dialed", told | more)

    # Talking.

    def _talker(self) -> AttemptState | None:
        """The attempt of the round that was connected."""
        return next((attempt for attempt in self._round() if attempt.connected), None)

    def _on_bridged(self, event: LegBridged) -> None:
        attempt = next((a for a in self._round() if a.leg_id == event.leg_id), None)
        if attempt is not None and not attempt.connected and self._hunt().step is Step.DIAL:
            self._talking(attempt)

    def _talking(self, attempt: AttemptState) -> None:
        """From here nobody else rings: the switch has cancelled the others, and each still says so itself."""
        attempt.connected = True
        self._hunt().step = Step.TALK
        for one in self._round():
            self._give(CancelTimer(call_id=self.state.call_id, name=f"dial:{one.number}"))
            if one is attempt:
                self._start_timer(f"talk:{one.number}", attempt.talk_ms_max)
            else:
                self._await_loser(one)

    def _await_loser(self, attempt: AttemptState) -> None:
        if attempt.leg_ended:
            self._settle_once(attempt)
        elif not attempt.over:
            self._start_timer(f"leg:{attempt.number}", LEG_END_MS_MAX)

    # The ends of legs and of the bridge.

    def _take_leg_end(self, event: LegEnded) -> AttemptState | None:
        """Note the end of a leg of ours and give its slots back; None for a repeat or a leg unknown to this call."""
        attempt = next((a for a in self.state.attempts if a.leg_id == event.leg_id), None)
        if attempt is None or attempt.leg_ended:
            return None
        attempt.leg_ended = True
        attempt.leg_cause, attempt.leg_sip_status = event.cause, event.sip_status
        attempt.leg_disposition, attempt.leg_answered = event.disposition, event.answered_at > 0
        if event.bridged_at:
            attempt.connected = True
            attempt.leg_connected_ms = (event.ended_at - event.bridged_at) // 1000
        self._release(attempt.attempt_id)
        return attempt

    def _on_leg_ended(self, event: LegEnded) -> None:
        attempt = self._take_leg_end(event)
        if attempt is None:
            return
        if attempt.number not in self._hunt().round:
            self._settle_once(attempt)
            return
        talker = self._talker()
        if talker is not None and attempt is not talker:
            self._settle_once(attempt)
        elif attempt.bridge_done and not attempt.over:
            if talker is not None or self._all_ended():
                self._attempt_over(attempt)
        elif attempt.returned and self._hunt().step is not Step.DIAL:
            self._recover_or_end(attempt)

    def _all_ended(self) -> bool:
        return all(attempt.leg_ended or attempt.leg_cause or attempt.over for attempt in self._round())

    def _on_bridge_completed(self, event: AppCompleted) -> None:
        attempts = self._round()
        if event.command_id != self.state.pending or not attempts or attempts[0].bridge_done:
            return
        self._take_answer(event.answered_at)
        for attempt in attempts:
            attempt.bridge_done = True
        if len(attempts) == 1 and not attempts[0].leg_ended and event.cause in LEGLESS_CAUSES:
            attempts[0].leg_cause = event.cause
        talker = self._talker()
        waited_for = [talker] if talker is not None else attempts
        missing = [one for one in waited_for if not (one.leg_ended or one.leg_cause)]
        if missing:
            self._start_timer(f"leg:{missing[0].number}", LEG_END_MS_MAX)
        else:
            self._attempt_over(waited_for[0])

    def _attempt_over(self, attempt: AttemptState) -> None:
        """The bridge is proved to be over: a talk is followed by the caller's return, silence by the next round."""
        if not attempt.connected:
            for one in self._round():
                self._settle_once(one)
            self._next_round()
            return
        self._settle_once(attempt)
        for one in self._round():
            self._await_loser(one)
        self._hunt().step = Step.RETURN
        self._start_timer(f"return:{attempt.number}", RETURN_MS_MAX)

    def _settle_once(self, attempt: AttemptState) -> None:
        """One attempt is over: what became of it is told, and its slots are free."""
        if attempt.over:
            return
        attempt.over = True
        self._release(attempt.attempt_id)
        attempt.outcome = attempt_outcome(
            attempt.leg_cause,
            attempt.leg_sip_status,
            connected=attempt.connected,
            target_answered=attempt.leg_answered,
            disposition=attempt.leg_disposition,
        )
        told = {"number": attempt.number, "outcome": attempt.outcome, "cause": attempt.leg_cause}
        self._tell("attempt", {**told, "sip_status": attempt.leg_sip_status, "connected_ms": attempt.leg_connected_ms})
        for timer in ("dial", "talk", "leg"):
            self._give(CancelTimer(call_id=self.state.call_id, name=f"{timer}:{attempt.number}"))

    def _hang_up_legs(self, cause: str) -> None:
        """Hang up whatever rings or talks; each attempt's own end follows and decides what is next."""
        living = [attempt for attempt in self._round() if attempt.dialed and not attempt.over]
        talker = self._talker()
        for attempt in [talker] if talker is not None else living:
            if not attempt.leg_ended:
                self._give(HangupLeg(call_id=self.state.call_id, leg_id=attempt.leg_id, cause=cause))
        if living:
            self._start_timer(f"stuck:{living[0].number}", STUCK_LEG_MS_MAX)
