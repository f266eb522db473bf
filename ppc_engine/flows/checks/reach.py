"""Nodes that no call reaches, flows that nobody uses, and nodes from which no call ever ends."""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.checks.graph import Place, Walk, circles, goes_to, returns_by, sub_flow
from ppc_engine.values.errors import Issue


def unreachable(case: FlowCase) -> Iterator[Issue]:
    """Nodes that no way leads to. Not told of flows that lead to, or are led to by, one with a part missing."""
    walk: Walk[bool] = Walk(case.drafts, lambda *_: True, lambda *_: True)
    for flow in case.entries():
        walk.run(flow, True)
    unclear = _unclear(case)
    for flow, draft in case.drafts.items():
        if flow in unclear:
            continue
        if not any((flow, name) in walk.at for name in draft.nodes):
            yield draft.document.issue(("id",), "no call ever comes to this flow (lead to it, or remove it)", "warning")
            continue
        for name in draft.nodes:
            if (flow, name) not in walk.at:
                message = f'no way leads to "{name}" (lead an exit to it, or remove it)'
                yield case.issue((flow, name), message, "warning")


def unused(case: FlowCase) -> Iterator[Issue]:
    """Flows that neither a campaign nor another flow uses."""
    if case.catalog is None:
        return
    used = {campaign.flow for campaign in case.catalog.campaigns.values()}
    for flow in case.entries():
        if flow not in used:
            message = "no campaign and no other flow uses this flow (name it in a campaign, or remove the file)"
            yield case.drafts[flow].document.issue(("id",), message, "warning")


def stray_returns(case: FlowCase) -> Iterator[Issue]:
    """A return in a flow that a call may begin with: nothing called it, so the call ends there."""
    for flow in case.entries():
        walk: Walk[bool] = Walk(case.drafts, lambda *_: True, lambda *_: True)
        walk.run(flow, True)
        for name, node in case.drafts[flow].nodes.items():
            if returns_by(node) and (flow, name) in walk.at:
                message = "nothing called this flow, so a return ends the call (write a hangup)"
                yield case.issue((flow, name), message, "warning")


def dead_ends(case: FlowCase) -> Iterator[Issue]:
    """Loops that no way leads out of: such a call ends only when the caller gives up, or at the limit of nodes."""
    dead = _never_ending(case)
    edges = {place: [(place[0], to) for _, to in case.drafts[place[0]].ways(place[1])] for place in dead}
    for circle in circles(edges):
        way = " > ".join([*(name for _, name in circle), circle[0][1]])
        yield case.issue(circle[0], f"no way from here ends the call: {way} (lead an exit to a hangup)")


def _never_ending(case: FlowCase) -> set[Place]:
    """Places from which neither an end of the call nor a return is reached."""
    places = [(flow, name) for flow, draft in case.drafts.items() for name in draft.nodes]
    ends = {place for place in places if _ends_here(case, place)}
    returns = {place for place in places if returns_by(case.node(place))}
    _spread(case, places, ends, into_flows=True)
    _spread(case, places, returns, into_flows=False)
    return {place for place in places if place not in ends and place not in returns}


def _ends_here(case: FlowCase, place: Place) -> bool:
    """A hangup; and what is not known to be none, because a part of the flow, or the flow led to, is missing."""
    draft, node = case.drafts[place[0]], case.node(place)
    if returns_by(node):
        return place[0] in case.entries()
    if any(flow not in case.drafts or not case.drafts[flow].start for flow in node.flow_names().values()):
        return True
    if len(draft.ways(place[1])) < len(node.exits) or node.exit_names() - set(node.exits):
        return True
    return not node.exits and not sub_flow(node) and goes_to(node) is None


def _spread(case: FlowCase, places: list[Place], ends: set[Place], *, into_flows: bool) -> None:
    """Add every place that leads to one of ``ends``."""
    changed = True
    while changed:
        changed = False
        for place in reversed(places):
            if place not in ends and any(to in ends for to in _onward(case, place, into_flows)):
                ends.add(place)
                changed = True


def _onward(case: FlowCase, place: Place, into_flows: bool) -> Iterator[Place]:
    node = case.node(place)
    for _, to in case.drafts[place[0]].ways(place[1]):
        yield place[0], to
    if into_flows and (called := sub_flow(node)) in case.drafts:
        yield called, case.drafts[called].start
    if (target := goes_to(node)) and target[0] in case.drafts:
        yield target[0], target[1] or case.drafts[target[0]].start


def _unclear(case: FlowCase) -> set[str]:
    """Flows of which a part is missing, and all that are linked with one, however far."""
    links: dict[str, set[str]] = {flow: set() for flow in case.drafts}
    unclear = {flow for flow, draft in case.drafts.items() if not draft.whole or not draft.start}
    for flow, draft in case.drafts.items():
        for node in draft.nodes.values():
            for other in node.flow_names().values():
                if other in links:
                    links[flow].add(other)
                    links[other].add(flow)
                else:
                    unclear.add(flow)
    todo = list(unclear)
    while todo:
        for other in links[todo.pop()] - unclear:
            unclear.add(other)
            todo.append(other)
    return unclear
