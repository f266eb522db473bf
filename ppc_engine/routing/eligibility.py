"""Why a target may not have this call: every reason, each with the measured value and the limit.

Source: semantics.md, "Choosing a target". No reason hides another: ``explain`` shows them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.catalog.model import Area, Buyer, Target
from ppc_engine.routing.caps import attempt_caps
from ppc_engine.values.schedule import DAYS, WeeklyHours, local_time

LISTED_MAX = 8  # So many places of a filter are written into a reason; the rest is a count.


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a call when a target is chosen. ``used`` are slots in use by cap."""

    call_id: str
    at: int
    zip_code: str = ""
    zip_source: str = ""
    state: str = ""
    area_code: str = ""
    used: Mapping[str, int] = field(default_factory=dict)
    tried_targets: frozenset[str] = frozenset()
    tried_destinations: frozenset[str] = frozenset()


def _reason(code: str, measured: Any, limit: Any) -> dict[str, Any]:
    return {"code": code, "measured": measured, "limit": limit}


def rejections(buyer: Buyer, target: Target, situation: Situation) -> list[dict[str, Any]]:
    """Every reason why this target is left out, as plain JSON; [] when it is eligible."""
    reasons = []
    if target.paused or buyer.paused:
        reasons.append(_reason("paused", "target" if target.paused else "buyer", "running"))
    if target.hours is not None and not target.hours.is_open(situation.at):
        reasons.append(_reason("closed", *_hours_told(target.hours, situation.at)))
    if target.area is not None and not in_area(target.area, situation):
        reasons.append(_reason("out_of_area", _place_told(situation), _area_told(target.area)))
    for cap, limit in attempt_caps(buyer, target).items():
        used = situation.used.get(cap, 0)
        if used >= limit:
            reasons.append({**_reason("concurrency_cap", used, limit), "cap": cap})
    if target.id in situation.tried_targets:
        reasons.append(_reason("already_tried", "this target", "once a call"))
    elif target.destination in situation.tried_destinations:
        reasons.append(_reason("already_tried", "its destination", "once a call"))
    return reasons


def in_area(area: Area, situation: Situation) -> bool:
    """Whether the caller is in one of the area's places. A keyed ZIP beats the area code's hint (semantics.md)."""
    if area.require_zip_source == "keyed" and situation.zip_source != "ivr":
        return False
    return bool(
        (situation.zip_code and situation.zip_code in area.zips)
        or (situation.state and situation.state in area.states)
        or (not situation.zip_code and situation.area_code and situation.area_code in area.area_codes)
    )


def _place_told(situation: Situation) -> str:
    if situation.zip_code:
        return f"ZIP {situation.zip_code} ({situation.state or 'no state'})"
    if situation.area_code:
        return f"area code {situation.area_code} ({situation.state or 'no state'})"
    return "area_unknown"


def _area_told(area: Area) -> str:
    parts = []
    for name, places in (("states", area.states), ("ZIPs", area.zips), ("area codes", area.area_codes)):
        if places:
            shown = sorted(places)[:LISTED_MAX]
            more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
            parts.append(f"{name} {', '.join(shown)}{more}")
    told = "; ".join(parts) or "nowhere"
    return f"{told}, by a keyed ZIP" if area.require_zip_source == "keyed" else told


def _hours_told(hours: WeeklyHours, at: int) -> tuple[str, str]:
    wall = local_time(at, hours.zone)
    day = DAYS[wall.weekday()]
    spans: tuple[tuple[int, int], ...] = getattr(hours, day)
    told = ", ".join(f"{s // 60:02d}:{s % 60:02d}-{e // 60:02d}:{e % 60:02d}" for s, e in spans) or "closed"
    return f"{day} {wall:%H:%M} {hours.zone}", f"{day} {told}"
