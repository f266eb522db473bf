"""The ledger: what verdicts and people move between accounts, as transfers that sum to zero and never change.

Rules this file obeys (semantics.md, "Conversions, terms and money"): a change is a new transfer that points at the one
it changes; its id is derived from that one, never from call and terms alone, so v1, v2, v1 again is three transfers and
nothing can be posted twice. Debits are above zero, credits below: a buyer's balance is what the buyer owes us, a
publisher's balance below zero is what we owe. What a person decided of a call stands: later verdicts do not move it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ppc_engine.billing.verdict import BillableRecord, CallKey, CostLine, Side

TransferKind = Literal["conversion", "correction", "waive", "bill", "payment", "credit", "reversal"]
Entries = tuple[tuple[str, int], ...]

CASH, REVENUE, PAYOUT, TELECOM, CREDITS = "cash", "revenue", "payout", "telecom", "credits"
DECISIONS = frozenset({"waive", "bill"})  # Of a person about one call.
REVERSIBLE = frozenset({"payment", "credit", "reversal"})  # What a person posted about no call.
QUALIFIER = "ppc qualify"
ID_CHARS = 32  # 128 bits of a hash.

# The account on the other side of a party's, and the sign of what we count in the party's own.
_SIDES: dict[str, tuple[str, int]] = {"buyer": (REVENUE, 1), "publisher": (PAYOUT, -1), "carrier": (TELECOM, -1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One event between accounts. ``at`` is when it was posted, UTC us; amounts are micros of ``currency``.

    ``cause`` says what it follows from; ``corrects`` is the id of the transfer that it changes, "" for none.
    ``offered_at`` and ``call_id`` are of its call, 0 and "" when it is about none.
    """

    id: str
    at: int
    kind: TransferKind
    reason: str
    cause: str
    corrects: str
    who: str
    currency: str
    entries: Entries
    offered_at: int = 0
    call_id: str = ""

    def faults(self) -> list[str]:
        """What is wrong with it by itself; a transfer that was posted has none."""
        found = []
        if sum(micros for _, micros in self.entries) != 0:
            found.append("its entries do not sum to zero")
        if len({account for account, micros in self.entries if micros}) < max(2, len(self.entries)):
            found.append("it needs an amount for each of two accounts or more")
        if self.id != _id_of(self.cause):
            found.append("its id does not follow from its cause")
        if self.corrects and self.cause != _after(self.corrects):
            found.append("its cause is not the transfer that it corrects")
        return found


def account_of(side: Side, party: str) -> str:
    """The account of a buyer or a publisher: "buyer:acme"."""
    return f"{side}:{party}"


def party_account(transfer: Transfer) -> str:
    """The account of the buyer, publisher or carrier that a transfer is about, "" for none."""
    return next((account for account, _ in transfer.entries if account.partition(":")[0] in _SIDES), "")


def worth(account: str, transfers: Iterable[Transfer]) -> dict[str, int]:
    """What transfers sum up to for one party, by currency: a revenue, a payout or a cost, above zero."""
    _, sign = _SIDES[account.partition(":")[0]]
    sums: dict[str, int] = {}
    for transfer in transfers:
        for name, micros in transfer.entries:
            if name == account:
                sums[transfer.currency] = sums.get(transfer.currency, 0) + sign * micros
    return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCall:
    """What is in force of one call: all records of that version, and the legs that carriers charge for."""

    key: CallKey
    currency: str
    records: tuple[BillableRecord, ...]
    costs: tuple[CostLine, ...] = ()

    def amounts(self) -> dict[str, int]:
        """What the call is worth to each account that it names. Only a yes moves money."""
        sums: dict[str, int] = {}
        for record in self.records:
            account = account_of(record.side, record.party)
            sums[account] = sums.get(account, 0) + (record.net_micros if record.verdict == "yes" else 0)
        for line in self.costs:
            account = f"carrier:{line.carrier}"
            sums[account] = sums.get(account, 0) + line.cost_micros
        return sums

    def reason(self, account: str) -> str:
        """Why it is worth that, in words."""
        told = [
            f"{record.verdict}: " + ("; ".join(r.text for r in record.reasons) or f"offer {record.offer}")
            for record in self.records
            if account_of(record.side, record.party) == account
        ]
        legs = [line.leg for line in self.costs if f"carrier:{line.carrier}" == account]
        return " | ".join(told) or (f"legs {', '.join(legs)}" if legs else "not a party of this call any more")


def postings(call: JudgedCall, earlier: Iterable[Transfer], at: int) -> list[Transfer]:
    """The transfers that bring the ledger to what is in force: differences alone, none when it is there already.

    ``earlier`` is every transfer of this call so far, in any order. A party that the call does not name any more gets
    its amount taken back. A call without a currency (of no campaign) is worth nothing here; the books' check tells of
    one that has an amount all the same.
    """
    wanted = call.amounts() if call.currency else {}
    by_account: dict[str, list[Transfer]] = {}
    for transfer in earlier:
        by_account.setdefault(party_account(transfer), []).append(transfer)
    new: list[Transfer] = []
    for account in sorted({*wanted, *by_account}):
        chain = by_account.get(account, [])
        sums = {call.currency: wanted[account]} if wanted.get(account) else {}
        if (sums or chain) and not any(transfer.kind in DECISIONS for transfer in chain):
            new += _differences(call.key, account, chain, sums, call.reason(account), at)
    return new


