"""A clock that may run faster than the wall: one for the engine and the emulated switch, so that both live in one time.

Above speed 1 it is honest about a busy machine: while the process computes, emulated time passes only as much as one
look of the ticker allows. So a burst of work makes the run longer; it does not make every answer late.
"""

from __future__ import annotations

import time
from typing import Self

import gevent

TICK_S = 0.002
CREDIT_S_MAX = 0.004  # The hub's timers are exact to a millisecond; what is later than this was a busy hub.
SPEED_MAX = 1000.0


class ScaledClock:
    """Emulated time: ``speed`` seconds of it pass in a second of the wall.

    Start it (or use it as a context manager) to have the above; at speed 1 it is the wall's own time.
    """

    def __init__(self, speed: float = 1.0, *, start_us: int | None = None) -> None:
        if not 0 < speed <= SPEED_MAX:
            raise ValueError(f"speed {speed} is not above 0 and at most {SPEED_MAX:g}")
        self.speed = speed
        self._us = float(time.time_ns() // 1000 if start_us is None else start_us)
        self._looked = time.monotonic()
        self._ticker: gevent.Greenlet | None = None

    def start(self) -> bool:
        """Let time pass (at speed 1 it does so anyway). False when it does already: then it is not yours to stop."""
        if self.speed <= 1 or self._ticker is not None:
            return False
        self._look()
        self._ticker = gevent.spawn(self._tick)
        return True

    def stop(self) -> None:
        """End the ticker; time passes on, busy or not."""
        if self._ticker is not None:
            self._look()
            self._ticker.kill()
            self._ticker = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now_us(self) -> int:
        """UTC in emulated microseconds."""
        return int(self._us + self._credit() * self.speed * 1_000_000)

    def sleep(self, seconds: float) -> None:
        """Let other greenlets run for so long in emulated time."""
        until = self.now_us() + int(seconds * 1_000_000)
        gevent.sleep(self.wall_s(until - self.now_us()))
        while (left := until - self.now_us()) > 0:
            gevent.sleep(self.wall_s(left))

    def wall_s(self, emulated_us: int) -> float:
        """How long a span of emulated time is on the wall, if the machine is not busy."""
        return max(0.0, emulated_us / 1_000_000 / self.speed)

    def _credit(self) -> float:
        passed = time.monotonic() - self._looked
        return passed if self._ticker is None else min(passed, CREDIT_S_MAX)

    def _look(self) -> None:
        self._us += self._credit() * self.speed * 1_000_000
        self._looked = time.monotonic()

    def _tick(self) -> None:
        while True:
            gevent.sleep(TICK_S)
            self._look()
