"""What a finished call counted on caps of volume and money: what it still held at its end, and what the verdict kept.

The engine settles this after the record was made, so it stands in no fact; it is found again by the same pure function
(billing/cap_verdicts.py) from the record, its revision and what the retold call held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ppc_engine.billing.cap_verdicts import kept_units
from ppc_engine.calls.record import CDR
from ppc_engine.calls.retelling import Retold
from ppc_engine.catalog.model import Catalog
from ppc_engine.cli.call_words import amount_told, lease_told


def settled(cdr: CDR, catalog: Catalog, retold: Retold) -> list[dict[str, Any]]:
    """Every unit that was held at the end of the call: whose, of what, how much, and how much of it counts."""
    kept = kept_units(cdr, catalog, retold.units)
    return [
        {"lease_id": lease_id, "cap": cap, "held": amount, "kept": kept.get(lease_id, {}).get(cap, 0)}
        for lease_id, held in retold.units.items()
        for cap, amount in held.items()
    ]


def unit_lines(units: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    for unit in units:
        held, kept = amount_told(unit["cap"], unit["held"]), amount_told(unit["cap"], unit["kept"])
        if not unit["kept"]:
            became = f"{held} given back: it certainly does not count"
        elif unit["kept"] < unit["held"]:
            became = f"{kept} of {held} counts, the rest is given back"
        else:
            became = f"{kept} counts"
        yield f"  {unit['cap']} ({lease_told(unit['lease_id'])}): {became}"
