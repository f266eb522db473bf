"""``ppc db`` in the words that a person sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ppc_engine.cli import run


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "engine.yaml").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    return f"sqlite:///{tmp_path}/ppc.sqlite"


NEWEST = max(path.name[:4] for path in (Path(__file__).parents[2] / "migrations/versions").glob("[0-9]*.py"))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_status_then_upgrade_then_status(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "status"]) == 1
    assert said(capsys) == f"{url}: at no version, this program needs {NEWEST} (run: ppc db upgrade)\n"
    assert run(["db", "upgrade"]) == 0
    assert said(capsys) == f"{url}: upgraded from nothing to {NEWEST}\n"
    assert run(["db", "upgrade"]) == 0
    assert said(capsys) == f"{url}: at {NEWEST} already\n"
    assert run(["db", "status", "--json"]) == 0
    told = json.loads(said(capsys))
    assert told == {"database": url, "current": NEWEST, "needed": NEWEST, "up_to_date": True}


def test_a_database_that_is_none_is_one_line(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ppc.sqlite").write_text("number,campaign\n" * 300)
    assert run(["db", "upgrade"]) == 3
    assert said(capsys) == f"ppc: database {url}: is not an SQLite database\n"
