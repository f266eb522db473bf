"""The 3 a.m. verbs in the words that a person sees, with and without an engine that hears them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ppc_engine.cli import ordering, run
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.telemetry.control import Control
from ppc_engine.telemetry.http import MonitoringServer

REPOSITORY = Path(__file__).parents[2]
SECRET = "a secret of thirty-two characters or more"
WHY = ["--why", "their exchange is down"]
NO_ENGINE = "no engine runs here now: recorded, and obeyed when one starts\n"
CALLS = ["2fdc8c63-21c1-4aa0-9a1b-0a4f5b9d6c11", "2fdc9999-21c1-4aa0-9a1b-0a4f5b9d6c11"]
DAY_CAP = {
    "key": "target:acme-la/connect/day/2026-11-22-0800", "kind": "target", "owner": "target:acme-la",
    "measure": "connect", "per": "day", "unit": "calls", "limit": 50, "begin": 0, "end": 1 << 50, "used": 50,
    "pending": 2,
}  # fmt: skip
SLOTS = {
    **DAY_CAP,
    "holders": {f"{CALLS[0]}:1": 1},
    "key": "target:acme-la",
    "measure": "",
    "per": "",
    "unit": "slots",
    "limit": 4,
    "used": 1,
    "end": 0,
}
MONEY = {**DAY_CAP, "key": "buyer:acme-roofing/revenue/ever/", "measure": "revenue", "per": "ever", "unit": "micros"}
MONEY |= {"limit": 2_500_000_000, "used": 95_000_000, "pending": 0, "end": 1 << 62}


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once."""
    file = tmp_path_factory.mktemp("upgraded") / "ppc.sqlite"
    database = open_database(f"sqlite:///{file}")
    upgrade(database)
    database.dispose()
    return file


