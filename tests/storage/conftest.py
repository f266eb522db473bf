"""Fixtures of the journal's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ppc_engine.storage.journal import FileJournal
from ppc_engine.storage.journal_segments import Segments
from tests.storage.journals import Disk


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def started(directory: Path, disk: Disk) -> Iterator[Callable[..., FileJournal]]:
    journals = []

    def start(segment_bytes_max: int = 1 << 20, **options: Any) -> FileJournal:
        segments = Segments(directory, segment_bytes_max, write=disk.write, sync=disk.sync)
        journal = FileJournal(directory, segments=segments, **{"fsync_ms": 1, "full_retry_s": 0.002, **options})
        journal.start()
        journals.append(journal)
        return journal

    yield start
    disk.write_error = disk.sync_error = 0
    for journal in journals:
        journal.stop()
