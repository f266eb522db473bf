"""``ppc target why`` on a database with a revision and calls: the answer a person gets at 3 a.m."""

import json

import pytest

from ppc_engine.cli import run, target_why
from ppc_engine.cli.control_client import EngineDeafError
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.storage.schema import metadata
from tests.calls.call_traces import T0
from tests.cli.rehearsed_calls import call, store, stored_context
from tests.scenarios.small_network import FILES, write_config

CALLED = "2026-09-21T14:20"  # Some minutes after T0.
CALLS = {f"00000000-0000-4000-8000-00000000000{n}": zip_code for n, zip_code in enumerate(("10001", "10001", "90210"))}
CAPS = "caps: [{calls: 100, per: month}], duplicates: {scope: target, event: connected, window_days: 30}"
HOURS = "hours: {zone: America/New_York, monday: ['09:00-17:00'], tuesday: ['09:00-17:00']}"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Acme takes California only, and Zenith everything, one level below; two calls of New York, one of California."""
    write_config(tmp_path / "config")
    acme = FILES["catalog/buyers/acme.yaml"].replace(
        "ring_ms_max: 20000}", f"area: {{states: [CA]}}, {CAPS}, {HOURS}}}"
    )
    (tmp_path / "config" / "catalog" / "buyers" / "acme.yaml").write_text(acme)
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    (tmp_path / "config" / "engine.yaml").write_text(f"database_url: {url}\n")
    monkeypatch.setenv("PPC_CONFIG", str(tmp_path / "config"))
    database = open_database(url)
    metadata.create_all(database)
    context = stored_context(database, tmp_path / "config")
    store(database, *(call(context, call_id=one, zip_code=zip_code) for one, zip_code in CALLS.items()))
    yield database
    database.dispose()


@pytest.fixture
def why(network, monkeypatch, capsys):
    """Run it; ``said`` is what the engine answers."""
    answers = {"caps": None}
    monkeypatch.setattr(target_why, "ask", lambda settings, order: answers["caps"])

    def ask_why(*options, said=None, code=0):
        answers["caps"] = said
        assert run(["target", "why", "acme-la", *options]) == code
        captured = capsys.readouterr()
        return captured.out or captured.err

    return ask_why


def test_the_recent_calls_are_retold_and_counted(why):
    out = why("--at", CALLED)
    assert "3 calls of its campaigns" in out
    assert "3 choices that it was part of: 1 for it, 0 for another" in out
    assert "out_of_area  2  (2 alone)" in out
    assert "acme-two  2" in out
    assert "callers came from elsewhere in 2 of 3 recent choices (out_of_area, 2 times for this alone)" in out
    assert "its attempts: answered 1" in out


def test_a_test_call_is_not_counted(why, network, monkeypatch):
    with network.begin() as connection:
        connection.exec_driver_sql("UPDATE calls SET test = 1 WHERE call_id LIKE '%2'")
    assert "2 calls of its campaigns" in why("--at", CALLED)


def test_it_says_when_it_opens_and_what_is_in_use_now(why):
    said = {"caps": [{"key": "target:acme-la", "used": 2, "pending": 0}], "revision": "x"}
    told = json.loads(why("--json", said=said))
    (cap,) = [cap for cap in told["target"]["caps"] if cap["key"] == "target:acme-la"]
    assert (cap["used"], cap["limit"], cap["full"]) == (2, 2, True)
    assert "concurrency_cap" in told["target"]["blocked"]
    assert any("target:acme-la is full: 2 of 2" in line for line in told["advice"])
    closed = json.loads(why("--json", "--at", "2026-11-22T12:00"))["target"]
    assert (closed["is_open"], closed["blocked"]) == (False, ["closed"])
    assert closed["next_opening"] == 1_795_442_400_000_000  # Monday 2026-11-23 14:00 UTC.


def test_a_deaf_engine_leaves_usage_unknown_and_says_so(why, monkeypatch):
    def deaf(settings, order):
        raise EngineDeafError("another secret")

    monkeypatch.setattr(target_why, "ask", deaf)
    assert "note: what is in use is not known: another secret" in why()
    assert "? of 2" in why()


def test_where_no_engine_runs_caps_are_counted_from_finished_calls(why, monkeypatch):
    monkeypatch.setattr(target_why.time, "time_ns", lambda: (T0 + 600_000_000) * 1000)
    told = json.loads(why("--json"))
    assert told["notes"][0] == "no engine runs here: caps are counted from finished calls"
    used = {cap["key"]: cap["used"] for cap in told["target"]["caps"]}
    assert used == {"target:acme-la": 0, "target:acme-la/connect/month/2026-09+0000": 1}


def test_a_pause_by_word_of_mouth_is_named_with_who_and_why(why, network):
    SQLOperatorOrders(network).order("pause", "target:acme-la", at=T0, who="ann", why="their exchange is down")
    out = why()
    assert "target:acme-la by ann: their exchange is down" in out
    assert "(ppc target resume acme-la)" in out


def test_a_caller_is_held_against_it(why):
    out = why("--caller", "+12125550123", "--zip", "10001", "--at", CALLED)
    assert "this caller: out_of_area: ZIP 10001 (NY), takes states CA" in out
    assert "others who could take the call, only after it: acme-two (priority 2, weight 100)" in out
    inside = why("--caller", "+13105550124", "--zip", "90210", "--at", CALLED)
    assert "this caller: could be given to it" in inside


def test_a_caller_who_was_there_before_is_told_so(why):
    out = why("--caller", "+13105550123", "--zip", "90210", "--at", CALLED)
    (line,) = [line for line in out.splitlines() if line.startswith("this caller: ")]
    assert line.startswith("this caller: duplicate: ") and "30" in line
    assert "this caller: could be given to it" in why("--caller", "+13105550124", "--zip", "90210", "--at", CALLED)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--caller", "abc"], '"abc" is not a telephone number'),
        (["--zip", "00000"], '"00000" is no ZIP code'),
        (["--zip", "90210", "--campaign", "rofing"], 'no campaign "rofing" (did you mean "roofing"?)'),
    ],
)
def test_a_caller_that_cannot_be_is_one_clear_line(why, options, expected):
    assert expected in why(*options, code=1)


def test_an_unknown_target_is_named_with_the_nearest(network, capsys):
    assert run(["target", "why", "acme-al"]) == 1
    assert 'no target "acme-al" in the revision in force (did you mean "acme-la"?)' in capsys.readouterr().err
