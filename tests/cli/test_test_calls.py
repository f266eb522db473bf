"""Test calls and money, from the offer to the report: never billed, never counted, no history for anybody."""

import json

import pytest

from ppc_engine.cli import run
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.schema import metadata
from tests.cli.rehearsed_calls import call, store, stored_context
from tests.scenarios.small_network import FILES, write_config

ENGINEER, CALLER = "+13105550199", "+13105550123"
RULE = "unique_caller: {scope: campaign, event: connected, window_days: 30, no_number: unique}"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Acme pays for first calls only; its second target is an engineer's phone; one caller is an engineer."""
    write_config(tmp_path / "config")
    acme = FILES["catalog/buyers/acme.yaml"]
    acme = acme.replace("priority: 2}", "priority: 2, test: true}").replace("30000}", f"30000, {RULE}}}")
    (tmp_path / "config" / "catalog" / "buyers" / "acme.yaml").write_text(acme)
    roofing = FILES["catalog/campaigns/roofing.yaml"] + f"test_callers: ['{ENGINEER}']\n"
    (tmp_path / "config" / "catalog" / "campaigns" / "roofing.yaml").write_text(roofing)
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    (tmp_path / "config" / "engine.yaml").write_text(f"database_url: {url}\n")
    monkeypatch.setenv("PPC_CONFIG", str(tmp_path / "config"))
    database = open_database(url)
    metadata.create_all(database)
    yield database, stored_context(database, tmp_path / "config")
    database.dispose()


def uuid(number):
    return f"00000000-0000-4000-8000-00000000000{number}"


def report(capsys):
    assert run(["qualify"]) == 0
    capsys.readouterr()
    assert run(["report", "--by", "campaign", "--json", "--since", "2026-01-01", "--until", "2027-01-01"]) == 0
    return json.loads(capsys.readouterr().out)


def totals(told):
    (only,) = told if isinstance(told, list) else [told]
    (total,) = only["totals"]
    return total["calls"], total["billable"], total["revenue_micros"]


def test_only_live_calls_are_in_the_report_and_billed(network, capsys):
    database, context = network
    store(
        database,
        call(context, call_id=uuid(1)),
        call(context, call_id=uuid(2), caller=ENGINEER),
        call(context, call_id=uuid(3), caller="+13105550124", acme_la="busy"),  # The engineer's phone takes it.
    )
    assert [SQLCDRStore(database).read_call(uuid(number)).test for number in (1, 2, 3)] == [False, True, True]
    assert totals(report(capsys)) == (1, 1, 40_000_000)


def test_a_test_call_makes_no_later_call_a_duplicate(network, capsys):
    database, context = network
    first = call(context, call_id=uuid(1), acme_la="busy")
    second = call(context, call_id=uuid(2))
    store(database, first, second)
    assert first.cdr.test and first.cdr.connected_at and first.cdr.caller_key == second.cdr.caller_key == CALLER
    assert totals(report(capsys)) == (1, 1, 40_000_000)


def test_the_same_calls_live_are_one_duplicate_of_the_other(network, capsys):
    database, context = network
    store(database, call(context, call_id=uuid(1)), call(context, call_id=uuid(2)))
    assert totals(report(capsys)) == (2, 1, 40_000_000)


def test_what_an_engineer_reads_of_it(network, capsys):
    database, context = network
    store(database, call(context, call_id=uuid(1), caller=ENGINEER))
    report(capsys)
    assert run(["call", "explain", uuid(1)]) == 0
    out = capsys.readouterr().out
    assert "  TEST CALL\n" in out
    assert "TEST CALL by its caller" in out
    assert "test_call: test call" in out