def decision(
    kind: Literal["waive", "bill"],
    call: CallKey,
    account: str,
    earlier: Iterable[Transfer],
    *,
    amount_micros: int,
    currency: str,
    who: str,
    why: str,
    at: int,
) -> list[Transfer]:
    """What a person decided that one call is worth to one party, as transfers; none when it is worth that already."""
    chain = [transfer for transfer in earlier if party_account(transfer) == account]
    wanted = {currency: amount_micros} if amount_micros else {}
    return _differences(call, account, chain, wanted, why, at, kind=kind, who=who)


def payment(
    account: str, amount_micros: int, currency: str, *, reference: str, who: str, why: str, at: int
) -> Transfer:
    """Money that came in from a buyer, or that went out to a publisher. ``reference`` names it once and for all."""
    received = account.startswith("buyer:")
    entries = ((CASH, amount_micros), (account, -amount_micros)) if received else (
        (CASH, -amount_micros), (account, amount_micros)
    )  # fmt: skip
    return _of_a_document("payment", account, entries, currency, reference=reference, who=who, why=why, at=at)


def credit(account: str, amount_micros: int, currency: str, *, reference: str, who: str, why: str, at: int) -> Transfer:
    """A credit note: a buyer owes that much less, or we owe a publisher that much more."""
    entries = ((account, -amount_micros), (CREDITS, amount_micros))
    return _of_a_document("credit", account, entries, currency, reference=reference, who=who, why=why, at=at)


def reversal(mistaken: Transfer, *, who: str, why: str, at: int) -> Transfer:
    """Takes a payment or a credit back as a whole. It has one id, so nothing is reversed twice."""
    cause = _after(mistaken.id)
    return Transfer(
        id=_id_of(cause),
        at=at,
        kind="reversal",
        reason=why,
        cause=cause,
        corrects=mistaken.id,
        who=who,
        currency=mistaken.currency,
        entries=tuple((account, -micros) for account, micros in mistaken.entries),
    )


def chain_faults(transfers: Sequence[Transfer]) -> list[str]:
    """What is wrong with all transfers of one call: each party's must be a chain that begins with the call."""
    known = {transfer.id: party_account(transfer) for transfer in transfers}
    found = []
    for transfer in transfers:
        account = party_account(transfer)
        if transfer.corrects:
            if known.get(transfer.corrects) != account:
                found.append(f"transfer {transfer.id} corrects {transfer.corrects}, which is not of {account or 'it'}")
        elif transfer.cause != _first((transfer.offered_at, transfer.call_id), account):
            found.append(f"transfer {transfer.id} does not follow from the call")
    return found


def _differences(
    call: CallKey,
    account: str,
    chain: Sequence[Transfer],
    wanted: dict[str, int],
    reason: str,
    at: int,
    *,
    kind: Literal["waive", "bill", ""] = "",
    who: str = QUALIFIER,
) -> list[Transfer]:
    """Transfers on top of a party's chain until it is worth what is wanted; what is of another currency goes first."""
    changed = {transfer.corrects for transfer in chain}
    last = next((transfer.id for transfer in chain if transfer.id not in changed), "")
    other, sign = _SIDES[account.partition(":")[0]]
    found = worth(account, chain)
    new: list[Transfer] = []
    for currency in sorted({*found, *wanted}, key=lambda name: (name in wanted, name)):
        micros = sign * (wanted.get(currency, 0) - found.get(currency, 0))
        if not micros:
            continue
        cause = _after(last) if last else _first(call, account)
        transfer = Transfer(
            id=_id_of(cause),
            at=at,
            kind=kind or ("correction" if last else "conversion"),
            reason=reason,
            cause=cause,
            corrects=last,
            who=who,
            currency=currency,
            entries=((account, micros), (other, -micros)),
            offered_at=call[0],
            call_id=call[1],
        )
        new.append(transfer)
        last = transfer.id
    return new


def _of_a_document(
    kind: TransferKind, account: str, entries: Entries, currency: str, *, reference: str, who: str, why: str, at: int
) -> Transfer:
    cause = f"{kind} {account} {reference}"
    return Transfer(
        id=_id_of(cause),
        at=at,
        kind=kind,
        reason=why,
        cause=cause,
        corrects="",
        who=who,
        currency=currency,
        entries=entries,
    )


def _first(call: CallKey, account: str) -> str:
    return f"call {call[0]} {call[1]} {account}"


def _after(transfer_id: str) -> str:
    return f"after {transfer_id}"


def _id_of(cause: str) -> str:
    return hashlib.sha256(cause.encode()).hexdigest()[:ID_CHARS]
