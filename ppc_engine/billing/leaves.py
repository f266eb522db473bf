"""The leaves of an offer's terms: each is met, or gives the reason why not with measured value and limit.

Source: semantics.md, "Conversions, terms and money". No leaf hides another: every one that fails is told.
"""

from __future__ import annotations

from ppc_engine.billing.history import DAY_US, History, find_duplicate
from ppc_engine.billing.verdict import Reason, Side
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Area, Offer, UniqueCaller
from ppc_engine.routing.eligibility import Situation, in_area
from ppc_engine.values.phone import area_code

LISTED_MAX = 8  # So many places of an area are written into a reason; the rest is a count.

TEST_CALL = Reason(code="test_call", text="test call", measured="test", limit="live")


def no_offer(side: Side, party: str, campaign: str) -> Reason:
    """There are no terms, so nothing can be owed."""
    text = f"{side} {party} has no offer for campaign {campaign or '(none)'} in the catalog of this call"
    return Reason(code="no_offer", text=text, measured="none", limit="an offer")


def end_estimated(cdr: CDR) -> Reason:
    """The end of the call was not seen, so that no length of it can be billed."""
    text = f"end not seen, {seconds(cdr.connected_ms)} connected is an estimate"
    return Reason(code="end_estimated", text=text, measured=cdr.connected_ms, limit="a seen end")


def not_connected(outcome: str, attempt: int = 0) -> Reason:
    """Nobody talked to the caller; ``outcome`` says why not."""
    text = f"never connected ({outcome})"
    return Reason(code="not_connected", text=text, measured=outcome, limit="connected", attempt=attempt)


def too_short(offer: Offer, attempt: AttemptRecord, *, is_longest: bool) -> Reason | None:
    """Connected length of one attempt, floored to the ms, compared with >= (semantics.md, "Clocks of a call")."""
    short_ms = offer.connected_ms_min - attempt.connected_ms
    if short_ms <= 0:
        return None
    measured = f"{'longest attempt' if is_longest else 'connected'} {seconds(attempt.connected_ms)}"
    return Reason(
        code="too_short",
        text=f"{measured}, needs {seconds(offer.connected_ms_min, whole=True)}, short by {seconds(short_ms)}",
        measured=attempt.connected_ms,
        limit=offer.connected_ms_min,
        attempt=attempt.number,
    )


def repeats(rule: UniqueCaller, side: Side, place: str, cdr: CDR, history: History) -> Reason | None:
    """Whether an earlier call of the same caller counts instead of this one, which has ``place`` in the scope."""
    window_us = rule.window_days * DAY_US
    if not cdr.caller_key:
        if rule.no_number == "unique":
            return None
        text = "duplicate (caller has no number; policy duplicate)"
        return Reason(code="duplicate", text=text, measured=cdr.caller_kind or "no number", limit=window_us // 1000)
    event = find_duplicate(rule, side, (cdr.offered_at, cdr.call_id), place, history)
    if event is None:
        return None
    elapsed_ms = (cdr.offered_at - event.at) // 1000
    clock = "converted_at" if rule.event == "converted" else "connected_at"
    if event.at <= cdr.offered_at:
        short_ms = window_us // 1000 - elapsed_ms
        told = f"{span(elapsed_ms)} since {clock}, needs {rule.window_days} d, short by {span(short_ms)}"
    else:
        told = f"still live then, {clock} {span(-elapsed_ms)} later"
    return Reason(
        code="duplicate",
        text=f"duplicate of call {event.call_id}, {told} (scope {rule.scope})",
        measured=elapsed_ms,
        limit=window_us // 1000,
        earlier_call=event.call_id,
    )


def outside(area: Area, cdr: CDR) -> Reason | None:
    """The caller's place, judged exactly as routing judges it; a place that is not known is outside."""
    situation = Situation(
        call_id=cdr.call_id,
        at=cdr.offered_at,
        zip_code=cdr.zip_code,
        zip_source=cdr.zip_source,
        state=cdr.state,
        area_code=area_code(cdr.caller_key),
    )
    if in_area(area, situation):
        return None
    place = _place(situation)
    wanted = _places(area)
    keyed = area.require_zip_source == "keyed"
    known = bool(cdr.zip_code) or (bool(cdr.state) and not keyed)
    if known:
        return Reason(code="out_of_area", text=f"{place} is not in {wanted}", measured=place, limit=wanted)
    needs = f"{wanted}, by a ZIP that the caller keyed" if keyed else wanted
    return Reason(code="area_unknown", text=f"place not known ({place}), needs {needs}", measured=place, limit=needs)


def _place(situation: Situation) -> str:
    state = situation.state or "no state"
    if situation.zip_code:
        return f"ZIP {situation.zip_code} ({state})"
    return f"area code {situation.area_code} ({state})" if situation.area_code else "no ZIP, no area code"


def _places(area: Area) -> str:
    parts = []
    for name, places in (("states", area.states), ("ZIPs", area.zips), ("area codes", area.area_codes)):
        if places:
            shown = ", ".join(sorted(places)[:LISTED_MAX])
            more = f" and {len(places) - LISTED_MAX} more" if len(places) > LISTED_MAX else ""
            parts.append(f"{name} {shown}{more}")
    return "; ".join(parts) or "nowhere"


def seconds(length_ms: int, *, whole: bool = False) -> str:
    """87420 -> "87.420 s"; with ``whole`` 90000 -> "90 s"."""
    units, rest = divmod(length_ms, 1000)
    return f"{units} s" if whole and not rest else f"{units}.{rest:03d} s"


def span(length_ms: int) -> str:
    """A long time: 2591999999 -> "29 d 23:59:59.999", 1 -> "0.001 s"."""
    days, rest = divmod(length_ms, 86_400_000)
    if not days and rest < 60_000:
        return seconds(rest)
    minutes, rest = divmod(rest, 60_000)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{days} d {clock}" if days else clock
