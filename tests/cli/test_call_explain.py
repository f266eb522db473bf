"""``ppc call explain`` with a stored revision: inputs, candidates and answers are lived through again."""

import json
import sqlite3

import pytest

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.cli import run
from ppc_engine.storage.catalog_files import load_config
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.places import load_places
from ppc_engine.storage.revisions import save_revision
from ppc_engine.storage.schema import metadata
from tests.calls.call_traces import CALL_ID, KEY, Trace
from tests.scenarios.small_network import NUMBER, write_config


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """A call of a real revision: Acme is busy, its second target takes it. Returns what explain prints."""
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    write_config(tmp_path / "config")
    (tmp_path / "config" / "engine.yaml").write_text(f"database_url: {url}\n")
    monkeypatch.setenv("PPC_CONFIG", str(tmp_path / "config"))
    database = open_database(url)
    metadata.create_all(database)
    config = load_config(tmp_path / "config")
    save_revision(database, config.revision, config.body, 1)
    trace = sold(config)
    SQLCDRStore(database).write([(trace.cdr(), compress_facts(trace.facts))])
    database.dispose()

    def explain(*options):
        assert run(["call", "explain", CALL_ID, *options]) == 0
        return capsys.readouterr().out

    explain.database = tmp_path / "ppc.sqlite"
    return explain


def sold(config):
    number = TrackingNumber(number=NUMBER, campaign="roofing", publisher="peak")
    places = load_places()
    trace = Trace(
        CallContext(
            catalog=config.catalog, flows=config.flows, numbers={NUMBER: number}, places=places,
            revision=config.revision, code_version="0.0.1", key=KEY, data_hashes={"places": "of last year"},
        )
    )  # fmt: skip
    trace.park()
    trace.slot()
    trace.done(1)
    trace.done(6, digits="90210")
    trace.usage()
    trace.slot()
    trace.leg_ended(8, "USER_BUSY", dialed=6, by="recv_refuse", sip=486)
    trace.done(8.1, cause="USER_BUSY")
    trace.usage()
    trace.bridged(10, number=2)
    trace.hung_up(40)
    trace.leg_ended(40, "NORMAL_CLEARING", number=2, dialed=8.2, bridged=10, by="send_bye")
    trace.ended(40.1)
    return trace


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
    dial = next(step for step in steps if step["kind"] == "Dial")
    assert (dial["answer"]["event"], dial["answer"]["ms"]) == ("AppCompleted", 2100)
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
