"""Drives one call: mailbox -> journal -> pure core -> commands, one event after another, never two at once.

Everything is done where the event was read, and no call has a greenlet: while the switch owes an answer the call rests,
and goes on where the answer is read. So thousands of calls cost no stacks, and a call's first command leaves before
anything else is looked at. A fact is queued for the journal before its commands are performed; nothing waits for the
disk.
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
    JoinQueue,
    LeaveQueue,
    LookUp,
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


class CallRunner:
    """One call in this engine. ``facts`` are its journal lines as JSON, kept small until the CDR is folded.

    While ``held`` (the switch is away, or was) events wait: nothing is commanded before the switch has been asked.
    While ``_asking`` (the switch owes an answer) commands and events wait.
    """

    __slots__ = (
        "_asking", "_commands", "_dispatcher", "_mailbox", "_running", "broken", "call", "claimed_at", "facts",
        "finished", "held", "last_sequence", "renewed", "timer_id", "unsent_since",
    )  # fmt: skip

    def __init__(self, dispatcher: Dispatcher, call: Call, facts: list[bytes] | None = None) -> None:
        self._dispatcher = dispatcher
        self._mailbox: deque[Event] = deque()
        self._commands: deque[Command | DropClaim] = deque()
        self._running = False
        self._asking = False
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
        if self._running or self._asking or self.held:
            return
        self._running = True
        while not self._asking:
            event = None
            try:
                if self._commands:
                    self._perform(self._commands.popleft())
                elif self._mailbox and not self.held:
                    event = self._mailbox.popleft()
                    self._take(event)
                else:
                    break
            except Exception as error:
                self._break(event, error)
        self._running = False

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
        self._asking = False
        self._wake()

    def _perform(self, command: Command | DropClaim) -> None:
        dispatcher = self._dispatcher
        if isinstance(command, StartTimer):
            dispatcher.timers.start(self.call_id, command.name, command.after_ms)
        elif isinstance(command, CancelTimer):
            dispatcher.timers.cancel(self.call_id, command.name)
        elif isinstance(command, ReserveSlot):
            self._reserve(command)
        elif isinstance(command, ReleaseSlot):
            self._release(command)
            dispatcher.queues.came_free()
        elif isinstance(command, ReadUsage):
            self._answer(dispatcher.usage.read(self.call, dispatcher.clock.now_us(), dispatcher.paused()))
        elif isinstance(command, LookUp):
            self._look_up(command)
        elif isinstance(command, JoinQueue):
            self._answer(dispatcher.queues.join(self, command))
        elif isinstance(command, LeaveQueue):
            dispatcher.queues.leave(self.call_id, command.queue)
        elif isinstance(command, Finish):
            self._finish()
        elif isinstance(command, DropClaim):
            self._asking = True
            gevent.spawn(self._drop_claim)  # Once in many calls, and it ends within the switch's own deadline.
        else:
            self._send(command)

    @property
    def in_line(self) -> bool:
        """Whether this call still looks for a target, so that it may stand in a line."""
        return not (self.finished or self.broken or self.held) and self.call.may_queue

    def could_be_served(self) -> bool:
        """Whether a turn in its queue would lead to a dial now; nothing changes, and nothing is journalled."""
        if not self.call.waits_in_line:
            return False
        dispatcher = self._dispatcher
        return self.call.could_be_served(
            dispatcher.usage.read(self.call, dispatcher.clock.now_us(), dispatcher.paused())
        )

    def _look_up(self, command: LookUp) -> None:
        known = self._dispatcher.lookups.ask(command, self.post)
        if known is not None:
            self._answer(known)

    def _answer(self, event: Event) -> None:
        """An answer of our own stores goes before whatever the switch has said meanwhile."""
        self._mailbox.appendleft(event)

    def _release(self, command: ReleaseSlot) -> None:
        dispatcher = self._dispatcher
        if command.units:
            dispatcher.capacity.give(command.lease_id, command.units)
        dispatcher.usage.released(command.lease_id, dispatcher.clock.now_us())
        if not dispatcher.capacity.release(command.lease_id):
            dispatcher.telemetry.bug("lease_released_twice")

    def _reserve(self, command: ReserveSlot) -> None:
        at = self._dispatcher.clock.now_us()
        full = self._dispatcher.usage.reserve(self.call, command, at)
        if full:
            for cap in full:
                self._dispatcher.telemetry.slot_refused(cap.partition(":")[0])
            self._answer(SlotRefused(call_id=self.call_id, at=at, lease_id=command.lease_id, full=full))
        else:
            self._answer(SlotReserved(call_id=self.call_id, at=at, lease_id=command.lease_id))

    def _send(self, command: Command) -> None:
        dispatcher = self._dispatcher
        if self.unsent_since:
            dispatcher.telemetry.decided(dispatcher.monotonic() - self.unsent_since)
            self.unsent_since = 0.0
        self._asking = True
        try:
            dispatcher.switch.post(command, lambda outcome: self._answered(command, outcome))
        except SwitchError as error:
            self._answered(command, error)
        except BaseException:
            self._asking = False
            raise

    def _answered(self, command: Command, outcome: str | SwitchError) -> None:
        """The switch's reply to a command, or why there is none. Called by the event loop."""
        dispatcher = self._dispatcher
        kind = type(command).__name__
        self._asking = False
        if isinstance(outcome, CommandRefusedError):
            dispatcher.telemetry.command_performed(kind, "refused")
            at = dispatcher.clock.now_us()
            failed = getattr(command, "command_id", "")
            self._answer(CommandFailed(call_id=self.call_id, at=at, command_id=failed, reason=str(outcome)[:200]))
        elif isinstance(outcome, SwitchError):
            # Whether it ran is unknown: the deadline of what it started, or the next resynchronisation, decides.
            dispatcher.telemetry.command_performed(kind, "away")
            dispatcher.log("command_unanswered", self.call_id, command=kind, detail=str(outcome))
        else:
            dispatcher.telemetry.command_performed(kind, "ok")
        self._wake()

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
