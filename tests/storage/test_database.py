"""Every way in which a database can be unusable is one clear line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from ppc_engine.storage import database
from ppc_engine.storage.database import check_writable, open_database, reading, wal_is_safe, writing
from ppc_engine.storage.schema import metadata, revisions
from ppc_engine.values.errors import BadValueError, OutsideError

ROW = {"hash": "abc", "created_at": 1, "body": b""}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ppc.sqlite"


def refusal(url: str) -> str:
    with pytest.raises(OutsideError) as refused:
        open_database(url)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 9), False), ((3, 50, 6), False),
        ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), True), ((4, 0, 0), True),
    ],
)  # fmt: skip
def test_wal_only_where_the_reset_bug_is_mended(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_settings_that_keep_money(path: Path) -> None:
    with reading(open_database(f"sqlite:///{path}")) as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "foreign_keys", "journal_mode")
        }
    mode = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "persist"
    assert pragma == {"synchronous": 2, "foreign_keys": 1, "journal_mode": mode}


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("name,amount\n" * 500)
    assert refusal(f"sqlite:///{path}").endswith("is not an SQLite database")


def test_a_directory_that_is_missing_is_not_made(path: Path) -> None:
    message = refusal(f"sqlite:///{path.parent}/typo/ppc.sqlite")
    assert f"there is no directory {path.parent}/typo" in message
    assert not (path.parent / "typo").exists()


def test_the_default_makes_its_own_directory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    open_database()
    assert (path.parent / "var" / "ppc.sqlite").exists()


def test_a_new_file_is_not_for_everybody(path: Path) -> None:
    """security.md D13: full numbers of callers only where others cannot read them."""
    check_writable(open_database(f"sqlite:///{path}"))
    assert [file.stat().st_mode & 0o007 for file in path.parent.iterdir()] == [0, 0]  # The rollback journal too.


def test_a_directory_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    assert "cannot be opened" in refusal(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["", "ppc.sqlite", "nosuch://x/y", "sqlite:///x?timeout=soon"])
def test_a_url_that_is_none(url: str) -> None:
    assert "URL is not usable" in refusal(url)


def test_a_password_is_not_shown() -> None:
    url = database.make_url("postgresql+psycopg://ppc:hunter2@localhost/ppc")
    assert "hunter2" not in database.shown(url)


def test_read_only(path: Path) -> None:
    with writing(open_database(f"sqlite:///{path}")) as connection:
        metadata.create_all(connection)
    only_read = open_database(f"sqlite:///file:{path}?mode=ro&uri=true")
    with reading(only_read) as connection:
        assert connection.execute(select(revisions)).all() == []
    with pytest.raises(OutsideError, match="is read-only for this user"):
        check_writable(only_read)


def test_locked_by_somebody_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)
    engine = open_database(f"sqlite:///{path}")
    check_writable(engine)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutsideError, match="is locked by another process"):
        check_writable(engine)
    other.execute("ROLLBACK")
    check_writable(engine)
    other.close()


def test_a_writer_takes_its_lock_before_it_reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)
    engine = open_database(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with reading(engine):
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_tables_that_are_not_there_yet_name_the_command(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}")
    with pytest.raises(OutsideError, match="ppc db upgrade"), reading(engine) as connection:
        connection.execute(select(revisions))


def test_what_can_never_be_written_is_told_apart(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}")
    with writing(engine) as connection:
        metadata.create_all(connection)
        connection.execute(insert(revisions), ROW)
    with pytest.raises(BadValueError, match="UNIQUE"), writing(engine) as connection:
        connection.execute(insert(revisions), ROW)


def test_an_exception_takes_the_whole_transaction_back(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}")
    with writing(engine) as connection:
        metadata.create_all(connection)
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.execute(insert(revisions), ROW)
        raise ZeroDivisionError
    with reading(engine) as connection:
        assert connection.execute(select(revisions)).all() == []
