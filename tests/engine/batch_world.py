"""A batcher between a journal, a store and telemetry in memory, all as good or bad as a test says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent

from ppc_engine.calls.record import CDR
from ppc_engine.engine.cdr_batches import CDRBatcher
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.ports import NoTelemetry
from ppc_engine.storage.facts import compress_facts, read_facts
from ppc_engine.values.errors import BadValueError, OutsideError
from tests.storage.samples import call_id, make_cdr, make_facts

DEADLINE_S = 5.0


class Journal:
    """A journal in memory whose disk is as fast as the test says."""

    def __init__(self) -> None:
        self.durable = 10**9
        self.closed: list[str] = []
        self.refuses = False

    def wait_durable(self, sequence: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.durable < sequence and time.monotonic() < deadline:
            gevent.sleep(0.001)
        return self.durable >= sequence

    def close_call(self, call: str) -> None:
        if self.refuses:
            raise OutsideError("journal: memory is full")
        self.closed.append(call)


class Store:
    """A store in memory that fails as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.marks: list[int | None] = []
        self.errors: list[Exception] = []
        self.hates = ""
        self.tries = 0

    def write(self, finished: list[tuple[CDR, bytes]], oldest_open_at: int | None = None) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        calls = [cdr.call_id for cdr, _ in finished]
        if self.hates in calls:
            raise BadValueError("CHECK constraint failed")
        assert all(read_facts(facts)[0]["e"]["k"] == "CallParked" for _, facts in finished)
        self.batches.append(calls)
        self.marks.append(oldest_open_at)

    @property
    def calls(self) -> list[str]:
        return [call for batch in self.batches for call in batch]


class Telemetry(NoTelemetry):
    def __init__(self) -> None:
        self.written: list[int] = []
        self.failures = 0
        self.bugs: list[str] = []

    def cdrs_written(self, count: int, seconds: float) -> None:
        assert seconds >= 0
        self.written.append(count)

    def cdr_write_failed(self) -> None:
        self.failures += 1

    def bug(self, where: str) -> None:
        self.bugs.append(where)


class World:
    """A batcher between a journal and a store, and what it said."""

    def __init__(self) -> None:
        self.journal: Any = Journal()
        self.store: Any = Store()
        self.telemetry = Telemetry()
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.live: list[int] = []
        self.off_hub = OffHub()
        self.batcher: CDRBatcher = None  # type: ignore[assignment]

    def start(self, **options: Any) -> CDRBatcher:
        self.batcher = CDRBatcher(
            self.journal, self.store, oldest_open=lambda: min(self.live, default=0),
            off_hub=self.off_hub, telemetry=self.telemetry, log=self.log, monotonic=time.monotonic,
            **{"compress": compress_facts, "batch_s": 0.002, "retry_s": (0.001, 0.002), **options},
        )  # fmt: skip
        self.batcher.start()
        return self.batcher

    def log(self, event: str, call_id: str = "", **fields: Any) -> None:
        self.lines.append((event, {"call_id": call_id, **fields} if call_id else fields))

    def submit(self, *numbers: int, last_sequence: int = 1, **changes: Any) -> None:
        for number in numbers:
            self.batcher.submit(make_cdr(number, **changes), make_facts(number), last_sequence)

    def ids(self, *numbers: int) -> list[str]:
        return [call_id(number) for number in numbers]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        gevent.sleep(0.001)
