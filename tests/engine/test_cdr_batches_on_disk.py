"""Finished calls from the real journal to the real database: each once, whatever fails between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ppc_engine.storage import database as database_module
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.journal import FileJournal
from ppc_engine.storage.migrate import upgrade
from tests.engine.batch_world import DEADLINE_S, World, until
from tests.storage.samples import call_id, make_attempt, make_cdr, make_facts


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    if world.batcher is not None:
        world.batcher.stop(DEADLINE_S)
    world.off_hub.stop()


@pytest.fixture
def real(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(database_module, "LOCK_WAIT_S", 0.01)
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    world.store = SQLCDRStore(engine)
    world.journal = FileJournal(tmp_path / "journal", fsync_ms=1)
    world.journal.start()
    yield world
    world.batcher.stop(DEADLINE_S)
    world.journal.stop()


def live_through(world: World, number: int, **changes: Any) -> None:
    """A call that is journalled from its first fact to its last, then finished."""
    for fact in make_facts(number):
        last = world.journal.append(call_id(number), fact)
    world.submit(number, last_sequence=last, **changes)


def test_from_facts_to_record_and_back(real: World, tmp_path: Path) -> None:
    real.start()
    for number in range(30):
        live_through(real, number)
    assert real.batcher.stop(DEADLINE_S) == 0
    real.journal.stop()
    assert [call.call_id for call in real.store.list_calls()] == real.ids(*range(29, -1, -1))
    assert real.store.read_call(call_id(3)) == make_cdr(3)
    assert real.store.read_facts(call_id(3)) == make_facts(3)
    real.journal = FileJournal(tmp_path / "journal")
    real.journal.start()
    assert real.journal.open_calls() == []


def test_a_crash_between_commit_and_close_writes_the_call_once(real: World, tmp_path: Path) -> None:
    real.start()
    closes: list[str] = []
    real.journal.close_call = closes.append  # Lost with the process.
    live_through(real, 1)
    until(lambda: closes == real.ids(1))
    real.batcher.stop(DEADLINE_S)
    real.journal.stop()

    real.journal = FileJournal(tmp_path / "journal", fsync_ms=1)
    real.journal.start()
    ((found, facts),) = real.journal.open_calls()
    assert (found, facts) == (call_id(1), make_facts(1))
    real.start()
    real.submit(1, last_sequence=0)
    until(lambda: real.batcher.pending == 0)
    assert len(real.store.list_calls()) == 1
    real.batcher.stop(DEADLINE_S)
    real.journal.stop()
    real.journal = FileJournal(tmp_path / "journal")
    real.journal.start()
    assert real.journal.open_calls() == []


def test_a_database_that_is_locked_and_freed_loses_nothing(real: World, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ppc.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    real.start()
    for number in range(10):
        live_through(real, number)
    until(lambda: real.telemetry.failures >= 2)
    assert real.batcher.pending == 10
    other.execute("ROLLBACK")
    other.close()
    until(lambda: real.batcher.pending == 0)
    assert len(real.store.list_calls()) == 10
    assert [event for event, _ in real.lines] == ["cdrs_not_written", "cdrs_written_again"]
    assert real.lines[0][1]["detail"].endswith("is locked by another process")


def test_a_read_only_database_is_one_line_and_loses_nothing(real: World, tmp_path: Path) -> None:
    written = real.store
    real.store = SQLCDRStore(open_database(f"sqlite:///file:{tmp_path}/ppc.sqlite?mode=ro&uri=true"))
    real.start()
    live_through(real, 1)
    until(lambda: real.telemetry.failures >= 3)
    assert [(event, fields["detail"].rpartition(": ")[2]) for event, fields in real.lines] == [
        ("cdrs_not_written", "is read-only for this user")
    ]
    real.batcher._store = written
    until(lambda: real.batcher.pending == 0)
    assert written.read_call(call_id(1)) == make_cdr(1)


def test_a_record_that_the_schema_refuses_stays_in_the_journal(real: World, tmp_path: Path) -> None:
    real.start()
    live_through(real, 1)
    live_through(real, 2, outcome="vanished")
    live_through(real, 3, total_ms=2**70)
    live_through(real, 4, attempts=(make_attempt(4),))
    until(lambda: len(real.telemetry.bugs) == 2 and real.batcher.pending == 0)
    real.batcher.stop(DEADLINE_S)
    real.journal.stop()
    assert [call.call_id for call in real.store.list_calls()] == real.ids(4, 1)
    real.journal = FileJournal(tmp_path / "journal")
    real.journal.start()
    assert [call for call, _ in real.journal.open_calls()] == real.ids(2, 3)
