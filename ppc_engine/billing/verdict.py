"""What the qualifier says about a call: one record a party, every reason in it, and the money that follows.

Verdicts are final (yes, no) or not (pending: a leaf is not known yet; review: a person must settle the facts first);
only a yes carries an amount (semantics.md, "Conversions, terms and money").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ppc_engine.billing.history import Conversion

Side = Literal["buyer", "publisher"]
Verdict = Literal["yes", "no", "pending", "review"]
SIDES: tuple[Side, ...] = ("buyer", "publisher")
CallKey = tuple[int, str]  # (offered_at, call_id): the order in which calls are judged.

PAYOUT_WITHOUT_REVENUE = "payout_without_revenue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One leaf of the terms that was not met. Lengths and spans are in ms; ``text`` says it all to a person.

    ``attempt`` is the attempt that was measured, 0 for the call as a whole. ``earlier_call`` is the call_id that a
    duplicate repeats, "" for any other reason.
    """

    code: str
    text: str
    measured: int | str
    limit: int | str
    attempt: int = 0
    earlier_call: str = ""

    def to_plain(self) -> dict[str, Any]:
        """As stored: a JSON object without the fields that say nothing."""
        plain: dict[str, Any] = {
            "code": self.code,
            "text": self.text,
            "measured": self.measured,
            "limit": self.limit,
        }
        if self.attempt:
            plain["attempt"] = self.attempt
        if self.earlier_call:
            plain["earlier_call"] = self.earlier_call
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class BillableRecord:
    """The verdict on one call for one party. ``attempt_number`` is the attempt that is paid for, None for none.

    ``target`` and ``connected_at`` are those of the attempt that is paid for, else of the one that came nearest.
    ``converted_at`` is the moment the last leaf was met, 0 unless the verdict is yes.
    """

    side: Side
    party: str
    offer: str
    verdict: Verdict
    amount_micros: int = 0
    attempt_number: int | None = None
    converted_at: int = 0
    connected_at: int = 0
    is_counted: bool = False
    target: str = ""
    reasons: tuple[Reason, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything that the qualifier says about one call. ``records`` are in the order of (side, party)."""

    offered_at: int
    call_id: str
    revision: str
    caller_key: str
    campaign: str
    publisher: str
    tracking_number: str
    currency: str
    records: tuple[BillableRecord, ...]
    conversions: tuple[Conversion, ...]

    @property
    def key(self) -> CallKey:
        """What calls are ordered and stored by."""
        return self.offered_at, self.call_id

    @property
    def revenue_micros(self) -> int:
        """What the buyers pay: the sum of postings, each rounded on its own."""
        return total_micros(self.records, "buyer")

    @property
    def payout_micros(self) -> int:
        """What the publisher is paid."""
        return total_micros(self.records, "publisher")

    @property
    def margin_micros(self) -> int:
        """Revenue less payout; always computed, never stored as terms."""
        return self.revenue_micros - self.payout_micros


def total_micros(records: tuple[BillableRecord, ...], side: Side) -> int:
    """The sum of one side's postings."""
    return sum(record.amount_micros for record in records if record.side == side)
