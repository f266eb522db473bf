"""The one thread that may wait for a disk or a database, so that the event loop never does.

One thread, because SQLite has one writer and because a greenlet that is killed must never leave a transaction half
spoken: work that has begun runs to its end (reference B3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent.threadpool import ThreadPool

T = TypeVar("T")

STOP_S_MAX = 10.0  # A disk that does not answer for longer is left to the end of the process.


class OffHub:
    """Runs one piece of work after another in a thread of its own; the calling greenlet waits, no other does."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, or what it raised."""
        result, error = self._pool.apply(_outcome, (work,))
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        """Let what runs come to its end, then end the thread."""
        with gevent.Timeout(STOP_S_MAX, False):
            self._pool.join()
            self._pool.kill()


def _outcome(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """What work gave or raised: gevent prints a traceback of everything that its worker lets through."""
    try:
        return work(), None
    except Exception as error:
        return None, error
