"""Judge one finished call: who pays for it, who is paid for it, and every reason why not.

Rules this file obeys (semantics.md, "Conversions, terms and money", "Review"): the buyer's and the publisher's side are
two independent conversions under their own terms; every attempt is judged under its own buyer's terms; there is one
revenue a (call, buyer) and one payout a call; a test call is never billed, and a call whose end was not seen is never
billed before a person has settled it. Nothing here reads a clock or a database: the same arguments give the same
judgement, whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ppc_engine.billing.evidence import NO_EVIDENCE, Evidence, settle
from ppc_engine.billing.history import DAY_US, Conversion, History, Occasion
from ppc_engine.billing.leaves import TEST_CALL, end_estimated, no_offer
from ppc_engine.billing.returns import clawed_back, given_back
from ppc_engine.billing.telecom import cost_lines
from ppc_engine.billing.trying import Case, Paid, Tried, choose, try_all
from ppc_engine.billing.verdict import (
    PAYOUT_WITHOUT_REVENUE,
    BillableRecord,
    Judgement,
    Part,
    Reason,
    Side,
    Verdict,
)
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Catalog
from ppc_engine.values.money import format_micros
from ppc_engine.values.phone import normalise

TOLD_LATER = frozenset({"postback_late", "postback_no_amount"})  # Worth a note where another rule decided.


def judge(
    cdr: CDR,
    catalog: Catalog,
    history: History,
    evidence: Evidence = NO_EVIDENCE,
    *,
    at: int = 0,
    published_by: int | None = None,
) -> Judgement:
    """The verdicts on a call. ``catalog`` is of the call's own revision; ``history`` is of its caller key.

    ``history`` may hold other calls in any order, later ones and this one included: only earlier ones are looked at.
    ``at`` (UTC microseconds) is the instant by which deadlines of signals have passed: what is not known by then stays
    open. ``published_by`` lets terms hold that were published after the call was offered, when it is judged again.
    """
    settled, notes = settle(cdr, evidence.settlements)
    case = Case(
        cdr=settled, catalog=catalog, history=history, evidence=evidence, at=at, published_by=published_by,
        tracking_number=tracking_number(cdr.dialed_number),
    )  # fmt: skip
    records: list[tuple[BillableRecord, Conversion | None]] = []
    sold = [attempt for attempt in settled.attempts if attempt.buyer]  # A destination of our own buys nothing.
    for buyer in sorted({attempt.buyer for attempt in sold}):
        own = [attempt for attempt in sold if attempt.buyer == buyer]
        records.append(_judge_side(case, "buyer", buyer, own, notes))
    if cdr.publisher:
        case.buyers = tuple(record for record, _ in records)
        records.append(_judge_side(case, "publisher", cdr.publisher, sold, notes))
    campaign = catalog.campaigns.get(cdr.campaign)
    return Judgement(
        offered_at=cdr.offered_at,
        call_id=cdr.call_id,
        revision=cdr.revision,
        caller_key=cdr.caller_key,
        campaign=cdr.campaign,
        publisher=cdr.publisher,
        tracking_number=case.tracking_number,
        currency=campaign.currency if campaign else "",
        records=tuple(record for record, _ in records),
        conversions=tuple(conversion for _, conversion in records if conversion),
        costs=() if cdr.test or _is_estimated(settled) else cost_lines(settled, catalog),
    )


def tracking_number(dialed_number: str) -> str:
    """One spelling for a number that trunks write in several ways, as attribution finds it."""
    return normalise(dialed_number) or dialed_number


def _is_estimated(cdr: CDR) -> bool:
    return cdr.end_estimated or any(attempt.end_estimated for attempt in cdr.attempts)


@dataclass(slots=True)
class _Said:
    """What a side comes to, before it is written down."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    paid: tuple[Paid, ...] = ()
    deadline: int = 0
    notes: tuple[Reason, ...] = ()


def _judge_side(
    case: Case, side: Side, party: str, attempts: Sequence[AttemptRecord], notes: tuple[Reason, ...]
) -> tuple[BillableRecord, Conversion | None]:
    """One party's record: its best rule on its best attempt, and the rules that add to it."""
    cdr = case.cdr
    tried = try_all(case, side, party, attempts)
    nearest = min(tried, key=lambda t: (len(t.reasons), -t.connected_ms)) if len(tried) > 1 else tried[0]
    said = _say(case, side, party, tried, nearest)
    if not said.paid:
        said.notes = (*notes, *said.notes)
        return _unpaid(case, side, party, nearest, said), None
    first = said.paid[0]
    attempt, offer = first.attempt, first.offer
    amount = sum(paid.amount_micros for paid in said.paid)
    unearned = side == "publisher" and not _is_earned(case)
    record = BillableRecord(
        side=side,
        party=party,
        offer=offer.id,
        verdict="yes",
        amount_micros=amount,
        flags=(PAYOUT_WITHOUT_REVENUE,) if unearned else (),
        attempt_number=attempt.number,
        converted_at=first.converted_at,
        connected_at=attempt.connected_at,
        is_counted=_is_counted(attempt, nearest, cdr),
        target=attempt.target,
        rule=first.rule.id,
        offer_version=offer.version,
        override=first.by,
        deadline=said.deadline,
        approved_at=first.converted_at + offer.hold_days * DAY_US if side == "publisher" and offer.hold_days else 0,
        parts=_parts(said.paid) if len(said.paid) > 1 else (),
        notes=(*notes, *said.notes),
    )
    reversed_at = 0
    if case.evidence.returns:
        record, reversed_at = _after_returns(case, record, first)
        record = replace(record, flags=()) if reversed_at else record
    return record, _conversion(case, side, attempt, first.converted_at, reversed_at)


