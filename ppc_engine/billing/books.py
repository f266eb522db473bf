"""What must hold of the books, call by call: records, totals and transfers agree, and nothing is billed in error.

Source: semantics.md, "Conversions, terms and money", "Test calls", "Review". This recomputes postings from the records
in force; it does not judge CDRs again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ppc_engine.billing.ledger import (
    JudgedCall,
    Transfer,
    chain_faults,
    party_account,
    postings,
)
from ppc_engine.billing.verdict import total_micros
from ppc_engine.values.money import format_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in the books that does not hold. ``call_id`` is "" for what is about no call."""

    code: str
    text: str
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedCall:
    """A judged call as the tables have it: the totals written beside the version in force, and all of its transfers."""

    judged: JudgedCall
    is_test: bool
    is_posted: bool
    revenue_micros: int
    payout_micros: int
    cost_micros: int
    margin_micros: int
    transfers: tuple[Transfer, ...]


def check_call(call: BookedCall) -> Iterator[Problem]:
    """Everything that does not hold of one call."""
    call_id = call.judged.key[1]
    for code, text in (*_records(call), *_totals(call), *_ledger(call)):
        yield Problem(code=code, text=text, call_id=call_id)


def check_transfers(transfers: Sequence[Transfer]) -> Iterator[Problem]:
    """What is wrong with transfers by themselves."""
    for transfer in transfers:
        for fault in transfer.faults():
            yield Problem(code="transfer", text=f"transfer {transfer.id}: {fault}", call_id=transfer.call_id)


def _records(call: BookedCall) -> Iterator[tuple[str, str]]:
    for record in call.judged.records:
        told = f"{record.side} {record.party}"
        if call.is_test and record.verdict != "no":
            yield "test_call", f"{told} is {record.verdict}, and this is a test call"
        if record.verdict != "yes" and record.amount_micros:
            yield "not_final", f"{told} is {record.verdict} and has {format_micros(record.amount_micros)}"
        if not 0 <= record.returned_micros <= max(0, record.amount_micros):
            returned, amount = format_micros(record.returned_micros), format_micros(record.amount_micros)
            yield "returned", f"{told} was given back {returned} of {amount}"


def _totals(call: BookedCall) -> Iterator[tuple[str, str]]:
    records = call.judged.records
    sums = {
        "revenue": (call.revenue_micros, total_micros(records, "buyer")),
        "payout": (call.payout_micros, total_micros(records, "publisher")),
        "cost": (call.cost_micros, sum(line.cost_micros for line in call.judged.costs)),
        "margin": (call.margin_micros, call.revenue_micros - call.payout_micros - call.cost_micros),
    }
    for name, (written, summed) in sums.items():
        if written != summed:
            yield "totals", f"{name} is written as {format_micros(written)} and comes to {format_micros(summed)}"
    if any(call.judged.amounts().values()) and not call.judged.currency:
        yield "no_currency", "it has an amount and no currency, so that the ledger cannot hold it"


def _ledger(call: BookedCall) -> Iterator[tuple[str, str]]:
    for fault in chain_faults(call.transfers):
        yield "chain", fault
    if call.is_test and call.transfers:
        yield "test_call", f"it is a test call and has {len(call.transfers)} transfers"
    open_parties = {f"{r.side}:{r.party}": r.verdict for r in call.judged.records if r.verdict in ("pending", "review")}
    for transfer in call.transfers:
        account = party_account(transfer)
        if transfer.kind == "bill" and account in open_parties:
            yield "not_final", f"{account} was billed by {transfer.who} and is {open_parties[account]}"
    if not call.is_posted:
        yield "not_posted", "the version in force is not in the ledger (run: ppc qualify)"
        return
    for missing in postings(call.judged, call.transfers, 0):
        account, micros = missing.entries[0]
        amount = f"{format_micros(micros)} {missing.currency}"
        yield "differs", f"ledger and records differ: {account} lacks {amount} ({missing.reason})"
