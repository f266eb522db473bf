"""Loops that take neither time nor input: such a call runs in a circle until the limit of nodes ends it."""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.checks.graph import Place, circles, goes_to, returns_by, sub_flow
from ppc_engine.flows.model import Node
from ppc_engine.values.errors import Issue

# Nobody was rung: a node that waits for targets comes back by these at once.
AT_ONCE_EXITS = frozenset({"no_match", "all_closed", "all_capped", "full"})


def endless_loops(case: FlowCase) -> Iterator[Issue]:
    """Circles of ways that are passed at once, through sub-flows and gotos too."""
    passed: dict[str, frozenset[str]] = {}
    edges = {
        (flow, name): list(_at_once(case, (flow, name), passed))
        for flow, draft in case.drafts.items()
        for name in draft.nodes
    }
    for circle in circles(edges):
        flow = circle[0][0]
        names = [name if other == flow else f"{other}/{name}" for other, name in circle]
        way = " > ".join([*names, names[0]])
        message = f"a loop that takes neither time nor input: {way} (put a play, a question or a hangup into it)"
        yield case.issue(circle[0], message)


def _at_once(case: FlowCase, place: Place, passed: dict[str, frozenset[str]]) -> Iterator[Place]:
    """Where a call may be in the same moment."""
    flow, name = place
    node = case.node(place)
    if (target := goes_to(node)) and target[0] in case.drafts:
        yield target[0], target[1] or case.drafts[target[0]].start
    called = sub_flow(node)
    exits = _passed_at_once(case, called, passed) if called in case.drafts else frozenset()
    for exit_name, to in case.drafts[flow].ways(name):
        if exit_name in exits if called else _passes_at_once(node, exit_name):
            yield flow, to


def _passes_at_once(node: Node, exit_name: str) -> bool:
    return not node.WAITS or exit_name in AT_ONCE_EXITS


def _passed_at_once(case: FlowCase, flow: str, passed: dict[str, frozenset[str]]) -> frozenset[str]:
    """The exits by which a sub-flow may come back without having taken any time."""
    if flow in passed:
        return passed[flow]
    passed[flow] = frozenset()  # A sub-flow that calls itself is told elsewhere.
    exits: set[str] = set()
    seen = {case.drafts[flow].start} & set(case.drafts[flow].nodes)
    todo = list(seen)
    while todo:
        name = todo.pop()
        if exit_name := returns_by(case.drafts[flow].nodes[name]):
            exits.add(exit_name)
        for other, to in _at_once(case, (flow, name), passed):
            if other == flow and to not in seen:
                seen.add(to)
                todo.append(to)
    passed[flow] = frozenset(exits)
    return passed[flow]
