"""What other calls use of caps in a rehearsal, as a test writes it: without the period, which is that of its time.

``target:acme-la: 2`` are slots, ``target:acme-la/connect/day: 49`` calls, ``buyer:acme/revenue/month: 950.00`` money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.routing.cap_book import CapBook
from ppc_engine.routing.caps import MONEY, base_of, is_slot, list_caps, measure_of
from ppc_engine.values.money import parse_micros

COUNT_MAX = 10**9


def amount_of(name: str, written: str) -> int:
    """A counter's use, in micros where it counts money. Raises ValueError."""
    if measure_of(f"{name}/") in MONEY:
        return parse_micros(written)
    if not written.isdigit() or int(written) > COUNT_MAX:
        raise ValueError(f'"{written}" is not a count (write a whole number)')
    return int(written)


def counter_names(catalog: Catalog, numbers: Iterable[TrackingNumber] = ()) -> frozenset[str]:
    """Every cap of a catalog and of these numbers, without its period."""
    return frozenset(base_of(state.key) for state in list_caps(catalog, 0, numbers))


class Others:
    """The other calls of a rehearsal: what they use of each cap, in ``book``, in the period of ``at``."""

    def __init__(self, catalog: Catalog, at: int, numbers: Iterable[TrackingNumber] = ()) -> None:
        self.book = CapBook()
        self._catalog, self._at, self._numbers = catalog, at, tuple(numbers)
        self._keys: dict[str, str] = {}

    def use(self, counters: Mapping[str, str]) -> None:
        """From now on they use this much of these caps."""
        for name, written in counters.items():
            lease, key = f"others:{name}", self._key(name)
            self.book.give(lease, {key: self.book.held(lease).get(key, 0)})
            amount = amount_of(name, written)
            if amount:
                self.book.restore(lease, {key: amount})

    def free(self, name: str) -> None:
        """One of them ends, if there is one."""
        self.book.give(f"others:{name}", {self._key(name): 1})

    def _key(self, name: str) -> str:
        if is_slot(name):
            return name
        if not self._keys:
            states = list_caps(self._catalog, self._at, self._numbers)
            self._keys = {base_of(state.key): state.key for state in states}
        return self._keys[name]
