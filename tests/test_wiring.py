"""The whole engine in one process against the emulated switch: calls in, records, money and metrics out."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest

from ppc_engine.emulator.clock import ScaledClock
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.server import EmulatedSwitch
from ppc_engine.settings import load_settings
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.places import load_places
from ppc_engine.telemetry.metrics import Metrics
from ppc_engine.values.errors import OutsideError
from ppc_engine.wiring import RunningEngine
from tests.scenarios.small_network import PASSWORD, environment, people, prepare_database, write_config

SPEED = 40
WAIT_S_MAX = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A directory with everything, an emulated switch, and one engine after another."""

    def __init__(self, directory: Path, scenario: Scenario) -> None:
        self.directory = directory
        self.config_dir = write_config(directory / "config")
        prepare_database(directory)
        self.clock = ScaledClock(SPEED)
        self.switch = EmulatedSwitch(scenario, seed=1, clock=self.clock, password=PASSWORD)
        self.http_port = free_port()
        self.logged: list[tuple[str, dict[str, Any]]] = []

    def engine(self, **more: str) -> RunningEngine:
        environ = environment(self.directory, self.switch.port, self.http_port, **more)
        return RunningEngine(
            load_settings(self.config_dir, environ),
            self.config_dir,
            clock=self.clock,
            places=load_places(),
            log=lambda event, call_id="", **fields: self.logged.append((event, fields)),
            metrics=Metrics(),
        )

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def records(self) -> list[Any]:
        database = open_database(f"sqlite:///{self.directory / 'ppc.sqlite'}")
        try:
            return SQLCDRStore(database).list_calls()
        finally:
            database.dispose()


@contextmanager
def installed(directory: Path, scenario: Scenario) -> Iterator[Installation]:
    installation = Installation(directory, scenario)
    installation.switch.start()
    try:
        yield installation
    finally:
        installation.switch.stop()
        installation.clock.stop()


def wait_for(what: Any) -> None:
    with gevent.Timeout(WAIT_S_MAX):
        while not what():
            gevent.sleep(0.02)


def test_calls_become_records_and_leave_nothing_behind(tmp_path: Path) -> None:
    scenario = people(
        {"id": "talks", "calls": 2, "keys": [{"digits": "90210"}], "talk_ms": 40_000},
        {"id": "wrong", "keys": [{"digits": "99999"}, {"digits": "10001"}], "talk_ms": 5_000, "first_ms": 60_000},
        {"id": "leaves", "hang_up": {"on": "prompt"}, "first_ms": 2_000},
        {"id": "stranger", "dials": ["+18005559999"], "first_ms": 3_000},
    )
    with installed(tmp_path, scenario) as installation:
        engine = installation.engine()
        engine.start()
        try:
            engine.wait_in_step(10)
            assert installation.get("/ready")[0] == 200
            installation.switch.begin_calls()
            wait_for(lambda: installation.switch.done.is_set() and not engine.busy)
            metrics = installation.get("/metrics")[1].decode()
            assert engine.capacity.used_now() == {}
        finally:
            engine.stop()
        records = installation.records()
        assert Counter(cdr.outcome for cdr in records) == {
            "connected": 3,
            "abandoned_in_ivr": 1,
            "unknown_number": 1,
        }
        heard = {result.uuid: result for result in installation.switch.results}
        for cdr in records:
            caller = heard[cdr.call_id]
            assert abs(cdr.connected_ms - caller.bridged_ms) <= 100, cdr
            assert cdr.silent_ms <= caller.silent_ms + 1_000, cdr
        assert 'ppc_calls_total{outcome="connected"} 3.0' in metrics
        assert 'ppc_bugs_total{where="call"} 0.0' in metrics
        assert not [event for event, _ in installation.logged if event == "bug"]


def test_bad_configuration_is_refused_whole_and_the_good_one_stays(tmp_path: Path) -> None:
    with installed(tmp_path, people({"id": "one", "keys": [{"digits": "90210"}], "talk_ms": 1_000})) as installation:
        engine = installation.engine()
        engine.start()
        try:
            before = engine.config.new_call()
            flow = installation.config_dir / "flows/roofing.yaml"
            good = flow.read_text()
            flow.write_text(good.replace("zip_failed: bye", "zip_failed: bey").replace("type: answer", "type: anwser"))
            refused = engine.reload("maria")
            assert engine.config.new_call() is before
            told = [fields["detail"] for event, fields in installation.logged if event == "config_refused"]
            assert len(told) == 2 and all("roofing.yaml:" in line and "did you mean" in line for line in told)
            assert (refused.taken, refused.problems) == (False, tuple(told))
            flow.write_text(good.replace("prompt: enter_zip", "prompt: enter_zip, tries: 2"))
            assert engine.reload("maria").taken
            assert engine.config.new_call().revision != before.revision
        finally:
            engine.stop()


def test_wrong_password_is_one_clear_line_and_is_tried_again(tmp_path: Path) -> None:
    with installed(tmp_path, people({"id": "one"})) as installation:
        engine = installation.engine(PPC_SWITCH_PASSWORD="not-the-password-of-this-switch-at-all")
        engine.start()
        try:
            with pytest.raises(OutsideError, match="password refused"):
                engine.wait_in_step(1)
            status, body = installation.get("/ready")
            assert status == 503 and "password refused" in orjson.loads(body)["checks"]["switch"]
            assert installation.get("/health")[0] == 200
        finally:
            engine.stop()


def test_connection_cut_in_the_middle_of_calls_loses_none(tmp_path: Path) -> None:
    keys = [{"digits": "90210"}] * 3  # Who was heard while nobody listened is asked again.
    scenario = people({"id": "talks", "calls": 4, "every_ms": 3_000, "keys": keys, "talk_ms": 60_000})
    with installed(tmp_path, scenario) as installation:
        engine = installation.engine()
        engine.start()
        try:
            engine.wait_in_step(10)
            installation.switch.begin_calls()
            wait_for(lambda: any(event == "in_step" for event, _ in installation.logged))
            wait_for(lambda: len(engine.dispatcher.calls) == 4)
            installation.switch.cut()
            wait_for(lambda: installation.switch.done.is_set() and not engine.busy)
            assert engine.capacity.used_now() == {}
        finally:
            engine.stop()
        records = installation.records()
        assert len(records) == 4
        assert {cdr.outcome for cdr in records} <= {"connected", "engine_fallback"}
        # No timer of ours may cut a talk, whenever the connection went away (reliability I7).
        assert all(cdr.connected_ms >= 60_000 for cdr in records if cdr.outcome == "connected")
        assert not [event for event, _ in installation.logged if event == "bug"]


def test_token_of_a_look_up_that_others_may_read_is_no_start(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o644)
    with installed(tmp_path, people()) as installation:
        hosts = f'lookup_hosts:\n  - {{host: api.example.com, token_file: "{token}"}}\n'
        (installation.config_dir / "engine.yaml").write_text(hosts)
        with pytest.raises(OutsideError, match=r"lookup_hosts, api\.example\.com: others may read"):
            installation.engine()
        token.chmod(0o600)
        installation.engine().database.dispose()
