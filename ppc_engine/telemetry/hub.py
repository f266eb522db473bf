"""Watches the event loop: how late it comes back to a sleeper is how long every call was kept waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent

TICK_S = 0.5
LATE_S = 1.0  # Told in the log: somebody held the loop for a second.
STALLED_S = 5.0  # Without a tick for so long the watcher itself is gone.


class HubWatch:
    """Sleeps, and measures by how much it overslept. Owns one greenlet between ``start`` and ``stop``."""

    def __init__(
        self,
        observe: Callable[[float], None],
        on_late: Callable[[float], None],
        sleep: Callable[[float], None] = gevent.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observe = observe
        self._on_late = on_late
        self._sleep = sleep
        self._monotonic = monotonic
        self._ticked_at = monotonic()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._ticked_at = self._monotonic()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End watching; returns when the greenlet is gone."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def _run(self) -> None:
        while True:
            self.tick()

    def tick(self) -> None:
        """One sleep, measured."""
        asked_at = self._monotonic()
        self._sleep(TICK_S)
        self._ticked_at = self._monotonic()
        late_s = max(self._ticked_at - asked_at - TICK_S, 0.0)
        self._observe(late_s)
        if late_s >= LATE_S:
            self._on_late(late_s)

    def complaint(self) -> str:
        """Why the event loop is not well, "" when it is."""
        silent_s = self._monotonic() - self._ticked_at
        return f"the event loop has not ticked for {silent_s:.1f} s" if silent_s > STALLED_S else ""
