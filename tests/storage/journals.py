"""What the tests of the journal share: a disk that misbehaves, and ways to fill a journal and to open it again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from ppc_engine.storage.journal import FileJournal

DEADLINE_S = 5.0
FACTS = [("a", {"n": 0}), ("b", {"n": 1}), ("a", {"n": 2, "text": "x" * 40}), ("b", {"n": 3}), ("a", {"n": 4})]


class Disk:
    """A disk that can be told to misbehave, between the journal and the real one."""

    def __init__(self) -> None:
        self.write_error = 0
        self.sync_error = 0
        self.writes_before_error = 0
        self.syncs = 0
        self.gate: Any = None

    def write(self, file: int, data: Any) -> int:
        if self.write_error and self.writes_before_error == 0:
            raise OSError(self.write_error, os.strerror(self.write_error))
        if self.write_error:
            self.writes_before_error -= 1
            return os.write(file, bytes(data)[: max(1, len(data) // 2)])  # As a disk that fills up does.
        return os.write(file, data)

    def sync(self, file: int) -> None:
        if self.gate is not None:
            self.gate.acquire()
            self.gate.release()
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        os.fsync(file)
        self.syncs += 1


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        gevent.sleep(0.001)


def fill(journal: FileJournal, facts: list[tuple[str, dict[str, Any]]] = FACTS) -> None:
    for call, fact in facts:
        last = journal.append(call, fact)
    assert journal.wait_durable(last, DEADLINE_S)


def newest(directory: Path) -> Path:
    return max(directory.glob("*.journal"))


def opened_again(directory: Path) -> tuple[dict[str, list[dict[str, Any]]], FileJournal]:
    """What a next start finds, and the journal that found it (stopped)."""
    journal = FileJournal(directory, fsync_ms=1)
    journal.start()
    calls = dict(journal.open_calls())
    journal.stop()
    return calls, journal


def calls_of(facts: list[tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    calls: dict[str, list[dict[str, Any]]] = {}
    for call, fact in facts:
        calls.setdefault(call, []).append(fact)
    return calls
