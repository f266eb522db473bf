"""Owner of every greenlet that lives as long as the engine: each has a name, a loud death and an end.

A call's own greenlets come and go with its events (call_runner.py); what runs for ever is spawned here only.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent import Greenlet

RESTART_PAUSE_S = 1.0  # A service that died of a bug comes back after this, so that it cannot spin.


class Supervisor:
    """Runs services until ``stop``. A service that raises is a bug: it is told, counted and started again."""

    def __init__(self, on_bug: Callable[[str, BaseException], None]) -> None:
        self._on_bug = on_bug
        self._greenlets: list[Greenlet] = []
        self.stopping = False

    def spawn(self, name: str, run: Callable[[], None]) -> None:
        """Run ``run`` in a greenlet of this name until it returns or the engine stops."""

        def guarded() -> None:
            while not self.stopping:
                try:
                    run()
                    return
                except Exception as error:
                    self._on_bug(name, error)
                    gevent.sleep(RESTART_PAUSE_S)

        greenlet = gevent.spawn(guarded)
        greenlet.name = name
        self._greenlets.append(greenlet)

    def stop(self, timeout_s: float) -> None:
        """End every service; those that do not look up in time are killed."""
        self.stopping = True
        gevent.joinall(self._greenlets, timeout=timeout_s)
        gevent.killall(self._greenlets, timeout=timeout_s)
        self._greenlets.clear()
