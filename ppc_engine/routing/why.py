"""Why a target gets no calls: how it stands now, what became of the recent choices it was part of, what would help.

Pure: usage, pauses and recent choices are arguments. It judges by the same functions that route (eligibility, caps,
periods), so what it says is what a call would meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Target
from ppc_engine.routing.caps import MONEY, CapRule, CatalogCaps
from ppc_engine.routing.eligibility import area_told, cap_reason, limit_at
from ppc_engine.routing.periods import NEVER_US, period_at
from ppc_engine.values.money import format_micros
from ppc_engine.values.schedule import local_time

SHARE_TOLD_MIN = 0.05  # A reason in fewer of the recent choices than this is told in the table, not as advice.
WINNERS_TOLD_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CapLine:
    """One cap that an attempt takes of. ``used`` holds what is pending too; both are None when nobody knows.

    ``limit`` is that of this moment: a day's cap that is spread grows through the day to ``limit_in_all``.
    """

    key: str
    reason: str
    is_money: bool
    limit: int
    limit_in_all: int
    used: int | None
    pending: int | None
    needed: int
    resets_at: int

    @property
    def full(self) -> bool:
        """Whether one more attempt would not fit."""
        return (self.used or 0) + self.needed > self.limit

    def amount(self, value: int) -> str:
        """An amount of this cap in words."""
        return format_micros(value) if self.is_money else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a target stands at an instant, whoever calls. Times are UTC microseconds, 0: never.

    ``paused`` maps what is paused (this target, its buyer) to who did it and why. ``takes`` are its filters in words.
    """

    target: str
    buyer: str
    priority: int
    weight: int
    at: int
    zone: str
    campaigns: tuple[str, ...]
    paused: Mapping[str, str]
    is_open: bool
    hours: str
    next_opening: int
    closes_at: int
    caps: tuple[CapLine, ...]
    pace_wait_us: int
    takes: tuple[str, ...]
    is_test: bool

    @property
    def blocked(self) -> tuple[str, ...]:
        """The reasons for which no call at all can go to it now, in the words of semantics.md."""
        found = ["paused"] if self.paused else []
        found += [] if self.is_open else ["closed"]
        found += [cap.reason for cap in self.caps if cap.full]
        found += ["pace"] if self.pace_wait_us > 0 else []
        return tuple(dict.fromkeys(found))


def standing(
    catalog: Catalog,
    target_id: str,
    at: int,
    *,
    used: Mapping[str, tuple[int, int]] | None = None,
    paused: Mapping[str, str] | None = None,
    pace_wait_us: int = 0,
) -> Standing:
    """How a target of the catalog stands. ``used`` maps a counter to (in use, of that pending), None when unknown;
    ``paused`` are operators' pauses as subject -> "who: why"."""
    buyer, target = catalog.targets[target_id]
    campaigns = [campaign for campaign in catalog.campaigns.values() if target_id in campaign.targets]
    hours = target.hours
    return Standing(
        target=target.id,
        buyer=buyer.id,
        priority=target.priority,
        weight=target.weight,
        at=at,
        zone=hours.zone if hours else buyer.zone,
        campaigns=tuple(campaign.id for campaign in campaigns),
        paused=_paused(buyer, target, paused or {}),
        is_open=hours is None or hours.is_open(at),
        hours=hours.told(local_time(at, hours.zone).date()) if hours else "always open",
        next_opening=hours.next_opening(at) if hours else at,
        closes_at=hours.closes_at(at) if hours else 0,
        caps=tuple(_caps(catalog, buyer, target, campaigns, at, used)),
        pace_wait_us=pace_wait_us,
        takes=tuple(_takes(buyer, target)),
        is_test=target.test,
    )


