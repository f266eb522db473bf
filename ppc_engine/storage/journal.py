"""The journal that calls are rebuilt from: facts are queued at once and forced to the disk in groups.

``append`` runs on the gevent hub and only queues; one real thread looks every ``fsync_ms``, and writes and fsyncs what
is there as one group (looking costs less than being woken by each fact). They share a deque, whose ends are atomic, and
plain attributes that one side alone writes: no lock, the same whether gevent is patched or not, and a slow disk never
stops the hub.

States: ``running``; ``full`` (no room on the disk: facts wait in memory, writing is tried again and goes on by itself);
``failed`` (the disk refused, or fsync did: nothing counts as durable from here on, and only a restart mends it). In
both of the latter the calls in progress go on, their facts kept in memory up to a limit, but no CDR of theirs is
committed and the engine should take no new call: ``failed`` says why.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import orjson
from gevent import monkey

from ppc_engine.storage.journal_lines import CLOSED, Scan, check_call_id, encode_fact, encode_line
from ppc_engine.storage.journal_segments import DiskFullError, Segments
from ppc_engine.values.errors import OutsideError

FSYNC_MS = 50
SEGMENT_BYTES_MAX = 64 << 20
BACKLOG_BYTES_MAX = 64 << 20  # What waits in memory while the disk does not take it; some minutes of a busy engine.
FULL_RETRY_S = 1.0
STOP_S_MAX = 10.0
POLL_S = 0.005

# Of the real thread, whatever gevent has patched.
_start_thread = monkey.get_original("_thread", "start_new_thread")
_sleep = monkey.get_original("time", "sleep")

_Entry = tuple[int, str, bytes]  # sequence, call, body


class JournalRefusedError(OutsideError):
    """The journal cannot even keep a fact in memory: the disk has not taken any for too long."""

    code = "journal_refused"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is queued and not yet durable."""

    facts: int
    bytes: int
    oldest_s: float


