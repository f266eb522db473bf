"""What every part of the call machine shares: state, context, and collecting what one event leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ppc_engine.calls import ids
from ppc_engine.calls.commands import (
    Command,
    Decision,
    Finish,
    Hangup,
    ReleaseSlot,
    ReserveSlot,
    StartTimer,
)
from ppc_engine.calls.events import CallAdopted
from ppc_engine.calls.refusals import refusal_word
from ppc_engine.calls.state import CallContext, CallState
from ppc_engine.calls.states import Phase
from ppc_engine.catalog.model import Campaign
from ppc_engine.flows.model import Caller, View
from ppc_engine.flows.waits import DialWait, QueueWait, RouteWait
from ppc_engine.routing.caps import is_slot

LEAVE_MS_MAX = 10_000  # From the first sign of a hang-up to the caller leg's last event.
LEG_END_MS_MAX = 2_000  # What a target's leg may take to report after the caller's leg has.
REFUSED_MS = 1_000  # A refused command most often means that the caller is gone: the hang-up gets time to be told.
BREAK_MS_MAX = 3_000  # What an application may take to stop once interrupted.

ABANDONED = {"hunting": "abandoned_ringing", "queue": "abandoned_in_queue"}  # By where the caller hung up.


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

    def _recording_id(self, command_id: str) -> str:
        """The name of a recording's file."""
        return ids.recording_id(self.context.key, command_id)

    def _start_timer(self, name: str, after_ms: int) -> None:
        self._give(StartTimer(call_id=self.state.call_id, name=name, after_ms=after_ms))

    def _campaign(self) -> Campaign:
        return self.context.catalog.campaigns[self.state.campaign]

    def _view(self) -> View:
        state, run = self.state, self.state.run
        return View(
            at=self._at,
            answered=state.answered_at > 0,
            dialed_number=state.dialed_number,
            publisher=state.publisher,
            area_code=state.area_code,
            tags=dict(run.tags) if run else {},
            places=self.context.places,
            call_id=state.call_id,
            offered_at=state.offered_at,
            campaign=state.campaign,
            trunk=state.trunk,
            where=run.where if run else "",
            args=dict(run.args) if run else {},
            history=dict(run.history) if run else {},
            caller=Caller(
                number=state.caller_number,
                kind=state.caller_kind,
                area_state=self.context.places.area_code_state(state.area_code),
                attestation=state.attestation,
            ),
            catalog=self.context.catalog,
        )

    def _reserve(
        self,
        lease_id: str,
        caps: Mapping[str, int | list[int]],
        gives: dict[str, dict[str, int]] | None = None,
        paces: dict[str, list[list[int]]] | None = None,
    ) -> None:
        """Ask for [amount, limit] of every cap (a bare limit: one of it)."""
        takes = {key: cap if isinstance(cap, list) else [1, cap] for key, cap in caps.items()}
        self.state.leases[lease_id] = takes
        call_id = self.state.call_id
        self._give(ReserveSlot(call_id=call_id, lease_id=lease_id, caps=takes, gives=gives or {}, paces=paces or {}))

    def _release(self, lease_id: str) -> None:
        """Give the slots of a lease back. Its units stay until the call was judged (engine/settling.py)."""
        held = self.state.leases.pop(lease_id, None)
        if held is None:
            return
        units = {key: cap for key, cap in held.items() if not is_slot(key)}
        if units:
            self.state.leases[lease_id] = units
        if len(units) < len(held):
            self._give(ReleaseSlot(call_id=self.state.call_id, lease_id=lease_id))

    def _start_hunt(self, wait: RouteWait, *, ordered: bool = False) -> None:
        """Look for a target (choosing.py); ``ordered`` when a person sent the caller there."""
        raise NotImplementedError

    def _start_queue(self, wait: QueueWait) -> None:
        """Wait for a target (queueing.py)."""
        raise NotImplementedError

    def _start_dial(self, wait: DialWait) -> None:
        """Ring one fixed destination (hunt.py)."""
        raise NotImplementedError

    def _stray_bridge(self, event: CallAdopted) -> None:
        """A bridge runs that the journal knows nothing of (hunt.py)."""
        raise NotImplementedError

    def _take_answer(self, answered_at: int) -> None:
        self.state.answered_at = self.state.answered_at or answered_at

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
        estimated = estimated or self.state.stray
        self._tell("outcome", {"outcome": self._outcome(), **({"estimated": True} if estimated else {})})
        self._give(Finish(call_id=self.state.call_id))

    def _outcome(self) -> str:
        state = self.state
        if any(attempt.connected for attempt in state.attempts):
            return "connected"
        failure = state.failure or (state.run.failure if state.run else "")
        return failure or ABANDONED.get(state.hung_up_in, "abandoned_in_ivr")
