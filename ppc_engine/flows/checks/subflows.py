"""Calls of sub-flows fit: every exit by which one comes back leads on, and none calls itself."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.flows.checks.graph import circles, goes_to, returns_by, sub_flow
from ppc_engine.flows.drafts import FlowDraft


def check_calls(drafts: Mapping[str, FlowDraft]) -> None:
    """Exits, nodes and arguments of every goto and sub-flow, and recursion."""
    for draft in drafts.values():
        for name, node in draft.nodes.items():
            called = drafts.get(sub_flow(node))
            if called is not None:
                _check_exits(draft, name, called)
            leads_to = goes_to(node)
            other = drafts.get(leads_to[0]) if leads_to else None
            if leads_to and other is not None and leads_to[1] and other.whole and leads_to[1] not in other.nodes:
                hint = did_you_mean(leads_to[1], other.nodes)
                draft.say(("nodes", name, "node"), f'flow "{other.id}" has no node "{leads_to[1]}"{hint}')
    _check_recursion(drafts)


def _check_exits(draft: FlowDraft, name: str, called: FlowDraft) -> None:
    comes_back_by = {exit_name for node in called.nodes.values() if (exit_name := returns_by(node))}
    exits = set(draft.nodes[name].exits)
    path = ("nodes", name, "exits")
    for exit_name in sorted(comes_back_by - exits):
        draft.say(path, f'flow "{called.id}" returns by "{exit_name}", which leads nowhere; add "{exit_name}: <node>"')
    if not called.whole:
        return
    for exit_name in sorted(exits - comes_back_by):
        hint = did_you_mean(exit_name, comes_back_by) or " (remove it)"
        draft.say((*path, exit_name), f'flow "{called.id}" never returns by "{exit_name}"{hint}')


def _check_recursion(drafts: Mapping[str, FlowDraft]) -> None:
    edges = {
        (flow, ""): [(called, "") for node in draft.nodes.values() if (called := sub_flow(node)) in drafts]
        for flow, draft in drafts.items()
    }
    for circle in circles(edges):
        flows = [flow for flow, _ in circle]
        draft = drafts[flows[0]]
        follows = flows[1] if len(flows) > 1 else flows[0]
        name = next(name for name, node in draft.nodes.items() if sub_flow(node) == follows)
        way = " > ".join([*flows, flows[0]])
        draft.say(("nodes", name), f"a sub-flow that calls itself never ends: {way} (use goto, or a loop in one flow)")
