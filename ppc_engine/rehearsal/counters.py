"""Caps in use at the beginning of a rehearsed call, as a test writes them: without the period, which is that of its
time. ``target:acme-la: 2`` are slots, ``target:acme-la/connect/day: 49`` calls, ``buyer:acme/revenue/month: 950.00``
money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.rehearsal.line import GIVEN
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


def filled_book(
    counters: Mapping[str, str], catalog: Catalog, at: int, numbers: Iterable[TrackingNumber] = ()
) -> CapBook:
    """A book in which other calls use this much."""
    book = CapBook()
    keys = {}
    if any(not is_slot(name) for name in counters):
        keys = {base_of(state.key): state.key for state in list_caps(catalog, at, numbers)}
    for name, written in counters.items():
        amount = amount_of(name, written)
        if is_slot(name):
            book.restore(f"{GIVEN}{name}", {name: amount})
        else:
            book.seed({keys[name]: amount})
    return book
