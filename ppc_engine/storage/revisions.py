"""Catalogs and flows as they were, by their hash: calls of long ago are judged and explained under their own terms."""

from __future__ import annotations

import zlib

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.schema import revisions
from ppc_engine.values.errors import BadValueError


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
