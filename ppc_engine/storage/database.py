"""Opens the database and turns its failures into one clear line each.

Rules this file obeys: SQLite keeps its rollback journal unless the SQLite in use is free of the WAL-reset bug, because
``serve`` and ``qualify`` are two connections (reliability.md, B4); money is never written with less than
synchronous=FULL; a transaction that will write takes its lock at once, because a reader that turns writer late fails
without waiting.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    ProgrammingError,
)

from ppc_engine.values.errors import BadValueError, OutsideError

DEFAULT_URL = "sqlite:///var/ppc.sqlite"
FILE_MODE = 0o640  # Of a new SQLite file; its journal gets the same.
LOCK_WAIT_S = 5.0  # How long a statement waits for somebody else's lock before it gives up.
JOURNAL_BYTES_KEPT = 4 << 20  # Of SQLite's rollback journal or WAL, after a large transaction.
WRITES = "ppc_writes"  # Execution option of a connection whose transactions take the write lock at their beginning.

# The WAL-reset bug is in every SQLite from 3.7.0 on, but for these two old branches and all from 3.51.3.
_WAL_FIXED_FROM = (3, 51, 3)
_WAL_FIXED_BRANCHES = {(3, 50): 7, (3, 44): 6}

_CURES = {
    "unable to open database file": "cannot be opened (it must be a file that this user may read and write)",
    "attempt to write a readonly database": "is read-only for this user",
    "database is locked": "is locked by another process",
    "file is not a database": "is not an SQLite database",
    "database disk image is malformed": "is damaged (run sqlite3 FILE 'pragma integrity_check' and restore a backup)",
    "database or disk is full": "is full, or its disk is",
    "no such table": "has no tables yet (run: ppc db upgrade)",
    "no such column": "has tables of another version (run: ppc db upgrade)",
}


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug, which can lose commits when two connections use WAL."""
    return version >= _WAL_FIXED_FROM or version[2] >= _WAL_FIXED_BRANCHES.get(version[:2], version[2] + 1)


def open_database(url: str = DEFAULT_URL) -> Engine:
    """An engine that has connected once. Raises OutsideError, in one line, when the database cannot be used.

    The directory of the default URL is made; any other must exist, because a typo should not become a new database.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, **_options(parsed))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise OutsideError(f'database: the URL is not usable: {error} (write for example "{DEFAULT_URL}")') from None
    if engine.dialect.name == "sqlite":
        _prepare_file(url, parsed)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        with reading(engine) as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except OutsideError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A short transaction that only reads. Raises OutsideError when the database cannot answer now."""
    with _plain_errors(engine.url), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A short transaction that writes, committed at the end of the block and rolled back by any exception.

    Raises OutsideError when the database cannot do it now, BadValueError when it refuses a value for good.
    """
    with _plain_errors(engine.url), engine.connect() as connection:
        connection = connection.execution_options(**{WRITES: True})
        with connection.begin():
            yield connection


def check_writable(engine: Engine) -> None:
    """Raise OutsideError unless a write would be taken now; nothing is changed."""
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":  # A read-only file lets a write begin, so one is made and taken back.
            version = connection.exec_driver_sql("PRAGMA user_version").scalar()
            connection.exec_driver_sql(f"PRAGMA user_version = {int(version or 0)}")
        elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
            raise OutsideError(f"database {shown(engine.url)}: is read-only")
        connection.rollback()


def shown(url: URL) -> str:
    """A database URL without its password."""
    return url.render_as_string(hide_password=True)


def plain_error(url: URL, error: DBAPIError) -> OutsideError | BadValueError:
    """One line for a person; BadValueError when trying again cannot help."""
    text = " ".join(str(error.orig).split()) or type(error.orig).__name__
    cure = next((cure for symptom, cure in _CURES.items() if text.startswith(symptom)), text)
    hopeless = (IntegrityError, DataError)
    if url.get_backend_name() == "sqlite":
        hopeless += (InterfaceError, ProgrammingError)  # A value that cannot be bound; elsewhere a lost connection.
    kind = BadValueError if isinstance(error, hopeless) else OutsideError
    return kind(f"database {shown(url)}: {cure}")


@contextmanager
def _plain_errors(url: URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise plain_error(url, error) from error


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": LOCK_WAIT_S}}
    return {"pool_pre_ping": True, "pool_size": 2, "max_overflow": 2, "pool_timeout": LOCK_WAIT_S}


def _prepare_file(url: str, parsed: URL) -> None:
    """See to the directory, and make a new file that only its owner and group can read: callers' numbers are in it."""
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        return
    directory = Path(parsed.database).parent
    if url == DEFAULT_URL:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutsideError(f"database: cannot make the directory {directory}: {error.strerror}") from None
    elif not directory.is_dir():
        raise OutsideError(f"database {shown(parsed)}: there is no directory {directory} (make it, or correct the URL)")
    with contextlib.suppress(OSError):  # SQLite itself says better what is wrong.
        os.close(os.open(parsed.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # Transactions begin in _begin_sqlite, not at the driver's own idea of a write.
    # A rollback journal that stays where it is saves each commit the making and removing of a file.
    mode = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "persist"
    (actual,) = connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
    if actual == "wal" != mode:
        raise OutsideError("database: it is in WAL mode, which this SQLite may lose commits in; close its other users")
    connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES_KEPT}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
