"""A flow of nearly every node on the whole engine: the emulated switch, a server on loopback, the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from tests.scenarios.small_network import NUMBER, people
from tests.test_wiring import installed, wait_for

FLOW = """
id: roofing
start: screen
nodes:
  screen: {type: block, velocity: {calls_max: 2, window_s: 3600}, exits: {pass: hello, blocked: refuse}}
  refuse: {type: hangup, cause: CALL_REJECTED}
  hello: {type: answer, exits: {done: known}}
  known: {type: caller_history, of: everything, ms_max: 1000,
          exits: {new: rec, seen: mail, bought: mail, unknown: bye}}
  rec: {type: record, consent: always, consent_prompt: call_recorded, exits: {recording: enrich, not_recorded: bye}}
  enrich:
    type: lookup
    url: http://127.0.0.1:PORT/v1
    send: {phone: caller.number}
    take: {score: score, zip_code: zip}
    ms_max: 5000
    exits: {ok: by_score, timeout: bye, refused: bye, failed: bye, bad_answer: bye}
  by_score:
    type: branch
    cases: [{if: "int(tags.score) > 50 && place.state == 'CA'", exit: good}]
    exits: {good: place, otherwise: bye}
  place: {type: subflow, flow: greet, args: {language: en}, exits: {greeted: sell}}
  sell:
    type: route
    exits: {ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye, recovered_none: bye}
  mail: {type: voicemail, prompt: leave_message, silence_ms_max: 2000, exits: {recorded: bye, empty: bye}}
  bye: {type: hangup, outcome: all_closed}
"""
GREET = """
id: greet
start: by_language
nodes:
  by_language: {type: branch, cases: [{if: "args.language == 'en'", exit: en}], exits: {en: say, otherwise: back}}
  say: {type: say, text: Thank you., prompt: thanks, exits: {done: back}}
  back: {type: return, exit: greeted}
"""
ENGINE = """
lookup_hosts:
  - {host: "127.0.0.1:PORT", insecure_http: true, private_network: true}
"""


@pytest.fixture
def asked() -> Iterator[tuple[int, list[str]]]:
    """A server that knows everybody: its port, and what it was asked."""
    said: list[str] = []

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        said.append(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"score": 77, "zip": "90210"}']

    server = WSGIServer(("127.0.0.1", 0), answer, log=None)
    server.start()
    yield server.server_port, said
    server.stop(1)


def paths(directory: Path, call_id: str) -> list[str]:
    """Every node that a call left or ended at, as "flow/node exit"."""
    database = open_database(f"sqlite:///{directory / 'ppc.sqlite'}")
    try:
        facts = SQLCDRStore(database).read_facts(call_id)
    finally:
        database.dispose()
    nodes = [data for fact in facts for kind, data in fact.get("d", ()) if kind == "node" and "waits" not in data]
    return [f"{data['node']} {data.get('exit', '')}".strip() for data in nodes]


def test_three_calls_of_one_caller(tmp_path: Path, asked: tuple[int, list[str]]) -> None:
    port, said = asked
    caller = {"number": "+13105550123", "dials": [NUMBER]}
    scenario = people(
        {"id": "first", **caller, "talk_ms": 40_000},
        {"id": "second", **caller, "first_ms": 90_000},
        {"id": "third", **caller, "first_ms": 150_000},
    )
    with installed(tmp_path, scenario) as installation:
        config = installation.config_dir
        (config / "flows/roofing.yaml").write_text(FLOW.replace("PORT", str(port)))
        (config / "flows/greet.yaml").write_text(GREET)
        (config / "engine.yaml").write_text(ENGINE.replace("PORT", str(port)))
        engine = installation.engine()
        engine.start()
        try:
            engine.wait_in_step(10)
            installation.switch.begin_calls()
            wait_for(lambda: installation.switch.done.is_set() and not engine.busy)
        finally:
            engine.stop()
        first, second, third = sorted(installation.records(), key=lambda cdr: cdr.offered_at)
        assert not [fields for event, fields in installation.logged if event == "bug"]
    assert said == ["phone=%2B13105550123"]
    assert (first.outcome, first.zip_code, first.zip_source, first.state) == ("connected", "90210", "lead", "CA")
    assert paths(tmp_path, first.call_id) == [
        "screen pass", "hello done", "known new", "rec recording", "enrich ok", "by_score good", "place",
        "by_language en", "say done", "back greeted", "place greeted",
    ]  # fmt: skip
    assert first.silent_ms < 1_000
    assert second.outcome == "all_closed"
    assert paths(tmp_path, second.call_id) == ["screen pass", "hello done", "known seen", "mail recorded", "bye"]
    assert third.outcome == "blocked"
    assert paths(tmp_path, third.call_id) == ["screen blocked", "refuse"]
