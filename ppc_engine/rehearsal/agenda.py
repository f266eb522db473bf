"""What will happen in a rehearsal, in the order of time: the only clock that it has."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from ppc_engine.calls.events import Event

AT_ONCE, LATER = 0, 1


@dataclass(slots=True, order=True)
class Plan:
    """Something that will happen at ``at`` (UTC microseconds) unless it is called off. ``make`` gives its event, None
    when it only changes the world."""

    at: int
    rank: int
    number: int
    make: Callable[[], Event | None] = field(compare=False)
    called_off: bool = field(default=False, compare=False)


class Agenda:
    """Plans by time. Answers of our own stores, and a caller's hang-up, go before all else at the same moment."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._plans: list[Plan] = []
        self._number = 0

    def add(self, after_us: int, make: Callable[[], Event | None], rank: int = LATER) -> Plan:
        """Plan something ``after_us`` microseconds from now."""
        self._number += 1
        plan = Plan(self.now + max(0, after_us), rank, self._number, make)
        heapq.heappush(self._plans, plan)
        return plan

    def next(self) -> Event | None:
        """Let time pass until something happens to the call; None when nothing ever will."""
        while self._plans:
            plan = heapq.heappop(self._plans)
            if plan.called_off:
                continue
            self.now = plan.at
            event = plan.make()
            if event is not None:
                return event
        return None
