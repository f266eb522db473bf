"""The leaves of an offer's terms: each is met, or gives the reason why not with measured value and limit.

Source: semantics.md, "Conversions, terms and money". No leaf hides another: every one that fails is told.
"""

from __future__ import annotations

from ppc_engine.billing.history import DAY_US, History, find_duplicate
from ppc_engine.billing.verdict import Reason, Side
from ppc_engine.calls.record import CDR
from ppc_engine.catalog.model import Area, UniqueCaller
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


def too_short(needed_ms: int, length_ms: int, what: str, attempt: int, exact_ms: int | None = None) -> Reason | None:
    """A length compared with >= (semantics.md, "Clocks of a call"); ``what`` was measured ("connected").

    ``exact_ms`` is the length before it was rounded to whole seconds, where terms say so.
    """
    short_ms = needed_ms - length_ms
    if short_ms <= 0:
        return None
    measured = f"{what} {seconds(length_ms)}"
    if exact_ms is not None and exact_ms != length_ms:
        measured = f"{what} {seconds(exact_ms)}, rounded to {seconds(length_ms, whole=True)}"
    return Reason(
        code="too_short",
        text=f"{measured}, needs {seconds(needed_ms, whole=True)}, short by {seconds(short_ms)}",
        measured=length_ms,
        limit=needed_ms,
        attempt=attempt,
    )


def repeats(rule: UniqueCaller, side: Side, place: str | frozenset[str], cdr: CDR, history: History) -> Reason | None:
    """Whether an earlier call of the same caller counts instead of this one, which has ``place`` in the scope."""
    if not cdr.caller_key:
        return _nameless(rule, cdr)
    event = find_duplicate(rule, side, (cdr.offered_at, cdr.call_id), place, history)
    if event is None:
        return None
    elapsed_ms = (cdr.offered_at - event.at) // 1000
    window_ms = (rule.window_end(event.at) - event.at) // 1000
    clock = "converted_at" if rule.event == "converted" else "connected_at"
    if event.at <= cdr.offered_at:
        told = f"{span(elapsed_ms)} since {clock}, {_needs(rule, window_ms, elapsed_ms)}"
    else:
        told = f"still live then, {clock} {span(-elapsed_ms)} later"
    return Reason(
        code="duplicate",
        text=f"duplicate of call {event.call_id}, {told} (scope {rule.scope})",
        measured=elapsed_ms,
        limit=window_ms,
        earlier_call=event.call_id,
    )


def _nameless(rule: UniqueCaller, cdr: CDR) -> Reason | None:
    """A caller without a number: nobody knows whether it is the same person."""
    policy = dict(rule.by_kind).get(cdr.caller_kind, rule.no_number)  # type: ignore[call-overload]
    if policy == "unique":
        return None
    text = f"duplicate (caller has no number; policy {policy})"
    limit = rule.window or rule.window_days * DAY_US // 1000
    return Reason(code="duplicate", text=text, measured=cdr.caller_kind or "no number", limit=limit)


def _needs(rule: UniqueCaller, window_ms: int, elapsed_ms: int) -> str:
    if rule.window == "forever":
        return "counts for ever"
    short = f"short by {span(window_ms - elapsed_ms)}"
    if rule.calendar is None:
        return f"needs {rule.window_days} d, {short}"
    days = "another month" if rule.calendar == "month" else f"{rule.window_days} calendar d"
    return f"needs {days} ({rule.zone}), {short}"


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
