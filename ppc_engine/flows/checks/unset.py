"""Tags, arguments and histories that a node looks at before anybody set them: they would read as ""."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.checks.graph import Walk, sub_flow
from ppc_engine.flows.drafts import FlowDraft
from ppc_engine.flows.model import Node
from ppc_engine.flows.nodes.caller_history import CallerHistoryNode
from ppc_engine.flows.nodes.goto import GotoNode
from ppc_engine.flows.nodes.lookup import LookupNode
from ppc_engine.flows.nodes.subflow import SubflowNode
from ppc_engine.values.errors import Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is certainly known when a call comes to a node."""

    tags: frozenset[str] = frozenset()
    args: frozenset[str] = frozenset()
    history: bool = False


def read_before_set(case: FlowCase) -> Iterator[Issue]:
    """Every node that looks at something which is not set on every way to it."""
    walk: Walk[Known] = Walk(case.drafts, _leave, _join, lambda before, after: replace(after, args=before.args))
    for flow in case.entries():
        walk.run(flow, Known())
    nodes = [node for draft in case.drafts.values() for node in draft.nodes.values()]
    set_somewhere = {tag for node in nodes for exit_name in node.exits for tag in node.tags_set(exit_name)}
    looked_up = {tag for node in nodes if isinstance(node, LookupNode) for tag in node.take}
    looked_up |= {"sticky_target" for node in nodes if isinstance(node, CallerHistoryNode) and node.sticky != "no"}
    for place, values in walk.at.items():
        node = case.node(place)
        known = values[0]
        for value in values[1:]:
            known = _join(known, value)
        for tag in sorted(node.tags_read() - known.tags):
            if tag in looked_up:
                message = f"reads tags.{tag}, which a look-up may not have found (ask has(tags.{tag}) first)"
            else:
                message = _tag_told(case.drafts[place[0]], place[1], tag, set_somewhere)
            yield case.issue(place, message, "warning")
        for arg in sorted(node.args_read() - known.args):
            yield case.issue(place, f'reads args.{arg}, which not every node that leads to "{place[0]}" gives (add it)')
        if node.reads_history() and not known.history:
            message = "looks at history, which was not asked for on every way (put a caller_history before it)"
            yield case.issue(place, message, "warning")


def _leave(flow: str, name: str, node: Node, exit_name: str, known: Known) -> Known:
    if isinstance(node, (SubflowNode, GotoNode)) and not exit_name:  # With its arguments and no others.
        return replace(known, args=frozenset(node.args))
    history = known.history or isinstance(node, CallerHistoryNode)
    return Known(tags=known.tags | node.tags_set(exit_name), args=known.args, history=history)


def _join(one: Known, other: Known) -> Known:
    history = one.history and other.history
    return Known(tags=one.tags & other.tags, args=one.args & other.args, history=history)


def _tag_told(draft: FlowDraft, name: str, tag: str, set_somewhere: set[str]) -> str:
    if tag not in set_somewhere:
        return f"reads tags.{tag}, which no node sets (set it before, or be sure that a trusted trunk sends it)"
    way = _way_without(draft, name, tag)
    if not way:
        return f"reads tags.{tag}, which is not set on every way to this flow (set it on all of them)"
    return f"reads tags.{tag}, which is not set on the way {' > '.join(way)} (set it there, or ask has(tags.{tag}))"


def _way_without(draft: FlowDraft, name: str, tag: str) -> list[str]:
    """A shortest way within the flow that does not set the tag."""
    before: dict[str, str] = {draft.start: ""}
    todo = deque([draft.start])
    while todo and name not in before:
        place = todo.popleft()
        node = draft.nodes[place]
        for exit_name, to in draft.ways(place):
            if to not in before and (sub_flow(node) or tag not in node.tags_set(exit_name)):
                before[to] = place
                todo.append(to)
    way = [name] if name in before else []
    while way and before[way[-1]]:
        way.append(before[way[-1]])
    return way[::-1]
