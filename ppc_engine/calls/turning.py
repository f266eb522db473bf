"""What every part of the call machine shares: state, context, and collecting what one event leads to."""

from __future__ import annotations

from typing import Any

from ppc_engine.calls import ids
from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CollectDigits,
    Command,
    Decision,
    Finish,
    Hangup,
    Play,
    ReleaseSlot,
    ReserveSlot,
    StartTimer,
)
from ppc_engine.calls.refusals import refusal_word
from ppc_engine.calls.state import CallContext, CallState
from ppc_engine.calls.states import Phase
from ppc_engine.catalog.model import Campaign
from ppc_engine.flows.model import View
from ppc_engine.flows.waits import AnswerWait, DigitsWait, PlayWait, Wait

LEAVE_MS_MAX = 10_000  # From the first sign of a hang-up to the caller leg's last event.
LEG_END_MS_MAX = 2_000  # What a target's leg may take to report after the caller's leg has.
REFUSED_MS = 1_000  # A refused command most often means that the caller is gone: the hang-up gets time to be told.
BREAK_MS_MAX = 3_000  # What an application may take to stop once interrupted.


class Turning:
    """Base of the call machine: one event goes in, decisions and commands are collected, then handed out."""

    def __init__(self, context: CallContext, state: CallState) -> None:
        self.context = context
        self.state = state
        self._at = 0
        self._decisions: list[Decision] = []
        self._commands: list[Command] = []

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._decisions.append(Decision(kind, data))

    def _give(self, command: Command) -> None:
        self._commands.append(command)

    def _next_command_id(self) -> str:
        self.state.commands_given += 1
        return ids.command_id(self.state.call_id, self.state.commands_given)

    def _leg_id(self, attempt_id: str) -> str:
        """The UUID that an attempt's leg gets. A call that is retold takes it from its facts instead."""
        return ids.leg_id(self.context.key, attempt_id)

    def _token(self) -> str:
        """What partners see instead of the call id."""
        return ids.call_token(self.context.key, self.state.call_id)

    def _start_timer(self, name: str, after_ms: int) -> None:
        self._give(StartTimer(call_id=self.state.call_id, name=name, after_ms=after_ms))

    def _campaign(self) -> Campaign:
        return self.context.catalog.campaigns[self.state.campaign]

    def _view(self) -> View:
        run = self.state.run
        return View(
            at=self._at,
            answered=self.state.answered_at > 0,
            dialed_number=self.state.dialed_number,
            publisher=self.state.publisher,
            area_code=self.state.area_code,
            tags=dict(run.tags) if run else {},
            places=self.context.places,
        )

    def _reserve(self, lease_id: str, caps: dict[str, int]) -> None:
        self.state.leases[lease_id] = caps
        self._give(ReserveSlot(call_id=self.state.call_id, lease_id=lease_id, caps=caps))

    def _release(self, lease_id: str) -> None:
        if self.state.leases.pop(lease_id, None) is not None:
            self._give(ReleaseSlot(call_id=self.state.call_id, lease_id=lease_id))

    def _ask(self, wait: Wait) -> None:
        """Start the application that a flow waits for, with a deadline on it."""
        command_id = self._next_command_id()
        call_id = self.state.call_id
        command: Command
        if isinstance(wait, AnswerWait):
            command = Answer(call_id=call_id, command_id=command_id)
        elif isinstance(wait, PlayWait):
            command = Play(call_id=call_id, command_id=command_id, prompt=wait.prompt)
        else:
            assert isinstance(wait, DigitsWait), wait
            command = CollectDigits(
                call_id=call_id,
                command_id=command_id,
                prompt=wait.prompt,
                digits_min=wait.digits_min,
                digits_max=wait.digits_max,
                first_digit_ms_max=wait.first_digit_ms_max,
                next_digit_ms_max=wait.next_digit_ms_max,
            )
        self.state.pending, self.state.timed_out = command_id, False
        self.state.gathering = isinstance(wait, DigitsWait)
        self._give(command)
        self._start_timer(f"wait:{self.state.commands_given}", wait.ms_max)

    def _interrupt(self) -> None:
        """Stop what the flow waits for; its own end follows. Once is enough."""
        if self.state.pending and not self.state.timed_out:
            self.state.timed_out = True
            self._give(BreakApp(call_id=self.state.call_id, gathering=self.state.gathering))
            self._start_timer(f"break:{self.state.pending.rpartition('.')[2]}", BREAK_MS_MAX)

    def _redirected(self) -> bool:
        """Whether an operator's order takes the call elsewhere at this moment, at which nothing runs (operating.py)."""
        raise NotImplementedError

    def _leave(self, cause: str, failure: str = "", reason: str = "") -> None:
        """Hang the caller up. ``failure`` is the call's outcome when it was never connected.

        ``reason`` is what a carrier is told of a call not yet answered, the failure when left out (refusals.py).
        """
        if failure:
            self.state.failure = failure
        self.state.phase = Phase.LEAVING
        word = refusal_word(reason or failure, answered=self.state.answered_at > 0)
        self._give(Hangup(call_id=self.state.call_id, cause=cause, reason=word))
        self._start_timer("leave", LEAVE_MS_MAX)

    def _finish(self, *, estimated: bool) -> None:
        """Give everything back and say how the call ended."""
        for lease_id in list(self.state.leases):
            self._release(lease_id)
        self.state.phase = Phase.ENDED
        self._tell("outcome", {"outcome": self._outcome(), **({"estimated": True} if estimated else {})})
        self._give(Finish(call_id=self.state.call_id))

    def _outcome(self) -> str:
        state = self.state
        if any(attempt.connected for attempt in state.attempts):
            return "connected"
        failure = state.failure or (state.run.failure if state.run else "")
        return failure or ("abandoned_ringing" if state.hung_up_in == Phase.HUNTING else "abandoned_in_ivr")
