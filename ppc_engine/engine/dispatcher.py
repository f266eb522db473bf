"""From a switch's event to the mailbox of its call, and everything that calls share. Nothing here blocks.

Unknown calls, late events and repeats are dropped and counted; a CHANNEL_PARK of an unknown call starts one.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import Turn
from ppc_engine.calls.events import CallParked, Event, TimerFired
from ppc_engine.calls.fold import build_cdr
from ppc_engine.calls.record import CDR
from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.engine.call_runner import CallRunner
from ppc_engine.engine.lookups import Lookups
from ppc_engine.engine.queue_board import QueueBoard
from ppc_engine.engine.timers import Timers
from ppc_engine.engine.usage import Usage
from ppc_engine.ports import CallJournal, CapacityStore, Clock, Switch, Telemetry
from ppc_engine.routing.attribution import attribute


class CDRSink(Protocol):
    """Where a finished call goes (cdr_batches.CDRBatcher)."""

    def submit(self, cdr: CDR, facts: list[bytes], last_sequence: int) -> None:
        """Take a finished call; returns at once."""


class Log(Protocol):
    """One line a step."""

    def __call__(self, event: str, call_id: str = "", **fields: Any) -> None: ...


class Dispatcher:
    """The live calls of one engine."""

    def __init__(
        self,
        *,
        clock: Clock,
        switch: Switch,
        journal: CallJournal,
        capacity: CapacityStore,
        sink: CDRSink,
        context: Callable[[], CallContext],
        telemetry: Telemetry,
        log: Log,
        monotonic: Callable[[], float] = time.perf_counter,
        refusing: Callable[[], bool] = lambda: False,
        paused: Callable[[], Mapping[str, str]] = dict,
        usage: Usage | None = None,
        lookups: Lookups | None = None,
    ) -> None:
        self.clock = clock
        self.switch = switch
        self.journal = journal
        self.capacity = capacity
        self.usage = usage or Usage(capacity)
        self.lookups = lookups or Lookups(clock)
        self.sink = sink
        self.context = context
        self.telemetry = telemetry
        self.log = log
        self.monotonic = monotonic
        self._refusing = refusing
        self.paused = paused
        self.timers = Timers(clock, self._timer_fired)
        self.queues = QueueBoard(clock)
        self.calls: dict[str, CallRunner] = {}

    def handle_event(self, event: Event) -> None:
        """Take a decoded event of the switch. Never blocks: the switch's reader calls it."""
        runner = self.calls.get(event.call_id)
        if runner is None:
            if not isinstance(event, CallParked):
                self.telemetry.event_dropped("unknown_call")
                return
            if self._refusing():
                # Not claimed: the dead-man's switch gives the call back to the carrier, who has another route.
                self.telemetry.event_dropped("not_claimed")
                return
            runner = self._start(event)
        runner.post(event)

    def _start(self, event: CallParked) -> CallRunner:
        context = self.context()
        paused = self.paused()
        if paused:
            _tell_paused(event, attribute(event.dialed_number, context.numbers), paused)
        runner = CallRunner(self, Call.new(context, event.call_id))
        runner.unsent_since = self.monotonic()
        self.calls[event.call_id] = runner
        self.telemetry.call_started()
        return runner

    def adopt(self, call: Call, facts: list[Mapping[str, Any]]) -> CallRunner:
        """Take over a call that the journal holds; its slots are counted again from this moment."""
        runner = CallRunner(self, call, [orjson.dumps(fact) for fact in facts])
        self.calls[runner.call_id] = runner
        self.usage.adopt(call)
        self.telemetry.call_adopted()
        return runner

    def oldest_open(self) -> int:
        """offered_at of the oldest live call, 0 when there is none: no later call may be judged before it ended."""
        return min((runner.call.state.offered_at for runner in self.calls.values()), default=0)

    def hold(self) -> None:
        """The switch went away: no call acts before it is back and was asked what lives."""
        for runner in self.calls.values():
            runner.held = True

    def _timer_fired(self, call_id: str, name: str) -> None:
        runner = self.calls.get(call_id)
        if runner is not None:
            runner.post(TimerFired(call_id=call_id, at=self.clock.now_us(), name=name))

    def telemetry_of(self, turn: Turn) -> None:
        """Count what a turn decided about attempts; the call's own outcome is counted at its fold."""
        for decision in turn.decisions:
            if decision.kind == "attempt":
                self.telemetry.attempt_ended(decision.data["outcome"])

    def finish(self, runner: CallRunner) -> None:
        """A call is over: fold its facts, hand the CDR on, forget it."""
        self.calls.pop(runner.call_id, None)
        self.timers.cancel_all(runner.call_id)
        try:
            cdr = build_cdr(runner.call_id, orjson.loads(b"[" + b",".join(runner.facts) + b"]"))
        except Exception as error:
            # The journal keeps the facts until somebody has looked: closing it would lose the call.
            self.bug("fold", runner.call_id, error)
            self.usage.settle(runner.call, None)
            return
        self.usage.settle(runner.call, cdr)
        self.telemetry.call_ended(cdr.outcome, cdr.silent_ms, cdr.end_estimated)
        self.log("call_finished", cdr.call_id, outcome=cdr.outcome, connected_ms=cdr.connected_ms)
        self.lookups.note(cdr)
        self.sink.submit(cdr, runner.facts, runner.last_sequence)

    def bug(self, where: str, call_id: str, error: BaseException) -> None:
        """Something happened that cannot: count it and say where, with the traceback."""
        self.telemetry.bug(where)
        told = "".join(traceback.format_exception(error))
        self.log("bug", call_id, where=where, traceback=told)


def _tell_paused(event: CallParked, number: TrackingNumber | None, paused: Mapping[str, str]) -> None:
    """Note in the offer what of this very call is paused, so that the journal knows why it was refused."""
    subjects = ["engine"]
    if number is not None:
        subjects += [f"number:{number.number}", f"publisher:{number.publisher}", f"campaign:{number.campaign}"]
    event.paused = {subject: paused[subject] for subject in subjects if subject in paused}
