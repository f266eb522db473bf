"""Queries of the qualifier: calls that wait, histories of callers, verdicts. Everything is asked a batch at a time.

Rules this file obeys: a row of billable_records never changes; the version in force is the one that qualified_calls
names. A batch that writes takes the database's write lock before it reads, so that two runs at once work one after
the other and neither judges on what the other is about to change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, and_, exists, func, insert, select, tuple_, update
from sqlalchemy.sql import ColumnElement

from ppc_engine.billing.history import Conversion, History, Occasion
from ppc_engine.billing.ledger import JudgedCall
from ppc_engine.billing.qualification import tracking_number
from ppc_engine.billing.verdict import BillableRecord, CallKey, Judgement, Part, Reason
from ppc_engine.calls.record import CDR
from ppc_engine.catalog.model import Catalog
from ppc_engine.ports import BillingBatch
from ppc_engine.storage.catalog_files import catalog_from_revision
from ppc_engine.storage.cdrs import read_cdrs
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.ledger import cost_lines, mark_posted, post_judged
from ppc_engine.storage.revisions import load_revision
from ppc_engine.storage.schema import UNPOSTED, attempts, billable_records, calls, qualified_calls, watermarks

KEYS_MAX = 400  # Calls or callers in one query: older SQLite allows 999 values, and a call is two.
CATALOGS_KEPT = 32  # Calls of one batch are minutes apart; few revisions are in use at a time.
# An engine that has kept a call open for longer than any call lasts is not running any more.
WATERMARK_AGE_MAX_US = 6 * 3_600_000_000

_RECORD_FIELDS = [field.name for field in fields(BillableRecord)]


def _same_call(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(one.c.offered_at == other.c.offered_at, one.c.call_id == other.c.call_id)


def _waiting(since: int, until: int) -> ColumnElement[bool]:
    judged = exists().where(_same_call(qualified_calls, calls))
    return and_(calls.c.offered_at >= since, calls.c.offered_at < until, ~judged)


def oldest_open_call(engine: Engine, now_us: int) -> int | None:
    """offered_at of the oldest call that a running engine has not finished, None when there is none.

    A watermark older than any call can be belongs to an engine that went away: its calls will come late, if ever.
    """
    at = watermarks.c.oldest_open_at
    query = select(func.min(at)).where(at > max(0, now_us - WATERMARK_AGE_MAX_US))
    with reading(engine) as connection:
        return connection.execute(query).scalar_one()


class StoredTerms:
    """The catalog of a revision as the database has it, None when it does not; the latest few are kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._catalogs: OrderedDict[str, Catalog] = OrderedDict()

    def __call__(self, revision: str) -> Catalog | None:
        found = self._catalogs.get(revision)
        if found is None:
            try:
                found = catalog_from_revision(load_revision(self._engine, revision))
            except KeyError:
                return None
            self._catalogs[revision] = found
            if len(self._catalogs) > CATALOGS_KEPT:
                self._catalogs.popitem(last=False)
        return found


