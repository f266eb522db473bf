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
from ppc_engine.flows.nodes.goto import GotoNode
from ppc_engine.flows.nodes.returning import ReturnNode
from ppc_engine.flows.nodes.subflow import SubflowNode

Place = tuple[str, str]  # (flow, node)
V = TypeVar("V")


def sub_flow(node: Node) -> str:
    """The flow that a ``subflow`` node calls, "" for other nodes."""
    return node.flow if isinstance(node, SubflowNode) else ""


def goes_to(node: Node) -> tuple[str, str] | None:
    """(flow, node or "" for its start) that a ``goto`` leads to, None for other nodes."""
    return (node.flow, node.node or "") if isinstance(node, GotoNode) else None


def returns_by(node: Node) -> str:
    """The exit by which a ``return`` node leaves its flow, "" for other nodes."""
    return node.exit if isinstance(node, ReturnNode) else ""


def entries(drafts: Mapping[str, FlowDraft], campaign_flows: Iterable[str] = ()) -> list[str]:
    """Flows that a call may begin with: those of campaigns, and those that no other flow leads to."""
    led_to = {word for draft in drafts.values() for node in draft.nodes.values() for word in node.flow_names().values()}
    return [name for name in drafts if name not in led_to or name in set(campaign_flows)]


class Walk(Generic[V]):
    """Follows every way from an entry, carrying a value that is joined where ways meet.

    ``leave`` says what a value becomes on leaving a node by an exit ("" into a sub-flow or by a goto); ``join`` must be
    able to change a value only finitely often; ``back`` makes what follows a sub-flow out of the values before and
    after. A sub-flow is walked once for every value that it is entered with, so that one caller's ways are not mixed
    with another's. ``at`` collects the values with which each node is entered.
    """

    def __init__(
        self,
        drafts: Mapping[str, FlowDraft],
        leave: Callable[[str, str, Node, str, V], V],
        join: Callable[[V, V], V],
        back: Callable[[V, V], V] = lambda before, after: after,
    ) -> None:
        self.at: dict[Place, list[V]] = {}
        self._drafts = drafts
        self._leave = leave
        self._join = join
        self._back = back
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
                    after = self._back(value, came_back[exit_name])
                    yield to, self._leave(draft.id, name, node, exit_name, after)
        else:
            for exit_name, to in draft.ways(name):
                yield to, self._leave(draft.id, name, node, exit_name, value)


def knots(edges: Mapping[Place, Iterable[Place]]) -> list[list[Place]]:
    """Places that all lead to each other, together; every other place by itself. What is led to comes first.

    Tarjan's algorithm, with a stack of its own: a flow may be 500 nodes deep.
    """
    found: list[list[Place]] = []
    index: dict[Place, int] = {}
    low: dict[Place, int] = {}
    open_places: dict[Place, None] = {}
    for root in edges:
        todo: list[tuple[Place, Iterator[Place]]] = [] if root in index else [(root, iter(edges[root]))]
        while todo:
            place, ways = todo[-1]
            if place not in index:
                index[place] = low[place] = len(index)
                open_places[place] = None
            for to in ways:
                if to not in edges:
                    continue
                if to not in index:
                    todo.append((to, iter(edges[to])))
                    break
                if to in open_places:
                    low[place] = min(low[place], index[to])
            else:
                todo.pop()
                if todo:
                    low[todo[-1][0]] = min(low[todo[-1][0]], low[place])
                if low[place] == index[place]:
                    knot = [place]
                    while (last := open_places.popitem()[0]) != place:
                        knot.append(last)
                    found.append(knot)
    return found


def circles(edges: Mapping[Place, Iterable[Place]]) -> list[list[Place]]:
    """One circle of each knot of places that lead to each other, beginning at its smallest place."""
    return [way for knot in knots(edges) if (way := _circle(edges, knot))]


def _circle(edges: Mapping[Place, Iterable[Place]], knot: list[Place]) -> list[Place]:
    first, inside = min(knot), set(knot)
    before: dict[Place, Place] = {}
    todo = deque([first])
    while todo and first not in before:
        place = todo.popleft()
        for to in edges[place]:
            if to in inside and to not in before:
                before[to] = place
                todo.append(to)
    if first not in before:
        return []
    way = [before[first]]
    while way[-1] != first:
        way.append(before[way[-1]])
    return way[::-1]
