"""Who waits in which queue, in the order of coming, and whose turn it is when something may have come free.

It decides nothing: it asks the core of one waiting call after another whether a turn would lead to a dial now, and
gives the turn to each for whom it would. Looked at after every release of a slot, and now and then for what comes free
by the clock (paces, hours, an operator's resume). In memory only: after a restart every waiting call joins again, with
the time it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ppc_engine.calls.commands import JoinQueue
from ppc_engine.calls.events import Event, QueueFull, QueueJoined, QueueTurn
from ppc_engine.ports import Clock

LOOK_EVERY_S = 0.25
LOOK_ANYWAY_S = 2.0
PEEKS_AT_ONCE = 20  # Then other greenlets run: a peek is a whole choice, and a thousand callers may wait.


class Waiting(Protocol):
    """A call that may stand in a line (call_runner.CallRunner)."""

    call_id: str

    @property
    def in_line(self) -> bool:
        """Whether it still looks for a target at all."""

    def could_be_served(self) -> bool:
        """Whether a turn would lead to a dial now."""

    def post(self, event: Event) -> None:
        """Hand it an event."""


@dataclass(order=True, slots=True)
class _Place:
    since: int
    call_id: str
    call: Waiting = field(compare=False)


class QueueBoard:
    """The lines of all queues of one engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, list[_Place]] = {}
        self._changed = False
        self._looked_at = 0

    def join(self, call: Waiting, command: JoinQueue) -> Event:
        """Put a call into a line, once, and say where it stands; or that too many wait already."""
        line = self._pruned(command.queue)
        at = self._clock.now_us()
        place = next((place for place in line if place.call_id == command.call_id), None)
        if place is None:
            if command.callers_max and len(line) >= command.callers_max:
                return QueueFull(
                    call_id=command.call_id,
                    at=at,
                    queue=command.queue,
                    waiting=len(line),
                    limit=command.callers_max,
                )
            place = _Place(command.since, command.call_id, call)
            line.append(place)
            line.sort()
            self._lines[command.queue] = line
            self._changed = True
        position = line.index(place) + 1
        return QueueJoined(call_id=command.call_id, at=at, queue=command.queue, position=position, waiting=len(line))

    def leave(self, call_id: str, queue: str) -> None:
        """Take a call out of a line; it need not stand in it."""
        line = [place for place in self._lines.get(queue, ()) if place.call_id != call_id]
        if line:
            self._lines[queue] = line
        else:
            self._lines.pop(queue, None)

    def came_free(self) -> None:
        """A slot was given back: somebody may be served."""
        self._changed = True

    def waiting(self) -> dict[str, int]:
        """How many callers wait, by queue."""
        return {queue: len(self._pruned(queue)) for queue in list(self._lines)}

    def run(self, stopping: Callable[[], bool]) -> None:
        """Look until told to stop."""
        while not stopping():
            self._clock.sleep(LOOK_EVERY_S)
            due = self._clock.now_us() - self._looked_at >= LOOK_ANYWAY_S * 1_000_000
            if self._lines and (self._changed or due):
                self.look()

    def look(self) -> None:
        """Give a turn to everybody for whom it would lead to a dial, who came first first."""
        self._changed, self._looked_at = False, self._clock.now_us()
        places = sorted((place, queue) for queue in list(self._lines) for place in self._pruned(queue))
        for number, (place, queue) in enumerate(places, 1):
            # Who was first may be gone by now, and a slot taken: each is asked when its turn has come.
            if place.call.in_line and place.call.could_be_served():
                place.call.post(QueueTurn(call_id=place.call_id, at=self._clock.now_us(), queue=queue))
            if number % PEEKS_AT_ONCE == 0:
                self._clock.sleep(0)

    def _pruned(self, queue: str) -> list[_Place]:
        """A line without calls that are over: they need not have said goodbye."""
        line = [place for place in self._lines.get(queue, ()) if place.call.in_line]
        if queue in self._lines:
            self._lines[queue] = line
            if not line:
                del self._lines[queue]
        return line
