"""What no target covers where a flow offers calls: minutes of the week, ZIPs, and callers who were never asked theirs.

A flow may narrow down who comes to a node: only what can come there is missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ppc_engine.catalog.model import Campaign, Target, TargetArea
from ppc_engine.catalog.rules import STATES
from ppc_engine.flows.checks.case import FlowCase, routes
from ppc_engine.flows.checks.graph import Place, Walk
from ppc_engine.flows.checks.minutes import EVERY_MINUTE, WEEKS, open_minutes, told
from ppc_engine.flows.model import Node
from ppc_engine.flows.nodes.lookup import LookupNode
from ppc_engine.flows.nodes.match import MatchNode
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from ppc_engine.values.errors import Issue
from ppc_engine.values.places import Places

STATES_TOLD = 5
NAMES_TOLD = 5
SEASONS = ("", ", in summer time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who may come to a node: in which minutes of either week, from which states, with or without a ZIP."""

    minutes: tuple[int, ...] = (EVERY_MINUTE,) * len(WEEKS)
    states: frozenset[str] = STATES
    zip_sure: bool = False
    zip_maybe: bool = False


def uncovered(case: FlowCase) -> Iterator[Issue]:
    """What is missed at every node that offers calls, for each campaign that comes there."""
    by_state = _zips_by_state(case.places) if case.places else {}
    for campaign in case.campaigns():
        for place, callers in _arriving(case, campaign).items():
            if not routes(case.node(place)):
                continue
            offered = [target for buyer, target in case.offered(campaign, case.node(place)) if not buyer.paused]
            targets = [target for target in offered if not target.paused]
            if not targets:
                yield case.issue(place, _said(campaign, "every target here is paused (resume one)"), "warning")
                continue
            found = [*_minutes_missed(targets, callers), *_never_chosen(targets, callers)]
            if callers.zip_sure and case.places:
                found += _zips_missed(targets, callers, by_state, case.places)
            for message in found:
                yield case.issue(place, _said(campaign, message), "warning")


def _said(campaign: Campaign, message: str) -> str:
    return f'campaign "{campaign.id}": {message}'


def _arriving(case: FlowCase, campaign: Campaign) -> dict[Place, Callers]:
    """Who comes to each node of the campaign's flow, and of those that it leads to."""
    assert case.catalog is not None
    told_zip = any(trunk.trusted for trunk in case.catalog.trunks.values())
    walk: Walk[Callers] = Walk(case.drafts, _leave, _join)
    walk.run(campaign.flow, Callers(zip_maybe=told_zip))
    found = {}
    for place, values in walk.at.items():
        joined = values[0]
        for value in values[1:]:
            joined = _join(joined, value)
        found[place] = joined
    return found


def _leave(flow: str, name: str, node: Node, exit_name: str, callers: Callers) -> Callers:
    if isinstance(node, OpenHoursNode):
        masks = [open_minutes(node.hours, week) for week in range(len(WEEKS))]
        if exit_name == "closed":
            masks = [EVERY_MINUTE & ~mask for mask in masks]
        return replace(callers, minutes=tuple(a & b for a, b in zip(callers.minutes, masks, strict=True)))
    if isinstance(node, MatchNode) and node.on == "state":
        if exit_name == "no_match":
            return replace(callers, states=callers.states.difference(*node.cases.values()))
        return replace(callers, states=callers.states & node.cases.get(exit_name, frozenset()))
    if "zip_code" in node.tags_set(exit_name):
        return replace(callers, states=STATES, zip_sure=True, zip_maybe=True)
    if isinstance(node, LookupNode) and exit_name == "ok" and "zip_code" in node.take:
        return replace(callers, states=STATES, zip_maybe=True)
    return callers


def _join(one: Callers, other: Callers) -> Callers:
    return Callers(
        minutes=tuple(a | b for a, b in zip(one.minutes, other.minutes, strict=True)),
        states=one.states | other.states,
        zip_sure=one.zip_sure and other.zip_sure,
        zip_maybe=one.zip_maybe or other.zip_maybe,
    )


def _minutes_missed(targets: Iterable[Target], callers: Callers) -> Iterator[str]:
    hours = [target.hours for target in targets]
    zones = Counter(each.zone for each in hours if each is not None)
    for week, season in enumerate(SEASONS):
        missed = callers.minutes[week]
        for each in hours:
            missed &= ~open_minutes(each, week)
        if missed:
            zone = zones.most_common(1)[0][0]
            yield (
                f"no target is open {told(missed, zone, week)} ({zone}{season}); "
                "widen the hours of one, or send those callers elsewhere with open_hours"
            )
            return  # Summer differs by the hour of the clock change: once is enough.


def _never_chosen(targets: Iterable[Target], callers: Callers) -> Iterator[str]:
    """Targets whose area cannot be met by a caller who was not asked for a ZIP."""
    if callers.zip_maybe:
        return
    names = [target.id for target in targets if target.area and _needs_zip(target.area)]
    if names:
        shown = ", ".join(f'"{name}"' for name in names[:NAMES_TOLD])
        more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
        yield f"never sold to {shown}{more}: such an area needs a ZIP, and no way here asks for one (add a collect_zip)"


def _needs_zip(area: TargetArea) -> bool:
    return area.require_zip_source == "keyed" or not (area.states or area.area_codes)


def _zips_by_state(places: Places) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for code, state in places.zips.items():
        found.setdefault(state, set()).add(code)
    return {state: frozenset(codes) for state, codes in found.items()}


def _zips_missed(
    targets: Iterable[Target], callers: Callers, by_state: Mapping[str, frozenset[str]], places: Places
) -> Iterator[str]:
    """ZIPs of the states that the flow sends here, or, where it sends all, of states that are served in part."""
    areas = [target.area for target in targets]
    if any(area is None for area in areas):
        return
    covered: set[str] = set()
    for area in areas:
        if area is not None:
            covered |= zips_of(area, by_state, places)
    served = {places.zips[code] for code in covered if code in places.zips}
    wanted = callers.states if callers.states != STATES else served
    missed = {state: len(codes) for state in wanted if (codes := by_state.get(state, frozenset()) - covered)}
    if missed:
        most = sorted(missed.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(_zips_told(state, count, len(by_state[state])) for state, count in most[:STATES_TOLD])
        more = f" and of {len(most) - STATES_TOLD} more states" if len(most) > STATES_TOLD else ""
        yield f"no target takes {shown}{more} (add a target for them, or send those callers elsewhere)"


def _zips_told(state: str, count: int, all_of_it: int) -> str:
    return f"{'all ' if count == all_of_it else ''}{count:,} ZIP{'' if count == 1 else 's'} of {state}"


def zips_of(area: TargetArea, by_state: Mapping[str, frozenset[str]], places: Places) -> frozenset[str]:
    """Every ZIP that an area lets in."""
    found = set(area.zips) | places.zips_in(area.counties)
    for state in area.states:
        found |= by_state.get(state, frozenset())
    if area.radius is not None:
        middle = places.points.get(area.radius.zip or "")
        if area.radius.latitude is not None and area.radius.longitude is not None:
            middle = (area.radius.latitude, area.radius.longitude)
        found |= places.zips_within(middle, area.radius.miles) if middle else frozenset()
    return frozenset(found)
