"""Reads the books a page of calls at a time and has each checked, so that memory does not grow with history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, and_, exists, func, or_, select, tuple_

from ppc_engine.billing.books import BookedCall, Problem, check_call, check_transfers
from ppc_engine.billing.ledger import JudgedCall
from ppc_engine.billing.verdict import CallKey
from ppc_engine.storage.billing import records_in_force
from ppc_engine.storage.database import reading
from ppc_engine.storage.ledger import cost_lines, read_transfers, transfers_of
from ppc_engine.storage.schema import calls, entries, qualified_calls, transfers
from ppc_engine.values.money import format_micros

PAGE = 1_000


class BooksCheck:
    """One pass over everything. ``calls`` and ``transfers`` count what was looked at so far."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.calls = 0
        self.transfers = 0

    def problems(self) -> Iterator[Problem]:
        """Everything that does not hold, in the order of calls, then of the ledger as a whole."""
        yield from self._of_calls()
        yield from self._of_other_transfers()
        with reading(self._engine) as connection:
            yield from _sums(connection)
            yield from _strays(connection)

    def _of_calls(self) -> Iterator[Problem]:
        after: CallKey = (-1, "")
        while True:
            with reading(self._engine) as connection:
                rows = _page(connection, after)
                booked = list(_booked(connection, rows)) if rows else []
            if not rows:
                return
            after = (rows[-1].offered_at, rows[-1].call_id)
            for call in booked:
                self.calls += 1
                self.transfers += len(call.transfers)
                yield from check_call(call)
                yield from check_transfers(call.transfers)

    def _of_other_transfers(self) -> Iterator[Problem]:
        after = (-1, "")
        while True:
            key = tuple_(transfers.c.at, transfers.c.id)
            with reading(self._engine) as connection:
                chosen = (transfers.c.offered_at == 0, transfers.c.call_id == "", transfers.c.at >= after[0])
                page = read_transfers(connection, *chosen, key > after, limit=PAGE)
            if not page:
                return
            after = (page[-1].at, page[-1].id)
            self.transfers += len(page)
            yield from check_transfers(page)


def _page(connection: Connection, after: CallKey) -> list[Any]:
    judged = qualified_calls
    key = tuple_(judged.c.offered_at, judged.c.call_id)
    same = and_(calls.c.offered_at == judged.c.offered_at, calls.c.call_id == judged.c.call_id)
    query = (
        select(judged, calls.c.test)
        .join(calls, same)
        .where(judged.c.offered_at >= after[0], key > after)
        .order_by(judged.c.offered_at, judged.c.call_id)
    )
    return list(connection.execute(query.limit(PAGE)))


def _booked(connection: Connection, rows: list[Any]) -> Iterator[BookedCall]:
    keys = [(row.offered_at, row.call_id) for row in rows]
    records = records_in_force(connection, keys)
    moved = transfers_of(connection, keys)
    for key, row in zip(keys, rows, strict=True):
        judged = JudgedCall(key=key, currency=row.currency, records=records[key][1], costs=cost_lines(row.costs))
        yield BookedCall(
            judged=judged,
            is_test=bool(row.test),
            is_posted=row.posted_version == row.version,
            revenue_micros=row.revenue_micros,
            payout_micros=row.payout_micros,
            cost_micros=row.cost_micros,
            margin_micros=row.margin_micros,
            transfers=tuple(moved.get(key, ())),
        )


def _sums(connection: Connection) -> Iterator[Problem]:
    """The whole ledger, currency by currency, sums to zero."""
    query = select(entries.c.currency, func.sum(entries.c.micros)).group_by(entries.c.currency)
    for currency, micros in connection.execute(query.order_by(entries.c.currency)):
        if micros:
            yield Problem(code="sum", text=f"all accounts together come to {format_micros(int(micros))} {currency}")


def _strays(connection: Connection) -> Iterator[Problem]:
    """Transfers of calls that are not judged, and entries that say other than their transfer."""
    judged = exists().where(
        qualified_calls.c.offered_at == transfers.c.offered_at, qualified_calls.c.call_id == transfers.c.call_id
    )
    query = select(transfers.c.id, transfers.c.call_id).where(transfers.c.call_id != "", ~judged)
    for row in connection.execute(query.order_by(transfers.c.id)):
        yield Problem(code="stray", text=f"transfer {row.id} is of a call that is not judged", call_id=row.call_id)
    other = or_(entries.c.at != transfers.c.at, entries.c.currency != transfers.c.currency)
    odd = select(transfers.c.id, transfers.c.call_id).join(entries, entries.c.transfer_id == transfers.c.id)
    for row in connection.execute(odd.where(other).distinct().order_by(transfers.c.id)):
        text = f"entries of transfer {row.id} have another time or currency than it has"
        yield Problem(code="entry", text=text, call_id=row.call_id)
