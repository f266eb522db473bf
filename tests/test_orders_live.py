"""Orders and reloads in a whole engine against the emulated switch: what callers meet, and what stays on record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ppc_engine.cli.control_client import EngineDeafError, ask
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.ports import OperatorAction
from ppc_engine.settings import Settings, load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.facts import read_facts
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.telemetry.control import RELOAD_PATH
from ppc_engine.wiring import RunningEngine
from tests.scenarios.small_network import NUMBER, environment, people
from tests.test_wiring import Installation, installed, wait_for

KEYS = [{"digits": "90210"}]
MARIA = {"who": "maria", "why": "wrong trade"}


class Office:
    """One installation with a running engine, and somebody who gives orders to it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.engine = installation.engine()
        environ = environment(installation.directory, installation.switch.port, installation.http_port)
        self.settings: Settings = load_settings(installation.config_dir, environ)
        self.database = open_database(self.settings.database_url)
        self.orders = SQLOperatorOrders(self.database)

    def start(self) -> None:
        self.engine.start()
        self.engine.wait_in_step(10)

    def restart(self) -> None:
        self.engine.stop()
        self.engine = self.installation.engine()
        self.start()

    def order(self, verb: str, subject: str, **more: Any) -> tuple[OperatorAction, Any]:
        """Give an order as the command line does; the order and what the engine says of it."""
        action = self.orders.order(verb, subject, at=self.engine._clock.now_us(), **{**MARIA, **more})
        said = ask(self.settings, {"do": "look", "order": action.id, "who": "maria"})
        assert said is not None
        return action, said["result"]

    def live(self) -> list[dict[str, Any]]:
        said = ask(self.settings, {"do": "calls"})
        assert said is not None
        calls: list[dict[str, Any]] = said["live"]
        return calls

    def talking(self) -> list[str]:
        return [call["call_id"] for call in self.live() if call["phase"] == "talking"]

    def done(self) -> list[Any]:
        """Every record, once every call is over."""
        wait_for(lambda: self.installation.switch.done.is_set() and not self.engine.busy)
        return self.installation.records()

    def facts(self, call_id: str) -> list[dict[str, Any]]:
        with self.database.connect() as connection:
            row = connection.exec_driver_sql("SELECT facts FROM call_facts WHERE call_id = ?", (call_id,)).one()
        return read_facts(row[0])

    def decisions(self, call_id: str, kind: str) -> list[dict[str, Any]]:
        return [data for fact in self.facts(call_id) for told, data in fact.get("d", ()) if told == kind]

    def usage_paused(self, call_id: str) -> list[dict[str, str]]:
        """What the engine said of pauses when this call's target was chosen."""
        events = [fact["e"] for fact in self.facts(call_id)]
        return [event.get("paused", {}) for event in events if event["k"] == "UsageRead"]


@contextmanager
def office(
    directory: Path, scenario: Scenario, edit: Callable[[Path], None] = lambda config_dir: None
) -> Iterator[Office]:
    with installed(directory, scenario) as installation:
        edit(installation.config_dir)
        manned = Office(installation)
        manned.start()
        try:
            yield manned
        finally:
            manned.engine.stop()
            manned.database.dispose()
        assert not [event for event, _ in installation.logged if event == "bug"]


def test_a_talk_is_redirected_to_another_target_and_both_are_on_record(tmp_path: Path) -> None:
    with office(tmp_path, people({"id": "talks", "keys": KEYS, "talk_ms": 120_000})) as manned:
        manned.installation.switch.begin_calls()
        wait_for(manned.talking)
        (call_id,) = manned.talking()
        _, result = manned.order("redirect", f"call:{call_id}", args={"target": "acme-two"})
        assert result == {"done": "the call was told to go there"}
        wait_for(lambda: manned.talking() and manned.live()[0]["target"] == "acme-two")
        (cdr,) = manned.done()
        assert [(a.target, a.outcome) for a in cdr.attempts] == [("acme-la", "answered"), ("acme-two", "answered")]
        assert (cdr.outcome, cdr.hung_up_by) == ("connected", "caller")
        assert manned.decisions(call_id, "operator")[0] == {
            "verb": "redirect", "action": 1, "target": "acme-two", **MARIA,
        }  # fmt: skip
        assert manned.engine.capacity.used_now() == {}


def test_calls_are_hung_up_by_order_wherever_they_stand(tmp_path: Path) -> None:
    scenario = people(
        {"id": "talks", "keys": KEYS, "talk_ms": 600_000},
        {"id": "listens", "first_ms": 1_000, "keys": [{"digits": "9", "after_ms": 60_000}]},
    )
    with office(tmp_path, scenario) as manned:
        manned.installation.switch.begin_calls()
        wait_for(lambda: manned.talking() and len(manned.live()) == 2)
        for call in manned.live():
            manned.order("hangup", f"call:{call['call_id']}")
        assert Counter((cdr.outcome, cdr.hung_up_by) for cdr in manned.done()) == {
            ("connected", "engine"): 1,
            ("blocked", "engine"): 1,
        }
        assert manned.order("hangup", "call:00000000")[1] == {"error": "no such call lives in this engine"}
        assert manned.orders.open_actions() == []


