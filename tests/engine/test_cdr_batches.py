"""Finished calls reach the database once, after their facts reached the disk, whatever the database does meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import monkey

from ppc_engine.calls.record import CDR
from ppc_engine.engine.cdr_batches import CDRBatcher
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.ports import NoTelemetry
from ppc_engine.storage import database as database_module
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.facts import compress_facts, read_facts
from ppc_engine.storage.journal import FileJournal
from ppc_engine.storage.migrate import upgrade
from ppc_engine.values.errors import BadValueError, OutsideError
from tests.storage.samples import call_id, make_attempt, make_cdr, make_facts, offered_at

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


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    if world.batcher is not None:
        world.batcher.stop(DEADLINE_S)
    world.off_hub.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        gevent.sleep(0.001)


def test_calls_of_one_moment_share_a_batch_and_are_closed_after_it(world: World) -> None:
    world.start()
    world.submit(1, 2, 3)
    until(lambda: world.journal.closed == world.ids(1, 2, 3))
    assert world.store.batches == [world.ids(1, 2, 3)]
    assert world.telemetry.written == [3]
    assert world.batcher.pending == 0
    assert world.lines == []


def test_a_batch_is_bounded_and_order_is_kept(world: World) -> None:
    world.start(batch_calls_max=4, batch_s=60)
    world.submit(*range(8))  # Two whole batches do not wait for the time to pass.
    until(lambda: len(world.journal.closed) == 8)
    assert world.store.batches == [world.ids(0, 1, 2, 3), world.ids(4, 5, 6, 7)]


def test_a_record_waits_until_its_facts_are_on_the_disk(world: World) -> None:
    world.journal.durable = 5
    world.start()
    world.submit(1, last_sequence=5)
    world.submit(2, last_sequence=6)
    until(lambda: world.store.calls == world.ids(1))
    gevent.sleep(0.01)
    assert world.store.calls == world.ids(1)
    world.journal.durable = 6
    until(lambda: world.journal.closed == world.ids(1, 2))


def test_stop_commits_what_is_queued(world: World) -> None:
    world.start(batch_s=60)
    world.submit(1, 2)
    assert world.batcher.stop(DEADLINE_S) == 0
    assert world.journal.closed == world.ids(1, 2)


def test_stop_leaves_what_cannot_be_committed_to_the_journal(world: World) -> None:
    world.store.errors = [OutsideError("database: away")] * 100
    world.start(retry_s=(60.0,))
    world.submit(1)
    until(lambda: world.telemetry.failures == 1)
    assert world.batcher.stop(DEADLINE_S) == 1
    assert world.batcher.pending == 1
    assert world.journal.closed == []


def test_stop_does_not_wait_for_a_disk_that_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppc_engine.engine.cdr_batches.DURABLE_S_MAX", 0.01)
    world.journal.durable = 0
    world.start()
    world.submit(1)
    until(lambda: world.telemetry.failures >= 3)
    assert world.lines == [
        ("cdrs_not_written", {"waiting": 1, "detail": "their facts are not on the journal's disk yet"})
    ]
    assert world.batcher.stop(DEADLINE_S) == 1
    assert world.store.calls == []


def test_an_idle_batcher_stops_at_once(world: World) -> None:
    world.start(batch_s=60)
    assert world.batcher.stop(DEADLINE_S) == 0


def test_the_database_away_costs_nothing_and_is_told_once(world: World) -> None:
    world.store.errors = [OutsideError("database x: is locked")] * 3 + [OutsideError("database x: is full")] * 2
    world.start()
    world.submit(1, 2)
    until(lambda: world.telemetry.failures >= 2)
    assert world.batcher.gauges()["cdr_backlog"]() == 2
    assert world.batcher.gauges()["journal_oldest_s"]() > 0
    world.submit(3)
    until(lambda: len(world.journal.closed) == 3)
    assert world.store.calls == world.ids(1, 2, 3)
    assert world.telemetry.failures == 5
    assert [(event, fields["detail"]) for event, fields in world.lines[:-1]] == [
        ("cdrs_not_written", "database x: is locked"),
        ("cdrs_not_written", "database x: is full"),
    ]
    assert world.lines[-1][0] == "cdrs_written_again"
    assert world.batcher.gauges()["journal_oldest_s"]() == 0


def test_calls_that_end_during_an_outage_are_kept_small(world: World) -> None:
    packed: list[int] = []
    world.store.errors = [OutsideError("away")] * 2
    world.start(retry_s=(60.0,), compress=lambda facts: packed.append(len(facts)) or compress_facts(facts))
    world.submit(1)
    until(lambda: world.telemetry.failures == 1)
    assert len(packed) == 1
    world.submit(2)
    assert len(packed) == 2  # At once, not when the database is back.


def test_one_record_that_can_never_be_written_is_set_aside_alone(world: World) -> None:
    world.store.hates = call_id(2)
    world.start()
    world.submit(1, 2, 3)
    until(lambda: len(world.journal.closed) == 2)
    assert world.journal.closed == world.ids(1, 3)
    assert world.telemetry.bugs == ["cdr"]
    assert world.lines == [("cdr_refused", {"call_id": call_id(2), "detail": "BadValueError: CHECK constraint failed"})]
    world.submit(4, 5)
    until(lambda: len(world.journal.closed) == 4)
    assert world.store.batches[-1] == world.ids(4, 5)  # Batches are whole again.


def test_an_outage_in_the_middle_of_taking_a_batch_apart_loses_nothing(world: World) -> None:
    world.store.hates = call_id(3)
    world.store.errors = [ValueError("the batch as a whole"), OutsideError("away"), OutsideError("away")]
    world.start()
    world.submit(1, 2, 3, 4)
    until(lambda: len(world.journal.closed) == 3)
    assert sorted(world.journal.closed) == sorted(world.ids(1, 2, 4))
    assert world.store.calls == world.ids(1, 2, 4)
    assert world.telemetry.bugs == ["cdr"]


def test_a_journal_that_cannot_close_a_call_keeps_the_record(world: World) -> None:
    world.journal.refuses = True
    world.start()
    world.submit(1)
    until(lambda: world.batcher.pending == 0)
    assert world.store.calls == world.ids(1)


def test_the_watermark_is_the_oldest_call_without_a_record(world: World) -> None:
    world.live = [offered_at(7), offered_at(2)]
    world.journal.durable = 1
    world.start()
    world.submit(1)
    until(lambda: len(world.store.marks) == 1)
    assert world.store.marks == [offered_at(2)]
    world.live.remove(offered_at(2))
    world.submit(3, last_sequence=1)
    world.submit(2, last_sequence=2)  # Ended, but its facts are not on the disk yet.
    until(lambda: len(world.store.marks) == 2)
    assert world.store.marks[-1] == offered_at(2)
    world.live.clear()
    world.journal.durable = 2
    until(lambda: len(world.store.marks) == 3)
    assert world.store.marks[-1] == 0


def test_the_hub_goes_on_while_the_database_takes_its_time(world: World) -> None:
    gate = monkey.get_original("_thread", "allocate_lock")()
    gate.acquire()
    written = world.store.write

    def slow(*arguments: Any) -> None:
        with gate:
            written(*arguments)

    world.store.write = slow
    world.start()
    world.submit(1)
    gevent.sleep(0.02)
    turns = sum(1 for _ in range(50) if gevent.sleep(0) is None)
    assert (turns, world.store.calls) == (50, [])
    gate.release()
    until(lambda: world.store.calls == world.ids(1))


def test_what_runs_off_the_hub_gives_its_result_or_its_error(capfd: pytest.CaptureFixture[str]) -> None:
    off_hub = OffHub()
    assert off_hub.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        off_hub.run(lambda: 1 // 0)
    off_hub.stop()
    assert capfd.readouterr().err == ""  # The worker prints no traceback of its own.


# With the real journal and the real database.


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
