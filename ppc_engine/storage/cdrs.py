"""CDRs in the database: written in batches, each call once however often it is handed in; read back as values."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, Table, and_, bindparam, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.facts import facts_size, read_facts
from ppc_engine.storage.schema import attempts, call_facts, calls, watermarks
from ppc_engine.values import phone

FOUND_MAX = 50  # A prefix that fits more calls than this names none of them.
PAGE_CALLS_MAX = 10_000
ATTEMPT_KEYS_MAX = 400  # Older SQLites take 999 values in a statement, and a key is two.

_CALL_COLUMNS = tuple(column.name for column in calls.columns)
_ATTEMPT_COLUMNS = tuple(column.name for column in attempts.columns if column.name not in ("offered_at", "call_id"))
_SUB_IDS, _TAGS = _CALL_COLUMNS.index("sub_ids"), _CALL_COLUMNS.index("tags")
_KNOWN = select(calls.c.call_id).where(calls.c.call_id.in_(bindparam("call_ids", expanding=True)))
_call_values = attrgetter(*_CALL_COLUMNS)
_attempt_values = attrgetter(*_ATTEMPT_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls to list. An empty field does not restrict; times are UTC microseconds of offered_at.

    ``after`` is the (offered_at, call_id) of the last call of the page before: listing goes on with older ones.
    """

    since: int = 0
    until: int = 0
    campaign: str = ""
    publisher: str = ""
    outcome: str = ""
    caller: str = ""
    after: tuple[int, str] | None = None


