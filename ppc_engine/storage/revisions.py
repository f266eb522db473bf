"""Catalogs and flows as they were, by their hash: calls of long ago are judged and explained under their own terms."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.schema import revisions
from ppc_engine.values.errors import BadValueError

LISTED_MAX = 1_000
PREFIX_CHARS_MIN = 6
_PREFIX = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class KeptRevision:
    """A revision of the database: its hash and when it was first seen, UTC microseconds."""

    hash: str
    created_at: int


def list_revisions(engine: Engine, limit: int = LISTED_MAX) -> list[KeptRevision]:
    """Every revision that was ever in force, newest first."""
    query = select(revisions.c.hash, revisions.c.created_at).order_by(revisions.c.created_at.desc(), revisions.c.hash)
    with reading(engine) as connection:
        return [KeptRevision(row.hash, row.created_at) for row in connection.execute(query.limit(limit))]


def newest(engine: Engine) -> KeptRevision | None:
    """The revision that was first seen last; None in a new database."""
    found = list_revisions(engine, limit=1)
    return found[0] if found else None


def find_revision(engine: Engine, prefix: str) -> str:
    """The one revision whose hash begins so. Raises BadValueError when there is none, or more than one."""
    if not _PREFIX.fullmatch(prefix):
        raise BadValueError(f'"{prefix}" is no revision (write at least {PREFIX_CHARS_MIN} digits of its hash)')
    query = select(revisions.c.hash).where(revisions.c.hash.startswith(prefix)).limit(2)
    with reading(engine) as connection:
        found = [row.hash for row in connection.execute(query)]
    if len(found) != 1:
        what = "no revision begins" if not found else "more than one revision begins"
        raise BadValueError(f"{what} with {prefix} (see: ppc config list)")
    return str(found[0])


def save_revision(engine: Engine, revision: str, body: bytes, now_us: int) -> None:
    """Keep a revision for ever; one that is kept already is left as it is. ``now_us`` is UTC microseconds."""
    row = {"hash": revision, "created_at": now_us, "body": zlib.compress(body, 9)}
    with reading(engine) as connection:
        if connection.execute(select(revisions.c.hash).where(revisions.c.hash == revision)).first():
            return
    try:
        with writing(engine) as connection:
            connection.execute(insert(revisions), row)
    except BadValueError as error:
        if not isinstance(error.__cause__, IntegrityError):  # Another process was faster: the same hash, the same body.
            raise


def load_revision(engine: Engine, revision: str) -> bytes:
    """The body of a revision as it was saved. Raises KeyError when it is not in this database."""
    with reading(engine) as connection:
        body = connection.execute(select(revisions.c.body).where(revisions.c.hash == revision)).scalar()
    if body is None:
        raise KeyError(revision)
    return zlib.decompress(body)
