"""Finished calls on their way to the database: in batches, off the hub, in order, until they are there.

Rules this file obeys: a CDR is committed only after its facts are durable in the journal, and its call is closed there
only after the commit, so a crash at any moment leaves the facts or the record, and writing a CDR twice is harmless; the
database may be away for as long as it likes (tried again for ever, told once); one record that it refuses for good is
set aside alone, counted, and stays in the journal. No greenlet that may be inside the database is ever killed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import Greenlet
from gevent.event import Event as Signal

from ppc_engine.calls.record import CDR
from ppc_engine.engine.dispatcher import Log
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.ports import CallJournal, CDRStore, Telemetry
from ppc_engine.values.errors import OutsideError

BATCH_CALLS_MAX = 200
BATCH_S = 1.0  # A commit costs as much as 15 calls: the calls of one second share one.
DURABLE_S_MAX = 2.0  # The journal flushes every 50 ms; later than this it has trouble, and says so itself.
RETRY_S = (0.5, 1.0, 2.0, 5.0)  # Waits between tries while the database is away; the last one is repeated.
DETAIL_CHARS_MAX = 300

Facts = Sequence[dict[str, Any]] | Sequence[bytes]  # Bytes are JSON already.


@dataclass(slots=True)
class _Finished:
    """A call that has ended. ``blob`` are its packed facts; until those are needed, ``facts`` as they were."""

    cdr: CDR
    facts: Facts
    last_sequence: int
    since: float
    blob: bytes = b""


class CDRBatcher:
    """Takes finished calls and writes them. ``oldest_open`` gives offered_at of the oldest live call, 0 for none."""

    def __init__(
        self,
        journal: CallJournal,
        store: CDRStore,
        *,
        compress: Callable[[Facts], bytes],
        oldest_open: Callable[[], int],
        off_hub: OffHub,
        telemetry: Telemetry,
        log: Log,
        monotonic: Callable[[], float],
        batch_s: float = BATCH_S,
        batch_calls_max: int = BATCH_CALLS_MAX,
        retry_s: Sequence[float] = RETRY_S,
    ) -> None:
        self._journal = journal
        self._store = store
        self._compress = compress
        self._oldest_open = oldest_open
        self._off_hub = off_hub
        self._telemetry = telemetry
        self._log = log
        self._monotonic = monotonic
        self._batch_s = batch_s
        self._batch_calls_max = batch_calls_max
        self._retry_s = retry_s
        self._queue: deque[_Finished] = deque()
        self._batch: list[_Finished] = []
        self._one_by_one = 0  # So many calls at the head of the queue are to be written alone.
        self._some = Signal()  # Something is queued, or we stop.
        self._enough = Signal()  # A whole batch is queued, or we stop.
        self._stop = Signal()
        self._failures = 0  # Tries in a row that the database, or the journal's disk, did not take.
        self._told = ""  # What was last told of it.
        self._greenlet: Greenlet | None = None

    @property
    def pending(self) -> int:
        """Finished calls that are not committed yet."""
        return len(self._queue) + len(self._batch)

    def unwritten(self) -> list[CDR]:
        """Finished calls that are not known to be in the database."""
        return [finished.cdr for finished in (*self._batch, *self._queue)]

    def gauges(self) -> dict[str, Callable[[], float]]:
        """Gauges by their key in telemetry: calls that wait, and for how long the oldest has."""
        return {"cdr_backlog": lambda: self.pending, "journal_oldest_s": self._oldest_s}

    def start(self) -> None:
        """Begin to write what is submitted."""
        self._greenlet = gevent.spawn(self._run)
        self._greenlet.name = "cdr_batches"

    def submit(self, cdr: CDR, facts: Facts, last_sequence: int) -> None:
        """Take a finished call whose newest fact has this sequence in the journal; returns at once."""
        finished = _Finished(cdr, facts, last_sequence, self._monotonic())
        if self._failures:
            self._pack(finished)  # A long outage keeps many calls in memory.
        self._queue.append(finished)
        self._some.set()
        if len(self._queue) >= self._batch_calls_max:
            self._enough.set()

    def stop(self, timeout_s: float) -> int:
        """Write what is waiting, as long as that takes no longer; returns what is left (it stays in the journal)."""
        for signal in (self._stop, self._some, self._enough):
            signal.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout=timeout_s)
        return self.pending

    def _oldest_s(self) -> float:
        oldest = next(iter(self._batch or self._queue), None)
        return self._monotonic() - oldest.since if oldest else 0.0

    def _run(self) -> None:
        while self._queue or not self._stop.is_set():
            self._some.wait()
            if not self._one_by_one:
                self._enough.wait(timeout=self._batch_s)
            self._batch = self._take_durable()
            if self._batch:
                self._write_batch()
            elif self._queue and not self._becomes_durable():
                return  # The journal keeps its calls, as far as it has them.
            if self._stop.is_set():
                if self._failures:
                    return
            else:
                self._rearm()

    def _rearm(self) -> None:
        if not self._queue:
            self._some.clear()
        if len(self._queue) < self._batch_calls_max:
            self._enough.clear()

    def _take_durable(self) -> list[_Finished]:
        """The calls at the head of the queue whose facts are on the disk, at most a batch of them."""
        batch: list[_Finished] = []
        limit = 1 if self._one_by_one else self._batch_calls_max
        while self._queue and len(batch) < limit:
            if not self._journal.wait_durable(self._queue[0].last_sequence, 0):
                break
            batch.append(self._queue.popleft())
        return batch

    def _becomes_durable(self) -> bool:
        """Wait for the facts of the call at the head; False when they are not on the disk and we are to stop."""
        if self._journal.wait_durable(self._queue[0].last_sequence, DURABLE_S_MAX):
            return True
        self._away("their facts are not on the journal's disk yet")
        return not self._stop.wait(timeout=self._batch_s)

    def _write_batch(self) -> None:
        """Commit the batch, or put it back: to be tried again, or to be taken apart."""
        batch, oldest_open, started = self._batch, self._oldest_without_record(), self._monotonic()
        try:
            self._off_hub.run(lambda: self._commit(batch, oldest_open))
        except OutsideError as error:
            self._put_back()
            self._away(str(error))
            self._stop.wait(timeout=self._retry_s[min(self._failures, len(self._retry_s)) - 1])
        except Exception as error:  # The database will never take this batch as it is.
            if len(batch) > 1:
                self._put_back()
                self._one_by_one = len(batch)
            else:
                self._refused(batch[0], error)
                self._done()
        else:
            self._telemetry.cdrs_written(len(batch), self._monotonic() - started)
            self._close_calls(batch)
            self._done()
            self._back()

    def _commit(self, batch: list[_Finished], oldest_open: int) -> None:
        """In the worker thread."""
        for finished in batch:
            self._pack(finished)
        self._store.write([(finished.cdr, finished.blob) for finished in batch], oldest_open)

    def _pack(self, finished: _Finished) -> None:
        if not finished.blob:
            finished.blob, finished.facts = self._compress(finished.facts), ()

    def _oldest_without_record(self) -> int:
        """The qualifier's watermark once this batch is committed: a call that is live, or that waits behind it."""
        waiting = [finished.cdr.offered_at for finished in self._queue]
        return min((at for at in (self._oldest_open(), *waiting) if at), default=0)

    def _put_back(self) -> None:
        self._queue.extendleft(reversed(self._batch))
        self._batch = []

    def _done(self) -> None:
        self._one_by_one = max(0, self._one_by_one - len(self._batch))
        self._batch = []

    def _close_calls(self, batch: list[_Finished]) -> None:
        for finished in batch:
            try:
                self._journal.close_call(finished.cdr.call_id)
            except OutsideError:
                return  # After a restart they are written once more, which changes nothing.

    def _away(self, detail: str) -> None:
        self._failures += 1
        self._telemetry.cdr_write_failed()
        if self._told != detail:
            self._told = detail
            self._log("cdrs_not_written", waiting=self.pending, detail=detail)

    def _back(self) -> None:
        if self._failures:
            self._log("cdrs_written_again", after_failures=self._failures, waiting=self.pending)
            self._failures, self._told = 0, ""

    def _refused(self, finished: _Finished, error: Exception) -> None:
        """Set aside what can never be written. The journal keeps its call open, so a mended version finds it."""
        self._telemetry.bug("cdr")
        detail = f"{type(error).__name__}: {error}"[:DETAIL_CHARS_MAX]
        self._log("cdr_refused", finished.cdr.call_id, detail=detail)
