"""``ppc number`` in the words that a person sees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ppc_engine.cli import run

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A small network with an upgraded database."""
    shutil.copytree(REPOSITORY / "tests" / "data" / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_the_example_is_imported_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["number", "import", "config/numbers.csv"]) == 0
    lines = len(Path("config/numbers.csv").read_text().splitlines()) - 1
    assert said(capsys).startswith(f"{lines} added, 0 changed, 0 as they were")
    assert run(["number", "list", "--json"]) == 0
    assert len(json.loads(said(capsys))) == lines


def test_a_bad_file_is_refused_whole(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text("number,campaign,publisher\n+18005550100,roofing,bluebird-media\n12,roofing,nobody\n")
    assert run(["number", "import", "bad.csv"]) == 1
    told = said(capsys)
    assert 'bad.csv:3:1: number: "12" is not a telephone number' in told
    assert 'bad.csv:3:12: publisher: no publisher "nobody" in the catalog' in told
    assert run(["number", "list", "--json"]) == 0
    assert json.loads(said(capsys)) == []


def test_assign_release_and_their_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    to = ["--campaign", "roofing", "--publisher", "bluebird-media"]
    assert run(["number", "assign", "(800) 555-0100", *to]) == 0
    assert said(capsys).startswith("+18005550100: assigned to campaign roofing, publisher bluebird-media")
    assert run(["number", "assign", "+18005550100", *to, "--json"]) == 0
    assert json.loads(said(capsys)) == {"number": "+18005550100", "changed": False}
    assert run(["number", "assign", "+18005550100", "--campaign", "solar", "--publisher", "bluebird-media"]) == 1
    assert said(capsys) == (
        "ppc: +18005550100 belongs to campaign roofing, publisher bluebird-media (release it first, or say --move)\n"
    )
    assert run(["number", "assign", "+18005550101", "--campaign", "roofng", "--publisher", "bluebird-media"]) == 1
    assert said(capsys) == 'ppc: no campaign "roofng" in the catalog (did you mean "roofing"?)\n'
    assert run(["number", "release", "+18005550100"]) == 0
    assert run(["number", "release", "+18005550199"]) == 1
    assert "is not a number of ours" in said(capsys)
    assert run(["number", "list", "--free"]) == 0
    assert said(capsys).startswith("+18005550100   free")


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("import", "list", "assign", "release"):
        assert run(["number", verb, "--help"]) == 0
        assert f"ppc number {verb}" in said(capsys).partition("Example:")[2]
