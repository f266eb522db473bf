"""Finished calls reach the database once, after their facts reached the disk, whatever the database does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import monkey

from ppc_engine.engine.off_hub import OffHub
from ppc_engine.storage.facts import compress_facts
from ppc_engine.values.errors import OutsideError
from tests.engine.batch_world import DEADLINE_S, World, until
from tests.storage.samples import call_id, offered_at


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    if world.batcher is not None:
        world.batcher.stop(DEADLINE_S)
    world.off_hub.stop()


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
