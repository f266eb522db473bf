"""``ppc serve`` as its operator runs it: killed, started again, and told what is wrong in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest

from ppc_engine.emulator.server import EmulatedSwitch
from tests.scenarios.small_network import PASSWORD, environment, people, prepare_database, write_config
from tests.test_wiring import free_port, wait_for

pytestmark = pytest.mark.timeout(120)


class Serve:
    """``ppc serve`` processes of one installation, one after another, and their log."""

    def __init__(self, directory: Path, switch_port: int) -> None:
        self.directory = directory
        self.config_dir = write_config(directory / "config")
        prepare_database(directory)
        self.environ = environment(directory, switch_port, free_port())
        self.log = directory / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        command = [sys.executable, "-m", "ppc_engine", "serve", "--config", str(self.config_dir)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **self.environ, **more}, stderr=log, stdout=log)

    def told(self, word: str) -> int:
        return self.log.read_text().count(word) if self.log.exists() else 0

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        with gevent.Timeout(30):
            return self.process.wait()


@contextmanager
def serving(directory: Path, switch_port: int) -> Iterator[Serve]:
    serve = Serve(directory, switch_port)
    try:
        yield serve
    finally:
        if serve.process is not None and serve.process.poll() is None:
            serve.end(signal.SIGKILL)


def records(directory: Path) -> list[Any]:
    from ppc_engine.storage.cdrs import SQLCDRStore
    from ppc_engine.storage.database import open_database

    database = open_database(f"sqlite:///{directory / 'ppc.sqlite'}")
    try:
        return SQLCDRStore(database).list_calls()
    finally:
        database.dispose()


def test_kill_9_during_bridged_calls_loses_none_and_writes_each_once(tmp_path: Path) -> None:
    caller = {"id": "talks", "calls": 5, "every_ms": 100, "keys": [{"digits": "90210", "after_ms": 100, "gap_ms": 50}]}
    switch = EmulatedSwitch(people({**caller, "talk_ms": 22_000}, rings_ms=300), seed=1, password=PASSWORD)
    switch.start()
    try:
        with serving(tmp_path, switch.port) as serve:
            serve.start()
            wait_for(lambda: serve.told("in_step"))
            switch.begin_calls()
            wait_for(lambda: talking(switch) == 5)
            serve.end(signal.SIGKILL)
            serve.start()
            wait_for(lambda: serve.told("in_step") == 2)
            assert talking(switch) == 5
            wait_for(switch.done.is_set)
            wait_for(lambda: len(records(tmp_path)) == 5)
            assert serve.end(signal.SIGTERM) == 0
            assert not serve.told('"bug"')
    finally:
        switch.stop()
    heard = {result.uuid: result for result in switch.results}
    for cdr in records(tmp_path):
        assert (cdr.outcome, cdr.end_estimated) == ("connected", False)
        assert abs(cdr.connected_ms - heard[cdr.call_id].bridged_ms) <= 100


def talking(switch: EmulatedSwitch) -> int:
    """How many callers talk to a target now."""
    return sum(1 for channel in switch.model.channels.values() if channel.inbound and channel.bridged_at)


@pytest.mark.parametrize(
    ("broken", "told", "code"),
    [
        ({"PPC_SWITCH_PASSWORD": "ClueCon"}, "PPC_SWITCH_PASSWORD", 1),
        ({"PPC_DATABASE_URL": "sqlite:////proc/nowhere/ppc.sqlite"}, "ppc: ", 3),
        ({"PPC_SWITCH_PORT": "many"}, "PPC_SWITCH_PORT", 1),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_a_traceback(
    tmp_path: Path, broken: dict[str, str], told: str, code: int
) -> None:
    with serving(tmp_path, free_port()) as serve:
        serve.start(**broken)
        assert serve.process is not None
        with gevent.Timeout(30):
            assert serve.process.wait() == code
        text = serve.log.read_text()
        assert told in text and "Traceback" not in text


def test_switch_that_is_away_is_told_once_and_tried_again(tmp_path: Path) -> None:
    with serving(tmp_path, free_port()) as serve:
        serve.start()
        wait_for(lambda: serve.told("connection refused"))
        assert serve.end(signal.SIGTERM) == 0
        assert "Traceback" not in serve.log.read_text()
