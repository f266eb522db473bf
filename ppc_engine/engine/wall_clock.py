"""The clock of a real engine."""

from __future__ import annotations

import time

import gevent


class WallClock:
    """UTC from the operating system; sleeping lets other greenlets run."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def sleep(self, seconds: float) -> None:
        gevent.sleep(seconds)
