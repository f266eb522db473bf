"""The world of an engine under test: a clock that stands still, a switch that writes down what it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import gevent
import orjson

from ppc_engine.calls.commands import Command
from ppc_engine.calls.record import CDR
from ppc_engine.engine.dispatcher import Dispatcher
from ppc_engine.ports import LiveChannel, NoTelemetry, SwitchError
from ppc_engine.storage.capacity import MemoryCapacityStore
from ppc_engine.values.errors import OutsideError
from tests.calls.call_traces import T0, words


class StillClock:
    """Moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = T0

    def now_us(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        gevent.sleep(0)

    def move(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)


class FakeSwitch:
    """Takes every command and grants it; ``fails`` makes it refuse, ``silent`` owe the answers (``waiting``), and
    ``channels`` are what lives on it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.timers: list[str] = []
        self.channels: list[LiveChannel] = []
        self.fails: Exception | None = None
        self.silent = False
        self.waiting: list[Callable[[str | SwitchError], None]] = []
        self.serial = 100

    def _fail(self) -> None:
        if self.fails is not None:
            raise self.fails

    def post(self, command: Command, on_reply: Callable[[str | SwitchError], None]) -> None:
        self._fail()
        self.said.append(words(command))
        if self.silent:
            self.waiting.append(on_reply)
        else:
            on_reply("+OK")

    def extend_claim(self, call_id: str, previous_timer_id: str) -> str:
        self._fail()
        self.serial += 1
        self.timers.append(f"add {self.serial} drop {previous_timer_id}".removesuffix(" drop "))
        return str(self.serial)

    def drop_claim(self, call_id: str, timer_id: str) -> None:
        self._fail()
        self.timers.append(f"drop {timer_id}")

    def live_channels(self, known: Collection[str] = ()) -> list[LiveChannel]:
        self._fail()
        return self.channels

    def take(self) -> list[str]:
        """What was said since the last look."""
        said, self.said = self.said, []
        return said


class ListJournal:
    """A journal in memory."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.full = False

    def append(self, call_id: str, fact: Mapping[str, Any] | bytes) -> int:
        if self.full:
            raise OutsideError("the disk is full")
        self.facts.append((call_id, orjson.loads(fact) if isinstance(fact, bytes) else dict(fact)))
        return len(self.facts)

    def wait_durable(self, sequence: int, timeout_s: float) -> bool:
        return True

    def close_call(self, call_id: str) -> None:
        self.closed.append(call_id)

    def open_calls(self) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        calls: dict[str, list[dict[str, Any]]] = {}
        for call_id, fact in self.facts:
            calls.setdefault(call_id, []).append(fact)
        return calls.items()


class ListSink:
    """Finished calls."""

    def __init__(self) -> None:
        self.cdrs: list[CDR] = []

    def submit(self, cdr: CDR, facts: list[dict[str, Any]], last_sequence: int) -> None:
        self.cdrs.append(cdr)


class Counts(NoTelemetry):
    """Remembers what matters to these tests."""

    def __init__(self) -> None:
        self.bugs: list[str] = []
        self.dropped: list[str] = []

    def bug(self, where: str) -> None:
        self.bugs.append(where)

    def event_dropped(self, reason: str, count: int = 1) -> None:
        self.dropped.append(reason)


class World:
    """A dispatcher with everything around it."""

    def __init__(self, context: Any, journal: ListJournal | None = None) -> None:
        self.clock = StillClock()
        self.switch = FakeSwitch()
        self.journal = journal or ListJournal()
        self.capacity = MemoryCapacityStore()
        self.sink = ListSink()
        self.counts = Counts()
        self.logged: list[str] = []
        self.refusing = False
        self.dispatcher = Dispatcher(
            clock=self.clock,
            switch=self.switch,
            journal=self.journal,
            capacity=self.capacity,
            sink=self.sink,
            context=lambda: context,
            telemetry=self.counts,
            log=lambda event, call_id="", **fields: self.logged.append(event),
            refusing=lambda: self.refusing,
        )

    def post(self, event: Any) -> list[str]:
        """One event of the switch, then everything that it leads to; returns what the switch was told."""
        self.dispatcher.handle_event(event)
        self.settle()
        return self.switch.take()

    def settle(self) -> None:
        """Let every greenlet that has something to do run until none has."""
        for _ in range(20):
            gevent.sleep(0)
