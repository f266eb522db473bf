"""What a call's facts say of its way through the flow: for tests, coverage, capture and pictures alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Facts = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay in a node. ``exit`` is "" when the flow ended there, or the caller did not leave it alive.

    ``flow`` is "" for the campaign's own flow. A node that calls a sub-flow is one visit, and its exit is what the
    sub-flow came back with; the sub-flow's own visits follow it.
    """

    node: str
    exit: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    flow: str = ""

    @property
    def name(self) -> str:
        """ "node", or "flow/node" in a sub-flow."""
        return f"{self.flow}/{self.node}" if self.flow else self.node


def visits(facts: Facts) -> tuple[Visit, ...]:
    """Every stay in a node, in order; waiting in a node again and again is one stay."""
    found: list[Visit] = []
    calling: list[int] = []  # Visits that called a sub-flow which has not come back yet.
    staying = False
    for data in decisions(facts, "node"):
        visit = Visit(data["node"], data.get("exit", ""), data.get("facts", {}), data.get("flow", ""))
        if calling and visit.exit and found[calling[-1]].name == visit.name and not staying:
            at = calling.pop()
            found[at] = replace(found[at], exit=visit.exit)
            continue
        if staying and found[-1].name == visit.name:
            found.pop()
        if "goes_to" in data:
            calling.clear()
        elif "calls" in data:
            calling.append(len(found))
        found.append(visit)
        staying = "waits" in data
    return tuple(found)


def decisions(facts: Facts, kind: str) -> list[Mapping[str, Any]]:
    """Every decision of a kind, in order."""
    return [data for fact in facts for told, data in fact.get("d", ()) if told == kind]
