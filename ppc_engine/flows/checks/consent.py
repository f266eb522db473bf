"""Recordings that a party was not told of, where the law of its state demands it, and such that never begin.

The node itself records nobody who must be told and was not: what is found here would be missing recordings, or a
``given_earlier`` that is not true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ppc_engine.catalog.rules import STATES
from ppc_engine.flows.checks.case import FlowCase, routes
from ppc_engine.flows.checks.graph import Walk
from ppc_engine.flows.model import Node
from ppc_engine.flows.nodes.match import MatchNode
from ppc_engine.flows.nodes.record import RecordNode
from ppc_engine.values.consent import demands_consent
from ppc_engine.values.errors import Issue
from ppc_engine.values.phone import area_code

STATES_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where the caller may be, and whether a prompt or a text certainly came before."""

    states: frozenset[str] = STATES
    spoken: bool = False


def recorded_untold(case: FlowCase) -> Iterator[Issue]:
    """Every ``record`` node without the prompt that it needs."""
    walk: Walk[Told] = Walk(case.drafts, _leave, _join)
    for flow in case.entries():
        walk.run(flow, Told())
    for place, values in walk.at.items():
        node = case.node(place)
        if not isinstance(node, RecordNode) or node.consent_prompt is not None:
            continue
        if node.consent == "given_earlier":
            if not all(value.spoken for value in values):
                message = "no prompt comes before it on every way, so nobody was told of the recording (play one first)"
                yield case.issue(place, message, path=("consent",))
        elif node.consent == "always":
            yield case.issue(place, "never records: there is no prompt to ask with (add consent_prompt)")
        else:
            who = _who_must_be_told(case, frozenset().union(*(value.states for value in values)))
            if who:
                yield case.issue(place, f"records without consent: {who} must be told first (add consent_prompt)")


def _leave(flow: str, name: str, node: Node, exit_name: str, told: Told) -> Told:
    if isinstance(node, MatchNode) and node.on == "state":
        if exit_name == "no_match":
            return replace(told, states=told.states.difference(*node.cases.values()))
        return replace(told, states=told.states & node.cases.get(exit_name, frozenset()))
    if "state" in node.tags_set(exit_name):
        return Told(states=STATES, spoken=True)
    return replace(told, spoken=told.spoken or bool(node.NEEDS_ANSWER and node.prompt_names()))


def _join(one: Told, other: Told) -> Told:
    return Told(states=one.states | other.states, spoken=one.spoken and other.spoken)


def _who_must_be_told(case: FlowCase, states: frozenset[str]) -> str:
    """Callers, or else targets, whose state demands it; "" when nobody's does."""
    callers = sorted(state for state in states if demands_consent(state))
    if callers:
        return f"callers of {_shown(callers)}"
    targets: set[str] = set()
    for campaign in case.campaigns():
        for node in case.drafts[campaign.flow].nodes.values():
            for _, target in case.offered(campaign, node) if routes(node) else ():
                place = case.places.area_code_state(area_code(target.destination)) if case.places else ""
                if place and demands_consent(place):
                    targets.add(place)
    return f"targets in {_shown(sorted(targets))}" if targets else ""


def _shown(states: list[str]) -> str:
    more = f" and {len(states) - STATES_TOLD} more states" if len(states) > STATES_TOLD else ""
    return ", ".join(states[:STATES_TOLD]) + more
