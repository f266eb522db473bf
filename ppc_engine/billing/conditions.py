"""Whether the conditions of a rule hold for one attempt: yes, no, or not known yet, with every reason.

ALL with a no is no, ANY with a yes is yes, at once; otherwise an unknown keeps the answer open until its deadline
(semantics.md, "Conversions, terms and money"). Every failing leaf is told, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ppc_engine.billing.evidence import Evidence, Signal
from ppc_engine.billing.history import DAY_US, History
from ppc_engine.billing.leaves import outside, repeats, seconds, too_short
from ppc_engine.billing.verdict import BillableRecord, Reason, Side
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Catalog, Offer
from ppc_engine.catalog.policies import UniqueCaller
from ppc_engine.catalog.terms import Length, Postback, QualityScore, Term
from ppc_engine.values import caller_lists, condition
from ppc_engine.values.condition import ConditionError
from ppc_engine.values.phone import area_code

ATTESTATIONS = {"A": 3, "B": 2, "C": 1}  # SHAKEN (ATIS-1000074): full, partial, gateway; none is below all.


@dataclass(slots=True, kw_only=True)
class Asked:
    """One attempt of a call before one party's terms; ``attempt`` is None for a call that dialled nobody.

    ``at`` is the instant by which deadlines have passed. ``buyers`` are the records of the buyers' side, where that was
    judged. ``is_longest``: of several attempts that the publisher may be paid for. ``needs_amount``: the rule that is
    looked at is worth what a postback says.
    """

    cdr: CDR
    catalog: Catalog
    history: History
    evidence: Evidence
    at: int
    side: Side
    offer: Offer
    attempt: AttemptRecord | None
    tracking_number: str
    is_longest: bool = False
    buyers: tuple[BillableRecord, ...] = ()
    needs_amount: bool = False

    @property
    def number(self) -> int:
        """The attempt's number, 0 for none."""
        return self.attempt.number if self.attempt else 0

    @property
    def connected(self) -> AttemptRecord | None:
        """The attempt, if it was connected."""
        return self.attempt if self.attempt and self.attempt.connected_at else None

    def signals(self, name: str = "") -> list[Signal]:
        """Postbacks about this attempt in the order in which they came; ``name`` "" is any."""
        found = [s for s in self.evidence.signals if s.score is None and s.attempt_number in (0, self.number)]
        return sorted((s for s in found if name in ("", s.name)), key=lambda s: (s.received_at, s.key))


@dataclass(slots=True)
class Answer:
    """``met`` is None while it is not known. ``at`` is when the last leaf was met, ``deadline`` when an open one is
    decided."""

    met: bool | None
    reasons: tuple[Reason, ...] = ()
    at: int = 0
    deadline: int = 0


def answer(term: Term, asked: Asked) -> Answer:
    """What a condition comes to."""
    kind = term.kind
    return _LEAVES[kind](getattr(term, kind), asked)


def _all(terms: tuple[Term, ...], asked: Asked) -> Answer:
    answers = [answer(term, asked) for term in terms]
    if any(one.met is False for one in answers):
        return Answer(False, tuple(r for one in answers if one.met is False for r in one.reasons))
    if any(one.met is None for one in answers):
        return _open(answers)
    return Answer(True, (), max(one.at for one in answers))


def _any(terms: tuple[Term, ...], asked: Asked) -> Answer:
    answers = [answer(term, asked) for term in terms]
    if any(one.met for one in answers):
        return Answer(True, (), min(one.at for one in answers if one.met))
    if any(one.met is None for one in answers):
        return _open(answers)
    return Answer(False, tuple(reason for one in answers for reason in one.reasons))


def _open(answers: list[Answer]) -> Answer:
    unknown = [one for one in answers if one.met is None]
    deadline = min((one.deadline for one in unknown if one.deadline), default=0)
    return Answer(None, tuple(reason for one in unknown for reason in one.reasons), 0, deadline)


def _met(asked: Asked, reason: Reason | None, at: int = 0) -> Answer:
    """A leaf that is known at once: met when the attempt was connected, unless it says another moment."""
    if reason is not None:
        return Answer(False, (reason,))
    return Answer(True, (), at or (asked.attempt.connected_at if asked.attempt else 0))


