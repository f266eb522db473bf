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

from ppc_engine.billing.history import Conversion, History, Occasion
from ppc_engine.billing.leaves import (
    TEST_CALL,
    end_estimated,
    no_offer,
    not_connected,
    outside,
    repeats,
    too_short,
)
from ppc_engine.billing.rating import amount_micros
from ppc_engine.billing.verdict import PAYOUT_WITHOUT_REVENUE, BillableRecord, Judgement, Reason, Side, Verdict
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Catalog, Offer
from ppc_engine.values.phone import normalise


@dataclass(frozen=True, slots=True)
class _Case:
    """One call before the qualifier."""

    cdr: CDR
    history: History
    tracking_number: str

    def place(self, scope: str, attempt: AttemptRecord | None) -> str:
        """What this call has in the scope of a duplicate rule; "" for the target of a call that dialled nobody."""
        if scope == "tracking_number":
            return self.tracking_number
        owner = self.cdr if scope in ("campaign", "publisher") else attempt
        return getattr(owner, scope) if owner is not None else ""

    def conversion(self, side: Side, paid: AttemptRecord, converted_at: int) -> Conversion:
        """The event that later calls of this caller may be duplicates of."""
        cdr = self.cdr
        occasion = Occasion(
            offered_at=cdr.offered_at,
            call_id=cdr.call_id,
            ended_at=cdr.ended_at,
            at=converted_at,
            campaign=cdr.campaign,
            publisher=cdr.publisher,
            tracking_number=self.tracking_number,
            buyer=paid.buyer,
            target=paid.target,
        )
        return Conversion(side, occasion)


@dataclass(frozen=True, slots=True)
class _Tried:
    """An attempt held against the terms; ``attempt`` is None for a call that dialled nobody."""

    attempt: AttemptRecord | None
    reasons: tuple[Reason, ...]

    @property
    def connected_ms(self) -> int:
        return self.attempt.connected_ms if self.attempt else 0


def judge(cdr: CDR, catalog: Catalog, history: History) -> Judgement:
    """The verdicts on a call. ``catalog`` is of the call's own revision; ``history`` is of its caller key.

    ``history`` may hold other calls in any order, later ones and this one included: only earlier ones are looked at.
    """
    case = _Case(cdr, history, tracking_number(cdr.dialed_number))
    records: list[tuple[BillableRecord, Conversion | None]] = []
    sold = [attempt for attempt in cdr.attempts if attempt.buyer]  # A destination of our own buys nothing.
    for buyer in sorted({attempt.buyer for attempt in sold}):
        own = [attempt for attempt in sold if attempt.buyer == buyer]
        records.append(_judge_side(case, "buyer", buyer, catalog.buyer_offer(buyer, cdr.campaign), own))
    if cdr.publisher:
        offer = catalog.publisher_offer(cdr.publisher, cdr.campaign)
        record, conversion = _judge_side(case, "publisher", cdr.publisher, offer, sold)
        if record.verdict == "yes" and not any(buyers.verdict == "yes" for buyers, _ in records):
            record = replace(record, flags=(PAYOUT_WITHOUT_REVENUE,))
        records.append((record, conversion))
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
    )


def tracking_number(dialed_number: str) -> str:
    """One spelling for a number that trunks write in several ways, as attribution finds it."""
    return normalise(dialed_number) or dialed_number


def _judge_side(
    case: _Case, side: Side, party: str, offer: Offer | None, attempts: Sequence[AttemptRecord]
) -> tuple[BillableRecord, Conversion | None]:
    """One party's record: the highest of its attempts, ties to the earlier one; amounts are fixed, so the earliest."""
    cdr = case.cdr
    tried = _try_all(case, side, offer, attempts)
    nearest = min(tried, key=lambda t: (len(t.reasons), -t.connected_ms))
    # Every attempt that a buyer had is told; the publisher is judged once, on the attempt that came nearest.
    reasons = _without_repeats(tried if side == "buyer" else [nearest])
    verdict: Verdict = "no"
    paid = None
    if cdr.test:
        reasons = (TEST_CALL,)
    elif offer is None:
        reasons = (no_offer(side, party, cdr.campaign),)
    elif cdr.end_estimated or any(attempt.end_estimated for attempt in cdr.attempts):
        verdict, reasons = "review", (end_estimated(cdr), *reasons)
    elif (paid := next((t.attempt for t in tried if not t.reasons), None)) is not None:
        verdict, reasons = "yes", ()
    shown = paid or nearest.attempt
    is_repeat = any(reason.code == "duplicate" for reason in nearest.reasons)
    converted_at = paid.connected_at + offer.connected_ms_min * 1000 if paid and offer else 0
    record = BillableRecord(
        side=side,
        party=party,
        offer=offer.id if offer else "",
        verdict=verdict,
        amount_micros=amount_micros(offer) if paid and offer else 0,
        attempt_number=paid.number if paid else None,
        converted_at=converted_at,
        connected_at=shown.connected_at if shown else 0,
        is_counted=bool(shown and shown.connected_at) and not is_repeat and not cdr.test,
        target=shown.target if shown else "",
        reasons=reasons,
    )
    return record, case.conversion(side, paid, converted_at) if paid else None


def _try_all(case: _Case, side: Side, offer: Offer | None, attempts: Sequence[AttemptRecord]) -> list[_Tried]:
    """Every attempt that connected; where none did, every attempt of a buyer, or the call as a whole."""
    connected = [attempt for attempt in attempts if attempt.connected_at]
    if not connected and side == "publisher":
        return [_Tried(None, _leaves(case, side, offer, None))]
    longest = max(connected, key=lambda a: a.connected_ms) if len(connected) > 1 and side == "publisher" else None
    return [_Tried(a, _leaves(case, side, offer, a, is_longest=a is longest)) for a in connected or attempts]


def _leaves(
    case: _Case, side: Side, offer: Offer | None, attempt: AttemptRecord | None, *, is_longest: bool = False
) -> tuple[Reason, ...]:
    """The reasons that this attempt fails for. ``is_longest`` of several that the publisher may be paid for."""
    cdr = case.cdr
    if offer is None:
        return ()
    found: list[Reason | None] = []
    if attempt is None:
        found.append(not_connected("sold_to_nobody" if cdr.outcome == "connected" else cdr.outcome))
    elif not attempt.connected_at:
        found.append(not_connected(attempt.outcome, attempt.number))
    else:
        found.append(too_short(offer, attempt, is_longest=is_longest))
    if offer.unique_caller is not None:
        place = case.place(offer.unique_caller.scope, attempt)
        found.append(repeats(offer.unique_caller, side, place, cdr, case.history))
    if offer.area is not None:
        found.append(outside(offer.area, cdr))
    return tuple(reason for reason in found if reason is not None)


def _without_repeats(tried: Sequence[_Tried]) -> tuple[Reason, ...]:
    """The reasons of several attempts in order; one that is about the call as a whole is told once."""
    return tuple(dict.fromkeys(reason for t in tried for reason in t.reasons))
