"""How long a large network takes to load, and how much a reload of it holds up live calls in the same process.

A child process is the engine's half of a reload: gevent, the example's own Reloader, a database, and a greenlet that
ticks every millisecond in place of calls. A tick that comes late was held up; as other programs make ticks late too,
the longest that this process itself was busy between two ticks (processor time of its main thread) stands beside it.
"""

from __future__ import annotations

import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.big_config import FLOWS, LIST_ZIPS, TARGETS, write_config

ROUNDS = 3
IDLE_S = 3.0
TICK_S = 0.001
LOAD_S_MAX, HELD_MS_MAX = 5.0, 20.0


def measure_loading() -> dict[str, float]:
    """Medians over rounds: of a load its time and CPU, of a reload its time and ticks, late and busy, and at rest."""
    with tempfile.TemporaryDirectory(prefix="ppc-load-") as directory:
        command = [sys.executable, "-m", "bench.loading", directory]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    rounds: list[dict[str, float]] = json.loads(done.stdout)
    figures = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    return {**figures, "busy_ms_worst": max(row["busy_ms_max"] for row in rounds)}


def lines(figures: dict[str, float]) -> list[str]:
    """What is said of the figures."""
    load, busy = figures["load_s"], figures["busy_ms_worst"]
    return [
        f"load of {FLOWS} flows and {TARGETS:,} targets (a list of {LIST_ZIPS:,} ZIPs), s: {load:.2f}, CPU "
        f"{figures['load_cpu_s']:.2f} (at most {LOAD_S_MAX:g}): {'met' if load <= LOAD_S_MAX else 'NOT MET'}",
        f"longest that a reload kept the event loop busy, ms: {busy:.1f} (at most {HELD_MS_MAX:g}): "
        f"{'met' if busy <= HELD_MS_MAX else 'NOT MET'}",
        f"a reload took {figures['reload_s']:.1f} s beside ticks; ticks late by ms, median/p99/most: "
        f"{figures['late_ms_p50']:.2f}/{figures['late_ms_p99']:.2f}/{figures['late_ms_max']:.1f}, at rest "
        f"{figures['rest_ms_p50']:.2f}/{figures['rest_ms_p99']:.2f}/{figures['rest_ms_max']:.1f}; read in a thread "
        f"instead: busy or without the interpreter's lock up to {figures['thread_late_ms_max']:.0f}, p99 "
        f"{figures['thread_late_ms_p99']:.1f}",
    ]


class _Ticks:
    """Ticks while something runs, and what became of them."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.busy_ms: list[float] = []

    def run(self) -> None:
        import gevent

        while True:
            asked, busy = time.monotonic(), time.thread_time()
            gevent.sleep(TICK_S)
            self.late_ms.append((time.monotonic() - asked - TICK_S) * 1000)
            self.busy_ms.append((time.thread_time() - busy) * 1000)

    def figures(self, name: str) -> dict[str, float]:
        late = sorted(self.late_ms)
        return {
            f"{name}_ms_p50": late[len(late) // 2],
            f"{name}_ms_p99": late[int(len(late) * 0.99)],
            f"{name}_ms_max": late[-1],
        }


def _ticking(work: Any) -> tuple[_Ticks, float]:
    import gevent

    ticks = _Ticks()
    greenlet = gevent.spawn(ticks.run)
    gevent.sleep(0)
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    gevent.sleep(TICK_S)
    greenlet.kill()
    return ticks, took


def _child(directory: Path) -> list[dict[str, float]]:
    import gevent
    from ppc_engine.engine.off_hub import OffHub
    from ppc_engine.live_config import LiveConfig, Reloader
    from ppc_engine.storage.catalog_files import load_config
    from ppc_engine.storage.database import open_database
    from ppc_engine.storage.migrate import upgrade
    from ppc_engine.storage.places import load_places

    places = load_places()
    config_dir = directory / "config"
    write_config(config_dir, sorted(places.zips))
    database = open_database(f"sqlite:///{directory}/ppc.sqlite")
    upgrade(database)
    config = LiveConfig(config_dir, database, places, b"k" * 32, lambda loaded: None)
    config.put_in_force(config.read(0))
    off_hub = OffHub()
    told: list[str] = []
    reloader = Reloader(config, off_hub=off_hub.run, now_us=lambda: 0, log=lambda *what, **more: told.append(str(more)))
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)  # As `ppc serve` does.
    rounds = []
    for number in range(ROUNDS):
        gc.disable()
        began, cpu = time.monotonic(), time.process_time()
        load_config(config_dir, places=places)
        row = {"load_s": time.monotonic() - began, "load_cpu_s": time.process_time() - cpu}
        gc.enable()
        rest, _ = _ticking(lambda: gevent.sleep(IDLE_S))
        _change_one_weight(config_dir, number)
        before = config.new_call().revision
        ticks, reload_s = _ticking(lambda: reloader.reload("bench"))
        assert config.new_call().revision != before, told
        thread, _ = _ticking(lambda: off_hub.run(lambda: load_config(config_dir, places=places)))
        row |= {"reload_s": reload_s, "busy_ms_max": max(ticks.busy_ms)}
        rounds.append(row | ticks.figures("late") | rest.figures("rest") | thread.figures("thread_late"))
    off_hub.stop()
    return rounds


def _change_one_weight(config_dir: Path, number: int) -> None:
    path = config_dir / "catalog/buyers/buyer-0.yaml"
    path.write_text(re.sub(r"weight: [0-9]+", f"weight: {500 + number}", path.read_text(), count=1))


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()
    print(json.dumps(_child(Path(sys.argv[1]))))
