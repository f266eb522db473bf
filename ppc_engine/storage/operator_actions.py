"""Orders of people, as rows: what is in force, what waits to be done, and everything that was ever ordered.

Rules this file obeys: an order is never edited but for how it ended; one pause and one drain are in force for a subject
at a time, because a new order on the same subject ends the earlier one in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from ppc_engine.ports import OperatorAction
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.schema import operator_actions
from ppc_engine.values.errors import BadValueError

WHO_CHARS_MAX = 64
WHY_CHARS_MAX = 200  # It stands in the facts of every call that it affects.
LISTED_MAX = 1_000

# What an order of a verb puts an end to, on the same subject.
ENDS = {"pause": "pause", "resume": "pause", "drain": "drain", "undrain": "drain"}
LASTING = frozenset({"pause", "drain"})  # In force until undone; hang-ups, redirects and resets until they are done.
AT_ONCE = frozenset({"resume", "undrain", "reload"})  # Nothing is left to do once they are recorded.

_table = operator_actions


class SQLOperatorOrders:
    """``ports.OperatorOrders`` in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_actions(self) -> list[OperatorAction]:
        """Every order that is in force or waits to be done, oldest first."""
        query = select(_table).where(_table.c.ended_at == 0).order_by(_table.c.id)
        with reading(self._engine) as connection:
            return [_action(row) for row in connection.execute(query)]

    def finish(self, ended: Iterable[tuple[int, int, Mapping[str, Any]]]) -> None:
        """Note how orders ended: (id, when, what came of it). One that has ended already is left as it is."""
        with writing(self._engine) as connection:
            for action_id, at, result in ended:
                connection.execute(
                    update(_table)
                    .where(_table.c.id == action_id, _table.c.ended_at == 0)
                    .values(ended_at=at, result=json.dumps(dict(result), sort_keys=True))
                )

    def order(
        self,
        verb: str,
        subject: str,
        *,
        at: int,
        who: str,
        why: str,
        args: Mapping[str, Any] | None = None,
        until_at: int = 0,
        result: Mapping[str, Any] | None = None,
    ) -> OperatorAction:
        """Record an order, and with it the end of what it undoes. Times are UTC microseconds; ``until_at`` 0: for good.

        Raises BadValueError when who or why is missing, too long or not plain text.
        """
        _check_text("who", who, WHO_CHARS_MAX)
        _check_text("why", why, WHY_CHARS_MAX)
        row = {
            "at": at,
            "who": who,
            "why": why,
            "verb": verb,
            "subject": subject,
            "args": json.dumps(dict(args or {}), sort_keys=True),
            "until_at": until_at,
            "ended_at": at if verb in AT_ONCE else 0,
            "undone_by": 0,
            "result": json.dumps(dict(result or {}), sort_keys=True),
        }
        with writing(self._engine) as connection:
            (action_id,) = connection.execute(insert(_table).values(row)).inserted_primary_key or (0,)
            if verb in ENDS:
                _end_earlier(connection, ENDS[verb], subject, action_id, at)
            return _action(connection.execute(select(_table).where(_table.c.id == action_id)).one())

    def in_force(self, verb: str, subject: str, now_us: int) -> OperatorAction | None:
        """The pause or drain of this subject that holds now."""
        found = [a for a in self.open_actions() if (a.verb, a.subject) == (verb, subject) and a.in_force(now_us)]
        return found[-1] if found else None

    def find(self, action_id: int) -> OperatorAction | None:
        """One order by its number."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_table).where(_table.c.id == action_id)).first()
        return _action(row) if row is not None else None

    def listed(self, *, since: int = 0, subject: str = "", limit: int = LISTED_MAX) -> list[OperatorAction]:
        """Orders given since then, and those from before that are still in force; newest first."""
        query = select(_table).where((_table.c.at >= since) | (_table.c.ended_at == 0))
        if subject:
            query = query.where(_table.c.subject == subject)
        with reading(self._engine) as connection:
            return [_action(row) for row in connection.execute(query.order_by(_table.c.id.desc()).limit(limit))]

    def units_given_back(self) -> dict[str, int]:
        """Cap -> units that resets took off it; a cap's name holds its period, so old ones harm nothing."""
        query = select(_table.c.subject, _table.c.result).where(_table.c.verb == "cap_reset", _table.c.ended_at > 0)
        given: dict[str, int] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                units = int(json.loads(row.result).get("given_back", 0))
                cap = row.subject.removeprefix("cap:")
                given[cap] = given.get(cap, 0) + units
        return given


def _end_earlier(connection: Connection, verb: str, subject: str, action_id: int, at: int) -> None:
    """End what is in force; a pause that ran out meanwhile ended when it said so."""
    open_ones = select(_table).where(
        _table.c.ended_at == 0, _table.c.verb == verb, _table.c.subject == subject, _table.c.id != action_id
    )
    for row in connection.execute(open_ones).all():
        over = 0 < row.until_at <= at
        changed = {"ended_at": row.until_at} if over else {"ended_at": at, "undone_by": action_id}
        connection.execute(update(_table).where(_table.c.id == row.id).values(**changed))


def _action(row: Row[Any]) -> OperatorAction:
    fields = dict(row._mapping)
    return OperatorAction(**{**fields, "args": json.loads(fields["args"]), "result": json.loads(fields["result"])})


def _check_text(name: str, text: str, chars_max: int) -> None:
    if not text.strip():
        raise BadValueError(f"{name} is missing (it is kept with the order)")
    if len(text) > chars_max:
        raise BadValueError(f"{name} has {len(text)} characters; at most {chars_max}")
    if not text.isprintable():
        raise BadValueError(f"{name} holds characters that cannot be printed")
