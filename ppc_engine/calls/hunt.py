"""Hunting: round after round until somebody talks to the caller, and again when they hung up too soon.

Source: semantics.md, "Choosing a target" and "Revenue recovery". choosing.py selects and reserves, ringing.py dials,
queueing.py waits; here stands what follows a round or a talk, what a deadline means, and what a restarted engine does.
"""

from __future__ import annotations

from dataclasses import asdict

from ppc_engine.calls import ids
from ppc_engine.calls.commands import BreakApp, HangupLeg
from ppc_engine.calls.events import CallAdopted, CallParked, CommandFailed, TimerFired
from ppc_engine.calls.queueing import Queueing
from ppc_engine.calls.ringing import RETURN_MS_MAX, STUCK_LEG_MS_MAX
from ppc_engine.calls.state import AttemptState, HuntState
from ppc_engine.calls.states import Phase, Step
from ppc_engine.calls.turning import LEG_END_MS_MAX, REFUSED_MS
from ppc_engine.catalog.bounds import ms_min_to_owe
from ppc_engine.flows.interpreter import FlowRun
from ppc_engine.flows.waits import DialWait
from ppc_engine.routing.selection import Selection

__all__ = ["RETURN_MS_MAX", "STUCK_LEG_MS_MAX", "Hunting"]

SKIPPED_ON_STRAY = 5  # Attempt numbers that a forgotten bridge may have used: as many as may ring at once.


