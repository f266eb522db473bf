"""What a call's facts say of its way through the flow: for tests, coverage, capture and pictures alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay in a node. ``exit`` is "" when the flow ended there, or the caller did not leave it alive."""

    node: str
    exit: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    flow: str = ""


def visits(facts: Facts) -> tuple[Visit, ...]:
    """Every stay in a node, in order; waiting in a node again and again is one stay."""
    found: list[Visit] = []
    staying = False
    for fact in facts:
        for kind, data in fact.get("d", ()):
            if kind != "node":
                continue
            visit = Visit(data["node"], data.get("exit", ""), data.get("facts", {}), data.get("flow", ""))
            if staying and (found[-1].node, found[-1].flow) == (visit.node, visit.flow):
                found.pop()
            found.append(visit)
            staying = "waits" in data
    return tuple(found)


def decisions(facts: Facts, kind: str) -> list[Mapping[str, Any]]:
    """Every decision of a kind, in order."""
    return [data for fact in facts for told, data in fact.get("d", ()) if told == kind]
