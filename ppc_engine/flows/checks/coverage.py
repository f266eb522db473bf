"""What no target covers where a flow offers calls: minutes of the week, ZIPs, and callers who were never asked theirs.

A flow may narrow down who comes to a node: only what can come there is missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
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
    bits = _ZipBits(case.places) if case.places else None
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
            if callers.zip_sure and bits is not None:
                found += _zips_missed(targets, callers, bits)
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


class _ZipBits:
    """Sets of ZIPs as bits of one number: areas of thousands of targets are joined in no time.

    What a set comes to is kept: long lists are shared by many targets.
    """

    def __init__(self, places: Places) -> None:
        self.states: dict[str, int] = {}
        self._places = places
        self._index = {code: index for index, code in enumerate(places.zips)}
        self._kept: dict[int, tuple[frozenset[str], int]] = {}
        by_state: dict[str, list[str]] = {}
        for code, state in places.zips.items():
            by_state.setdefault(state, []).append(code)
        self.states = {state: self._bits(codes) for state, codes in by_state.items()}

    def area(self, area: TargetArea) -> int:
        """Every ZIP that an area lets in."""
        bits = self._of(area.zips) if area.zips else 0
        for state in area.states:
            bits |= self.states.get(state, 0)
        if area.counties:
            bits |= self._bits(self._places.zips_in(area.counties))
        if area.radius is not None:
            middle = self._places.points.get(area.radius.zip or "")
            if area.radius.latitude is not None and area.radius.longitude is not None:
                middle = (area.radius.latitude, area.radius.longitude)
            bits |= self._bits(self._places.zips_within(middle, area.radius.miles)) if middle else 0
        return bits

    def _of(self, codes: frozenset[str]) -> int:
        if id(codes) not in self._kept:
            self._kept[id(codes)] = (codes, self._bits(codes))
        return self._kept[id(codes)][1]

    def _bits(self, codes: Iterable[str]) -> int:
        found = bytearray(len(self._index) // 8 + 1)
        for code in codes:
            index = self._index.get(code)
            if index is not None:
                found[index >> 3] |= 1 << (index & 7)
        return int.from_bytes(found, "little")


def _zips_missed(targets: Iterable[Target], callers: Callers, bits: _ZipBits) -> Iterator[str]:
    """ZIPs of the states that the flow sends here, or, where it sends all, of states that are served in part."""
    covered = 0
    for target in targets:
        if target.area is None:
            return
        covered |= bits.area(target.area)
    served = {state for state, own in bits.states.items() if own & covered}
    wanted = callers.states if callers.states != STATES else served
    missed = {state: count for state in wanted if (count := (bits.states.get(state, 0) & ~covered).bit_count())}
    if missed:
        most = sorted(missed.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(
            _zips_told(state, count, bits.states[state].bit_count()) for state, count in most[:STATES_TOLD]
        )
        more = f" and of {len(most) - STATES_TOLD} more states" if len(most) > STATES_TOLD else ""
        yield f"no target takes {shown}{more} (add a target for them, or send those callers elsewhere)"


def _zips_told(state: str, count: int, all_of_it: int) -> str:
    return f"{'all ' if count == all_of_it else ''}{count:,} ZIP{'' if count == 1 else 's'} of {state}"
