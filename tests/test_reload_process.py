"""``ppc serve`` and the command line beside it: reload by signal, by order, and a drain that outlives a restart."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from ppc_engine.cli import run
from ppc_engine.emulator.server import EmulatedSwitch
from tests.scenarios.small_network import PASSWORD, people
from tests.test_serve_process import serving

pytestmark = pytest.mark.timeout(180)
START_S_MAX = 60  # Of a process on a machine that has much else to do.


def wait_for(what: Callable[[], object]) -> None:
    with gevent.Timeout(START_S_MAX):
        while not what():
            gevent.sleep(0.05)


def test_a_reload_by_signal_and_by_order_and_a_drain_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    switch = EmulatedSwitch(people({"id": "one"}), seed=1, password=PASSWORD)
    switch.start()
    try:
        with serving(tmp_path, switch.port) as serve:
            serve.start()
            wait_for(lambda: serve.told("in_step"))
            for name, value in serve.environ.items():
                monkeypatch.setenv(name, value)
            config = ["--config", str(serve.config_dir)]
            flow = serve.config_dir / "flows/roofing.yaml"
            flow.write_text(flow.read_text().replace("prompt: enter_zip", "prompt: enter_zip, tries: 2"))
            assert serve.process is not None
            serve.process.send_signal(signal.SIGHUP)
            wait_for(lambda: serve.told('"by":"SIGHUP"'))
            assert serve.told("node roofing/ask_zip: tries is now 2 (was 3)")

            flow.write_text(flow.read_text().replace("tries: 2", "tries: two"))
            assert run(["config", "reload", *config]) == 1
            told = capsys.readouterr()
            assert "roofing.yaml:6:" in told.err and "nothing was taken" in told.err
            flow.write_text(flow.read_text().replace("tries: two", "tries: 4"))
            assert run(["config", "diff", "running", *config]) == 0
            assert "tries is now 4 (was 2)" in capsys.readouterr().out
            assert run(["config", "reload", *config, "--why", "four is better"]) == 0
            assert "tries is now 4 (was 2)" in capsys.readouterr().out

            assert run(["drain", "--why", "new kernel", "--wait", *config]) == 0
            assert capsys.readouterr().out.endswith("no call lives\n")
            assert serve.end(signal.SIGTERM) == 0
            assert run(["drain", "--status", *config]) == 0
            assert capsys.readouterr().out.endswith("no engine runs here\n")
            serve.start()
            wait_for(lambda: serve.told("in_step") == 2)
            assert run(["drain", "--status", *config]) == 0
            assert "draining since" in capsys.readouterr().out
            assert run(["actions", *config]) == 0
            told_orders = capsys.readouterr().out
            assert "refused: 1 problem " in told_orders and "four is better" in told_orders
            assert serve.end(signal.SIGTERM) == 0
            assert not serve.told("Traceback")
    finally:
        switch.stop()