def test_a_drained_engine_refuses_new_calls_at_once_and_finishes_the_others(tmp_path: Path) -> None:
    scenario = people(
        {"id": "talks", "keys": KEYS, "talk_ms": 60_000},
        {"id": "late", "calls": 3, "first_ms": 20_000, "every_ms": 500, "keys": KEYS},
    )
    with office(tmp_path, scenario) as manned:
        manned.installation.switch.begin_calls()
        wait_for(manned.talking)
        manned.order("drain", "engine", why="new kernel")
        status, body = manned.installation.get("/ready")
        assert status == 503 and json.loads(body)["checks"]["drain"] == "maria: new kernel"
        manned.done()
        refused = [result for result in manned.installation.switch.results if result.caller_id == "late"]
        assert [result.status for result in refused] == [503] * 3
        records = {cdr.call_id: cdr for cdr in manned.installation.records()}
        assert {records[result.uuid].outcome for result in refused} == {"refused_overload"}
        assert max(records[result.uuid].total_ms for result in refused) < 3_000
        assert Counter(cdr.outcome for cdr in records.values()) == {"connected": 1, "refused_overload": 3}
        metrics = manned.installation.get("/metrics")[1].decode()
        assert "ppc_draining 1.0" in metrics and 'ppc_operator_orders_total{verb="drain"} 1.0' in metrics


def test_pauses_outlive_a_restart_and_end_by_word_or_by_time(tmp_path: Path) -> None:
    scenario = people({"id": "talks", "calls": 3, "every_ms": 30_000, "first_ms": 500, "keys": KEYS, "talk_ms": 1_000})
    with office(tmp_path, scenario) as manned:
        manned.order("pause", "target:acme-la")
        soon = manned.engine._clock.now_us() + 45_000_000
        manned.order("pause", f"number:{NUMBER}", until_at=soon)
        manned.restart()
        assert manned.engine.operator.paused() == {
            "target:acme-la": "maria: wrong trade",
            f"number:{NUMBER}": "maria: wrong trade",
        }
        assert "ppc_paused 2.0" in manned.installation.get("/metrics")[1].decode()
        manned.installation.switch.begin_calls()
        records = sorted(manned.done(), key=lambda cdr: cdr.offered_at)
        assert [(cdr.outcome, [a.target for a in cdr.attempts]) for cdr in records] == [
            ("blocked", []),
            ("blocked", []),
            ("connected", ["acme-two"]),
        ]
        told = manned.decisions(records[2].call_id, "selection")[0]
        assert (told["target"], told["number"]) == ("acme-two", 1)
        assert {"target:acme-la": "maria: wrong trade"} in manned.usage_paused(records[2].call_id)
        first = min(manned.installation.switch.results, key=lambda result: records[0].call_id != result.uuid)
        assert first.status == 480
        wait_for(lambda: len(manned.orders.open_actions()) == 1)
        manned.order("resume", "target:acme-la")
        assert manned.engine.operator.paused() == {}


def capped_at_two(config_dir: Path) -> None:
    """Acme's first target may have two connected calls, ever."""
    buyer = config_dir / "catalog/buyers/acme.yaml"
    cap = "caps: [{calls: 2, per: ever}], concurrency_cap: 2"
    buyer.write_text(buyer.read_text().replace("concurrency_cap: 2", cap))


def test_a_cap_that_was_reset_counts_anew_and_a_restart_does_not_forget_that(tmp_path: Path) -> None:
    scenario = people(
        {"id": "first", "calls": 3, "every_ms": 20_000, "keys": KEYS, "talk_ms": 1_000},
        {"id": "later", "first_ms": 300_000, "keys": KEYS, "talk_ms": 1_000},
    )
    cap = "target:acme-la/connect/ever/"
    with office(tmp_path, scenario, capped_at_two) as manned:
        manned.installation.switch.begin_calls()
        wait_for(lambda: len(manned.installation.records()) == 3)
        records = sorted(manned.installation.records(), key=lambda cdr: cdr.offered_at)
        assert [cdr.attempts[0].target for cdr in records] == ["acme-la", "acme-la", "acme-two"]
        assert manned.engine.capacity.snapshot()[cap] == [2, 0]
        assert manned.order("cap_reset", f"cap:{cap}")[1] == {"given_back": 2}
        last = max(manned.done(), key=lambda cdr: cdr.offered_at)
        assert last.attempts[0].target == "acme-la"
        manned.restart()
        assert manned.engine.capacity.snapshot()[cap] == [1, 0]
        told = ask(manned.settings, {"do": "caps"})
        assert told is not None
        (row,) = [row for row in told["caps"] if row["key"] == cap]
        assert (row["used"], row["limit"], row["unit"], row["holders"]) == (1, 2, "calls", {})