class SQLCDRStore:
    """``ports.CDRStore`` on a SQL database. Use it from one thread at a time, never from the hub's."""

    def __init__(self, engine: Engine, engine_name: str = "main") -> None:
        self._engine = engine
        self._calls, self._attempts, self._facts = (_Insert(engine, table) for table in (calls, attempts, call_facts))
        mark = _insert(engine, watermarks).values(
            engine=engine_name, oldest_open_at=bindparam("at"), updated_at=bindparam("now")
        )
        changes = {"oldest_open_at": mark.excluded.oldest_open_at, "updated_at": mark.excluded.updated_at}
        self._mark = mark.on_conflict_do_update(index_elements=["engine"], set_=changes)

    def write(self, finished: Iterable[tuple[CDR, bytes]], oldest_open_at: int | None = None) -> None:
        """Commit CDRs, their attempts and compressed facts in one transaction; a call that is there is left alone.

        ``oldest_open_at``, when given, becomes the qualifier's watermark in the same transaction: the offered_at of
        the oldest call that still has no CDR, 0 for none. Raises OutsideError when the database cannot do it now,
        BadValueError when it refuses a value for good; either way nothing of the batch is written.
        """
        batch = list(finished)
        with writing(self._engine) as connection:
            if batch:
                self._insert_batch(connection, batch)
            if oldest_open_at is not None:
                connection.execute(self._mark, {"at": oldest_open_at, "now": time.time_ns() // 1000})

    def read_call(self, call_id: str) -> CDR | None:
        """One call by its whole id."""
        with reading(self._engine) as connection:
            found = read_cdrs(connection, select(calls).where(calls.c.call_id == call_id))
        return found[0] if found else None

    def find_calls(self, prefix: str) -> list[CDR]:
        """Calls whose id or token begins with this, newest first, at most FOUND_MAX."""
        if not prefix:
            return []
        last = prefix + "\U0010ffff"
        wanted = or_(calls.c.call_id.between(prefix, last), calls.c.call_token.between(prefix, last))
        with reading(self._engine) as connection:
            return read_cdrs(connection, _newest(select(calls).where(wanted), FOUND_MAX))

    def list_calls(self, only: CallFilter = CallFilter(), limit: int = 100) -> list[CDR]:
        """Calls that fit every field of the filter, newest first, at most ``limit`` (PAGE_CALLS_MAX)."""
        with reading(self._engine) as connection:
            return read_cdrs(connection, _newest(_filtered(only), min(limit, PAGE_CALLS_MAX)))

    def read_facts(self, call_id: str) -> list[dict[str, Any]]:
        """The journalled facts of a call, in order; [] when there is no such call."""
        key = and_(calls.c.offered_at == call_facts.c.offered_at, calls.c.call_id == call_facts.c.call_id)
        query = select(call_facts.c.facts).join_from(calls, call_facts, key).where(calls.c.call_id == call_id)
        with reading(self._engine) as connection:
            blob = connection.execute(query).scalar()
        return read_facts(blob) if blob is not None else []

    def watermark(self) -> int:
        """Offered_at of the oldest call that still has no CDR, as of the newest CDRs; 0 when every call has one."""
        with reading(self._engine) as connection:
            marks = connection.execute(select(watermarks.c.oldest_open_at)).scalars().all()
        return min((mark for mark in marks if mark), default=0)

    def _insert_batch(self, connection: Connection, batch: list[tuple[CDR, bytes]]) -> None:
        written = set(connection.execute(_KNOWN, {"call_ids": [cdr.call_id for cdr, _ in batch]}).scalars())
        call_rows, attempt_rows, fact_rows = [], [], []
        for cdr, blob in batch:
            if cdr.call_id in written:
                continue
            written.add(cdr.call_id)  # The same call may be in a batch twice, after a restart.
            row = list(_call_values(cdr))
            row[_SUB_IDS] = orjson.dumps(cdr.sub_ids).decode()
            row[_TAGS] = orjson.dumps(cdr.tags).decode()
            call_rows.append(tuple(row))
            key = (cdr.offered_at, cdr.call_id)
            attempt_rows += [(*key, *_attempt_values(attempt)) for attempt in cdr.attempts]
            fact_rows.append((*key, blob, facts_size(blob)))
        self._calls.run(connection, call_rows)
        self._attempts.run(connection, attempt_rows)
        self._facts.run(connection, fact_rows)


class _Insert:
    """INSERT ... ON CONFLICT DO NOTHING of many rows, compiled once: a row then costs little more than the driver.

    Values go to the driver as they are, which suits the types of these tables: int, bool, str and bytes.
    """

    def __init__(self, engine: Engine, table: Table) -> None:
        compiled = _insert(engine, table).on_conflict_do_nothing().compile(dialect=engine.dialect)
        self._sql = str(compiled)
        self._columns = tuple(column.name for column in table.columns)
        self._by_place = bool(compiled.positional)
        assert not self._by_place or tuple(compiled.positiontup or ()) == self._columns

    def run(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows whose values stand in the order of the table's columns."""
        if rows:
            named = rows if self._by_place else [dict(zip(self._columns, row, strict=True)) for row in rows]
            connection.exec_driver_sql(self._sql, named)  # type: ignore[arg-type]


def _insert(engine: Engine, table: Table) -> Any:
    return (postgresql if engine.dialect.name == "postgresql" else sqlite).insert(table)


def _filtered(only: CallFilter) -> Select[Any]:
    query = select(calls)
    if only.since:
        query = query.where(calls.c.offered_at >= only.since)
    if only.until:
        query = query.where(calls.c.offered_at < only.until)
    for name in ("campaign", "publisher", "outcome"):
        if getattr(only, name):
            query = query.where(calls.c[name] == getattr(only, name))
    if only.caller:  # The key is indexed; callers without one are found by what the trunk sent.
        number = phone.normalise(only.caller) or only.caller
        column = calls.c.caller_key if phone.caller_kind(number) == "valid" else calls.c.caller_number
        query = query.where(column == number)
    if only.after:
        query = query.where(tuple_(calls.c.offered_at, calls.c.call_id) < only.after)
    return query


def _newest(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(calls.c.offered_at.desc(), calls.c.call_id.desc()).limit(limit)


def read_cdrs(connection: Connection, query: Select[Any]) -> list[CDR]:
    """The calls that a query over the calls table selects, in its order, with their attempts."""
    rows = connection.execute(query).mappings().all()
    tries = _read_attempts(connection, [(row["offered_at"], row["call_id"]) for row in rows])
    return [CDR(**{**row, **_read_texts(row)}, attempts=tuple(tries.get(row["call_id"], ()))) for row in rows]


def _read_texts(row: Any) -> dict[str, Any]:
    """The columns that hold JSON."""
    return {name: orjson.loads(row[name]) for name in ("sub_ids", "tags")}


def _read_attempts(connection: Connection, keys: Sequence[tuple[int, str]]) -> dict[str, list[AttemptRecord]]:
    found: dict[str, list[AttemptRecord]] = {}
    for start in range(0, len(keys), ATTEMPT_KEYS_MAX):
        wanted = tuple_(attempts.c.offered_at, attempts.c.call_id).in_(keys[start : start + ATTEMPT_KEYS_MAX])
        query = select(attempts).where(wanted).order_by(attempts.c.offered_at, attempts.c.call_id, attempts.c.number)
        for row in connection.execute(query).mappings():
            record = AttemptRecord(**{name: row[name] for name in _ATTEMPT_COLUMNS})
            found.setdefault(row["call_id"], []).append(record)
    return found
