"""The one thread that may wait for a disk or a database, so that the event loop never does.

One thread, because SQLite has one writer and because a greenlet that is killed must never leave a transaction half
spoken: work that has begun runs to its end (reference B3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gevent.threadpool import ThreadPool

T = TypeVar("T")


class OffHub:
    """Runs one piece of work after another in a thread of its own; the calling greenlet waits, no other does."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, or what it raised."""
        result: T = self._pool.apply(work)
        return result

    def stop(self) -> None:
        """Let what runs come to its end, then end the thread."""
        self._pool.join()
        self._pool.kill()