def test_calls_in_progress_finish_on_a_configuration_that_is_gone(tmp_path: Path) -> None:
    scenario = people(
        {"id": "before", "keys": KEYS, "talk_ms": 240_000},
        {"id": "after", "first_ms": 200_000, "keys": KEYS, "talk_ms": 10_000},
    )
    with office(tmp_path, scenario) as manned:
        before = manned.engine.config.new_call().revision
        manned.installation.switch.begin_calls()
        wait_for(manned.talking)
        config = manned.installation.config_dir
        buyer = config / "catalog/buyers/acme.yaml"
        gone = '  - {id: acme-la, destination: "sip:acme@127.0.0.1:6001", concurrency_cap: 2, ring_ms_max: 20000}\n'
        assert gone in buyer.read_text()
        buyer.write_text(buyer.read_text().replace(gone, ""))
        campaign = config / "catalog/campaigns/roofing.yaml"
        campaign.write_text(campaign.read_text().replace("[acme-la, acme-two]", "[acme-two]"))
        said = ask(manned.settings, {"who": "maria"}, RELOAD_PATH)
        assert said is not None and said["reloaded"]["taken"]
        assert said["reloaded"]["changes"] == [
            "target acme-la: is gone: of buyer acme, rings sip:acme@127.0.0.1:6001, priority 1, weight 100",
            "campaign roofing: targets lost acme-la",
        ]
        assert manned.engine.capacity.used_now()["target:acme-la"] == 1
        records = sorted(manned.done(), key=lambda cdr: cdr.offered_at)
        assert [(cdr.outcome, cdr.attempts[0].target) for cdr in records] == [
            ("connected", "acme-la"),
            ("connected", "acme-two"),
        ]
        assert [cdr.revision == before for cdr in records] == [True, False]
        assert manned.engine.capacity.used_now() == {}


def test_a_refused_reload_tells_every_problem_to_who_asked_and_to_the_log(tmp_path: Path) -> None:
    with office(tmp_path, people({"id": "one"})) as manned:
        before = manned.engine.config.new_call()
        config = manned.installation.config_dir
        flow = config / "flows/roofing.yaml"
        flow.write_text(flow.read_text().replace("zip_failed: bye", "zip_failed: bey").replace("answer,", "anwser,"))
        buyer = config / "catalog/buyers/acme.yaml"
        buyer.write_text(buyer.read_text().replace("ring_ms_max: 20000", "ring_ms_max: 20 s"))
        said = ask(manned.settings, {"who": "maria"}, RELOAD_PATH)
        assert said is not None and said["reloaded"]["taken"] is False
        problems = said["reloaded"]["problems"]
        assert len(problems) == 3 and all("yaml:" in problem for problem in problems)
        logged = [fields for event, fields in manned.installation.logged if event == "config_refused"]
        assert [fields["detail"] for fields in logged] == problems and {f["by"] for f in logged} == {"maria"}
        assert manned.engine.config.new_call() is before


def test_a_watched_directory_is_taken_when_its_files_lie_still_and_are_good(tmp_path: Path) -> None:
    with office(tmp_path, people({"id": "one"})) as manned:
        engine: RunningEngine = manned.engine
        engine.watch()
        first = engine.config.new_call().revision
        flow = manned.installation.config_dir / "flows/roofing.yaml"
        good = flow.read_text()
        flow.write_text(good[: len(good) // 2])  # Half of it, as a slow copy leaves it.
        wait_for(lambda: any(event == "config_refused" for event, _ in manned.installation.logged))
        assert engine.config.new_call().revision == first
        flow.write_text(good.replace("prompt: enter_zip", "prompt: enter_zip, tries: 2"))
        wait_for(lambda: engine.config.new_call().revision != first)
        told = [fields for event, fields in manned.installation.logged if event == "config_change"]
        assert [fields["detail"] for fields in told] == ["node roofing/ask_zip: tries is now 2 (was 3)"]


def test_somebody_without_the_secret_is_not_heard(tmp_path: Path) -> None:
    with office(tmp_path, people({"id": "one"})) as manned:
        other = load_settings(
            manned.installation.config_dir,
            {
                **environment(tmp_path, manned.installation.switch.port, manned.installation.http_port),
                "PPC_SECRET": "not the secret of this engine at all, no",
            },
        )
        with pytest.raises(EngineDeafError, match="does not hear us"):
            ask(other, {"do": "state"})
        assert any(event == "control_refused" for event, _ in manned.installation.logged)
