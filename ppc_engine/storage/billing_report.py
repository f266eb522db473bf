"""Judged calls as a report reads them: a page at a time, so that no reader keeps a writer of CDRs waiting for long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, and_, select, tuple_

from ppc_engine.billing.report import ReportedCall, ReportedRecord
from ppc_engine.billing.verdict import CallKey
from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import attempts, billable_records, calls, qualified_calls

PAGE_CALLS = 2_000


def judged_calls(engine: Engine, since: int, until: int) -> Iterator[ReportedCall]:
    """Calls offered in [since, until) that have been judged, in order, without test calls, as judged last."""
    after: CallKey = (since - 1, "\U0010ffff")
    while True:
        with reading(engine) as connection:
            rows = _page(connection, after, until)
            records = _records(connection, rows) if rows else {}
        if not rows:
            return
        after = (rows[-1].offered_at, rows[-1].call_id)
        for row in rows:
            if not row.test:
                yield ReportedCall(
                    publisher=row.publisher,
                    campaign=row.campaign,
                    currency=row.currency,
                    outcome=row.outcome,
                    connected=row.connected_at > 0,
                    records=tuple(records.get((row.offered_at, row.call_id), ())),
                )


def _page(connection: Connection, after: CallKey, until: int) -> list[Any]:
    judged = qualified_calls
    key = tuple_(judged.c.offered_at, judged.c.call_id)
    same = and_(calls.c.offered_at == judged.c.offered_at, calls.c.call_id == judged.c.call_id)
    query = (
        select(
            judged.c.offered_at, judged.c.call_id, judged.c.publisher, judged.c.campaign, judged.c.currency,
            calls.c.outcome, calls.c.connected_at, calls.c.test,
        )
        .join(calls, same)
        .where(judged.c.offered_at >= after[0], judged.c.offered_at < until, key > after)
        .order_by(judged.c.offered_at, judged.c.call_id)
        .limit(PAGE_CALLS)
    )  # fmt: skip
    return list(connection.execute(query))


def _records(connection: Connection, rows: list[Any]) -> dict[CallKey, list[ReportedRecord]]:
    """The records in force of a page's calls, which are all there are between its first and its last."""
    records, judged = billable_records, qualified_calls
    in_force = and_(
        judged.c.offered_at == records.c.offered_at,
        judged.c.call_id == records.c.call_id,
        judged.c.version == records.c.version,
    )
    paid = and_(
        attempts.c.offered_at == records.c.offered_at,
        attempts.c.call_id == records.c.call_id,
        attempts.c.number == records.c.attempt_number,
    )
    query = (
        select(
            records.c.offered_at, records.c.call_id, records.c.side, records.c.party, records.c.verdict,
            records.c.amount_micros, records.c.connected_at, records.c.reasons, attempts.c.buyer,
        )
        .join(judged, in_force)
        .outerjoin(attempts, paid)
        .where(records.c.offered_at.between(rows[0].offered_at, rows[-1].offered_at))
    )  # fmt: skip
    found: dict[CallKey, list[ReportedRecord]] = {}
    for row in connection.execute(query):
        record = ReportedRecord(
            side=row.side,
            party=row.party,
            verdict=row.verdict,
            amount_micros=row.amount_micros,
            connected=row.connected_at > 0,
            paying_buyer=row.buyer or "",
            reason_codes=tuple(reason["code"] for reason in orjson.loads(row.reasons)),
        )
        found.setdefault((row.offered_at, row.call_id), []).append(record)
    return found
