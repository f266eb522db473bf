"""All timers of all calls in one heap, looked at in ticks of the engine's clock, which may run faster than the wall."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from ppc_engine.ports import Clock

TICK_MS = 200  # Timers are deadlines of seconds; being this late harms none of them.
DEAD_MIN = 1_000  # Fewer cancelled timers in the heap are not worth a rebuild.


class Timers:
    """Named timers by call. Starting a name again replaces it; a cancelled timer never fires."""

    def __init__(self, clock: Clock, fire: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._heap: list[tuple[int, int, str, str]] = []
        self._live: dict[str, dict[str, int]] = {}
        self._serial = itertools.count()

    def start(self, call_id: str, name: str, after_ms: int) -> None:
        """Fire (call_id, name) in ``after_ms`` of the clock's time."""
        serial = next(self._serial)
        self._live.setdefault(call_id, {})[name] = serial
        heapq.heappush(self._heap, (self._clock.now_us() + after_ms * 1000, serial, call_id, name))

    def cancel(self, call_id: str, name: str) -> None:
        """Forget one timer; an unknown name is no error."""
        names = self._live.get(call_id)
        if names is not None and names.pop(name, None) is not None and not names:
            del self._live[call_id]

    def _drop_dead(self) -> None:
        """A cancelled timer stays in the heap until it would be due, perhaps an hour: forget them once most are."""
        live = sum(len(names) for names in self._live.values())
        if len(self._heap) > 2 * live + DEAD_MIN:
            self._heap = [entry for entry in self._heap if self._live.get(entry[2], {}).get(entry[3]) == entry[1]]
            heapq.heapify(self._heap)

    def cancel_all(self, call_id: str) -> None:
        """Forget every timer of a call that is over."""
        self._live.pop(call_id, None)

    def fire_due(self) -> None:
        """Fire everything that is due now, oldest first."""
        self._drop_dead()
        now = self._clock.now_us()
        while self._heap and self._heap[0][0] <= now:
            _, serial, call_id, name = heapq.heappop(self._heap)
            if self._live.get(call_id, {}).get(name) == serial:
                self.cancel(call_id, name)
                self._fire(call_id, name)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Tick until told to stop."""
        while not stopping():
            self.fire_due()
            self._clock.sleep(TICK_MS / 1000)
