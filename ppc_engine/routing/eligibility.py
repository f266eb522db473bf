"""Why a target may not have this call: every reason, each with the measured value and the limit.

Source: semantics.md, "Choosing a target". No reason hides another: ``explain`` shows them all. Calls are routed by
``index.py``, which answers the same question for all targets at once; this is the slow, telling form of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any

from ppc_engine.catalog.bounds import amount_expected
from ppc_engine.catalog.model import Area, Buyer, Catalog, Target, TargetArea
from ppc_engine.routing.caps import MONEY, CapRule, CatalogCaps, base_of
from ppc_engine.routing.duplicates import EarlierCall, routed_duplicate
from ppc_engine.routing.periods import Periods
from ppc_engine.values import condition
from ppc_engine.values.condition import ConditionError
from ppc_engine.values.money import format_micros
from ppc_engine.values.places import Places
from ppc_engine.values.schedule import MINUTE_US, WeeklyHours, local_time

LISTED_MAX = 8  # So many places of a filter are written into a reason; the rest is a count.
HOURS_TOLD_MAX = 10_000  # Answers by hours and minute that are remembered.
ATTESTATIONS = {"A": 3, "B": 2, "C": 1}  # SHAKEN (ATIS-1000074): full, partial, gateway; none is below all.


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a call when a target is chosen.

    ``used`` are counters in use (the full ones are enough) and, by ``.../pace``, microseconds to wait. ``own`` is what
    this call itself holds of them and may take along to the next attempt, ``shared`` are caps of which it holds a unit
    that covers every further attempt ("target:x/connect/day"; of money with "@buyer" behind). ``refused`` are targets
    whose slots were refused a moment ago. ``known`` is what conditions look at, ``stats`` what the campaign's order
    goes by, ``history`` the caller's earlier calls, None when it could not be had.
    """

    call_id: str
    at: int
    campaign: str = ""
    publisher: str = ""
    dialed_number: str = ""
    caller_key: str = ""
    attestation: str = ""
    zip_code: str = ""
    zip_source: str = ""
    state: str = ""
    area_code: str = ""
    used: Mapping[str, int] = field(default_factory=dict)
    own: Mapping[str, int] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paused: Mapping[str, str] = field(default_factory=dict)
    stats: Mapping[str, int] = field(default_factory=dict)
    history: tuple[EarlierCall, ...] | None = ()
    known: Mapping[str, Any] = field(default_factory=dict)
    tried_targets: frozenset[str] = frozenset()
    tried_destinations: frozenset[str] = frozenset()
    test: bool = False


Reason = dict[str, Any]


@dataclass(slots=True)
class Candidate:
    """A target with what was made ready of it: its caps, the ZIPs of its counties and radius, its area in words.

    ``told_hours`` remembers why hours were closed in a minute, for all targets with the very same hours.
    """

    buyer: Buyer
    target: Target
    rules: list[CapRule]
    further: frozenset[str] = frozenset()
    periods: Periods = field(default_factory=Periods)
    area_text: str = ""
    bases: tuple[str, ...] = ()
    hours: WeeklyHours | None = None
    told_hours: dict[tuple[int, int], list[Reason]] = field(default_factory=dict)
    margins: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bases = tuple(rule.base for rule in self.rules)
        self.hours = self.hours or self.target.hours


def _reason(code: str, measured: Any, limit: Any) -> Reason:
    return {"code": code, "measured": measured, "limit": limit}


def every_rejection(
    catalog: Catalog, candidate: Candidate, situation: Situation, used_bases: frozenset[str] | None = None
) -> list[Reason]:
    """Every reason why this target is left out, as plain JSON; [] when it is eligible.

    ``used_bases`` are the caps that anything is used of, when they are known already.
    """
    if used_bases is None:
        used_bases = bases_of(situation)
    buyer, target = candidate.buyer, candidate.target
    return [
        *_paused(buyer, target, situation),
        *_closed(candidate, situation),
        *_out_of_area(candidate, situation),
        *_attribute_mismatch(target, situation),
        *_duplicate(buyer, target, situation),
        *_capped(candidate, situation, used_bases),
        *_blocked(catalog, buyer, target, situation),
        *_margin(catalog, candidate, situation),
        *_attestation(target, situation),
        *_pace(target, situation),
        *_tried(target, situation),
    ]


def _paused(buyer: Buyer, target: Target, situation: Situation) -> list[Reason]:
    if target.paused or buyer.paused:
        return [_reason("paused", "target" if target.paused else "buyer", "running")]
    by_operator = situation.paused.get(f"target:{target.id}") or situation.paused.get(f"buyer:{buyer.id}")
    return [_reason("paused", by_operator, "running")] if by_operator else []


def bases_of(situation: Situation) -> frozenset[str]:
    """The caps that anything is used of."""
    return frozenset(base_of(key) for key in situation.used)