@pytest.fixture(autouse=True)
def installed(upgraded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration with an upgraded database, and nothing on the monitoring port."""
    shutil.copytree(REPOSITORY / "tests/data/config", tmp_path / "config")
    shutil.copy(upgraded, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/ppc.sqlite")
    monkeypatch.setenv("PPC_SECRET", SECRET)
    monkeypatch.setenv("PPC_HTTP_PORT", "1")
    monkeypatch.setattr(ordering, "named", lambda who: f"{who} (ops)" if who else "ops")
    monkeypatch.setattr("ppc_engine.cli.pausing.named", ordering.named)
    monkeypatch.setattr("ppc_engine.cli.config.named", ordering.named)


Said = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def read() -> str:
        captured = capsys.readouterr()
        return captured.out + captured.err

    return read


class FakeEngine:
    """Hears orders; ``answers`` are what it says to a ``do``, ``heard`` what it was told."""

    def __init__(self, secret: str = SECRET) -> None:
        self.heard: list[Mapping[str, Any]] = []
        self.answers: dict[str, Any] = {
            "look": lambda order: {"result": {"done": "done"}, "in_force": True},
            "calls": lambda order: {"live": [{"call_id": call} for call in CALLS], "calls": 2},
            "caps": lambda order: {"caps": [DAY_CAP, SLOTS, MONEY]},
        }
        control = Control(
            secret=secret, orders={"/control": self.obey, "/control/reload": self.obey}, log=lambda *a, **k: None
        )
        self.server = MonitoringServer(
            host="127.0.0.1", port=0, render_metrics=bytes, health={}, ready={}, on_bug=print, control=control
        )
        self.server.start()

    def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        self.heard.append(order)
        answer: Mapping[str, Any] = self.answers[str(order.get("do", "reload"))](order)
        return answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    fake = FakeEngine()
    monkeypatch.setenv("PPC_HTTP_PORT", str(fake.server.port))
    yield fake
    fake.server.stop()


def recorded() -> list[tuple[str, str, str, str]]:
    database = open_database(f"sqlite:///{Path.cwd()}/ppc.sqlite")
    found = [(a.verb, a.subject, a.who, a.why) for a in reversed(SQLOperatorOrders(database).listed())]
    database.dispose()
    return found


def test_a_pause_without_an_engine_is_recorded_and_said_so(said: Said) -> None:
    assert run(["target", "pause", "acme-la", *WHY]) == 0
    assert said() == f"target acme-la: paused until it is resumed, by ops: their exchange is down\n{NO_ENGINE}"
    assert run(["target", "paused"]) == 0
    since = r"paused since 20\d\d-\d\d-\d\d \d\d:\d\d UTC, until it is resumed"
    assert re.fullmatch(rf"target acme-la: {since}, by ops: their exchange is down\n", said())
    assert run(["target", "resume", "acme-la", "--why", "back", "--as", "jo"]) == 0
    assert said() == f"target acme-la: resumed by jo (ops) (was paused by ops: their exchange is down)\n{NO_ENGINE}"
    assert recorded() == [
        ("pause", "target:acme-la", "ops", "their exchange is down"),
        ("resume", "target:acme-la", "jo (ops)", "back"),
    ]
    assert run(["target", "resume", "acme-la", "--why", "back"]) == 0
    assert said() == "target acme-la is not paused\n"


def test_an_engine_that_hears_is_told_at_once(engine: FakeEngine, said: Said) -> None:
    assert run(["buyer", "pause", "acme-roofing", *WHY, "--until", "2h", "--as", "maria"]) == 0
    assert re.fullmatch(
        r"buyer acme-roofing: paused until .* UTC \(in (2 h|1 h 59 min)\), by maria \(ops\): .*\n", said()
    )
    assert engine.heard == [{"do": "look", "order": 1, "who": "maria (ops)"}]


def test_an_order_as_json(engine: FakeEngine, said: Said) -> None:
    assert run(["publisher", "pause", "radio-west", *WHY, "--json"]) == 0
    told = json.loads(said())
    assert {name: told[name] for name in ("order", "verb", "subject", "who", "until_at", "engine")} == {
        "order": 1, "verb": "pause", "subject": "publisher:radio-west", "who": "ops", "until_at": 0, "engine": "told",
    }  # fmt: skip


def test_an_engine_that_does_not_hear_gets_the_order_from_the_database(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeEngine(secret="another secret of thirty-two characters")
    monkeypatch.setenv("PPC_HTTP_PORT", str(other.server.port))
    try:
        assert run(["target", "pause", "acme-la", *WHY]) == 0
        told = said()
        assert "obeyed within seconds by an engine that runs" in told and "the bearer is not that of" in told
        assert len(recorded()) == 1 and other.heard == []
    finally:
        other.server.stop()


def test_an_engine_with_another_database_is_noticed(engine: FakeEngine, said: Said) -> None:
    engine.answers["look"] = lambda order: {"result": None, "in_force": False}
    assert run(["target", "pause", "acme-la", *WHY]) == 0
    assert "the engine that runs here has another database" in said()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["target", "pause", "acme-lla"], 'ppc: no target "acme-lla" in the configuration (did you mean "acme-la"?)\n'),
        (["buyer", "pause", "acme-la"], 'ppc: no buyer "acme-la" in the configuration'),
        (["publisher", "pause", "nobody"], 'ppc: no publisher "nobody" in the configuration'),
        (["number", "pause", "+18005550199"], "ppc: +18005550199 is not a number of ours (see: ppc number list)\n"),
        (["number", "pause", "12"], 'ppc: "12" is not a telephone number'),
        (["target", "pause", "acme-la", "--until", "soon"], 'ppc: "soon" is not a time'),
        (["target", "pause", "acme-la", "--until", "2001-01-01"], 'ppc: "2001-01-01" is over already\n'),
        (["target", "pause", "acme-la", "--until", "06:00", "--zone", "Mars/Base"], 'ppc: "Mars/Base" is not an IANA'),
        (["target", "pause", "acme-la", "--why", "x" * 201], "ppc: why has 201 characters; at most 200\n"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_recorded(arguments: list[str], told: str, said: Said) -> None:
    assert run(arguments if "--why" in arguments else [*arguments, *WHY]) == 1
    assert said().startswith(told)
    assert recorded() == []


def test_a_broken_file_does_not_hinder_a_pause(said: Said) -> None:
    Path("config/flows/roofing.yaml").write_text("{ this is no flow")
    Path("config/catalog/buyers/helios-energy.yaml").write_text("id: [")
    assert run(["target", "pause", "acme-la", *WHY]) == 0
    assert said().startswith("target acme-la: paused")


def test_a_target_that_the_configuration_pauses_is_told_apart(said: Said) -> None:
    file = Path("config/catalog/buyers/acme-roofing.yaml")
    file.write_text(file.read_text().replace("    priority: 1\n", "    priority: 1\n    paused: true\n"))
    assert run(["number", "import", "config/numbers.csv"]) == 0
    from ppc_engine.storage.catalog_files import load_config
    from ppc_engine.storage.revisions import save_revision

    config = load_config(Path("config"))
    database = open_database(f"sqlite:///{Path.cwd()}/ppc.sqlite")
    save_revision(database, config.revision, config.body, 1)
    database.dispose()
    said()
    assert run(["target", "resume", "acme-la", "--why", "back"]) == 0
    assert said() == "target acme-la is paused in the configuration\n"


def test_a_number_is_paused_however_it_is_written(said: Said) -> None:
    assert run(["number", "import", "config/numbers.csv"]) == 0
    first = Path("config/numbers.csv").read_text().splitlines()[1].split(",")[0]
    said()
    assert run(["number", "pause", f"({first[2:5]}) {first[5:8]}-{first[8:]}", *WHY]) == 0
    assert said().startswith(f"number {first}: paused until it is resumed")


@pytest.mark.parametrize(
    "arguments", [["target", "pause", "acme-la", *WHY], ["drain", *WHY], ["actions"], ["config", "list"]]
)
def test_a_database_that_is_away_is_one_line(arguments: list[str], said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPC_DATABASE_URL", "sqlite:////nowhere/ppc.sqlite")
    assert run(arguments) == 3
    told = said()
    assert told.count("\n") == 1 and told.startswith("ppc: database sqlite:////nowhere/ppc.sqlite: ")


def test_a_drain_is_waited_for_and_undone(engine: FakeEngine, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppc_engine.cli.drain.LOOK_EVERY_S", 0.0)
    left = iter([3, 3, 1, 0])
    engine.answers["state"] = lambda order: {"calls": next(left), "draining": "ops: new kernel"}
    assert run(["drain", "--why", "new kernel", "--wait"]) == 0
    assert said() == (
        "draining, by ops: new kernel (undo: ppc drain --undo --why ...)\nno call lives\n"
        "3 calls live\n1 call live\n0 calls live\n"
    )
    assert run(["drain", "--undo", "--why", "done"]) == 0
    assert said().startswith("new calls are taken again (were not since ")
    assert run(["drain", "--undo", "--why", "done"]) == 0
    assert said() == "no drain is in force\n"


def test_a_drain_that_takes_too_long_and_one_that_somebody_undoes(
    engine: FakeEngine, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppc_engine.cli.drain.LOOK_EVERY_S", 0.0)
    engine.answers["state"] = lambda order: {"calls": 2, "draining": "ops: x"}
    assert run(["drain", "--why", "x", "--wait", "--timeout", "1"]) == 3
    assert said().endswith("ppc: 2 calls still live after 1 s; new ones are still refused\n")
    engine.answers["state"] = lambda order: {"calls": 2, "draining": ""}
    assert run(["drain", "--why", "x", "--wait"]) == 1
    assert said().endswith("ppc: somebody has undone the drain\n")
    assert run(["drain"]) == 2


def test_a_live_call_is_named_by_the_beginning_of_its_id(engine: FakeEngine, said: Said) -> None:
    assert run(["call", "hangup", "2FDC8", *WHY]) == 0
    assert said() == f"call {CALLS[0]}: hung up by ops: their exchange is down\n"
    assert run(["call", "redirect", CALLS[1], "--target", "acme-la", *WHY]) == 0
    assert said() == f"call {CALLS[1]}: sent to target acme-la by ops: their exchange is down\n"
    assert recorded()[0][:2] == ("hangup", f"call:{CALLS[0]}")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["hangup", "2fdc"], 1, 'ppc: 2 live calls begin with "2fdc" (see: ppc call live)\n'),
        (["hangup", "abcd"], 1, 'ppc: no live call begins with "abcd" (see: ppc call live)\n'),
        (["hangup", "2f"], 1, 'ppc: "2f" is too short'),
        (["redirect", "2fdc8", "--target", "acme-lla"], 1, 'ppc: no target "acme-lla"'),
        (["redirect", "2fdc8"], 2, "Usage:"),
        (["redirect", "2fdc8", "--target", "acme-la", "--node", "sell"], 2, "Usage:"),
    ],
)
def test_an_order_to_no_certain_call_is_refused(
    engine: FakeEngine, said: Said, arguments: list[str], code: int, told: str
) -> None:
    assert run(["call", *arguments, *WHY]) == code
    assert said().startswith(told)
    assert recorded() == []


def test_an_order_that_the_engine_could_not_follow_is_an_error(engine: FakeEngine, said: Said) -> None:
    engine.answers["look"] = lambda order: {"result": {"error": "no such call lives in this engine"}}
    assert run(["call", "hangup", "2fdc8", *WHY]) == 1
    assert said() == "ppc: no. 1 was recorded and not done: no such call lives in this engine\n"


def test_without_an_engine_a_whole_id_is_taken_at_its_word(said: Said) -> None:
    assert run(["call", "hangup", CALLS[0], *WHY]) == 0
    assert said() == f"call {CALLS[0]}: hung up by ops: their exchange is down\n{NO_ENGINE}"
    assert run(["call", "hangup", "2fdc8", *WHY]) == 1
    assert run(["call", "live"]) == 3
    assert said().endswith("ppc: no engine runs here (127.0.0.1:1; start it with: ppc serve)\n")


def test_caps_are_shown_with_what_is_left_and_when_they_begin_anew(engine: FakeEngine, said: Said) -> None:
    assert run(["cap", "show"]) == 0
    rows = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
            for line in said().splitlines() if line.startswith("│")}  # fmt: skip
    assert rows["target:acme-la"] == ["1", "2", "4", "3", "calls at once", ""]
    assert rows[DAY_CAP["key"]][:5] == ["50", "2", "50", "0", "calls connected"]
    assert rows[DAY_CAP["key"]][5].startswith("each day: 2005-")
    assert rows[MONEY["key"]] == ["95.00", "0.00", "2500.00", "2405.00", "revenue", "never"]
    assert CALLS[0] not in str(rows)
    assert run(["cap", "show", "target:acme-la", "--holders"]) == 0
    assert f"{CALLS[0]}:1" in said()
    assert run(["cap", "show", "--full", "--json"]) == 0
    assert [row["key"] for row in json.loads(said())] == [DAY_CAP["key"]]
    assert run(["cap", "show", "nobody"]) == 0
    assert said() == "no such cap\n"


def test_a_cap_is_reset_by_name_with_what_was_given_back(engine: FakeEngine, said: Said) -> None:
    engine.answers["look"] = lambda order: {"result": {"given_back": 48}}
    assert run(["cap", "reset", DAY_CAP["key"], "--why", "20 more", "--as", "maria"]) == 0
    assert said() == f"{DAY_CAP['key']}: 48 given back, by maria (ops): 20 more\n"
    assert recorded() == [("cap_reset", f"cap:{DAY_CAP['key']}", "maria (ops)", "20 more")]
    assert run(["cap", "reset", "target:acme-la", "--why", "stuck"]) == 1
    assert "a slot ends with its call" in said()
    assert run(["cap", "reset", "target:acme-la/connect/day/2026-11-21-0800", "--why", "x"]) == 1
    assert said().startswith('ppc: no cap "target:acme-la/connect/day/2026-11-21-0800" in the period that runs')
    assert len(recorded()) == 1


def reloaded(**more: Any) -> dict[str, Any]:
    told = {"taken": True, "revision": "a" * 64, "before": "b" * 64, "problems": [], "warnings": [], "changes": []}
    return {"reloaded": {**told, **more}}


def test_a_reload_says_what_changed_and_a_refused_one_every_problem(engine: FakeEngine, said: Said) -> None:
    engine.answers["reload"] = lambda order: reloaded(changes=["target acme-la: calls at once is now 4 (was 2)"])
    assert run(["config", "reload", "--as", "maria"]) == 0
    assert said() == f"target acme-la: calls at once is now 4 (was 2)\nin force: revision {'a' * 12} (was {'b' * 12})\n"
    assert engine.heard == [{"who": "maria (ops)"}]
    problems = [f"flows/roofing.yaml:{line}:3: nodes.x: no such node" for line in range(1, 11)]
    engine.answers["reload"] = lambda order: reloaded(taken=False, problems=problems)
    assert run(["config", "reload"]) == 1
    told = said().splitlines()
    assert told[:10] == problems
    assert told[10] == f"10 problems; nothing was taken, revision {'b' * 12} stays in force"
    assert [verb for verb, *_ in recorded()] == ["reload", "reload"]
    assert run(["actions"]) == 0
    assert "refused: 10 problems" in said()


def test_a_long_reload_is_asked_after(engine: FakeEngine, said: Said) -> None:
    engine.answers["reload"] = lambda order: {"ticket": 7}
    states = iter([{"ticket": 7}, reloaded(revision="b" * 64)])
    engine.answers["reloaded"] = lambda order: next(states)
    assert run(["config", "reload"]) == 0
    assert said() == f"revision {'b' * 12} as before; tracking numbers were read again\n"
    assert [order.get("ticket") for order in engine.heard] == [None, 7, 7]


def test_revisions_are_listed_and_compared_in_words(engine: FakeEngine, said: Said) -> None:
    from ppc_engine.storage.catalog_files import load_config
    from ppc_engine.storage.revisions import save_revision

    database = open_database(f"sqlite:///{Path.cwd()}/ppc.sqlite")
    old = load_config(Path("config"))
    save_revision(database, old.revision, old.body, 1_790_000_000_000_000)
    file = Path("config/catalog/buyers/acme-roofing.yaml")
    file.write_text(file.read_text().replace('"95.00"', '"100.00"').replace("concurrency_cap: 4", "concurrency_cap: 6"))
    database.dispose()
    engine.answers["state"] = lambda order: {"revision": old.revision}
    assert run(["config", "list"]) == 0
    assert said() == f"{old.revision[:12]}  first in force 2026-09-21 14:13 UTC  running\n"
    for arguments in ([], ["running"], [old.revision[:8], "config"], [old.revision, "config"]):
        assert run(["config", "diff", *arguments]) == 0
        lines = said().splitlines()
        assert lines[0] == "caps     buyer acme-roofing: calls at once is now 6 (was 4)"
        assert lines[1] == "prices   offer acme-roofing-roofing: amount is now 100.00 (was 95.00)"
        assert lines[2].startswith(f"2 changes, from revision {old.revision[:12]} to ")
    assert run(["config", "diff", "config", "config", "--json"]) == 0
    assert json.loads(said())["changes"] == []
    assert run(["config", "diff", "ffffff", "config"]) == 1
    assert said() == (
        "ppc: no revision begins with ffffff (see: ppc config list); nor is there a directory of that name\n"
    )
    assert run(["config", "diff", "conf", "config"]) == 1


def test_orders_are_listed_with_how_they_stand(said: Said) -> None:
    assert run(["target", "pause", "acme-la", *WHY, "--until", "2h"]) == 0
    assert run(["call", "hangup", CALLS[0], *WHY]) == 0
    said()
    assert run(["actions", "--in-force", "--json"]) == 0
    assert [(row["verb"], row["id"]) for row in json.loads(said())] == [("hangup", 2), ("pause", 1)]
    assert run(["actions", "--about", "target:acme-la"]) == 0
    told = said()
    assert "in force until" in told and "hangup" not in told
    assert run(["actions", "--about", "buyer:nobody"]) == 0
    assert said() == "no orders\n"
