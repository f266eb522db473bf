"""Drives one call: mailbox -> journal -> pure core -> commands, one event after another, never two at once.

What waits for nothing (the core, the journal's queue, slots, timers) is done where the event was read; a greenlet runs
for a call only from the first command that the switch must answer until nothing is left, so that thousands of bridged
calls cost no stacks and most events no switch of stacks. A fact is queued for the journal before its commands are
performed; nothing waits for the disk.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import gevent
import orjson

from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import (
    CancelTimer,
    Command,
    Finish,
    Hangup,
    ReadUsage,
    ReleaseSlot,
    ReserveSlot,
    StartTimer,
)
from ppc_engine.calls.events import (
    CallEnded,
    CallParked,
    CallVanished,
    CommandFailed,
    Event,
    SlotRefused,
    SlotReserved,
    TimerFired,
    UsageRead,
    to_plain,
)
from ppc_engine.ports import CommandRefusedError, SwitchError
from ppc_engine.values.errors import OutsideError

if TYPE_CHECKING:
    from ppc_engine.engine.dispatcher import Dispatcher

MAILBOX_MAX = 500  # A call that has more unread events is stuck; further ones are dropped and counted.
BROKEN_HANGUP_CAUSE = "NORMAL_TEMPORARY_FAILURE"
BROKEN_MS_MAX = 10_000  # A call that met a bug is given up after this, whatever the switch says of it.


class DropClaim:
    """In a place among the commands: delete our own dead-man's timer, which a renewal may have armed too late."""


AT_ONCE = frozenset({StartTimer, CancelTimer, ReserveSlot, ReleaseSlot, ReadUsage, Finish})


