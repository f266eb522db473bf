"""What controls the calls of a round: FreeSWITCH's own dialplan, a bare program, or our engine as it is shipped."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engine_process import EngineProcess, write_config
from processes import Child, LiveError, wait_for

from bench import ROOT
from bench.switch import CLAIM_S

START_S = 30.0
STOP_S = 15.0
SQLITE_S = 5.0
DIRECT_NUMBER, ZIP_NUMBER = "18005550010", "18005550020"  # Of the engine's two campaigns; bare programs take any.
CAP = 10_000  # Caps are taken for every call, and never reached.


def dial_string(target: str) -> str:
    """What the bare programs bridge to: the engine's own words for such a target, without the ids that it adds."""
    limits = "leg_timeout=25,leg_progress_timeout=8,execute_on_answer=sched_hangup +3600 allotted_timeout"
    return f"[{limits}]sofia/trunks/{target.removeprefix('sip:')}"


class Nobody:
    """No controller: the dialplan bridges by itself."""

    pid = 0

    def records(self) -> int | None:
        return None

    def stop(self) -> None:
        pass


class BareProgram:
    """bench.bare_greenswitch or bench.bare_reader in a process of its own."""

    def __init__(self, module: str, directory: Path, *, esl_port: int, password: str, target: str) -> None:
        directory.mkdir(parents=True)
        command = [sys.executable, "-m", module, str(esl_port), dial_string(target)]
        environment = {**os.environ, "PPC_SWITCH_PASSWORD": password}
        self._child = Child(module.split(".")[-1], command, directory / "program.out", ROOT, environment)
        wait_for(f"{module} to be ready (see {self._child.log})", self._ready, START_S)
        self.pid = self._child.pid

    def _ready(self) -> bool:
        if self._child.exit_code() is not None:
            raise LiveError(f"{self._child.name} ended at its start: see {self._child.log}")
        return "ready" in self._child.log.read_text()

    def records(self) -> int | None:
        return None

    def stop(self) -> None:
        self._child.stop(STOP_S)


class Engine(EngineProcess):
    """``ppc serve`` as scripts/live starts it: logs, journal, fsync, SQLite as shipped. ``start`` may be repeated."""

    def __init__(self, directory: Path, *, esl_port: int, password: str, target: str, prompts: Path) -> None:
        (directory / "config").mkdir(parents=True)
        write_config(directory / "config", *_config(target))
        reached = SimpleNamespace(esl_port=esl_port, password=password, prompts=prompts)
        super().__init__(directory, directory / "config", reached, CLAIM_S)
        self._records_before = 0

    def start(self) -> None:
        self._records_before = self._count_records()
        super().start()

    @property
    def pid(self) -> int:
        if self._child is None:
            raise LiveError("the engine does not run")
        return self._child.pid

    def records(self) -> int | None:
        """How many CDRs were committed since the start."""
        return self._count_records() - self._records_before

    def _count_records(self) -> int:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=SQLITE_S) as link:
            (count,) = link.execute("SELECT count(*) FROM calls").fetchone()
        link.close()
        return int(count)


def _config(target: str) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """One buyer with one target, a campaign that routes at once and one that asks for the ZIP first."""
    exits = dict.fromkeys(("ended", "no_match", "all_closed", "all_capped", "all_no_answer", "recovered_none"), "bye")
    sell = {"type": "route", "exits": exits}
    bye = {"type": "hangup", "cause": "NORMAL_CLEARING"}
    ask = {
        "type": "collect_zip", "prompt": "enter_zip", "retry_prompt": "bad_zip",
        "exits": {"ok": "sell", "zip_failed": "bye"},
    }  # fmt: skip
    buyer_target = {"id": "buyer", "destination": target, "concurrency_cap": CAP, "area": {"states": ["CA", "NY"]}}
    terms = {"connected_ms_min": 1000, "unique_caller": {"window_days": 30}}
    campaigns = ("direct", "zip")
    files: dict[str, Any] = {
        "engine.yaml": {"log_level": "info"},
        "flows/direct.yaml": {"id": "direct", "start": "sell", "nodes": {"sell": sell, "bye": bye}},
        "flows/zip.yaml": {
            "id": "zip",
            "start": "answer",
            "nodes": {"answer": {"type": "answer", "exits": {"done": "ask"}}, "ask": ask, "sell": sell, "bye": bye},
        },
        "catalog/publishers/press.yaml": {
            "id": "press", "name": "Press", "zone": "America/New_York", "concurrency_cap": CAP,
            "offers": [{"id": f"press-{name}", "campaign": name, "amount": "10.00", **terms} for name in campaigns],
        },
        "catalog/buyers/buyer.yaml": {
            "id": "buyer", "name": "Buyer", "zone": "America/New_York", "concurrency_cap": CAP,
            "targets": [buyer_target],
            "offers": [{"id": f"buyer-{name}", "campaign": name, "amount": "20.00", **terms} for name in campaigns],
        },
    }  # fmt: skip
    for name in campaigns:
        files[f"catalog/campaigns/{name}.yaml"] = {
            "id": name, "name": name, "flow": name, "targets": ["buyer"], "concurrency_cap": CAP,
            "caller_concurrency_cap": 1,
        }  # fmt: skip
    files = json.loads(json.dumps(files))  # Nothing twice by reference: YAML would write anchors, which ppc refuses.
    return files, [(f"+{DIRECT_NUMBER}", "direct", "press"), (f"+{ZIP_NUMBER}", "zip", "press")]