def _paused(buyer: Buyer, target: Target, by_operators: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for subject, in_file in ((f"target:{target.id}", target.paused), (f"buyer:{buyer.id}", buyer.paused)):
        if subject in by_operators:
            found[subject] = by_operators[subject]
        elif in_file:
            found[subject] = "in its file"
    return found


def _caps(
    catalog: Catalog,
    buyer: Buyer,
    target: Target,
    campaigns: Iterable[Campaign],
    at: int,
    used: Mapping[str, tuple[int, int]] | None,
) -> Iterable[CapLine]:
    """Each cap once, with the most that an attempt of any of the campaigns takes of it."""
    rules: dict[str, CapRule] = {}
    of_catalog = CatalogCaps(catalog)
    for campaign in (*campaigns, None):
        for rule in of_catalog.attempt_rules(buyer, target, campaign):
            key = rule.key(at)
            if key not in rules or rule.amount > rules[key].amount:
                rules[key] = rule
    for key, rule in rules.items():
        in_use, pending = used.get(key, (0, 0)) if used is not None else (None, None)
        end = period_at(rule.per, rule.zone, at).end if rule.measure else NEVER_US
        yield CapLine(
            key=key,
            reason=cap_reason(rule),
            is_money=rule.measure in MONEY,
            limit=limit_at(rule, target, at),
            limit_in_all=rule.limit,
            used=in_use,
            pending=pending,
            needed=rule.amount,
            resets_at=0 if end >= NEVER_US else end,
        )


def _takes(buyer: Buyer, target: Target) -> Iterable[str]:
    if target.area is not None:
        yield f"area: {area_told(target.area)}"
    if target.when is not None:
        yield f"condition: {target.when}"
    if target.attestation_min is not None:
        yield f"attestation {target.attestation_min} or better"
    if target.duplicates is not None:
        rule = target.duplicates
        yield f"no repeat within {rule.window_days} days ({rule.scope}, {rule.event})"
    if buyer.publishers_blocked:
        yield f"not from publishers {', '.join(sorted(buyer.publishers_blocked))}"


@dataclass(slots=True)
class RecentChoices:
    """What became of recent choices of a target's campaigns. ``calls`` were looked at; a call may choose several times.

    ``alone`` counts choices for which one reason stood alone between the target and the call.
    """

    target: str
    calls: int = 0
    choices: int = 0
    elsewhere: int = 0
    chosen: int = 0
    passed_over: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    winners: Counter[str] = field(default_factory=Counter)
    preferred: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def take(self, candidates: Iterable[Mapping[str, Any]], winner: str) -> None:
        """One choice: every candidate with its reasons, and who was chosen ("" for nobody)."""
        own = next((candidate for candidate in candidates if candidate["target"] == self.target), None)
        if own is None:
            self.elsewhere += 1
            return
        self.choices += 1
        if winner == self.target:
            self.chosen += 1
            return
        codes = {reason["code"] for reason in own.get("reasons", ())}
        if codes == {"already_tried"}:
            return  # It had its chance in this very call.
        self.reasons.update(codes)
        if len(codes) == 1:
            self.alone.update(codes)
        if winner:
            self.winners[winner] += 1
        if not codes:
            self.passed_over += 1
            self.preferred[winner] += bool(winner)


def advice(now: Standing, recent: RecentChoices, tell_at: Callable[[int], str]) -> list[str]:
    """What would have to change, the surest first. ``tell_at`` writes an instant for people."""
    found = []
    if not now.campaigns:
        found.append(f"no campaign lists it (add {now.target} to the targets of a campaign)")
    for subject, why in now.paused.items():
        kind, _, name = subject.partition(":")
        undo = f"remove paused from its {kind} file" if why == "in its file" else f"ppc {kind} resume {name}"
        found.append(f"{kind} {name} is paused, {why} ({undo})")
    if not now.is_open:
        opens = f"it opens {tell_at(now.next_opening)}" if now.next_opening else "it does not open within a year"
        found.append(f"it is closed ({now.hours}): {opens}")
    found += [_cap_advice(cap, tell_at) for cap in now.caps if cap.full]
    if now.pace_wait_us > 0:
        found.append(f"its pace lets the next call through in {-(-now.pace_wait_us // 1000)} ms")
    found += _recent_advice(now, recent)
    return found or ["nothing stands against it: it gets the next call that it fits"]


def _cap_advice(cap: CapLine, tell_at: Callable[[int], str]) -> str:
    limit, in_all = cap.amount(cap.limit), cap.amount(cap.limit_in_all)
    if cap.needed > cap.limit_in_all:
        return f"{cap.key}: one call takes {cap.amount(cap.needed)}, the limit is {in_all} (raise it)"
    if cap.limit < cap.limit_in_all:
        return f"{cap.key}: {limit} of {in_all} by now, because it is spread over the open hours"
    then = f"it resets {tell_at(cap.resets_at)}" if cap.resets_at else "a call ends"
    return f"{cap.key} is full: {cap.amount(cap.used or 0)} of {limit} (raise it, or wait until {then})"


_LEFT_OUT = {
    "out_of_area": "callers came from elsewhere",
    "attribute_mismatch": "its condition did not hold",
    "duplicate": "the caller had called before",
    "publisher_blocked": "the publisher is blocked",
    "margin_negative": "the call would have paid too little",
    "attestation": "the caller's number was not attested well enough",
    "closed": "it was closed",
    "paused": "it was paused",
    "concurrency_cap": "all its slots were taken",
    "volume_cap": "a volume cap was used up",
    "spend_cap": "a spend cap was used up",
    "balance": "the balance was too low",
    "pace": "calls came faster than its pace",
}


def _recent_advice(now: Standing, recent: RecentChoices) -> list[str]:
    if not recent.calls:
        return [f"no call of {', '.join(now.campaigns)} came in that time"] if now.campaigns else []
    if not recent.choices:
        return [f"none of {recent.calls} recent calls came to a choice that it is part of"]
    found = []
    for code, count in recent.reasons.most_common():
        if count >= SHARE_TOLD_MIN * recent.choices:
            alone = f", {recent.alone[code]} times for this alone" if recent.alone[code] else ""
            told = _LEFT_OUT.get(code, code)
            found.append(f"{told} in {count} of {recent.choices} recent choices ({code}{alone})")
    if recent.passed_over:
        names = ", ".join(f"{name} {count}" for name, count in recent.preferred.most_common(WINNERS_TOLD_MAX))
        found.append(
            f"in {recent.passed_over} of {recent.choices} it could have had the call and another was preferred"
            f" ({names or 'nobody'}): its priority is {now.priority}, its weight {now.weight}"
        )
    return found
