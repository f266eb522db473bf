"""What caps have counted so far, read from finished calls: at a start, and for a cap that a reload has made new.

Rules this file obeys (semantics.md, "Caps"): test calls count nowhere; an attempt counts in the period of its dialling,
a call in that of its offer; a call counts once for a connect or conversion cap, by the first of its attempts that did.
Conversions are those that the qualifier has found; calls that it has not judged yet, or gave to review, are judged here
as the engine does at hang-up: what may still count is counted. Calls that the engine itself still holds are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, exists, func, literal, or_, select, true

from ppc_engine.billing.qualification import tracking_number
from ppc_engine.calls.record import CDR
from ppc_engine.catalog.model import Catalog
from ppc_engine.routing.caps import MONEY, CapRule
from ppc_engine.routing.periods import period_at
from ppc_engine.storage.cdrs import read_cdrs
from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import attempts, billable_records, calls, qualified_calls

LOOK_BACK_US = 86_400_000_000  # No call lasts a day: an earlier attempt of the same call lies within it.
PAGE_CALLS = 1_000
OPEN_VERDICTS = ("pending", "review")
CALL_COLUMNS = {"campaign": calls.c.campaign, "publisher": calls.c.publisher, "number": calls.c.dialed_number,
                "trunk": calls.c.trunk}  # fmt: skip

Counted = dict[str, int]


def read_cap_usage(
    engine: Engine,
    catalog: Catalog,
    rules: Iterable[CapRule],
    at: int,
    held: Collection[str],
    judged: Callable[[CDR, Collection[str]], Counted],
) -> Counted:
    """By counter, what finished calls have used in the periods that ``at`` lies in. ``held`` are calls to leave out.

    ``judged(cdr, counters)`` tells what a call counts that the qualifier has not settled.
    """
    wanted = {rule.key(at): rule for rule in rules if rule.measure}
    kinds: dict[tuple[str, str, int], dict[str, str]] = {}
    for key, rule in wanted.items():
        kind, _, name = rule.owner.partition(":")
        begin = period_at(rule.per, rule.zone, at).begin
        # Owners of one kind are counted together; a group is a kind of its own, because targets may be in several.
        kinds.setdefault((rule.owner if kind == "group" else kind, rule.measure, begin), {})[name] = key
    counted: Counted = {}
    with reading(engine) as connection:
        for (kind, measure, begin), names in kinds.items():
            for name, amount in connection.execute(_counting(catalog, kind, measure, begin, held)):
                found = tracking_number(name) if kind == "number" else name
                if found in names and amount:
                    counted[names[found]] = counted.get(names[found], 0) + int(amount)
        by_verdict = {key: rule for key, rule in wanted.items() if rule.measure not in ("attempt", "connect")}
        if by_verdict:
            begin = min(period_at(rule.per, rule.zone, at).begin for rule in by_verdict.values())
            for cdr in _unsettled(connection, begin, held):
                for key, amount in judged(cdr, by_verdict.keys()).items():
                    if key in by_verdict:
                        counted[key] = counted.get(key, 0) + amount
    return counted


def _counting(catalog: Catalog, kind: str, measure: str, begin: int, held: Collection[str]) -> Select[Any]:
    """Rows of (owner, amount), for one kind of owner and what is counted of it since ``begin``."""
    if measure not in ("attempt", "connect"):
        return _records(catalog, kind, measure, begin, held)
    if kind in CALL_COLUMNS:
        owner = CALL_COLUMNS[kind]
        query = select(owner, func.count()).where(calls.c.offered_at >= begin, ~calls.c.test).group_by(owner)
        query = query.where(calls.c.call_id.not_in(held))
        return query.where(calls.c.connected_at > 0) if measure == "connect" else query
    owner, own = _owner(catalog, kind)
    query = select(owner.label("owner")).join_from(attempts, calls, _same_call(attempts, calls))
    query = query.where(~calls.c.test, calls.c.call_id.not_in(held), own)
    if measure == "attempt":
        dialed = query.where(attempts.c.dialed_at >= begin).subquery()
        return select(dialed.c.owner, func.count()).group_by(dialed.c.owner)
    first = (
        query.add_columns(func.min(attempts.c.dialed_at).label("at"))
        .where(attempts.c.connected_at > 0, attempts.c.dialed_at >= begin - LOOK_BACK_US)
        .group_by(attempts.c.offered_at, attempts.c.call_id, owner)
        .subquery()
    )
    return select(first.c.owner, func.count()).where(first.c.at >= begin).group_by(first.c.owner)


def _owner(catalog: Catalog, kind: str) -> tuple[Any, Any]:
    """The column that names the owner of an attempt, and which attempts are anybody's."""
    if kind in ("target", "buyer"):
        return attempts.c[kind], true()
    name = kind.partition(":")[2]
    group = catalog.groups.get(name)
    return literal(name), attempts.c.target.in_(group.targets if group else ())


