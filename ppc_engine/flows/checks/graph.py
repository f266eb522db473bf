"""Flows as one graph: what leads where, through ``goto``, sub-flows and ``return`` too.

The ways are asked for by what the call does at a node, not by what is drawn: a sub-flow's exits lead on where the
sub-flow comes back by them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from ppc_engine.flows.drafts import FlowDraft
from ppc_engine.flows.model import Node

Place = tuple[str, str]  # (flow, node)
V = TypeVar("V")


def sub_flow(node: Node) -> str:
    """The flow that a ``subflow`` node calls, "" for other nodes."""
    return str(getattr(node, "flow", "")) if getattr(node, "type", "") == "subflow" else ""


def goes_to(node: Node) -> tuple[str, str] | None:
    """(flow, node or "" for its start) that a ``goto`` leads to, None for other nodes."""
    if getattr(node, "type", "") != "goto":
        return None
    return str(getattr(node, "flow", "")), str(getattr(node, "node", None) or "")


def returns_by(node: Node) -> str:
    """The exit by which a ``return`` node leaves its flow, "" for other nodes."""
    return str(getattr(node, "exit", "")) if getattr(node, "type", "") == "return" else ""


def entries(drafts: Mapping[str, FlowDraft], campaign_flows: Iterable[str] = ()) -> list[str]:
    """Flows that a call may begin with: those of campaigns, and those that no other flow leads to."""
    led_to = {word for draft in drafts.values() for node in draft.nodes.values() for word in node.flow_names().values()}
    return [name for name in drafts if name not in led_to or name in set(campaign_flows)]


class Walk(Generic[V]):
    """Follows every way from an entry, carrying a value that is joined where ways meet.

    ``leave`` says what a value becomes on leaving a node by an exit ("" into a sub-flow or by a goto); ``join`` must be
    able to change a value only finitely often. A sub-flow is walked once for every value that it is entered with, so
    that one caller's ways are not mixed with another's. ``at`` collects the values with which each node is entered.
    """

    def __init__(
        self,
        drafts: Mapping[str, FlowDraft],
        leave: Callable[[str, str, Node, str, V], V],
        join: Callable[[V, V], V],
    ) -> None:
        self.at: dict[Place, list[V]] = {}
        self._drafts = drafts
        self._leave = leave
        self._join = join
        self._returns: dict[tuple[str, str, V], dict[str, V]] = {}

    def run(self, flow: str, value: V, start: str = "") -> dict[str, V]:
        """Walk a flow; returns the value by each exit by which it comes back."""
        draft = self._drafts.get(flow)
        start = start or (draft.start if draft else "")
        if draft is None or start not in draft.nodes:
            return {}
        key = (flow, start, value)
        if key in self._returns:
            return self._returns[key]
        returns = self._returns[key] = {}  # A sub-flow that calls itself comes back by nothing: told elsewhere.
        at: dict[str, V] = {start: value}
        todo = deque([start])
        while todo:
            name = todo.popleft()
            for to, arriving in self._onward(draft, name, at[name], returns):
                joined = self._join(at[to], arriving) if to in at else arriving
                if to not in at or joined != at[to]:
                    at[to] = joined
                    todo.append(to)
        for name, entered in at.items():
            self.at.setdefault((flow, name), []).append(entered)
        return returns

    def _onward(self, draft: FlowDraft, name: str, value: V, returns: dict[str, V]) -> Iterator[tuple[str, V]]:
        node = draft.nodes[name]
        if exit_name := returns_by(node):
            back = self._leave(draft.id, name, node, exit_name, value)
            returns[exit_name] = self._join(returns[exit_name], back) if exit_name in returns else back
        elif target := goes_to(node):
            self.run(target[0], self._leave(draft.id, name, node, "", value), target[1])
        elif called := sub_flow(node):
            came_back = self.run(called, self._leave(draft.id, name, node, "", value))
            for exit_name, to in draft.ways(name):
                if exit_name in came_back:
                    yield to, self._leave(draft.id, name, node, exit_name, came_back[exit_name])
        else:
            for exit_name, to in draft.ways(name):
                yield to, self._leave(draft.id, name, node, exit_name, value)


def circles(edges: Mapping[Place, Iterable[Place]]) -> list[list[Place]]:
    """One circle of each knot of places that lead to each other, its smallest place first."""
    found: list[list[Place]] = []
    done: set[Place] = set()
    for first in sorted(edges):
        if first in done:
            continue
        way = _way_back(edges, first)
        if way:
            found.append(way)
            done |= _knot(edges, first)
    return found


def _reached(edges: Mapping[Place, Iterable[Place]], first: Place) -> dict[Place, Place]:
    """Every place that can be reached from one, with the place before it on a shortest way."""
    before: dict[Place, Place] = {}
    todo = deque([first])
    while todo:
        place = todo.popleft()
        for to in edges.get(place, ()):
            if to not in before:
                before[to] = place
                todo.append(to)
    return before


def _way_back(edges: Mapping[Place, Iterable[Place]], first: Place) -> list[Place]:
    before = _reached(edges, first)
    if first not in before:
        return []
    way = [before[first]]
    while way[-1] != first:
        way.append(before[way[-1]])
    return way[::-1]


def _knot(edges: Mapping[Place, Iterable[Place]], first: Place) -> set[Place]:
    return {place for place in _reached(edges, first) if first in _reached(edges, place)}