def _length(length: Length, asked: Asked) -> Answer:
    attempt = asked.connected
    if attempt is None:
        return Answer(False)  # That nobody was connected is the reason, and is told once.
    exact_ms, begin = measured(length, asked.cdr, attempt)
    length_ms = asked.offer.rounded_ms(exact_ms)
    what = "longest attempt" if asked.is_longest else "connected"
    what = length.clock if length.clock != "connected" else what
    what = f"{length.clock}, all attempts," if length.scope == "call" else what
    reason = too_short(length.ms_min, length_ms, what, attempt.number, exact_ms)
    return _met(asked, reason, min(begin + length.ms_min * 1000, begin + exact_ms * 1000 + 999))


def measured(length: Length, cdr: CDR, attempt: AttemptRecord) -> tuple[int, int]:
    """(length in ms, instant that it would have begun at without any gap) by a clock, for an attempt or the call.

    Answered is the caller's leg, until the attempt's or the call's end; dialed is from the dial to the end of the talk.
    """
    if length.clock == "answered":
        end = attempt.disconnected_at if length.scope == "attempt" else cdr.ended_at
        return (max(0, end - cdr.answered_at) // 1000 if cdr.answered_at else 0), cdr.answered_at
    if length.scope == "attempt":
        if length.clock == "connected":
            return attempt.connected_ms, attempt.connected_at
        return max(0, attempt.disconnected_at - attempt.dialed_at) // 1000, attempt.dialed_at
    total_ms = begin = 0
    for one in cdr.attempts:
        if length.clock == "connected":
            own_ms, start = (one.connected_ms, one.connected_at) if one.connected_at else (0, 0)
        else:
            own_ms, start = max(0, (one.disconnected_at or one.ended_at) - one.dialed_at) // 1000, one.dialed_at
        if own_ms and (total_ms < length.ms_min or not begin):
            begin = start - total_ms * 1000
        total_ms += own_ms
    return total_ms, begin


def _unique_caller(rule: UniqueCaller, asked: Asked) -> Answer:
    return _met(asked, repeats(rule, asked.side, _place(rule.scope, asked), asked.cdr, asked.history))


def _place(scope: str, asked: Asked) -> str | frozenset[str]:
    """What this call has in the scope of a duplicate rule; "" for the target of a call that dialled nobody."""
    cdr, catalog = asked.cdr, asked.catalog
    if scope == "tracking_number":
        return asked.tracking_number
    if scope == "campaign_group":
        own = catalog.campaigns.get(cdr.campaign)
        group = own.group if own else None
        return frozenset(c.id for c in catalog.campaigns.values() if group and c.group == group) | {cdr.campaign}
    target = asked.attempt.target if asked.attempt else ""
    if scope == "target_group":
        groups = [group.targets for group in catalog.groups.values() if target in group.targets]
        return frozenset(name for targets in groups for name in targets) | {target}
    owner = cdr if scope in ("campaign", "publisher") else asked.attempt
    return getattr(owner, scope) if owner is not None else ""


def _hours(hours: Any, asked: Asked) -> Answer:
    at = asked.attempt.dialed_at if asked.attempt else asked.cdr.offered_at
    reason = None
    if not hours.is_open(at):
        reason = Reason(
            code="closed", text=f"dialed at {utc(at)}, outside of the hours ({hours.zone})", measured=utc(at),
            limit="open", attempt=asked.number,
        )  # fmt: skip
    return _met(asked, reason)


def _attestation(wanted: str, asked: Asked) -> Answer:
    measured_, reason = asked.cdr.attestation or "none", None
    if ATTESTATIONS.get(measured_, 0) < ATTESTATIONS[wanted]:
        text = f"attestation {measured_}, needs {wanted}"
        reason = Reason(code="attestation", text=text, measured=measured_, limit=wanted)
    return _met(asked, reason)


def _condition(text: str, asked: Asked) -> Answer:
    cdr = asked.cdr
    known = condition.facts(
        cdr.offered_at, cdr.tags, caller__number=cdr.caller_key, caller__number_known=bool(cdr.caller_key),
        caller__kind=cdr.caller_kind, caller__area_code=area_code(cdr.caller_key), caller__state=cdr.state,
        caller__attestation=cdr.attestation, place__zip_code=cdr.zip_code, place__zip_source=cdr.zip_source,
        place__state=cdr.state, call__campaign=cdr.campaign, call__publisher=cdr.publisher,
        call__dialed_number=cdr.dialed_number, call__trunk=cdr.trunk,
    )  # fmt: skip
    try:
        holds, why = condition.holds(text, known), "does not hold"
    except ConditionError as error:
        holds, why = False, str(error)
    reason = None if holds else Reason(code="condition", text=f"{text}: {why}", measured="false", limit=text)
    return _met(asked, reason)


def _caller_list(wanted: Any, asked: Asked) -> Answer:
    cdr = asked.cdr
    listed = bool(cdr.caller_key) and caller_lists.is_listed(cdr.caller_key, asked.catalog.lists.get(wanted.name, ()))
    reason = None
    if listed is not wanted.listed:
        words = {True: f"on {wanted.name}", False: f"not on {wanted.name}"}
        text = f"caller is {words[listed]}"
        reason = Reason(code="caller_list", text=text, measured=words[listed], limit=words[wanted.listed])
    return _met(asked, reason)


def _postback(leaf: Postback, asked: Asked) -> Answer:
    if asked.connected is None:
        return Answer(False)
    what = f"postback {leaf.name}".strip()
    deadline = asked.cdr.ended_at + leaf.within_days * DAY_US
    signals = asked.signals(leaf.name)
    valued = [s for s in signals if s.amount_micros is not None] if asked.needs_amount else signals
    in_time = [s for s in valued if s.received_at < deadline]
    if in_time:
        return Answer(True, (), in_time[0].received_at)
    if signals and not valued:
        code, told = "postback_no_amount", f"{what} without an amount, needs one"
    elif valued:
        late = (valued[0].received_at - deadline) // 1000
        code, told = "postback_late", f"{what} came {seconds(late)} after its {leaf.within_days} d"
    else:
        code, told = "postback_missing", f"no {what} within {leaf.within_days} d"
    return _awaited(asked, code, told, what, deadline, leaf.if_missing, leaf.within_days)


def _awaited(asked: Asked, code: str, told: str, what: str, deadline: int, if_missing: str, days: int) -> Answer:
    """A signal that is not there: open until its deadline, then as the terms say."""
    if asked.at < deadline and code != "postback_late":
        text = f"awaits {what} until {utc(deadline)}"
        reason = Reason(code="awaited", text=text, measured="none yet", limit=f"{days} d", attempt=asked.number)
        return Answer(None, (reason,), 0, deadline)
    if if_missing == "pass":
        return Answer(True, (), deadline)
    return Answer(False, (Reason(code=code, text=told, measured="none", limit=f"{days} d", attempt=asked.number),))


def _quality_score(leaf: QualityScore, asked: Asked) -> Answer:
    if asked.connected is None:
        return Answer(False)
    deadline = asked.cdr.ended_at + leaf.within_days * DAY_US
    own = [s for s in asked.evidence.signals if s.score is not None and s.attempt_number in (0, asked.number)]
    scored = max((s for s in own if s.received_at < deadline), key=lambda s: (s.received_at, s.key), default=None)
    if scored is None or scored.score is None:
        told = f"no score within {leaf.within_days} d"
        return _awaited(asked, "score_missing", told, "a score", deadline, leaf.if_missing, leaf.within_days)
    if scored.score >= leaf.score_min:
        return Answer(True, (), scored.received_at)
    text = f"score {scored.score}, needs {leaf.score_min}"
    return Answer(False, (Reason(code="score", text=text, measured=scored.score, limit=leaf.score_min),))


def _revenue(_: str, asked: Asked) -> Answer:
    """A buyer's side converted; open while one may still."""
    paid = [record for record in asked.buyers if record.verdict == "yes"]
    if paid:
        return Answer(True, (), min(record.converted_at for record in paid))
    may = [record.deadline for record in asked.buyers if record.verdict == "pending"]
    reason = Reason(code="no_revenue", text="no buyer pays for this call", measured="none", limit="revenue")
    return Answer(None if may else False, (reason,), 0, min(may, default=0))


def utc(at_us: int) -> str:
    """An instant as people read it, to the second."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LEAVES: dict[str, Callable[[Any, Asked], Answer]] = {
    "all": _all,
    "any": _any,
    "length": _length,
    "unique_caller": _unique_caller,
    "area": lambda area, asked: _met(asked, outside(area, asked.cdr)),
    "hours": _hours,
    "attestation_min": _attestation,
    "condition": _condition,
    "quality_score": _quality_score,
    "postback": _postback,
    "caller_list": _caller_list,
    "revenue": _revenue,
}
