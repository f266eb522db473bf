"""No prompt for a call that may not have been answered: many carriers pass neither sound nor digits before a 200 OK."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.flows.checks.graph import Walk, entries
from ppc_engine.flows.drafts import FlowDraft
from ppc_engine.flows.model import Node

CONNECTED_EXITS = frozenset({"ended", "recovered_none"})  # A target talked to the caller: so the call is answered.


def check(drafts: Mapping[str, FlowDraft]) -> None:
    """Follow every way that passes no answer; what needs one must not lie on it."""
    walk: Walk[bool] = Walk(drafts, _leave, lambda one, other: one or other)
    for flow in entries(drafts):
        walk.run(flow, True)
    for (flow, name), values in walk.at.items():
        node = drafts[flow].nodes[name]
        if node.NEEDS_ANSWER and any(values):
            kind = getattr(node, "type", "")
            message = f'{kind} needs an answered call, but "{name}" can be reached before an answer'
            drafts[flow].say(("nodes", name), message)


def _leave(flow: str, name: str, node: Node, exit_name: str, unanswered: bool) -> bool:
    """Whether the call may still be unanswered behind this exit. One complaint a way is enough."""
    return unanswered and not (node.ANSWERS or node.NEEDS_ANSWER or exit_name in CONNECTED_EXITS)
