"""Traffic of flows, counted from the facts of stored calls."""

import dataclasses

import pytest

from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.flow_traffic import read_traffic
from ppc_engine.storage.migrate import upgrade
from tests.rehearsal.workshop import play, stage

STAGE = stage()


@pytest.fixture
def database(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    yield engine
    engine.dispose()


def store(database, *calls):
    SQLCDRStore(database).write([(call.cdr, compress_facts(call.facts)) for call in calls])


def call(name, **given):
    return play(STAGE, call_id=name, **given)


def test_calls_are_counted_by_node_and_by_exit(database):
    store(
        database,
        call("a", digits="90210"),
        call("b", digits="90210", caller_hangs_up={"on": "connected", "after_ms": 100}),
        call("c", digits="90210", buyers={"*": "busy"}),
        call("d", caller_hangs_up={"node": "ask", "after_ms": 100}),
    )
    counts = read_traffic(database, {"leads": "short"}, since=0)
    assert counts.calls == 4
    assert counts.visits["short", "ask"] == 4
    assert counts.exits["short", "ask", "ok"] == 3
    assert counts.exits["short", "sell", "all_no_answer"] == 1
    assert +counts.connected == {("short", "sell"): 1, ("short", "bye"): 1}
    assert +counts.abandoned == {("short", "ask"): 1}


def test_sub_flows_are_counted_under_their_own_name(database):
    store(database, play(STAGE, "long", call_id="e", digits={"ask_place/ask": "90210", "menu": "1"}))
    counts = read_traffic(database, {"leads": "long"}, since=0)
    assert counts.exits["ask_place", "ask", "ok"] == 1
    assert counts.exits["long", "place", "placed"] == 1


def test_other_times_other_campaigns_and_test_calls_are_left_out(database):
    one = call("a", digits="90210")
    test = dataclasses.replace(call("b", digits="90210").cdr, test=True)
    store(database, one)
    SQLCDRStore(database).write([(test, compress_facts(one.facts))])
    at = one.cdr.offered_at
    assert read_traffic(database, {"leads": "short"}, since=at).calls == 1
    assert read_traffic(database, {"leads": "short"}, since=at + 1).calls == 0
    assert read_traffic(database, {"leads": "short"}, since=0, until=at).calls == 0
    assert read_traffic(database, {"other": "short"}, since=0).calls == 0