class CallRunner:
    """One call in this engine. ``facts`` are its journal lines as JSON, kept small until the CDR is folded.

    While ``held`` (the switch is away, or was) events wait: nothing is commanded before the switch has been asked.
    """

    __slots__ = (
        "_commands", "_dispatcher", "_mailbox", "_running", "broken", "call", "claimed_at", "facts", "finished", "held",
        "last_sequence", "renewed", "timer_id", "unsent_since",
    )  # fmt: skip

    def __init__(self, dispatcher: Dispatcher, call: Call, facts: list[bytes] | None = None) -> None:
        self._dispatcher = dispatcher
        self._mailbox: deque[Event] = deque()
        self._commands: deque[Command | DropClaim] = deque()
        self._running = False
        self.call = call
        self.facts = facts or []
        self.last_sequence = 0
        self.finished = False
        self.broken = False
        self.held = False
        self.claimed_at = 0
        self.timer_id = call.state.timer_id
        self.renewed = False
        self.unsent_since = 0.0

    @property
    def call_id(self) -> str:
        return self.call.state.call_id

    def post(self, event: Event) -> None:
        """Put an event into the mailbox and return at once."""
        if len(self._mailbox) >= MAILBOX_MAX:
            self._dispatcher.telemetry.event_dropped("mailbox_full")
            return
        self._mailbox.append(event)
        self._wake()

    def release(self, event: Event) -> None:
        """End a hold: this event (what the switch said of the call) goes before all that came meanwhile."""
        self._mailbox.appendleft(event)
        self.held = False
        self._wake()

    def _wake(self) -> None:
        if self._running or self.held:
            return
        self._running = True
        if self._run(may_wait=False):
            self._running = False
        else:
            gevent.spawn(self._run_to_the_end)

    def _run_to_the_end(self) -> None:
        self._run(may_wait=True)
        self._running = False

    def _run(self, *, may_wait: bool) -> bool:
        """Commands first, then the next event; False when what comes next has to wait and may not."""
        while True:
            event = None
            try:
                if self._commands:
                    if not may_wait and type(self._commands[0]) not in AT_ONCE:
                        return False
                    self._perform(self._commands.popleft())
                elif self._mailbox and not self.held:
                    event = self._mailbox.popleft()
                    self._take(event)
                else:
                    return True
            except Exception as error:
                self._break(event, error)

    def _take(self, event: Event) -> None:
        if self.finished:
            self._dispatcher.telemetry.event_dropped("late")
            return
        if self.broken:
            self._end_broken(event)
            return
        turn = self.call.handle(event)
        self._keep(turn.to_plain())
        self._dispatcher.telemetry_of(turn)
        if isinstance(event, CallParked):
            self._claimed(event)
        if self.renewed and self.call.talking:
            self._commands.append(DropClaim())
        self._commands.extend(turn.commands)

    def _keep(self, fact: dict[str, Any]) -> None:
        line = orjson.dumps(fact)
        self.facts.append(line)
        try:
            self.last_sequence = self._dispatcher.journal.append(self.call_id, line)
        except OutsideError as error:
            # The caller is not to blame for our disk: the call goes on, and its CDR is folded from memory.
            self._dispatcher.log("journal_refused", self.call_id, detail=str(error))

    def _claimed(self, event: CallParked) -> None:
        """A fresh park: the dialplan has just armed a new timer of full length."""
        if event.timer_id:
            self.timer_id, self.renewed = event.timer_id, False
        self.claimed_at = self._dispatcher.clock.now_us()

    def _drop_claim(self) -> None:
        """The switch cancels its timers at a bridge; one that a renewal added while it happened is deleted here."""
        self.renewed = False
        try:
            self._dispatcher.switch.drop_claim(self.call_id, self.timer_id)
        except SwitchError as error:
            self._dispatcher.log("claim_not_dropped", self.call_id, detail=str(error))

    def _perform(self, command: Command | DropClaim) -> None:
        dispatcher = self._dispatcher
        if isinstance(command, StartTimer):
            dispatcher.timers.start(self.call_id, command.name, command.after_ms)
        elif isinstance(command, CancelTimer):
            dispatcher.timers.cancel(self.call_id, command.name)
        elif isinstance(command, ReserveSlot):
            self._reserve(command)
        elif isinstance(command, ReleaseSlot):
            if not dispatcher.capacity.release(command.lease_id):
                dispatcher.telemetry.bug("lease_released_twice")
        elif isinstance(command, ReadUsage):
            used = dispatcher.capacity.used(command.caps)
            self._answer(UsageRead(call_id=self.call_id, at=dispatcher.clock.now_us(), used=used))
        elif isinstance(command, Finish):
            self._finish()
        elif isinstance(command, DropClaim):
            self._drop_claim()
        else:
            self._send(command)

    def _answer(self, event: Event) -> None:
        """An answer of our own stores goes before whatever the switch has said meanwhile."""
        self._mailbox.appendleft(event)

    def _reserve(self, command: ReserveSlot) -> None:
        full = self._dispatcher.capacity.reserve(command.lease_id, command.caps)
        at = self._dispatcher.clock.now_us()
        if full:
            for cap in full:
                self._dispatcher.telemetry.slot_refused(cap.partition(":")[0])
            self._answer(SlotRefused(call_id=self.call_id, at=at, lease_id=command.lease_id, full=full))
        else:
            self._answer(SlotReserved(call_id=self.call_id, at=at, lease_id=command.lease_id))

    def _send(self, command: Command) -> None:
        dispatcher = self._dispatcher
        kind = type(command).__name__
        if self.unsent_since:
            dispatcher.telemetry.decided(dispatcher.monotonic() - self.unsent_since)
            self.unsent_since = 0.0
        try:
            dispatcher.switch.perform(command)
        except CommandRefusedError as error:
            dispatcher.telemetry.command_performed(kind, "refused")
            at = dispatcher.clock.now_us()
            failed = getattr(command, "command_id", "")
            self._answer(CommandFailed(call_id=self.call_id, at=at, command_id=failed, reason=str(error)[:200]))
        except SwitchError as error:
            # Whether it ran is unknown: the deadline of what it started, or the next resynchronisation, decides.
            dispatcher.telemetry.command_performed(kind, "away")
            dispatcher.log("command_unanswered", self.call_id, command=kind, detail=str(error))
        else:
            dispatcher.telemetry.command_performed(kind, "ok")

    def _finish(self) -> None:
        self.finished = True
        self._dispatcher.finish(self)

    def _break(self, event: Event | None, error: Exception) -> None:
        """A bug ends this call, safely and loudly, and no other. ``event`` is what was being taken, if any."""
        self._dispatcher.bug("call", self.call_id, error)
        if self.broken or self.finished:
            return
        self.broken = True
        self._commands.clear()
        self._commands.append(Hangup(call_id=self.call_id, cause=BROKEN_HANGUP_CAUSE))
        self._dispatcher.timers.start(self.call_id, "broken", BROKEN_MS_MAX)
        if event is not None:
            told = [["bug", {"error": f"{type(error).__name__}: {error}"[:200]}]]
            self._keep({"e": to_plain(event), "d": told})
            self._end_if_over(event)

    def _end_broken(self, event: Event) -> None:
        self._keep({"e": to_plain(event)})
        self._end_if_over(event)

    def _end_if_over(self, event: Event) -> None:
        if isinstance(event, (CallEnded, CallVanished, TimerFired)):
            for lease_id in list(self.call.state.leases):
                self._dispatcher.capacity.release(lease_id)
            self._commands.clear()
            self._finish()
