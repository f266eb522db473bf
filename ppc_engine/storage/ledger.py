"""The ledger's tables, which are only ever added to.

Rules this file obeys: what verdicts move is written in the transaction that writes the verdicts. The id of a transfer
follows from its cause, so the primary key refuses to post anything twice, whoever tries at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from ppc_engine.billing.ledger import JudgedCall, Transfer, postings
from ppc_engine.billing.verdict import CallKey, CostLine
from ppc_engine.storage.schema import entries, qualified_calls, transfers

KEYS_MAX = 400  # Calls in one query: older SQLite allows 999 values, and a call is two.

_OF_A_TRANSFER = ("id", "at", "kind", "reason", "cause", "corrects", "who", "currency", "offered_at", "call_id")


def post_judged(connection: Connection, judged: Iterable[JudgedCall], again: Collection[CallKey], at: int) -> int:
    """Post what has changed of these calls; ``again`` are those that may have transfers. Returns how many were new."""
    earlier = transfers_of(connection, again)
    new = [transfer for call in judged for transfer in postings(call, earlier.get(call.key, ()), at)]
    add(connection, new)
    return len(new)


def add(connection: Connection, new: Collection[Transfer]) -> None:
    """Write transfers; the transaction is the caller's. Raises ValueError for one that is not whole."""
    for transfer in new:
        if faults := transfer.faults():
            raise ValueError(f"transfer {transfer.id}: {'; '.join(faults)}")
    if new:
        rows = [{name: getattr(transfer, name) for name in _OF_A_TRANSFER} for transfer in new]
        connection.execute(insert(transfers), rows)
        connection.execute(insert(entries), [row for transfer in new for row in _entry_rows(transfer)])


def mark_posted(connection: Connection, keys: Iterable[CallKey]) -> None:
    """Say of these calls that the version in force is in the ledger."""
    same = (qualified_calls.c.offered_at == bindparam("at"), qualified_calls.c.call_id == bindparam("id"))
    query = update(qualified_calls).where(*same).values(posted_version=qualified_calls.c.version)
    rows = [{"at": at, "id": call_id} for at, call_id in keys]
    if rows:
        connection.execute(query, rows)


def transfers_of(connection: Connection, keys: Collection[CallKey]) -> dict[CallKey, list[Transfer]]:
    """Every transfer of these calls."""
    found: dict[CallKey, list[Transfer]] = {}
    listed = list(keys)
    for start in range(0, len(listed), KEYS_MAX):
        some = listed[start : start + KEYS_MAX]
        where = tuple_(transfers.c.offered_at, transfers.c.call_id).in_(some)
        for transfer in read_transfers(connection, where):
            found.setdefault((transfer.offered_at, transfer.call_id), []).append(transfer)
    return found


def read_transfers(connection: Connection, *where: Any, limit: int | None = None) -> list[Transfer]:
    """Transfers with their entries, in the order of posting, of calls, of ids."""
    chosen = select(transfers).where(*where).order_by(transfers.c.at, transfers.c.offered_at, transfers.c.id)
    some = chosen.limit(limit).subquery()
    query = (
        select(some, entries.c.account, entries.c.micros)
        .outerjoin(entries, entries.c.transfer_id == some.c.id)
        .order_by(some.c.at, some.c.offered_at, some.c.id, entries.c.account)
    )
    rows: dict[str, tuple[Any, list[tuple[str, int]]]] = {}
    for row in connection.execute(query):
        own = rows.setdefault(row.id, (row, []))[1]
        if row.account is not None:
            own.append((row.account, row.micros))
    return [
        Transfer(**{name: getattr(row, name) for name in _OF_A_TRANSFER}, entries=tuple(own))
        for row, own in rows.values()
    ]


def cost_lines(text: str) -> tuple[CostLine, ...]:
    """Telecom cost as qualified_calls holds it."""
    return tuple(CostLine(**plain) for plain in orjson.loads(text))


def _entry_rows(transfer: Transfer) -> Iterator[dict[str, Any]]:
    for account, micros in transfer.entries:
        yield {
            "transfer_id": transfer.id,
            "account": account,
            "at": transfer.at,
            "currency": transfer.currency,
            "micros": micros,
        }