class FileJournal:
    """``ports.CallJournal`` in a directory of its own. All methods belong to the thread that called ``start``."""

    def __init__(
        self,
        directory: Path | str,
        *,
        fsync_ms: int = FSYNC_MS,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        backlog_bytes_max: int = BACKLOG_BYTES_MAX,
        full_retry_s: float = FULL_RETRY_S,
        segments: Segments | None = None,
    ) -> None:
        self.directory = Path(directory)
        self._segments = segments or Segments(self.directory, segment_bytes_max)
        self._fsync_s = fsync_ms / 1000
        self._full_retry_s = full_retry_s
        self._backlog_bytes_max = backlog_bytes_max
        self._queue: deque[_Entry] = deque()
        self._found = Scan()
        self.state = "new"
        self.failed = ""
        # Written by the hub only:
        self._last_sequence = 0
        self._bytes_queued = 0
        self._stopping = False
        # Written by the thread only:
        self.durable_sequence = 0
        self._bytes_durable = 0
        self._oldest_at = 0.0
        self._ended = False

    def start(self) -> None:
        """Take the directory, read what an earlier engine left, begin writing.

        Raises OutsideError in one line when another process has it or it cannot be read or written.
        """
        self._found = self._segments.open()
        self._last_sequence = self.durable_sequence = self._found.last_sequence
        self.state = "running"
        _start_thread(self._run, ())

    @property
    def found(self) -> Scan:
        """What the start found: problems for the log, counts of torn, bad, late and missing lines."""
        return self._found

    def open_calls(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Every call whose CDR is not known to be committed, with its facts in order; handed out once, after start."""
        facts, self._found.facts = self._found.facts, {}
        return [(call_id, [orjson.loads(fact) for fact in held]) for call_id, held in facts.items()]

    def append(self, call_id: str, fact: Mapping[str, Any] | bytes) -> int:
        """Queue one fact (bytes: as JSON already); returns its sequence. Does not wait for the disk.

        Raises JournalRefusedError when too much waits for a disk that takes nothing.
        """
        return self._put(call_id, encode_fact(fact))

    def close_call(self, call_id: str) -> None:
        """This call's CDR is committed: once this line is durable, its facts are needed no more."""
        self._put(call_id, CLOSED)

    def wait_durable(self, sequence: int, timeout_s: float) -> bool:
        """Let other greenlets run until this sequence is on the disk; False when it is not by then, or never will."""
        deadline = time.monotonic() + timeout_s
        while self.durable_sequence < sequence:
            if self._ended or time.monotonic() >= deadline:
                return self.durable_sequence >= sequence
            gevent.sleep(POLL_S)
        return True

    def stop(self, timeout_s: float = STOP_S_MAX) -> bool:
        """Write what is queued and let the directory go; False when not everything became durable."""
        if self.state in ("new", "stopped"):
            return True
        self._stopping = True
        deadline = time.monotonic() + timeout_s
        while not self._ended and time.monotonic() < deadline:
            gevent.sleep(POLL_S)
        if self._ended:  # Else the thread hangs in the disk, and its files stay its own.
            self._segments.close()
        self.state = "stopped"
        return self.durable_sequence == self._last_sequence

    def backlog(self) -> Backlog:
        """What is not on the disk yet: facts, bytes, and for how long the oldest has waited."""
        oldest_at = self._oldest_at
        return Backlog(
            facts=self._last_sequence - self.durable_sequence,
            bytes=self._bytes_queued - self._bytes_durable,
            oldest_s=time.monotonic() - oldest_at if oldest_at else 0.0,
        )

    def gauges(self) -> dict[str, Callable[[], float]]:
        """Gauges by their key in telemetry: facts of calls without a committed CDR, and bytes on disk."""
        return {"journal_facts": lambda: self._segments.facts, "journal_bytes": lambda: self._segments.bytes}

    def _put(self, call_id: str, body: bytes) -> int:
        if self.state in ("new", "stopped"):
            raise RuntimeError(f"the journal is {self.state}: nothing can be written")
        if self._bytes_queued - self._bytes_durable > self._backlog_bytes_max:
            reason = self.failed or "the disk is too slow"
            raise JournalRefusedError(f"journal {self.directory}: {reason}; memory is full")
        check_call_id(call_id)
        self._last_sequence += 1
        self._bytes_queued += len(body)
        self._queue.append((self._last_sequence, call_id, body))
        return self._last_sequence

    # From here on in the thread.

    def _run(self) -> None:
        try:
            while self._queue or not self._stopping:
                if not self._stopping:
                    _sleep(self._fsync_s)
                if self._queue and not self._flush([self._queue.popleft() for _ in range(len(self._queue))]):
                    return
        except OSError as error:
            self._fail(f"the disk refuses: {error.strerror or error}")
        except Exception as error:
            self._fail(f"bug: {type(error).__name__}: {error}")
        finally:
            self._ended = True

    def _flush(self, group: list[_Entry]) -> bool:
        """Make a group durable; False when the journal was stopped while the disk had no room for it."""
        self._oldest_at = time.monotonic()
        data = b"".join([encode_line(*entry) for entry in group])
        while not self._written(data):
            if self._stopping:
                return False
            _sleep(self._full_retry_s)
        closed = False
        for _, call_id, body in group:
            closes = body is CLOSED
            self._segments.note(call_id, closes=closes)
            closed = closed or closes
        self._bytes_durable += sum([len(body) for _, _, body in group])
        self._oldest_at = 0.0
        self.durable_sequence = group[-1][0]
        if closed:
            self._segments.delete_drained()
        return True

    def _written(self, data: bytes) -> bool:
        """Whether the disk has taken a group, or has no room for it now."""
        try:
            self._segments.append(data)
        except DiskFullError as error:
            self.state, self.failed = "full", f"no room on the disk ({error}); facts wait in memory"
            return False
        if self.failed:
            self.state, self.failed = "running", ""
        return True

    def _fail(self, reason: str) -> None:
        self.failed = f"{reason}; nothing is durable any more, restart the engine"
        self.state = "failed"