class Hunting(Queueing):
    """The part of the call machine that goes on until the caller was served, or nobody is left."""

    def _take_back(self) -> None:
        raise NotImplementedError

    def _enter_node(self, node: str) -> None:
        raise NotImplementedError

    def _run(self) -> FlowRun:
        raise NotImplementedError

    def _start_dial(self, wait: DialWait) -> None:
        """Ring one fixed destination: an attempt without a target, for which nobody pays."""
        self.state.phase = Phase.HUNTING
        number = self._next_number()
        self.state.hunt = HuntState(targets=[], fixed=asdict(wait), round=[number])
        attempt_id = ids.attempt_id(self.state.call_id, number)
        self.state.attempts.append(AttemptState(number=number, attempt_id=attempt_id, target=""))
        self._dial()

    # What follows.

    def _next_round(self) -> None:
        stop = self._stops_hunting()
        redials = self._redials()
        if self._hunt().fixed:
            self._hunt_over("no_answer")
        elif stop is not None:
            self._tell("hunt_stopped", stop)
            self._hunt_over("recovered_none" if self._hunt().recovering else "all_no_answer")
        elif redials and not self.state.redirect:
            self._pause(redials)
        else:
            self._read_usage()

    def _stops_hunting(self) -> dict[str, object] | None:
        """Which attempt of the round ended in a way after which nobody else is tried, and what way that is."""
        words = self._campaign().stop_hunting_on | set(self._hunt().stop_on)
        for attempt in self._round():
            for word in (attempt.outcome, attempt.leg_cause, str(attempt.leg_sip_status)):
                if word in words:
                    return {"number": attempt.number, "on": word}
        return None

    def _exhausted(self, selection: Selection | None) -> None:
        hunt = self._hunt()
        if hunt.queue is not None and selection is not None and self._may_come_free(selection):
            self._wait_in_line()
        elif hunt.recovering:
            self._hunt_over("recovered_none")
        elif selection is None or any(attempt.dialed and attempt.target for attempt in self.state.attempts):
            self._hunt_over("all_no_answer")
        else:
            self._hunt_over(selection.exception())

    def _ordered_elsewhere(self) -> bool:
        if not self.state.redirect:
            return False
        if not self._holds_the_leg("usage"):
            self._leave_line()
            self._redirected()
        return True

    def _stop_ringing(self) -> None:
        """Stop what is done for the caller now, for an order of a person: legs that ring, or the waiting."""
        if self._hunt().step is Step.DIAL:
            self._hang_up_legs("ORIGINATOR_CANCEL")
        elif self._hunt().step in (Step.QUEUE, Step.PAUSE):
            self._read_usage()

    def _on_returned(self, event: CallParked) -> None:
        """The caller is parked again after a talk; any other CHANNEL_PARK of a known call is a repeat."""
        self.state.timer_id = event.timer_id
        self._take_answer(event.answered_at)
        if self._hunt().step is Step.STRAY:
            self._stray_over()
            return
        attempt = self._talker()
        if attempt is None or self._hunt().step not in (Step.RETURN, Step.TALK):
            return
        attempt.over = attempt.returned = True
        if attempt.leg_ended:
            self._recover_or_end(attempt)
        else:
            self._start_timer(f"leg:{attempt.number}", LEG_END_MS_MAX)

    def _recover_or_end(self, attempt: AttemptState) -> None:
        if self._redirected():
            return
        if not attempt.target:
            self._hunt_over("ended")
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
        if offer is not None and attempt.leg_connected_ms >= ms_min_to_owe(offer):
            against.append("buyer_may_owe")
        if self.state.reroutes >= recovery.reroutes_max:
            against.append("reroutes_used_up")
        return against

    # What goes wrong.

    def _on_dial_failed(self, event: CommandFailed) -> None:
        state = self.state
        told = {"command_id": event.command_id, "reason": event.reason}
        if event.command_id and event.command_id == state.music:
            self._tell("command_failed", told)
            self._music_over()
        elif event.command_id == state.pending and self._hunt().step is Step.DIAL:
            self._tell("command_failed", told)
            for attempt in self._round():
                attempt.leg_cause = "COMMAND_REFUSED"
            self._start_timer(f"refused:{self._round()[0].number}", REFUSED_MS)

    def _on_hunt_timer(self, event: TimerFired) -> None:
        name, _, number = event.name.partition(":")
        if not number:
            self._on_waiting_timer(name)
            return
        attempt = next((a for a in self._round() if str(a.number) == number), None)
        if attempt is None:
            return
        talker = self._talker()
        if name == "leg" and attempt.returned:
            self._recover_or_end(attempt)
        elif name == "leg" and talker is not None and attempt is not talker:
            self._settle_once(attempt)
        elif name in ("leg", "refused") and not attempt.over:
            self._attempt_over(attempt)
        elif name in ("dial", "talk") and not attempt.over:
            self._tell("deadline", {"timer": event.name, "number": attempt.number})
            self._hang_up_legs("ALLOTTED_TIMEOUT")
        elif name == "return" and self._hunt().step is Step.RETURN:
            self._leave("NORMAL_CLEARING")
        elif name == "stuck" and not attempt.over:
            self._leave("NORMAL_TEMPORARY_FAILURE", "failed")

    # After a restart of the engine, or of its connection.

    def _hunt_again(self, event: CallAdopted) -> None:
        """Go on where the journal stands, and never ring while a bridge runs (reference "Seen" 1)."""
        hunt = self._hunt()
        bridged = next((a for a in self._round() if a.leg_id and a.leg_id == event.bridged_leg_id), None)
        if bridged is not None:
            if not bridged.connected or hunt.step is not Step.TALK:
                for other in self._round():
                    if other is not bridged and not other.leg_ended:
                        other.leg_cause = "LOSE_RACE"  # The switch ended them all when this one answered.
                        self._settle_once(other)
                self._talking(bridged)
            if self.state.redirect:
                self._take_back()
        elif hunt.step in (Step.DIAL, Step.TALK, Step.RETURN):
            self._ring_again(event)
        elif event.app == "bridge":
            self._stray_bridge(event)
        else:
            self._wait_again(event)

    def _ring_again(self, event: CallAdopted) -> None:
        talker = self._talker()
        if event.app == "bridge":
            # The running bridge is waited for; a second one would ring a second buyer.
            self._start_timer(f"dial:{self._round()[0].number}", self._hunt().ring_ms_max)
        elif talker is not None:
            talker.over = True
            self._recover_or_end(talker)
        else:
            self._attempt_over(self._round()[0])

    def _stray_bridge(self, event: CallAdopted) -> None:
        """A bridge runs that the journal does not know of: it was begun within the last moments before the crash.

        Who talks goes on talking. Who rings is hung up by the ids that those attempts would have had, and their numbers
        are used up, so that nothing of theirs is taken for the attempts that follow.
        """
        talks = bool(event.bridged_leg_id)
        self._tell("stray_bridge", {"talks": talks})
        state = self.state
        if state.hunt is None:
            state.phase, state.hunt, state.pending = Phase.HUNTING, HuntState(targets=[]), ""
        known = [attempt for attempt in self._round() if not attempt.dialed]
        strays = [attempt.attempt_id for attempt in known]
        strays += [ids.attempt_id(state.call_id, self._next_number() + n) for n in range(SKIPPED_ON_STRAY)]
        for attempt in known:
            attempt.over = True
            self._release(attempt.attempt_id)
        hunt = self._hunt()
        hunt.round, hunt.awaited, hunt.step, hunt.stray_talks = [], [], Step.STRAY, talks
        state.attempts_skipped += SKIPPED_ON_STRAY
        if talks:
            state.stray, state.failure = True, "failed"
            return
        for attempt_id in strays:
            leg_id = self._leg_id(attempt_id)
            self._give(HangupLeg(call_id=state.call_id, leg_id=leg_id, cause="ORIGINATOR_CANCEL"))

    def _stray_over(self) -> None:
        hunt = self._hunt()
        hunt.stray_talks = False
        if hunt.targets:
            self._read_usage()
        else:
            self.state.hunt = None
            self._enter_node(self._run().node)

    def _wait_again(self, event: CallAdopted) -> None:
        """Nobody rings: choose, reserve, pause or queue as before, with music if none plays."""
        state, hunt = self.state, self._hunt()
        idle = event.app in ("park", "")
        if idle and state.music:
            state.music = ""
            then, hunt.after_music = hunt.after_music, ""
            if then:
                self._go_on(then)
                return
        elif not idle and not state.music:
            self._give(BreakApp(call_id=state.call_id))  # What plays is none of ours: it would go before a dial.
        if hunt.step is Step.BREAK:
            self._break_hunt_music()
        elif hunt.step is Step.RESERVE:
            for attempt in self._round():
                if attempt.number in hunt.awaited:
                    self._reserve(attempt.attempt_id, {**state.leases[attempt.attempt_id]})
        elif hunt.step is Step.PAUSE:
            self._start_hunt_timer("redial", (hunt.until - self._at) // 1000)
            if idle:
                self._play_while_waiting()
        elif hunt.step is Step.QUEUE:
            self._queue().in_line = False
            self._queue().position_due = 0
            self._wait_in_line()
        else:
            self._read_usage()