def _closed(candidate: Candidate, situation: Situation) -> list[Reason]:
    hours = candidate.hours
    if hours is None:
        return []
    asked = (id(hours), situation.at // MINUTE_US)
    told = candidate.told_hours.get(asked)
    if told is None:
        is_open = hours.is_open(situation.at)
        told = [] if is_open else [_reason("closed", *_hours_told(hours, situation.at))]
        if len(candidate.told_hours) >= HOURS_TOLD_MAX:
            candidate.told_hours.clear()
        candidate.told_hours[asked] = told
    return [dict(reason) for reason in told]


def _out_of_area(candidate: Candidate, situation: Situation) -> list[Reason]:
    area = candidate.target.area
    if area is None or in_target_area(area, situation, candidate.further):
        return []
    if not candidate.area_text:
        candidate.area_text = area_told(area)
    return [_reason("out_of_area", _place_told(situation), candidate.area_text)]


def _attribute_mismatch(target: Target, situation: Situation) -> list[Reason]:
    if target.when is None:
        return []
    try:
        if condition.holds(target.when, situation.known):
            return []
        measured = "does not hold"
    except (ConditionError, KeyError) as error:
        measured = f"came to no answer: {error}"
    return [_reason("attribute_mismatch", measured, target.when)]


def _duplicate(buyer: Buyer, target: Target, situation: Situation) -> list[Reason]:
    if target.duplicates is None or situation.test:
        return []
    place = scope_place(target.duplicates.scope, buyer, target, situation)
    found = routed_duplicate(target.duplicates, place, situation)
    return [_reason("duplicate", *found)] if found else []


def scope_place(scope: str, buyer: Buyer, target: Target, situation: Situation) -> str:
    """What a call to this target has in the scope of a duplicate rule."""
    return {
        "target": target.id,
        "buyer": buyer.id,
        "campaign": situation.campaign,
        "publisher": situation.publisher,
        "tracking_number": situation.dialed_number,
    }.get(scope, "")


def _capped(candidate: Candidate, situation: Situation, used_bases: frozenset[str]) -> list[Reason]:
    buyer, target = candidate.buyer, candidate.target
    reasons = []
    for rule, base in zip(candidate.rules, candidate.bases, strict=True):
        if base not in used_bases and rule.amount <= rule.limit:
            continue
        if rule.measure and (situation.test or target.test):
            continue
        key = rule.key(situation.at, candidate.periods)
        used = situation.used.get(key, 0) - situation.own.get(key, 0)
        limit = limit_at(rule, target, situation.at)
        if used + rule.amount <= limit or is_shared(rule, buyer, situation):
            continue
        if limit < rule.limit and used + rule.amount <= rule.limit:
            reasons.append({**_reason("pace", used, f"{limit} of {rule.limit} by now"), "cap": key})
            continue
        reason = {**_reason(cap_reason(rule), used, limit), "cap": key}
        if rule.measure in MONEY:
            reason["text"] = f"free {format_micros(max(0, limit - used))}, needed {format_micros(rule.amount)}"
        reasons.append(reason)
    for key, full in situation.refused.get(target.id, {}).items():
        if not any(reason.get("cap") == key for reason in reasons):
            code = "pace" if key.endswith("/pace") else "volume_cap" if "/" in key else "concurrency_cap"
            reasons.append({**_reason(code, full[0], full[1]), "cap": key})
    return reasons


def cap_reason(rule: CapRule) -> str:
    """The word for a cap that is full."""
    return "spend_cap" if rule.measure in MONEY else "volume_cap" if rule.measure else "concurrency_cap"


def is_shared(rule: CapRule, buyer: Buyer, situation: Situation) -> bool:
    """Whether the call holds a unit of this cap already that covers another attempt (semantics.md, "Caps")."""
    return share_of(rule, buyer.id) in situation.shared


def share_of(rule: CapRule, buyer: str) -> str:
    """What a call holds at most once: a unit of a cap; of money, one for each buyer."""
    return f"{rule.base}@{buyer}" if rule.measure in MONEY else rule.base


def limit_at(rule: CapRule, target: Target, at: int) -> int:
    """A cap's limit now: a day's cap that is spread grows with the open minutes that have begun."""
    if not rule.spread or target.hours is None:
        return rule.limit
    begun, total = target.hours.open_share(at)
    return -(-rule.limit * begun // total) if begun else rule.limit


def _blocked(catalog: Catalog, buyer: Buyer, target: Target, situation: Situation) -> list[Reason]:
    publisher = catalog.publishers.get(situation.publisher)
    if situation.publisher in buyer.publishers_blocked:
        return [_reason("publisher_blocked", situation.publisher, f"not for buyer {buyer.id}")]
    if publisher is not None and target.id in publisher.targets_blocked:
        return [_reason("publisher_blocked", situation.publisher, f"never to target {target.id}")]
    if publisher is not None and buyer.id in publisher.buyers_blocked:
        return [_reason("publisher_blocked", situation.publisher, f"never to buyer {buyer.id}")]
    return []


def margin_micros(catalog: Catalog, buyer: Buyer, campaign: str, publisher: str) -> int:
    """What is left of a call that just qualifies, and that both sides pay for."""
    revenue, payout = catalog.buyer_offer(buyer.id, campaign), catalog.publisher_offer(publisher, campaign)
    worth = amount_expected(revenue) if revenue else 0
    return worth - (amount_expected(payout, worth) if payout else 0)


def _margin(catalog: Catalog, candidate: Candidate, situation: Situation) -> list[Reason]:
    campaign = catalog.campaigns.get(situation.campaign)
    if campaign is None or campaign.margin_min is None:
        return []
    margin = candidate.margins.get(situation.publisher)
    if margin is None:
        margin = margin_micros(catalog, candidate.buyer, campaign.id, situation.publisher)
        candidate.margins[situation.publisher] = margin
    if margin >= campaign.margin_min:
        return []
    return [_reason("margin_negative", format_micros(margin), format_micros(campaign.margin_min))]


def _attestation(target: Target, situation: Situation) -> list[Reason]:
    wanted = target.attestation_min
    if wanted is None or ATTESTATIONS.get(situation.attestation, 0) >= ATTESTATIONS[wanted]:
        return []
    return [_reason("attestation", situation.attestation or "none", wanted)]


def _pace(target: Target, situation: Situation) -> list[Reason]:
    key = f"target:{target.id}/pace"
    wait_us = situation.used.get(key, 0)
    if target.pace is None or wait_us <= 0:
        return []
    parts = []
    if target.pace.calls_per_second is not None:
        parts.append(f"{target.pace.calls_per_second} a second")
    if target.pace.seconds_between_min is not None:
        parts.append(f"{target.pace.seconds_between_min} s between calls")
    return [{**_reason("pace", f"{-(-wait_us // 1000)} ms to wait", ", ".join(parts)), "cap": key}]


def _tried(target: Target, situation: Situation) -> list[Reason]:
    if target.id in situation.tried_targets:
        return [_reason("already_tried", "this target", "once a call")]
    if target.destination in situation.tried_destinations:
        return [_reason("already_tried", "its destination", "once a call")]
    return []


def in_area(area: Area, situation: Situation) -> bool:
    """Whether the caller is in one of the area's places. A keyed ZIP beats the area code's hint (semantics.md)."""
    if area.require_zip_source == "keyed" and situation.zip_source != "ivr":
        return False
    return bool(
        (situation.zip_code and situation.zip_code in area.zips)
        or (situation.state and situation.state in area.states)
        or (not situation.zip_code and situation.area_code and situation.area_code in area.area_codes)
    )


def in_target_area(area: TargetArea, situation: Situation, further: frozenset[str]) -> bool:
    """The same, with the ZIPs of places that only a target can name: counties, and a radius round a point."""
    if in_area(area, situation):
        return True
    if not situation.zip_code or (area.require_zip_source == "keyed" and situation.zip_source != "ivr"):
        return False
    return situation.zip_code in further


def further_zips(area: TargetArea, places: Places) -> frozenset[str]:
    """The ZIPs of an area's counties and of its radius."""
    found = places.zips_in(area.counties)
    if area.radius is None:
        return found
    middle = places.points.get(area.radius.zip) if area.radius.zip else None
    if area.radius.latitude is not None and area.radius.longitude is not None:
        middle = (area.radius.latitude, area.radius.longitude)
    return found | places.zips_within(middle, area.radius.miles) if middle else found


def _place_told(situation: Situation) -> str:
    if situation.zip_code:
        return f"ZIP {situation.zip_code} ({situation.state or 'no state'})"
    if situation.area_code:
        return f"area code {situation.area_code} ({situation.state or 'no state'})"
    return "area_unknown"


def area_told(area: Area) -> str:
    """An area in words: "states NY; ZIPs 10001"."""
    parts = []
    counties = area.counties if isinstance(area, TargetArea) else frozenset()
    listed = (("states", area.states), ("counties", counties), ("ZIPs", area.zips), ("area codes", area.area_codes))
    for name, places in listed:
        if places:
            shown = nsmallest(LISTED_MAX, places)
            more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
            parts.append(f"{name} {', '.join(shown)}{more}")
    if isinstance(area, TargetArea) and area.radius is not None:
        radius = area.radius
        parts.append(f"{radius.miles} miles round {radius.zip or f'{radius.latitude}, {radius.longitude}'}")
    told = "; ".join(parts) or "nowhere"
    return f"{told}, by a keyed ZIP" if area.require_zip_source == "keyed" else told


def _hours_told(hours: WeeklyHours, at: int) -> tuple[str, str]:
    wall = local_time(at, hours.zone)
    return f"{wall:%A %H:%M} {hours.zone}".lower().replace(hours.zone.lower(), hours.zone), hours.told(wall.date())


def rejections(buyer: Buyer, target: Target, situation: Situation) -> list[Reason]:
    """The reasons that the target itself and its buyer give."""
    catalog = Catalog({}, {}, {buyer.id: buyer}, {target.id: (buyer, target)})
    candidate = Candidate(buyer, target, CatalogCaps(catalog).attempt_rules(buyer, target, None))
    return every_rejection(catalog, candidate, situation)