def _records(catalog: Catalog, kind: str, measure: str, begin: int, held: Collection[str]) -> Select[Any]:
    """What verdicts in force add up to. Of a buyer's side the period is that of the attempt that is paid."""
    records = billable_records
    payout = measure in ("payout", "conversion-payout") or kind in ("publisher", "number", "trunk")
    per_call = payout or (kind == "campaign" and measure == "conversion")
    owner, own = (CALL_COLUMNS[kind], true()) if kind in CALL_COLUMNS else _owner(catalog, kind)
    query = (
        select(owner.label("owner"), func.sum(records.c.amount_micros).label("amount"))
        .select_from(records)
        .join(qualified_calls, and_(_same_call(qualified_calls, records), _in_force()))
        .join(calls, _same_call(calls, records))
        .where(records.c.side == ("publisher" if payout else "buyer"), records.c.verdict == "yes", ~calls.c.test)
        .where(calls.c.call_id.not_in(held), records.c.offered_at >= begin - LOOK_BACK_US, own)
        .group_by(records.c.offered_at, records.c.call_id, owner)
    )
    if per_call:
        query = query.where(calls.c.offered_at >= begin)
    else:
        paid = and_(_same_call(attempts, records), attempts.c.number == records.c.attempt_number)
        query = query.join(attempts, paid).where(attempts.c.dialed_at >= begin)
    found = query.subquery()
    value = func.sum(found.c.amount) if measure in MONEY else func.count()
    return select(found.c.owner, value).group_by(found.c.owner)


def _in_force() -> Any:
    return qualified_calls.c.version == billable_records.c.version


def _unsettled(connection: Connection, begin: int, held: Collection[str]) -> Iterator[CDR]:
    """Calls that are not judged yet, or whose verdict is open, that somebody talked in."""
    records = billable_records
    judged = exists().where(_same_call(qualified_calls, calls))
    is_open = exists().where(
        _same_call(records, calls),
        _same_call(qualified_calls, calls),
        _in_force(),
        records.c.verdict.in_(OPEN_VERDICTS),
    )
    after = (max(0, begin - LOOK_BACK_US), "")
    while True:
        page = (
            select(calls)
            .where(calls.c.connected_at > 0, ~calls.c.test, or_(~judged, is_open), calls.c.call_id.not_in(held))
            .where(or_(calls.c.offered_at > after[0], and_(calls.c.offered_at == after[0], calls.c.call_id > after[1])))
            .order_by(calls.c.offered_at, calls.c.call_id)
            .limit(PAGE_CALLS)
        )
        found = read_cdrs(connection, page)
        yield from found
        if len(found) < PAGE_CALLS:
            return
        after = (found[-1].offered_at, found[-1].call_id)


def _same_call(one: Any, other: Any) -> Any:
    return and_(one.c.offered_at == other.c.offered_at, one.c.call_id == other.c.call_id)
