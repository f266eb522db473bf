"""The journal's files: one is written at a time, the oldest is deleted once every call in it is closed.

Rules this file obeys: what fsync refused is never taken for written by asking again (the kernel may have dropped the
pages); a write that the disk had no room for is taken back whole, so that no half line stays in the middle; a segment
goes only after all older ones, because it may hold the "closed" lines of their calls.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from ppc_engine.storage.journal_lines import Scan, scan_directory, segment_path
from ppc_engine.values.errors import OutsideError

FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
_SYNC = getattr(os, "fdatasync", os.fsync)


class DiskFullError(Exception):
    """There is no room; nothing of the group was written, and it may be tried again."""


class Segments:
    """The files of one journal directory, held by one process. Used by one thread at a time."""

    def __init__(
        self,
        directory: Path,
        segment_bytes_max: int,
        *,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = _SYNC,
    ) -> None:
        self._directory = directory
        self._segment_bytes_max = segment_bytes_max
        self._write = write
        self._sync = sync
        self._lock = -1
        self._file = -1
        self._sizes: dict[int, int] = {}
        self._current = 0
        self._first_segments: dict[str, int] = {}
        self._open_facts: dict[str, int] = {}
        self._open_calls: dict[int, int] = {}  # By segment, how many open calls begin there.
        self._closed: set[str] = set()  # In the current segment: a late fact opens no call again.
        self.facts = 0

    @property
    def bytes(self) -> int:
        """Size of all segments on disk."""
        return sum(list(self._sizes.values()))

    def open(self) -> Scan:
        """Lock the directory, read what is there, cut off a torn end, begin a new segment.

        Raises OutsideError, in one line, when another process holds the journal or the disk refuses.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            scan = scan_directory(self._directory)
            self._sizes = dict(scan.sizes)
            self._current = max(self._sizes, default=0)
            if scan.torn_bytes:
                self._cut(segment_path(self._directory, self._current), scan.good_bytes)
                self._sizes[self._current] = scan.good_bytes
            for call_id, segment in scan.first_segments.items():
                self._opened(call_id, segment, len(scan.facts[call_id]))
            self._begin_segment()
            self.delete_drained()
        except OSError as error:
            self.close()
            raise OutsideError(f"journal {self._directory}: {error.strerror}") from None
        except OutsideError:
            self.close()
            raise
        return scan

    def append(self, data: bytes) -> None:
        """Write a group of lines and force it to the disk.

        Raises DiskFullError when there was no room and nothing of it was written, OSError when the disk failed.
        """
        try:
            if self._sizes[self._current] and self._sizes[self._current] + len(data) > self._segment_bytes_max:
                self._begin_segment()
            self._write_whole(data)
            self._sync(self._file)
        except OSError as error:
            if error.errno not in FULL_ERRORS:
                raise
            os.ftruncate(self._file, self._sizes[self._current])
            raise DiskFullError(error.strerror) from None
        self._sizes[self._current] += len(data)

    def note(self, call_id: str, *, closes: bool) -> None:
        """Remember what a line that is on the disk now says of its call."""
        if closes:
            self._closed.add(call_id)
            segment = self._first_segments.pop(call_id, None)
            if segment is not None:
                self.facts -= self._open_facts.pop(call_id)
                self._open_calls[segment] -= 1
        elif call_id in self._first_segments:
            self._open_facts[call_id] += 1
            self.facts += 1
        elif call_id not in self._closed:
            self._opened(call_id, self._current, 1)

    def delete_drained(self) -> None:
        """Delete segments, from the oldest on, while no open call begins in them."""
        for number in sorted(self._sizes):
            if number == self._current or self._open_calls.get(number):
                return
            try:
                segment_path(self._directory, number).unlink(missing_ok=True)
            except OSError:
                return  # It costs room, nothing else: the next close or start tries again.
            self._open_calls.pop(number, None)
            del self._sizes[number]

    def close(self) -> None:
        """Let the files and the lock go."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._lock = -1

    def _opened(self, call_id: str, segment: int, facts: int) -> None:
        self._first_segments[call_id] = segment
        self._open_facts[call_id] = facts
        self._open_calls[segment] = self._open_calls.get(segment, 0) + 1
        self.facts += facts

    def _take_lock(self) -> None:
        path = self._directory / "lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
            raise OutsideError(f"journal {self._directory}: another engine writes it (process {owner})") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    def _cut(self, path: Path, size: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _begin_segment(self) -> None:
        path = segment_path(self._directory, self._current + 1)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            self._sync_directory()
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = descriptor
        self._current += 1
        self._sizes[self._current] = 0
        self._closed.clear()

    def _sync_directory(self) -> None:
        """A file survives a crash only once its name does."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write_whole(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._write(self._file, view) :]
