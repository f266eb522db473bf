"""What people read from the ledger, and what they post to it: payments, credits, and decisions about single calls.

Rules this file obeys: a person's transfer carries a name and a reason, and is written in the transaction that read what
it rests on; nothing that must not be billed can be billed from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select, tuple_

from ppc_engine.billing.ledger import (
    REVERSIBLE,
    Transfer,
    account_of,
    decision,
    party_account,
    reversal,
)
from ppc_engine.billing.verdict import BillableRecord, CallKey
from ppc_engine.storage.billing import records_in_force
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.ledger import add, read_transfers, transfers_of
from ppc_engine.storage.schema import calls, entries, qualified_calls, transfers
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.money import format_micros

WHO_CHARS_MAX = 64
WHY_CHARS_MAX = 500
LISTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has come to in one currency; debits above zero."""

    account: str
    currency: str
    micros: int
    entries: int


class SQLLedger:
    """What people read from the ledger and write to it. Raises BadValueError for what cannot be done, saying why."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def balances(self, account: str = "", *, before: int | None = None) -> list[Balance]:
        """Every account that ever moved, or one (a kind of them with "buyer:"), as of now or before an instant."""
        query = select(
            entries.c.account, entries.c.currency, func.sum(entries.c.micros), func.count()
        ).group_by(entries.c.account, entries.c.currency)  # fmt: skip
        if before is not None:
            query = query.where(entries.c.at < before)
        if account:
            query = query.where(_is_account(account))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(entries.c.account, entries.c.currency)).all()
        return [Balance(name, currency, int(micros), count) for name, currency, micros, count in rows]

    def of_call(self, call_id: str) -> list[Transfer]:
        """Every transfer of the call with this id, or with an id that begins so."""
        with reading(self._engine) as connection:
            return read_transfers(connection, tuple_(transfers.c.offered_at, transfers.c.call_id).in_(
                [_call_named(connection, call_id)]
            ))  # fmt: skip

    def of_account(self, account: str, since: int, until: int) -> list[Transfer]:
        """Transfers that moved an account in [since, until), at most LISTED_MAX of them."""
        moved = select(entries.c.transfer_id).where(
            entries.c.account == account, entries.c.at >= since, entries.c.at < until
        )
        with reading(self._engine) as connection:
            return read_transfers(connection, transfers.c.id.in_(moved), limit=LISTED_MAX)

    def book(self, transfer: Transfer) -> bool:
        """Write a payment or a credit. False when it was booked before, word for word but for when, who and why."""
        _check_texts(transfer.who, transfer.reason)
        account = party_account(transfer)
        with writing(self._engine) as connection:
            earlier = read_transfers(connection, transfers.c.id == transfer.id)
            if earlier:
                if (earlier[0].currency, set(earlier[0].entries)) == (transfer.currency, set(transfer.entries)):
                    return False
                raise BadValueError(
                    f"{transfer.cause} is booked already with {_told(earlier[0])} as {transfer.id}: give another "
                    "--reference, or reverse that one and book this under a new one"
                )
            known = connection.scalars(select(entries.c.currency).where(entries.c.account == account).distinct()).all()
            if known and transfer.currency not in known:
                raise BadValueError(f"{account} is kept in {', '.join(sorted(known))}, not in {transfer.currency}")
            add(connection, [transfer])
        return True

    def reverse(self, transfer_id: str, *, who: str, why: str, at: int) -> Transfer:
        """Take back a payment, a credit or a reversal as a whole, once."""
        _check_texts(who, why)
        with writing(self._engine) as connection:
            found = read_transfers(connection, transfers.c.id == transfer_id)
            if not found:
                raise BadValueError(f'no transfer "{transfer_id}" (see: ppc ledger show --account NAME)')
            if found[0].kind not in REVERSIBLE:
                raise BadValueError(f"{transfer_id} is of a call: post waive or bill for that call")
            back = reversal(found[0], who=who, why=why, at=at)
            if read_transfers(connection, transfers.c.id == back.id):
                raise BadValueError(f"{transfer_id} is reversed already, by {back.id}")
            add(connection, [back])
        return back

    def decide(
        self, kind: Literal["waive", "bill"], call_id: str, account: str, amount: int, *, who: str, why: str, at: int
    ) -> list[Transfer]:
        """What a person decided that a call is worth to one party: nothing (waive), or an amount (bill).

        Refused for test calls and for verdicts that are not final (semantics.md, "Review"), for a party that the call
        never had, and when nothing would move.
        """
        _check_texts(who, why)
        with writing(self._engine) as connection:
            key = _call_named(connection, call_id)
            row = _judged_row(connection, key)
            records = _records_of(connection, key, account)
            if row.test:
                raise BadValueError(f"{key[1]} is a test call: it is never billed")
            if row.posted_version != row.version:
                raise BadValueError(f"{key[1]} is not in the ledger yet (run: ppc qualify)")
            open_ones = sorted({record.verdict for record in records} & {"pending", "review"})
            if kind == "bill" and open_ones:
                raise BadValueError(
                    f"{key[1]} is {open_ones[0]} for {account}: it is not billed before that is settled"
                )
            new = decision(
                kind, key, account, transfers_of(connection, [key]).get(key, []),
                amount_micros=amount, currency=row.currency, who=who, why=why, at=at,
            )  # fmt: skip
            if not new:
                worth = f"{format_micros(amount)} {row.currency}"
                raise BadValueError(f"{key[1]} is worth {worth} to {account} already: nothing to post")
            add(connection, new)
        return new


def _is_account(account: str) -> Any:
    if account.endswith(":"):
        return entries.c.account.startswith(account, autoescape=True)
    return entries.c.account == account


def _call_named(connection: Connection, call_id: str) -> CallKey:
    """The one call with this id or beginning of an id."""
    query = select(calls.c.offered_at, calls.c.call_id).where(calls.c.call_id.startswith(call_id, autoescape=True))
    rows = connection.execute(query.limit(2)).all()
    if len(rows) != 1 or not call_id:
        raise BadValueError(f'no call "{call_id}"' if not rows else f'several calls begin with "{call_id}"')
    return rows[0].offered_at, rows[0].call_id


def _judged_row(connection: Connection, key: CallKey) -> Any:
    judged = qualified_calls
    query = (
        select(judged.c.version, judged.c.posted_version, judged.c.currency, calls.c.test)
        .join(calls, (calls.c.offered_at == judged.c.offered_at) & (calls.c.call_id == judged.c.call_id))
        .where(judged.c.offered_at == key[0], judged.c.call_id == key[1])
    )
    row = connection.execute(query).first()
    if row is None:
        raise BadValueError(f"{key[1]} is not judged yet (run: ppc qualify)")
    return row


def _records_of(connection: Connection, key: CallKey, account: str) -> list[BillableRecord]:
    found = records_in_force(connection, [key])[key][1]
    own = [record for record in found if account_of(record.side, record.party) == account]
    if not own:
        parties = ", ".join(sorted({account_of(record.side, record.party) for record in found})) or "nobody"
        raise BadValueError(f"{account} is no party of {key[1]} (it has: {parties})")
    return own


def _check_texts(who: str, why: str) -> None:
    for name, text, most in (("who", who, WHO_CHARS_MAX), ("why", why, WHY_CHARS_MAX)):
        if not text.strip():
            raise BadValueError(f"{name} is missing (it is kept with the transfer)")
        if len(text) > most:
            raise BadValueError(f"{name} has {len(text)} characters; at most {most}")
        if not text.isprintable():
            raise BadValueError(f"{name} holds characters that cannot be printed")


def _told(transfer: Transfer) -> str:
    account = party_account(transfer)
    amount = next(micros for name, micros in transfer.entries if name == account)
    return f"{format_micros(abs(amount))} {transfer.currency}"
