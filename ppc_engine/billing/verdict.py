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
    duplicate repeats, "" for any other reason. ``rule`` names the rule of an offer that has several.
    """

    code: str
    text: str
    measured: int | str
    limit: int | str
    attempt: int = 0
    earlier_call: str = ""
    rule: str = ""

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
        if self.rule:
            plain["rule"] = self.rule
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One posting of a record whose offer has rules that add: each rule pays at most once a call."""

    rule: str
    attempt_number: int
    amount_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """What a carrier charges for one leg: "in" is the caller's, else the number of the attempt."""

    leg: str
    carrier: str
    length_ms: int
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillableRecord:
    """The verdict on one call for one party. ``attempt_number`` is the attempt that is paid for, None for none.

    ``target`` and ``connected_at`` are those of the attempt that is paid for, else of the one that came nearest.
    ``converted_at`` is the moment the last leaf was met, 0 unless the verdict is yes.

    ``rule`` and ``override`` say which rule and which terms won ("" for the only rule, and for the party's own terms);
    ``parts`` are the postings when there are several. ``deadline`` is when an open leaf is decided, 0 when none is.
    ``returned_micros`` of the amount was given back. ``approved_at`` is the end of the payout hold, 0 without one.
    ``notes`` are facts that did not decide: a settled length, a signal that came too late.
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
    rule: str = ""
    offer_version: int = 1
    override: str = ""
    deadline: int = 0
    returned_micros: int = 0
    approved_at: int = 0
    parts: tuple[Part, ...] = ()
    notes: tuple[Reason, ...] = ()

    @property
    def net_micros(self) -> int:
        """What is left of the amount."""
        return self.amount_micros - self.returned_micros


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
    costs: tuple[CostLine, ...] = ()

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
        """Revenue less payout and telecom cost; always computed, never stored as terms."""
        return self.revenue_micros - self.payout_micros - self.cost_micros

    @property
    def cost_micros(self) -> int:
        """What the carriers charge: the sum of the legs."""
        return sum(line.cost_micros for line in self.costs)


def total_micros(records: tuple[BillableRecord, ...], side: Side) -> int:
    """The sum of one side's postings, without what was given back."""
    return sum(record.net_micros for record in records if record.side == side)