def _is_earned(case: Case) -> bool:
    """Whether some buyer pays for the call, and has not given all of it back."""
    return any(b.verdict == "yes" and (b.net_micros or not b.returned_micros) for b in case.buyers)


def _after_returns(case: Case, record: BillableRecord, first: Paid) -> tuple[BillableRecord, int]:
    if record.side == "buyer":
        return given_back(record, case.evidence.returns)
    return clawed_back(record, first.offer, first.rule, case.buyers, case.evidence.returns)


def _say(case: Case, side: Side, party: str, tried: Sequence[Tried], nearest: Tried) -> _Said:
    cdr = case.cdr
    # Every attempt that a buyer had is told; the publisher is judged once, on the attempt that came nearest.
    reasons = _without_repeats(tried if side == "buyer" else [nearest])
    if cdr.test:
        return _Said("no", (TEST_CALL,))
    if all(one.won is None and one.pin is None for one in tried):
        return _Said("no", (no_offer(side, party, cdr.campaign),))
    if _is_estimated(cdr):
        return _Said("review", (end_estimated(cdr), *reasons))
    if case.evidence.doubts and not case.evidence.settlements:
        return _Said("review", (*case.evidence.doubts, *reasons))
    paid = choose(tried)
    deadline = min((d for one in tried for d in one.deadlines), default=0)
    if paid:
        return _Said("yes", (), paid, deadline, _kept(tried, paid) if case.evidence.signals else ())
    pending = [one for one in tried if one.is_open]
    if pending:
        return _Said("pending", _without_repeats(pending), (), deadline)
    return _Said("no", reasons)


def _unpaid(case: Case, side: Side, party: str, nearest: Tried, said: _Said) -> BillableRecord:
    won, shown = nearest.won, nearest.attempt
    return BillableRecord(
        side=side,
        party=party,
        offer=won.offer.id if won else "",
        verdict=said.verdict,
        connected_at=shown.connected_at if shown else 0,
        is_counted=_is_counted(shown, nearest, case.cdr),
        target=shown.target if shown else "",
        reasons=said.reasons,
        offer_version=won.offer.version if won else 1,
        override=won.by if won else "",
        deadline=said.deadline,
        notes=said.notes,
    )


def _is_counted(shown: AttemptRecord | None, nearest: Tried, cdr: CDR) -> bool:
    is_repeat = any(reason.code == "duplicate" for reason in nearest.reasons)
    return bool(shown and shown.connected_at) and not is_repeat and not cdr.test


def _parts(paid: Sequence[Paid]) -> tuple[Part, ...]:
    return tuple(
        Part(rule=one.rule.id, attempt_number=one.attempt.number, amount_micros=one.amount_micros) for one in paid
    )


def _kept(tried: Sequence[Tried], paid: Sequence[Paid]) -> tuple[Reason, ...]:
    """Signals that changed nothing: what they report is not above what is paid, or came too late."""
    notes = []
    base = next((one.amount_micros for one in paid if not one.rule.adds), 0)
    for other in (one for t in tried for one in t.paid):
        if other not in paid and other.rule.rate.postback is not None and not other.rule.adds:
            text = f"signal kept: {format_micros(other.amount_micros)} is not above {format_micros(base)}"
            number = other.attempt.number
            notes.append(
                Reason(code="signal_kept", text=text, measured=other.amount_micros, limit=base, attempt=number)
            )
    late = (reason for t in tried for reason in t.reasons if reason.code in TOLD_LATER)
    return tuple(dict.fromkeys((*notes, *late)))


def _conversion(case: Case, side: Side, paid: AttemptRecord, converted_at: int, reversed_at: int) -> Conversion:
    """The event that later calls of this caller may be duplicates of."""
    cdr = case.cdr
    occasion = Occasion(
        offered_at=cdr.offered_at,
        call_id=cdr.call_id,
        ended_at=cdr.ended_at,
        at=converted_at,
        campaign=cdr.campaign,
        publisher=cdr.publisher,
        tracking_number=case.tracking_number,
        buyer=paid.buyer,
        target=paid.target,
    )
    return Conversion(side, occasion, reversed_at)


def _without_repeats(tried: Sequence[Tried]) -> tuple[Reason, ...]:
    """The reasons of several attempts in order; one that is about the call as a whole is told once."""
    return tuple(dict.fromkeys(reason for t in tried for reason in t.reasons))
