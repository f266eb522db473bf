"""Finished calls to the database, in batches, each once: nothing is lost while the database is away.

Order of a call's last steps: its facts are durable in the journal, its CDR is committed, the journal closes it. A crash
between any two repeats the later ones; writing a CDR twice is harmless. A batch that the database cannot take now is
tried again for ever; a call that it refuses for good stays in the journal and is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import gevent
from gevent import Greenlet
from gevent.event import Event as Signal

from ppc_engine.calls.record import CDR
from ppc_engine.engine.dispatcher import Log
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.ports import CallJournal, Telemetry
from ppc_engine.values.errors import OutsideError

BATCH_CALLS_MAX = 500
BATCH_PAUSE_S = 0.2  # So long a finished call may wait for others to share its commit.
DURABLE_S_MAX = 2.0  # The journal flushes every 50 ms; later than this it has trouble, and says so itself.
RETRY_S = (0.5, 1.0, 2.0, 5.0)

Finished = tuple[CDR, list[dict[str, Any]], int]  # the record, its facts, the sequence of the last one


class BatchStore(Protocol):
    """A CDRStore that keeps the qualifier's watermark in the same transaction."""

    def write(self, finished: Iterable[tuple[CDR, bytes]], oldest_open_at: int | None = None) -> None: ...


class CDRBatcher:
    """Takes finished calls and writes them. ``oldest_open``: offered_at of the oldest live call, 0 for none."""

    def __init__(
        self,
        journal: CallJournal,
        store: BatchStore,
        *,
        compress: Callable[[Sequence[dict[str, Any]]], bytes],
        oldest_open: Callable[[], int],
        off_hub: OffHub,
        telemetry: Telemetry,
        log: Log,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None] = gevent.sleep,
    ) -> None:
        self._journal = journal
        self._store = store
        self._compress = compress
        self._oldest_open = oldest_open
        self._off_hub = off_hub
        self._telemetry = telemetry
        self._log = log
        self._monotonic = monotonic
        self._sleep = sleep
        self._waiting: deque[tuple[float, Finished]] = deque()
        self._work = Signal()
        self._stopping = False
        self._failures = 0
        self._greenlet: Greenlet | None = None

    @property
    def pending(self) -> int:
        """Finished calls that are not committed yet."""
        return len(self._waiting)

    def gauges(self) -> dict[str, Callable[[], float]]:
        """Gauges by their key in telemetry."""
        oldest = self._waiting
        return {
            "cdr_backlog": lambda: len(self._waiting),
            "journal_oldest_s": lambda: self._monotonic() - oldest[0][0] if oldest else 0.0,
        }

    def submit(self, cdr: CDR, facts: list[dict[str, Any]], last_sequence: int) -> None:
        """Take a finished call; returns at once."""
        self._waiting.append((self._monotonic(), (cdr, facts, last_sequence)))
        self._work.set()

    def start(self) -> None:
        """Begin to write."""
        self._greenlet = gevent.spawn(self._run)
        self._greenlet.name = "cdr_batches"

    def stop(self, timeout_s: float) -> int:
        """Write what is waiting, as long as that takes no longer; returns what is left (it stays in the journal)."""
        self._stopping = True
        self._work.set()
        if self._greenlet is not None:
            self._greenlet.join(timeout_s)
            self._greenlet.kill()
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            self._work.wait()
            if not self._waiting:
                if self._stopping:
                    return
                self._work.clear()
                continue
            if not self._stopping:
                self._sleep(BATCH_PAUSE_S)
            batch = [finished for _, finished in list(self._waiting)[:BATCH_CALLS_MAX]]
            if self._commit(batch):
                for _ in batch:
                    self._waiting.popleft()
            else:
                self._sleep(RETRY_S[min(self._failures, len(RETRY_S)) - 1])

    def _commit(self, batch: list[Finished]) -> bool:
        """Whether the batch is dealt with, so that the next may follow."""
        if not self._journal.wait_durable(max(sequence for _, _, sequence in batch), DURABLE_S_MAX):
            return self._failed("the journal is not on the disk yet")
        started = self._monotonic()
        try:
            self._write(batch)
        except OutsideError as error:
            return self._failed(str(error))
        except Exception as error:
            self._log("cdr_batch_refused", calls=len(batch), detail=f"{type(error).__name__}: {error}"[:300])
            return self._one_by_one(batch)
        self._succeeded(len(batch), self._monotonic() - started)
        return True

    def _write(self, batch: list[Finished]) -> None:
        still_open = [cdr.offered_at for _, (cdr, _, _) in list(self._waiting)[len(batch) :]]
        oldest = min([at for at in (self._oldest_open(), *still_open) if at], default=0)
        compress = self._compress
        self._off_hub.run(lambda: self._store.write([(cdr, compress(facts)) for cdr, facts, _ in batch], oldest))
        for cdr, _, _ in batch:
            self._journal.close_call(cdr.call_id)

    def _one_by_one(self, batch: list[Finished]) -> bool:
        """One call of a batch is refused for good: the others are written, it stays in the journal, loudly."""
        for finished in batch:
            try:
                self._write([finished])
            except OutsideError as error:
                return self._failed(str(error))
            except Exception as error:
                self._telemetry.bug("cdr")
                self._log("cdr_refused", finished[0].call_id, detail=f"{type(error).__name__}: {error}"[:300])
        self._succeeded(len(batch), 0.0)
        return True

    def _failed(self, detail: str) -> bool:
        self._failures += 1
        self._telemetry.cdr_write_failed()
        if self._failures == 1:
            self._log("cdrs_not_written", waiting=len(self._waiting), detail=detail)
        return False

    def _succeeded(self, count: int, seconds: float) -> None:
        if self._failures:
            self._log("cdrs_written_again", after_failures=self._failures)
        self._failures = 0
        self._telemetry.cdrs_written(count, seconds)