class SQLBillingStore:
    """The qualifier's port on a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count_pending(self, since: int, until: int) -> int:
        with reading(self._engine) as connection:
            return connection.scalar(select(func.count()).select_from(calls).where(_waiting(since, until))) or 0

    def pending(self, after: CallKey, since: int, until: int, limit: int) -> list[CDR]:
        key = tuple_(calls.c.offered_at, calls.c.call_id)
        start = max(since, after[0])  # The range on the first column alone is what every planner uses an index for.
        query = select(calls).where(_waiting(start, until), key > after).order_by(*key).limit(limit)
        with reading(self._engine) as connection:
            return read_cdrs(connection, query)

    def post_unposted(self, limit: int, at: int) -> int:
        with writing(self._engine) as connection:
            return _post_unposted(connection, limit, at)

    @contextmanager
    def batch(self, *, writes: bool) -> Iterator[BillingBatch]:
        with (writing if writes else reading)(self._engine) as connection:
            yield _SQLBatch(connection)


class _SQLBatch:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def judged_among(self, asked: Collection[CallKey]) -> set[CallKey]:
        found: set[CallKey] = set()
        for some in _portions(asked):
            query = select(qualified_calls.c.offered_at, qualified_calls.c.call_id)
            found.update(tuple(row) for row in self._connection.execute(query.where(_is_one_of(qualified_calls, some))))
        return found

    def judged_later(self, first_by_caller: Mapping[str, CallKey]) -> list[CDR]:
        later: list[CDR] = []
        for some in _portions(first_by_caller):
            first = min(first_by_caller[caller_key] for caller_key in some)
            query = (
                select(calls)
                .where(calls.c.caller_key.in_(some), calls.c.offered_at >= first[0])
                .where(exists().where(_same_call(qualified_calls, calls)))
            )
            later += read_cdrs(self._connection, query)
        return [cdr for cdr in later if (cdr.offered_at, cdr.call_id) > first_by_caller[cdr.caller_key]]

    def histories(self, caller_keys: Collection[str]) -> dict[str, History]:
        found = {caller_key: History() for caller_key in caller_keys}
        for some in _portions(caller_keys):
            for row in self._connection.execute(_connections_of(some)):
                found[row.caller_key].connections.append(_occasion(row))
            for row in self._connection.execute(_conversions_of(some)):
                found[row.caller_key].conversions.append(Conversion(row.side, _occasion(row)))
        return found

    def in_force(self, asked: Collection[CallKey]) -> dict[CallKey, tuple[int, tuple[BillableRecord, ...]]]:
        return records_in_force(self._connection, asked)

    def write(self, judgements: Iterable[tuple[int, Judgement]], qualified_at: int) -> None:
        new: list[dict[str, Any]] = []
        corrections: list[dict[str, Any]] = []
        records: list[dict[str, Any]] = []
        listed = list(judgements)
        for version, judgement in listed:
            (new if version == 1 else corrections).append(_call_row(version, judgement, qualified_at))
            records += [_record_row(version, judgement, record) for record in judgement.records]
        if new:
            self._connection.execute(insert(qualified_calls), new)
        for row in corrections:
            self._correct(row)
        if records:
            self._connection.execute(insert(billable_records), records)
        calls_of = {judgement.key: _to_post(judgement) for _, judgement in listed}
        again = [judgement.key for version, judgement in listed if version > 1]
        post_judged(self._connection, calls_of.values(), again, qualified_at)

    def _correct(self, row: Mapping[str, Any]) -> None:
        """Put another version in force; the lock was held since it was read, so it is the next one."""
        same = and_(*(qualified_calls.c[name] == row[name] for name in ("offered_at", "call_id")))
        query = update(qualified_calls).where(same, qualified_calls.c.version == row["version"] - 1).values(row)
        changed = self._connection.execute(query).rowcount
        assert changed == 1, f"version {row['version'] - 1} of a call is not in force"


def records_in_force(
    connection: Connection, asked: Collection[CallKey]
) -> dict[CallKey, tuple[int, tuple[BillableRecord, ...]]]:
    """The version and the records that hold now, for those of the calls that have been judged."""
    found: dict[CallKey, tuple[int, tuple[BillableRecord, ...]]] = {}
    for some in _portions(asked):
        versions = select(qualified_calls.c.offered_at, qualified_calls.c.call_id, qualified_calls.c.version)
        for row in connection.execute(versions.where(_is_one_of(qualified_calls, some))):
            found[row.offered_at, row.call_id] = (row.version, ())
        query = select(billable_records).where(_is_one_of(billable_records, some))
        for row in connection.execute(query.order_by(billable_records.c.side, billable_records.c.party)):
            version, records = found[row.offered_at, row.call_id]
            if row.version == version:
                found[row.offered_at, row.call_id] = (version, (*records, _record(row)))
    return found


def _post_unposted(connection: Connection, limit: int, at: int) -> int:
    judged = qualified_calls
    query = select(judged.c.offered_at, judged.c.call_id, judged.c.currency, judged.c.costs).where(UNPOSTED)
    rows = connection.execute(query.order_by(judged.c.offered_at, judged.c.call_id).limit(limit)).all()
    keys = [(row.offered_at, row.call_id) for row in rows]
    records = records_in_force(connection, keys)
    calls_of = [
        JudgedCall(key=key, currency=row.currency, records=records[key][1], costs=cost_lines(row.costs))
        for key, row in zip(keys, rows, strict=True)
    ]
    post_judged(connection, calls_of, keys, at)
    mark_posted(connection, keys)
    return len(keys)


def _to_post(judgement: Judgement) -> JudgedCall:
    return JudgedCall(key=judgement.key, currency=judgement.currency, records=judgement.records, costs=judgement.costs)


def _portions(keys: Collection[Any]) -> Iterator[list[Any]]:
    listed = list(keys)
    for start in range(0, len(listed), KEYS_MAX):
        yield listed[start : start + KEYS_MAX]


def _is_one_of(table: Any, keys: list[CallKey]) -> ColumnElement[bool]:
    return tuple_(table.c.offered_at, table.c.call_id).in_(keys)


_OF_THE_CALL = (
    calls.c.offered_at, calls.c.call_id, calls.c.ended_at, calls.c.caller_key, calls.c.campaign, calls.c.publisher,
    calls.c.dialed_number, attempts.c.buyer, attempts.c.target,
)  # fmt: skip


def _connections_of(caller_keys: list[str]) -> Any:
    return (
        select(*_OF_THE_CALL, attempts.c.connected_at.label("at"))
        .join(attempts, _same_call(attempts, calls))
        .where(calls.c.caller_key.in_(caller_keys), ~calls.c.test, attempts.c.connected_at > 0)
    )


def _conversions_of(caller_keys: list[str]) -> Any:
    records = billable_records
    in_force = and_(_same_call(qualified_calls, records), qualified_calls.c.version == records.c.version)
    paid = and_(_same_call(attempts, records), attempts.c.number == records.c.attempt_number)
    return (
        select(*_OF_THE_CALL, records.c.converted_at.label("at"), records.c.side)
        .select_from(records)
        .join(qualified_calls, in_force)
        .join(calls, _same_call(calls, records))
        .join(attempts, paid)
        .where(records.c.caller_key.in_(caller_keys), records.c.verdict == "yes")
    )


def _occasion(row: Any) -> Occasion:
    return Occasion(
        offered_at=row.offered_at,
        call_id=row.call_id,
        ended_at=row.ended_at,
        at=row.at,
        campaign=row.campaign,
        publisher=row.publisher,
        tracking_number=tracking_number(row.dialed_number),
        buyer=row.buyer,
        target=row.target,
    )


def _record(row: Any) -> BillableRecord:
    values = {name: getattr(row, name) for name in _RECORD_FIELDS}
    values["is_counted"] = bool(values["is_counted"])
    values["reasons"] = tuple(Reason(**plain) for plain in orjson.loads(values["reasons"]))
    values["flags"] = tuple(orjson.loads(values["flags"]))
    values["parts"] = tuple(Part(**plain) for plain in orjson.loads(values["parts"]))
    values["notes"] = tuple(Reason(**plain) for plain in orjson.loads(values["notes"]))
    return BillableRecord(**values)


def _call_row(version: int, judgement: Judgement, qualified_at: int) -> dict[str, Any]:
    return {
        "offered_at": judgement.offered_at,
        "call_id": judgement.call_id,
        "version": version,
        "posted_version": version,
        "qualified_at": qualified_at,
        "caller_key": judgement.caller_key,
        "campaign": judgement.campaign,
        "publisher": judgement.publisher,
        "revenue_micros": judgement.revenue_micros,
        "payout_micros": judgement.payout_micros,
        "margin_micros": judgement.margin_micros,
        "currency": judgement.currency,
        "cost_micros": judgement.cost_micros,
        "costs": orjson.dumps([asdict(line) for line in judgement.costs]).decode(),
    }


def _record_row(version: int, judgement: Judgement, record: BillableRecord) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name) for name in _RECORD_FIELDS}
    return row | {
        "offered_at": judgement.offered_at,
        "call_id": judgement.call_id,
        "version": version,
        "revision": judgement.revision,
        "caller_key": judgement.caller_key,
        "campaign": judgement.campaign,
        "tracking_number": judgement.tracking_number,
        "is_counted": int(record.is_counted),
        "reasons": orjson.dumps([reason.to_plain() for reason in record.reasons]).decode(),
        "flags": orjson.dumps(record.flags).decode(),
        "parts": orjson.dumps([asdict(part) for part in record.parts]).decode(),
        "notes": orjson.dumps([note.to_plain() for note in record.notes]).decode(),
    }
