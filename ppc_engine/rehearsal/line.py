"""The line of a queue in a rehearsal: others who wait before the caller, and units of caps that come free meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ppc_engine.calls.commands import JoinQueue, LeaveQueue
from ppc_engine.calls.events import Event, QueueFull, QueueJoined, QueueTurn
from ppc_engine.rehearsal.agenda import AT_ONCE, Agenda
from ppc_engine.rehearsal.cases import Change
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import MS


class Line:
    """``ahead`` callers wait already, and each takes one unit that comes free. ``frees`` maps a counter to the
    milliseconds after the offer at which one of its units does; ``changes`` are what others use from then on.
    """

    def __init__(
        self,
        agenda: Agenda,
        call_id: str,
        others: Others,
        *,
        ahead: int,
        frees: Mapping[str, tuple[int, ...]],
        changes: Sequence[Change],
    ) -> None:
        self._agenda = agenda
        self._call_id = call_id
        self._others = others
        self._ahead = ahead
        self._queue = ""
        for cap, moments in frees.items():
            for after_ms in moments:
                agenda.add(after_ms * MS, lambda cap=cap: self._freed(cap))  # type: ignore[misc]
        self._at_choice = {change.at_choice: change for change in changes if change.at_choice is not None}
        self._choices = 0
        for change in changes:
            if change.after_ms is not None:
                agenda.add(change.after_ms * MS, lambda change=change: self._changed(change))  # type: ignore[misc]

    def join(self, command: JoinQueue) -> None:
        """Answered at once: the place in the line, or that it is full. A limit of 0 refuses nobody."""
        full = not self._queue and 0 < command.callers_max <= self._ahead
        at = self._agenda.now
        event: Event
        if full:
            limit = command.callers_max
            event = QueueFull(call_id=self._call_id, at=at, queue=command.queue, waiting=self._ahead, limit=limit)
        else:
            self._queue = command.queue
            place = self._ahead + 1
            event = QueueJoined(call_id=self._call_id, at=at, queue=command.queue, position=place, waiting=place)
        self._agenda.add(0, lambda: event, AT_ONCE)

    def leave(self, _command: LeaveQueue) -> None:
        self._queue = ""

    def _freed(self, cap: str) -> Event | None:
        """Whoever is first in the line gets the unit, if only the turn to try."""
        if self._ahead:
            self._ahead -= 1
            return None
        self._others.free(cap)
        return self._turn()

    def chooses(self) -> None:
        """The call is about to choose, once more."""
        self._choices += 1
        if self._choices in self._at_choice:
            self._others.use(self._at_choice[self._choices].counters)

    def _changed(self, change: Change) -> Event | None:
        """What came free was enough for everybody who waited before."""
        self._others.use(change.counters)
        self._ahead = 0
        return self._turn()

    def _turn(self) -> Event | None:
        if not self._queue:
            return None
        return QueueTurn(call_id=self._call_id, at=self._agenda.now, queue=self._queue)
