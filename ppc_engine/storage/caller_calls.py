"""What the database knows of a caller's finished calls, for look-ups in the call path: one index read a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, select

from ppc_engine.billing.qualification import tracking_number
from ppc_engine.flows.history import EarlierCall
from ppc_engine.routing.duplicates import EarlierCall as Talk
from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import attempts, billable_records, calls, qualified_calls

CALLS_MAX = 500  # Of one caller, the latest; nobody asks what came before.


class SQLCallerCalls:
    """Earlier calls by caller key, test calls left out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def earlier_calls(self, caller_key: str, since: int) -> list[EarlierCall]:
        """The caller's calls offered from ``since`` on, oldest first. Raises OutsideError when it cannot tell now."""
        own = and_(calls.c.caller_key == caller_key, calls.c.offered_at >= since, ~calls.c.test)
        columns = (calls.c.offered_at, calls.c.call_id, calls.c.campaign, calls.c.publisher, calls.c.dialed_number)
        newest = select(*columns).where(own).order_by(calls.c.offered_at.desc()).limit(CALLS_MAX)
        with reading(self._engine) as connection:
            rows = connection.execute(newest).all()
            told = connection.execute(_talked(own)).all()
            paid = connection.execute(_paid(caller_key, since)).all()
            judged = set(connection.execute(_judged(own)).scalars())
        converted = {(row.call_id, row.target): row.converted_at for row in paid}
        bought = dict(converted.keys())
        talks: dict[str, list[Any]] = {}
        for talk in told:
            talks.setdefault(talk.call_id, []).append(talk)
        return [
            _earlier_call(
                row, talks.get(row.call_id, []), bought.get(row.call_id, ""), converted, live=row.call_id not in judged
            )
            for row in reversed(rows)
        ]


def _earlier_call(
    row: Any, talks: list[Any], bought: str, converted: Mapping[tuple[str, str], int], *, live: bool
) -> EarlierCall:
    return EarlierCall(
        offered_at=row.offered_at,
        call_id=row.call_id,
        campaign=row.campaign,
        publisher=row.publisher,
        dialed_number=row.dialed_number,
        connected=bool(talks),
        target=talks[-1].target if talks else "",
        bought_target=bought,
        talks=tuple(
            Talk(
                call_id=row.call_id,
                offered_at=row.offered_at,
                connected_at=talk.connected_at,
                converted_at=converted.get((row.call_id, talk.target), 0),
                live=live,
                campaign=row.campaign,
                publisher=row.publisher,
                tracking_number=tracking_number(row.dialed_number),
                buyer=talk.buyer,
                target=talk.target,
            )
            for talk in talks
        ),
    )


def _talked(own: ColumnElement[bool]) -> Select[Any]:
    """Who talked to the caller, in order."""
    same = and_(attempts.c.offered_at == calls.c.offered_at, attempts.c.call_id == calls.c.call_id)
    return (
        select(calls.c.call_id, attempts.c.target, attempts.c.buyer, attempts.c.connected_at)
        .join(attempts, same)
        .where(own, attempts.c.connected_at > 0)
        .order_by(calls.c.offered_at, attempts.c.number)
    )


def _paid(caller_key: str, since: int) -> Select[Any]:
    """What buyers owe for, by the verdicts in force."""
    in_force = and_(
        qualified_calls.c.offered_at == billable_records.c.offered_at,
        qualified_calls.c.call_id == billable_records.c.call_id,
        qualified_calls.c.version == billable_records.c.version,
    )
    return (
        select(billable_records.c.call_id, billable_records.c.target, billable_records.c.converted_at)
        .join(qualified_calls, in_force)
        .where(
            billable_records.c.caller_key == caller_key,
            billable_records.c.offered_at >= since,
            billable_records.c.side == "buyer",
            billable_records.c.verdict == "yes",
        )
    )


def _judged(own: ColumnElement[bool]) -> Select[Any]:
    """Calls that the qualifier has judged: of the others, each may still convert."""
    same = and_(qualified_calls.c.offered_at == calls.c.offered_at, qualified_calls.c.call_id == calls.c.call_id)
    return select(calls.c.call_id).join(qualified_calls, same).where(own)
