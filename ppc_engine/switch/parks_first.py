"""In which order the events of one read are taken: new calls first, because somebody waits for each of them.

The switch sends its events in clumps, every 20 ms (mod_event_socket.c, read_packet). Taking the bridges and ends of a
clump before its parks let the first command of a call wait for the bookkeeping of others. The order of events about one
call never changes: every event of a call or of its legs holds the call's UUID.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ppc_engine.switch.decode import event_name

_UNIQUE_ID = re.compile(rb'"Unique-ID":"([0-9a-f-]{36})"')


class ParksFirst:
    """``read`` takes each event body, at once or a moment later, and raises nothing; ``soon`` calls a function when
    everything that was received has been handed over."""

    def __init__(self, read: Callable[[bytes], None], soon: Callable[[Callable[[], None]], object]) -> None:
        self._read = read
        self._soon = soon
        self._waiting: list[bytes] = []

    def take(self, body: bytes) -> None:
        """The next event of the switch."""
        if event_name(body) != "CHANNEL_PARK":
            self._waiting.append(body)
            if len(self._waiting) == 1:
                self._soon(self.take_rest)
            return
        if self._waiting and self._is_known(body):
            self.take_rest()
        self._read(body)

    def take_rest(self) -> None:
        """All that waits, in the order of the switch."""
        waiting, self._waiting = self._waiting, []
        for body in waiting:
            self._read(body)

    def _is_known(self, park: bytes) -> bool:
        """Whether something that waits may be about this call; so also when the call cannot be told."""
        found = _UNIQUE_ID.search(park)
        return found is None or any(found[1] in body for body in self._waiting)
