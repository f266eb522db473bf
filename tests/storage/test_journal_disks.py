"""The journal's files on disks that are full, broken or slow, and in processes that are killed."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import gevent
import orjson
import pytest
from gevent import monkey

from ppc_engine.storage.journal import Backlog, FileJournal, JournalRefusedError
from ppc_engine.storage.journal_lines import scan_directory, segment_numbers
from ppc_engine.values.errors import OutsideError
from tests.storage.journals import DEADLINE_S, FACTS, Disk, calls_of, fill, newest, opened_again, until


def test_segments_are_deleted_from_the_oldest_when_their_calls_are_closed(
    started: Callable[..., FileJournal], directory: Path
) -> None:
    journal = started(segment_bytes_max=400)
    numbers, gauges = (lambda: segment_numbers(directory)), journal.gauges()
    fill(journal, [("old", {"n": 0})])
    for n in range(8):
        fill(journal, [(f"c{n}", {"text": "x" * 150})])
        journal.close_call(f"c{n}")
    last = journal.append("end", {})
    assert journal.wait_durable(last, DEADLINE_S)
    assert numbers()[0] == 1 and len(numbers()) > 3  # Held by the old call alone.
    journal.close_call("old")
    until(lambda: len(numbers()) == 1 and gauges["journal_bytes"]() == newest(directory).stat().st_size)
    assert gauges["journal_facts"]() == 1
    journal.stop()
    assert opened_again(directory)[0] == {"end": [{}]}


def test_a_fact_after_the_close_holds_no_segment(started: Callable[..., FileJournal]) -> None:
    journal = started()
    fill(journal)
    journal.close_call("a")
    fill(journal, [("a", {"n": 9})])
    assert journal.gauges()["journal_facts"]() == 2  # Those of the other call.


def test_a_restart_deletes_what_is_drained(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal)
    journal.close_call("a")
    journal.close_call("b")
    journal.stop()
    for _ in range(3):
        opened_again(directory)
    assert len(segment_numbers(directory)) == 1


def test_calls_of_an_earlier_process_hold_their_segments(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    journal = started()
    assert dict(journal.open_calls()) == calls_of(FACTS)
    assert journal.gauges()["journal_facts"]() == len(FACTS)
    journal.close_call("a")
    fill(journal, [("b", {"n": 5})])
    assert segment_numbers(directory) == [1, 2]
    assert journal.gauges()["journal_facts"]() == 3
    journal.close_call("b")
    until(lambda: segment_numbers(directory) == [2])


def test_the_journal_is_for_its_owner_alone(started: Callable[..., FileJournal], directory: Path) -> None:
    fill(started())
    assert newest(directory).stat().st_mode & 0o077 == 0


# Disks.


def test_a_failed_fsync_is_never_taken_for_a_success(
    started: Callable[..., FileJournal], disk: Disk, directory: Path
) -> None:
    journal = started()
    fill(journal)
    durable = journal.durable_sequence
    disk.sync_error = errno.EIO
    lost = journal.append("a", {"n": 5})
    assert not journal.wait_durable(lost, DEADLINE_S)
    assert journal.state == "failed"
    assert journal.failed == "the disk refuses: Input/output error; nothing is durable any more, restart the engine"
    disk.sync_error = 0
    assert journal.append("a", {"n": 6}) == lost + 1  # The call goes on, in memory.
    assert not journal.wait_durable(lost, 0.05)
    assert journal.durable_sequence == durable
    assert journal.backlog().facts == 2
    assert not journal.stop()


def test_a_failed_write_is_as_final(started: Callable[..., FileJournal], disk: Disk) -> None:
    journal = started()
    disk.write_error = errno.EIO
    assert not journal.wait_durable(journal.append("a", {}), DEADLINE_S)
    assert journal.state == "failed"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("writes_before_error", [0, 1, 2])
def test_a_full_disk_is_waited_for(
    started: Callable[..., FileJournal], disk: Disk, directory: Path, error: int, writes_before_error: int
) -> None:
    journal = started()
    fill(journal, FACTS[:2])
    disk.write_error, disk.writes_before_error = error, writes_before_error
    for call, fact in FACTS[2:]:
        last = journal.append(call, fact)
    until(lambda: journal.state == "full")
    assert journal.failed.startswith("no room on the disk")
    assert not journal.wait_durable(last, 0.01)
    assert journal.backlog().facts == 3
    assert journal.backlog().bytes == sum(len(orjson.dumps(fact)) for _, fact in FACTS[2:])
    assert journal.backlog().oldest_s > 0
    assert scan_directory(directory).torn_bytes == 0  # No half line stays behind.
    disk.write_error = 0
    assert journal.wait_durable(last, DEADLINE_S)
    assert (journal.state, journal.failed) == ("running", "")
    assert journal.backlog() == Backlog(facts=0, bytes=0, oldest_s=0.0)
    journal.stop()
    calls, found = opened_again(directory)
    assert calls == calls_of(FACTS)
    assert found.found.problems == []


def test_no_room_at_the_fsync_writes_the_group_again(
    started: Callable[..., FileJournal], disk: Disk, directory: Path
) -> None:
    journal = started()
    disk.sync_error = errno.ENOSPC
    last = journal.append("a", {"n": 1})
    until(lambda: journal.state == "full")
    assert newest(directory).stat().st_size == 0
    disk.sync_error = 0
    assert journal.wait_durable(last, DEADLINE_S)
    journal.stop()
    assert opened_again(directory)[0] == {"a": [{"n": 1}]}


def test_memory_is_bounded_while_the_disk_is_full(started: Callable[..., FileJournal], disk: Disk) -> None:
    journal = started(backlog_bytes_max=1_000)
    disk.write_error = errno.ENOSPC
    with pytest.raises(JournalRefusedError, match="memory is full"):
        for n in range(100):
            last = journal.append("a", {"n": n, "text": "x" * 100})
    assert journal.backlog().bytes < 1_300
    disk.write_error = 0
    assert journal.wait_durable(last, DEADLINE_S)
    assert journal.append("a", {}) == last + 1


def test_a_stop_on_a_full_disk_ends_and_tells(started: Callable[..., FileJournal], disk: Disk, directory: Path) -> None:
    journal = started()
    fill(journal, FACTS[:2])
    disk.write_error = errno.ENOSPC
    journal.append("a", {"n": 9})
    until(lambda: journal.state == "full")
    assert not journal.stop(DEADLINE_S)
    disk.write_error = 0
    assert opened_again(directory)[0] == calls_of(FACTS[:2])


def test_a_slow_disk_does_not_stop_the_hub(started: Callable[..., FileJournal], disk: Disk) -> None:
    journal = started()
    disk.gate = monkey.get_original("_thread", "allocate_lock")()
    disk.gate.acquire()
    last = journal.append("a", {})
    turns = 0

    def turn() -> None:
        nonlocal turns
        for _ in range(100):
            gevent.sleep(0)
            turns += 1

    greenlet = gevent.spawn(turn)
    assert not journal.wait_durable(last, 0.05)
    greenlet.join(timeout=DEADLINE_S)
    assert turns == 100
    disk.gate.release()
    assert journal.wait_durable(last, DEADLINE_S)


def test_facts_of_one_moment_share_an_fsync(started: Callable[..., FileJournal], disk: Disk) -> None:
    journal = started(fsync_ms=20)
    for n in range(500):
        last = journal.append("a", {"n": n})
    assert journal.wait_durable(last, DEADLINE_S)
    assert disk.syncs <= 3


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match=r"Not a directory|File exists") as refused:
        FileJournal(tmp_path / "file" / "journal").start()
    assert "\n" not in str(refused.value)


# Other processes.

_CHILD = """
    import sys
    from ppc_engine.storage.journal import FileJournal

    journal = FileJournal(sys.argv[1], fsync_ms=1)
    journal.start()
    number = 0
    while number < int(sys.argv[2]):
        number += 1
        last = journal.append(f"call-{number % 3}", {"n": number})
        if number % 50 == 0:
            assert journal.wait_durable(last, 5)
            print(journal.durable_sequence, flush=True)
    assert journal.stop()
"""


def _child(directory: Path, facts: int) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(_CHILD), str(directory), str(facts)]


def test_kill_9_loses_nothing_that_was_durable(directory: Path) -> None:
    process = subprocess.Popen(_child(directory, 10**9), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        told = [int(process.stdout.readline()) for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait(timeout=DEADLINE_S)
    calls, _ = opened_again(directory)
    numbers = sorted(fact["n"] for facts in calls.values() for fact in facts)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= told[-1]


def test_it_works_where_gevent_has_patched_nothing(directory: Path) -> None:
    subprocess.run(_child(directory, 100), check=True, timeout=30, stdout=subprocess.DEVNULL)
    calls, _ = opened_again(directory)
    assert sum(map(len, calls.values())) == 100
