"""``ppc call explain`` with a stored revision: inputs, candidates and answers are lived through again."""

import json
import sqlite3

import pytest

from ppc_engine.cli import run
from ppc_engine.storage.database import open_database
from ppc_engine.storage.schema import metadata
from tests.cli.rehearsed_calls import CALL_ID, call, store, stored_context
from tests.scenarios.small_network import FILES, write_config


@pytest.fixture
def told(explained):
    """A call of a real revision: Acme is busy, its second target takes it. Returns what explain prints."""
    return explained("", acme_la="busy")


@pytest.fixture
def told_with(explained):
    """A call that Acme's first target takes, which has these words more in the configuration."""
    return lambda words, talks_ms: explained(words, acme_la={"does": "answer", "talks_ms": talks_ms})


@pytest.fixture
def explained(tmp_path, monkeypatch, capsys):
    """Make a call, store it, and give what explains it."""
    return lambda words, **phones: _explained(tmp_path, monkeypatch, capsys, words, phones)


def _explained(tmp_path, monkeypatch, capsys, words, phones):
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    write_config(tmp_path / "config")
    if words:
        acme = FILES["catalog/buyers/acme.yaml"].replace("ring_ms_max: 20000}", f"{words}}}")
        (tmp_path / "config" / "catalog" / "buyers" / "acme.yaml").write_text(acme)
        roofing = FILES["catalog/campaigns/roofing.yaml"] + "caps: [{calls: 9, per: day, counted: conversion}]\n"
        (tmp_path / "config" / "catalog" / "campaigns" / "roofing.yaml").write_text(roofing)
    (tmp_path / "config" / "engine.yaml").write_text(f"database_url: {url}\n")
    monkeypatch.setenv("PPC_CONFIG", str(tmp_path / "config"))
    database = open_database(url)
    metadata.create_all(database)
    context = stored_context(database, tmp_path / "config", data_hashes={"places": "of last year"})
    store(database, call(context, **phones))
    database.dispose()

    def explain(*options):
        assert run(["call", "explain", CALL_ID, *options]) == 0
        return capsys.readouterr().out

    explain.database = tmp_path / "ppc.sqlite"
    return explain


def test_candidates_and_inputs_are_recomputed_from_facts_and_revision(told):
    lines = [line.strip() for line in told().splitlines()]
    assert "path: hello > ask_zip > sell" in lines
    assert "the caller: ZIP 90210 (ivr), CA" in lines
    assert "acme-la (priority 1, weight 100): already_tried: this target, once a call" in lines
    assert "acme-two (priority 2, weight 100, draws 0-99): chosen" in lines
    assert not any("candidates" in line for line in lines)


def test_the_json_holds_inputs_candidates_and_what_the_switch_answered(told):
    explained = json.loads(told("--json"))
    assert explained["path"] == ["hello", "ask_zip", "sell"]
    steps = explained["steps"]
    first, second = (step for step in steps if step["kind"] == "selection")
    assert [candidate["target"] for candidate in first["seen"]["candidates"]] == ["acme-la", "acme-two"]
    assert second["seen"]["tried"] == ["acme-la"]
    asked = next(step for step in steps if step["kind"] == "node" and step["data"]["node"] == "ask_zip")
    assert asked["seen"]["settings"]["prompt"] == "enter_zip"
    asked_for = next(step for step in steps if step["kind"] == "CollectDigits")
    assert asked_for["answer"]["event"] == "AppCompleted"
    assert asked_for["answer"]["ms"] == (asked_for["answer"]["at"] - asked_for["at"]) // 1000 > 1000
    assert explained["retold"]["complete"] is True


def test_another_version_of_code_or_data_is_named(told):
    out = told()
    assert "note: decided by code 0.0.1, retold by " in out
    assert "note: decided with places of last year, retold with " in out


def test_without_the_revision_the_facts_are_still_told_and_the_gap_is_named(told):
    with sqlite3.connect(told.database) as link:
        link.execute("DELETE FROM revisions")
    out = told()
    assert "note: candidates and what nodes saw are not known: revision " in out
    assert "is not in this database" in out
    assert "selection for attempt 2: acme-two" in out
    assert json.loads(told("--json"))["retold"]["complete"] is False


def test_units_of_caps_are_told_as_taken_as_held_and_as_judged(told_with):
    short = told_with("caps: [{calls: 5, per: day}, {spend: '100.00', per: month}]", talks_ms=5_000)
    day, month = "target:acme-la/connect/day/2026-09-21+0000", "target:acme-la/revenue/month/2026-09+0000"
    lines = [line.strip() for line in short().splitlines()]
    held = f"units held for attempt 1: {day} (limit 5), {month} (40.00 of limit 100.00)"
    assert f"slot taken for attempt 1: target:acme-la (limit 2); {held}" in lines
    given = f"units given back for attempt 1: {month} 40.00; held until the call is judged: {day}"
    assert f"slot given back for attempt 1: target:acme-la (limit 2); {given}" in lines
    assert sorted(lines[lines.index("caps, as judged at its end:") + 1 :][:2]) == [
        "campaign:roofing/conversion/day/2026-09-21+0000 (the call): 1 given back: it certainly does not count",
        f"{day} (attempt 1): 1 counts",
    ]
    assert sorted((unit["held"], unit["kept"]) for unit in json.loads(short("--json"))["units"]) == [(1, 0), (1, 1)]


def test_a_unit_of_a_call_that_converted_counts(told_with):
    sold = told_with("caps: [{spend: '100.00', per: month}]", talks_ms=60_000)
    assert "target:acme-la/revenue/month/2026-09+0000 (attempt 1): 40.00 counts" in sold()
