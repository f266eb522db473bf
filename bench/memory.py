"""Memory of a live call: how much the engine grows from no call to many that are connected at once, on the emulator."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from pathlib import Path

from free_ports import free_ports
from processes import Child, wait_for

from bench import ROOT
from bench.controllers import DIRECT_NUMBER, Engine
from bench.cost import resident_kib
from bench.emulated import LIVE_EVERY_MS, LIVE_FROM_MS, TARGET, WARM_CALLS

LIVE_CALLS = 2_000
START_S = 20.0
SETTLE_S = 1.0
SLOWER_MAX = 3  # So many times longer than the scenario says may it take.


def measure_memory(directory: Path, calls: int = LIVE_CALLS) -> float:
    """KiB a live call: resident memory with ``calls`` connected calls less that with none, after a few ended ones."""
    password, port = secrets.token_hex(20), free_ports()
    command = [sys.executable, "-m", "bench.emulated", str(port), DIRECT_NUMBER, str(calls)]
    environment = {**os.environ, "PPC_SWITCH_PASSWORD": password}
    emulator = Child("emulator", command, directory / "emulator.out", ROOT, environment)
    wait_for(f"the emulator to listen (see {emulator.log})", lambda: "ready" in emulator.log.read_text(), START_S)
    engine = Engine(
        directory / "engine", esl_port=port, password=password, target=f"sip:{TARGET}", prompts=Path("/nowhere")
    )
    try:
        engine.start()
        os.kill(emulator.pid, signal.SIGUSR1)
        wait_for(f"{WARM_CALLS} calls to end", lambda: engine.records() == WARM_CALLS, LIVE_FROM_MS / 1000)
        before = resident_kib(engine.pid)
        wait_for(
            f"{calls} calls to be connected",
            lambda: engine.metric("ppc_calls_live") == calls,
            (LIVE_FROM_MS + calls * LIVE_EVERY_MS) / 1000 * SLOWER_MAX,
            every_s=0.5,
        )
        time.sleep(SETTLE_S)
        return (resident_kib(engine.pid) - before) / calls
    finally:
        engine.stop()
        emulator.stop(START_S)
