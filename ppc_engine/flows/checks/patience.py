"""How long a caller may be kept before somebody talks to them, or tells them why not: the longest way, added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ppc_engine.catalog.model import Campaign
from ppc_engine.flows.checks.answered import CONNECTED_EXITS
from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.checks.graph import Place, goes_to, knots, sub_flow
from ppc_engine.flows.hunting import HuntingNode
from ppc_engine.flows.keying import KeyingNode
from ppc_engine.flows.model import PROMPT_MS_MAX, Node
from ppc_engine.flows.nodes.voicemail import VoicemailNode
from ppc_engine.values.errors import Issue

PROMPT_MS_GUESS = 8_000  # Of a prompt whose file is not on this machine: two sentences.
LONGEST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Way:
    """The nodes of a way at which a caller is kept, with how long each may keep them."""

    ms: int = 0
    stays: tuple[tuple[str, int], ...] = ()

    def then(self, name: str, ms: int) -> Way:
        """This way with a stay before it."""
        return Way(self.ms + ms, ((name, ms), *self.stays)) if ms else self


def too_long(case: FlowCase) -> Iterator[Issue]:
    """Flows of campaigns on which a caller may wait longer than the flow's ``patience_ms_max``."""
    said: set[str] = set()
    for campaign in case.campaigns():
        draft = case.drafts[campaign.flow]
        way = _longest(case, campaign, draft.id, draft.start, {})
        if way.ms > draft.patience_ms_max and draft.id not in said:
            said.add(draft.id)
            path = ("patience_ms_max",) if ("patience_ms_max",) in draft.document.places else ("start",)
            yield draft.document.issue(path, _told(campaign, way, draft.patience_ms_max), "warning")


def _told(campaign: Campaign, way: Way, bound_ms: int) -> str:
    longest = sorted(way.stays, key=lambda stay: -stay[1])[:LONGEST_TOLD]
    most = ", ".join(f"{name} {ms / 1000:g} s" for name, ms in longest)
    return (
        f'a caller of "{campaign.id}" may wait {way.ms / 1000:g} s before anybody talks to them, more than '
        f"{bound_ms / 1000:g} s (longest: {most}; shorten them, or raise patience_ms_max)"
    )


def _longest(case: FlowCase, campaign: Campaign, flow: str, start: str, known: dict[Place, Way]) -> Way:
    """The longest way from a node; nodes that lead to each other are all passed once: how often, nobody can say."""
    draft = case.drafts.get(flow)
    if draft is None or start not in draft.nodes:
        return Way()
    if (flow, start) in known:
        return known[flow, start]
    known[flow, start] = Way()  # What leads back to itself by a goto is not passed again.
    edges = {
        (flow, name): [(flow, to) for exit_name, to in draft.ways(name) if exit_name not in CONNECTED_EXITS]
        for name in draft.nodes
    }
    ways: dict[Place, Way] = {}
    for knot in knots(edges):  # What is led to comes first.
        onward = [ways[to] for place in knot for to in edges[place] if to in ways]
        away = [_longest(case, campaign, *target, known) for place in knot if (target := _target(case, place))]
        way = max([*onward, *away], key=lambda found: found.ms, default=Way())
        for place in knot:
            way = _with_stay(case, campaign, place, way, known)
        ways.update(dict.fromkeys(knot, way))
    known[flow, start] = ways[flow, start]
    return ways[flow, start]


def _target(case: FlowCase, place: Place) -> tuple[str, str] | None:
    target = goes_to(case.node(place))
    if target is None or target[0] not in case.drafts:
        return None
    return target[0], target[1] or case.drafts[target[0]].start


def _with_stay(case: FlowCase, campaign: Campaign, place: Place, way: Way, known: dict[Place, Way]) -> Way:
    node = case.node(place)
    if called := sub_flow(node):
        inner = _longest(case, campaign, called, case.drafts[called].start, known) if called in case.drafts else Way()
        return Way(inner.ms + way.ms, (*inner.stays, *way.stays))
    return way.then(place[1], _stay_ms(case, campaign, node))


def _stay_ms(case: FlowCase, campaign: Campaign, node: Node) -> int:
    if isinstance(node, HuntingNode):
        return hunt_ms(case, campaign, node) + node.stay_ms_max()
    stay = PROMPT_MS_MAX if isinstance(node, VoicemailNode) else node.stay_ms_max()  # The message is the caller's own.
    if isinstance(node, KeyingNode) or stay < PROMPT_MS_MAX:
        return stay
    # The longest prompt that there may be stands for one that is far shorter.
    played = [case.prompt_ms.get(prompt, PROMPT_MS_GUESS) for prompt in node.prompt_names().values()]
    return stay - PROMPT_MS_MAX + max(played) if played else stay


def hunt_ms(case: FlowCase, campaign: Campaign, node: HuntingNode) -> int:
    """How long targets may ring, so many together, until nobody is left or all attempts are used up."""
    rings: list[int] = []
    for _, target in case.offered(campaign, node):
        again = target.redial
        tries = 1 + (max(again.no_answer, again.busy, again.unreachable) if again else 0)
        pause_ms = again.after_s * 1000 * (tries - 1) if again else 0
        rings.append(tries * target.ring_ms_max + pause_ms)
    return sum(sorted(rings, reverse=True)[: campaign.attempts_max : node.together])
