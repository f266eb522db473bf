"""Tracking numbers: thousands of them, so in the database and not in files. A number is assigned or free.

Rules this file obeys: an import is taken whole or not at all, with every problem line named; a number in use is moved
only when that was asked for, because its calls would be billed to somebody else from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.number_files import COLUMNS, read_numbers
from ppc_engine.storage.schema import tracking_numbers
from ppc_engine.values.errors import BadValueError, ConfigError, Issue

ISSUES_MAX = 1_000  # More than this says that the file is another one altogether.
PORTION = 500  # Numbers named in one statement: older SQLites take 999 values.

_table = tracking_numbers


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """One number of ours; campaign and publisher are "" while it is free. Times are UTC microseconds, 0: never."""

    number: str
    campaign: str
    publisher: str
    test: bool
    created_at: int
    assigned_at: int
    released_at: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, by numbers."""

    added: int
    changed: int
    unchanged: int


def load_all(engine: Engine) -> dict[str, TrackingNumber]:
    """Every number that is assigned, as calls are attributed by."""
    columns = (_table.c.number, _table.c.campaign, _table.c.publisher, _table.c.test)
    with reading(engine) as connection:
        rows = connection.execute(select(*columns).where(_table.c.campaign != "")).all()
    return {
        row.number: TrackingNumber.model_construct(
            number=row.number, campaign=row.campaign, publisher=row.publisher, test=row.test
        )
        for row in rows
    }


def owns(engine: Engine, number: str) -> bool:
    """Whether a number is ours, assigned or free."""
    with reading(engine) as connection:
        return connection.execute(select(_table.c.number).where(_table.c.number == number)).first() is not None


def list_numbers(engine: Engine, *, campaign: str = "", publisher: str = "", free: bool = False) -> list[OwnedNumber]:
    """Numbers in order, all of them or those of a campaign or a publisher; ``free``: those that are not assigned."""
    query = select(_table).order_by(_table.c.number)
    if campaign:
        query = query.where(_table.c.campaign == campaign)
    if publisher:
        query = query.where(_table.c.publisher == publisher)
    if free:
        query = query.where(_table.c.campaign == "")
    with reading(engine) as connection:
        return [OwnedNumber(**row) for row in connection.execute(query).mappings()]


def assign(engine: Engine, wanted: TrackingNumber, now_us: int, *, move: bool = False) -> bool:
    """Give a number, new or free, to a campaign and a publisher; False when it is theirs already.

    Raises BadValueError when it is somebody else's, unless ``move``.
    """
    with writing(engine) as connection:
        known = _known(connection, [wanted.number])
        if _same(known.get(wanted.number), wanted):
            return False
        problem = "" if move else _taken(known.get(wanted.number), wanted)
        if problem:
            raise BadValueError(problem)
        _write(connection, [wanted], known, now_us)
    return True


def release(engine: Engine, number: str, now_us: int) -> bool:
    """Take a number back: calls to it are unknown from the next reload on. False when it was free already.

    Raises BadValueError when it is no number of ours.
    """
    with writing(engine) as connection:
        owned = _known(connection, [number]).get(number)
        if owned is None:
            raise BadValueError(f"{number} is not a number of ours (see: ppc number list)")
        if not owned.campaign:
            return False
        freed = {"campaign": "", "publisher": "", "test": False, "assigned_at": 0, "released_at": now_us}
        connection.execute(_table.update().where(_table.c.number == number).values(**freed))
    return True


def import_file(
    engine: Engine,
    path: Path,
    now_us: int,
    *,
    campaigns: Collection[str],
    publishers: Collection[str],
    move: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Assign every number of a CSV file, or none: raises ConfigError with an issue for every line that is wrong.

    ``campaigns`` and ``publishers`` are those of the catalog. ``progress`` is told (lines done, lines in all).
    """
    wanted, lines, issues = read_numbers(path, campaigns, publishers, progress)
    with writing(engine) as connection:
        known = _known(connection, list(wanted))
        changed = [number for name, number in wanted.items() if not _same(known.get(name), number)]
        for number in changed:
            problem = "" if move else _taken(known.get(number.number), number)
            if problem:
                line = lines[number.number]
                issues.append(Issue(file=str(path), line=line, column=1, path="number", message=problem))
        if issues:
            raise ConfigError(_at_most(issues, str(path)))
        for start in range(0, len(changed), PORTION):
            _write(connection, changed[start : start + PORTION], known, now_us)
    known_before = sum(number.number in known for number in changed)
    return ImportResult(added=len(changed) - known_before, changed=known_before, unchanged=len(wanted) - len(changed))


def _taken(owned: OwnedNumber | None, wanted: TrackingNumber) -> str:
    """Why a number cannot be given away, "" when it can."""
    if owned is None or not owned.campaign:
        return ""
    if (owned.campaign, owned.publisher) == (wanted.campaign, wanted.publisher):
        return ""
    owner = f"campaign {owned.campaign}, publisher {owned.publisher}"
    return f"{owned.number} belongs to {owner} (release it first, or say --move)"


def _same(owned: OwnedNumber | None, wanted: TrackingNumber) -> bool:
    return owned is not None and (owned.campaign, owned.publisher, owned.test) == (
        wanted.campaign,
        wanted.publisher,
        wanted.test,
    )


def _known(connection: Connection, numbers: Sequence[str]) -> dict[str, OwnedNumber]:
    known = {}
    for start in range(0, len(numbers), PORTION):
        query = select(_table).where(_table.c.number.in_(numbers[start : start + PORTION]))
        for row in connection.execute(query).mappings():
            known[row["number"]] = OwnedNumber(**row)
    return known


def _write(
    connection: Connection, numbers: Sequence[TrackingNumber], known: dict[str, OwnedNumber], now_us: int
) -> None:
    rows: list[dict[str, Any]] = []
    for number in numbers:
        owned = known.get(number.number)
        rows.append(
            {
                **number.model_dump(include=set(COLUMNS)),
                "created_at": owned.created_at if owned else now_us,
                "assigned_at": now_us,
                "released_at": owned.released_at if owned else 0,
            }
        )
    names = [row["number"] for row in rows if row["number"] in known]
    if names:
        connection.execute(delete(_table).where(_table.c.number.in_(names)))
    connection.execute(insert(_table), rows)


def _at_most(issues: list[Issue], file: str) -> list[Issue]:
    if len(issues) <= ISSUES_MAX:
        return issues
    more = f"and {len(issues) - ISSUES_MAX} more problems (is it the right file?)"
    return [*sorted(issues)[:ISSUES_MAX], Issue(file=file, line=issues[-1].line + 1, message=more)]
