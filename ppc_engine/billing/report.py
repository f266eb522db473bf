"""Sums of judged calls by publisher, buyer or campaign, and why calls were not paid for.

Totals are the sum of the rows, to the micro, and rows are sums of postings, never rounded again (semantics.md,
"Rounding"). Test calls are in no report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ppc_engine.billing.verdict import Side, Verdict

Dimension = Literal["publisher", "buyer", "campaign"]
DIMENSIONS: tuple[Dimension, ...] = ("publisher", "buyer", "campaign")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRecord:
    """What a report needs of one billable record. ``paying_buyer`` is whose attempt a payout was earned on."""

    side: Side
    party: str
    verdict: Verdict
    amount_micros: int
    connected: bool
    paying_buyer: str = ""
    reason_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCall:
    """What a report needs of one judged call. ``currency`` is "" for a call that belongs to no campaign."""

    publisher: str
    campaign: str
    currency: str
    outcome: str
    connected: bool
    records: tuple[ReportedRecord, ...]


@dataclass(slots=True, kw_only=True)
class ReportRow:
    """Sums for one party, or for all of them where ``name`` is "". Amounts are micros of ``currency``."""

    name: str
    currency: str
    calls: int = 0
    connected: int = 0
    billable: int = 0
    payable: int = 0
    revenue_micros: int = 0
    payout_micros: int = 0

    @property
    def margin_micros(self) -> int:
        """Revenue less payout."""
        return self.revenue_micros - self.payout_micros

    def add(self, other: ReportRow) -> None:
        """Take another row's figures in."""
        self.calls += other.calls
        self.connected += other.connected
        self.billable += other.billable
        self.payable += other.payable
        self.revenue_micros += other.revenue_micros
        self.payout_micros += other.payout_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """How many calls no buyer pays for, and how many pay no publisher, for this reason among others.

    ``detail`` is the outcome of a call that was never connected.
    """

    code: str
    detail: str
    not_billable: int
    not_payable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``rows`` by name, ``totals`` one a currency; the counts beside them count each call once.

    By buyer, a call that was sent to two buyers is in both rows, and one that was sent to nobody is in the row "".
    """

    by: Dimension
    rows: tuple[ReportRow, ...]
    totals: tuple[ReportRow, ...]
    calls: int
    not_billable: int
    not_payable: int
    reasons: tuple[ReasonCount, ...]


@dataclass(slots=True)
class _Sums:
    rows: dict[tuple[str, str], ReportRow] = field(default_factory=dict)

    def row(self, name: str, currency: str) -> ReportRow:
        found = self.rows.get((name, currency))
        if found is None:
            found = self.rows[name, currency] = ReportRow(name=name, currency=currency)
        return found


def summarise(calls: Iterable[ReportedCall], dimensions: Iterable[Dimension]) -> list[Report]:
    """One report a dimension, from one pass over the calls."""
    wanted = list(dimensions)
    sums = {by: _Sums() for by in wanted}
    count = not_billable = not_payable = 0
    billing: Counter[tuple[str, str]] = Counter()
    paying: Counter[tuple[str, str]] = Counter()
    for call in calls:
        count += 1
        for by in wanted:
            _add(sums[by], by, call)
        reasons = _reasons(call, "buyer")
        not_billable += reasons is not None
        billing.update(reasons or ())
        reasons = _reasons(call, "publisher")
        not_payable += reasons is not None
        paying.update(reasons or ())
    commonest = sorted({*billing, *paying}, key=lambda reason: (-billing[reason] - paying[reason], reason))
    counts = tuple(
        ReasonCount(code=code, detail=detail, not_billable=billing[code, detail], not_payable=paying[code, detail])
        for code, detail in commonest
    )
    return [
        Report(
            by=by,
            rows=(rows := _without_blank_currency(sums[by])),
            totals=_totals(rows),
            calls=count,
            not_billable=not_billable,
            not_payable=not_payable,
            reasons=counts,
        )
        for by in wanted
    ]


def _add(sums: _Sums, by: Dimension, call: ReportedCall) -> None:
    buyers = [record for record in call.records if record.side == "buyer"]
    publishers = [record for record in call.records if record.side == "publisher"]
    if by != "buyer":
        row = sums.row(call.publisher if by == "publisher" else call.campaign, call.currency)
        row.calls += 1
        row.connected += call.connected
        row.billable += any(record.verdict == "yes" for record in buyers)
        row.revenue_micros += sum(record.amount_micros for record in buyers)
    elif not buyers:
        sums.row("", call.currency).calls += 1
    else:
        for record in buyers:
            row = sums.row(record.party, call.currency)
            row.calls += 1
            row.connected += record.connected
            row.billable += record.verdict == "yes"
            row.revenue_micros += record.amount_micros
    for record in publishers:
        if record.verdict == "yes":
            row = sums.row(record.paying_buyer if by == "buyer" else getattr(call, by), call.currency)
            row.payable += 1
            row.payout_micros += record.amount_micros


def _reasons(call: ReportedCall, side: Side) -> set[tuple[str, str]] | None:
    """Why nobody on this side pays or is paid, each reason once; None when somebody is."""
    records = [record for record in call.records if record.side == side]
    if any(record.verdict == "yes" for record in records):
        return None
    codes = {code for record in records for code in record.reason_codes}
    # An attempt that rang in vain says nothing about a call that was connected elsewhere.
    codes.discard("not_connected")
    found = {(code, "") for code in codes}
    if not call.connected:
        found.add(("not_connected", call.outcome))
    return found


def _without_blank_currency(sums: _Sums) -> tuple[ReportRow, ...]:
    """Rows by name. Calls of no campaign moved no money, so that any currency in use is theirs."""
    known = min((currency for _, currency in sums.rows if currency), default="")
    merged = _Sums()
    for (name, currency), row in sorted(sums.rows.items()):
        merged.row(name, currency or known).add(row)
    return tuple(sorted(merged.rows.values(), key=lambda row: (row.name == "", row.name, row.currency)))


def _totals(rows: Iterable[ReportRow]) -> tuple[ReportRow, ...]:
    totals = _Sums()
    for row in rows:
        totals.row("", row.currency).add(row)
    return tuple(totals.rows.values())
