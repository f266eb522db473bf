"""What the carriers charge for a call: one line a leg that was answered, bridged or not.

Source: semantics.md, "Conversions, terms and money": cost is micros, half-even, once a leg, and is never reversed.
"""

from __future__ import annotations

from ppc_engine.billing.verdict import CostLine
from ppc_engine.calls.record import CDR
from ppc_engine.catalog.model import Catalog

INBOUND = "in"


def cost_lines(cdr: CDR, catalog: Catalog) -> tuple[CostLine, ...]:
    """The caller's leg from answer to end, and every target's leg from its answer to its end, where they are priced."""
    lines = []
    trunk = catalog.trunks.get(cdr.trunk)
    if trunk is not None and trunk.price is not None and cdr.answered_at:
        length_ms = max(0, cdr.ended_at - cdr.answered_at) // 1000
        cost = trunk.price.cost_micros(length_ms)
        lines.append(CostLine(leg=INBOUND, carrier=trunk.id, length_ms=length_ms, cost_micros=cost))
    gateways = {
        gateway.id: (trunk.id, gateway.price) for trunk in catalog.trunks.values() for gateway in trunk.gateways
    }
    for attempt in cdr.attempts:
        known = catalog.targets.get(attempt.target)
        priced = gateways.get(known[1].gateway or "") if known else None
        if priced is not None and attempt.target_answered_at:
            carrier, price = priced
            length_ms = max(0, attempt.ended_at - attempt.target_answered_at) // 1000
            cost = price.cost_micros(length_ms)
            lines.append(CostLine(leg=str(attempt.number), carrier=carrier, length_ms=length_ms, cost_micros=cost))
    return tuple(lines)
