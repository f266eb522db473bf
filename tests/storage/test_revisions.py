"""Revisions are kept once and come back byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from ppc_engine.storage.database import open_database, reading, writing
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.revisions import load_revision, save_revision
from ppc_engine.storage.schema import revisions


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    return engine


def test_a_revision_comes_back_byte_for_byte(database: Engine) -> None:
    body = b'{"campaigns":{"roofing":{}}}' * 50
    save_revision(database, "abc", body, 1)
    assert load_revision(database, "abc") == body


def test_saving_twice_keeps_the_first(database: Engine) -> None:
    save_revision(database, "abc", b"one", 1)
    save_revision(database, "abc", b"one", 2)
    with reading(database) as connection:
        assert connection.execute(select(revisions.c.created_at)).scalars().all() == [1]


def test_another_process_may_be_faster(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def faster(engine: Engine):  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        save_revision(engine, "abc", b"one", 1)
        return writing(engine)

    monkeypatch.setattr("ppc_engine.storage.revisions.writing", faster)
    save_revision(database, "abc", b"one", 2)
    assert load_revision(database, "abc") == b"one"


def test_a_revision_that_is_not_there(database: Engine) -> None:
    with pytest.raises(KeyError, match="abc"):
        load_revision(database, "abc")
