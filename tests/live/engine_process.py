"""The engine under test, as the command ``ppc``: its configuration, its process, its metrics and its records."""

from __future__ import annotations

import csv
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from free_ports import free_ports
from private_switch import ROOT, PrivateSwitch
from processes import Child, LiveError, wait_for

START_S, STOP_S, CLI_S = 30.0, 15.0, 60.0
SAMPLE_EVERY_S = 0.25
SAMPLE_LINE = re.compile(r"^(\w+)(?:\{(.*)\})? ([-+.\deE]+|NaN)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
PPC = Path(sys.executable).parent / "ppc"


def write_config(directory: Path, files: Mapping[str, Any], numbers: Iterable[tuple[str, str, str]]) -> None:
    """A configuration: ``files`` maps a path to its content; ``numbers`` are (number, campaign, publisher)."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    with (directory / "numbers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("number", "campaign", "publisher", "test"))
        writer.writerows((*row, "false") for row in numbers)


class EngineProcess:
    """One engine. ``start`` and ``kill`` may be repeated; what it wrote stays."""

    def __init__(self, directory: Path, config: Path, switch: PrivateSwitch, claim_s: int) -> None:
        self._directory = directory
        self.http_port = free_ports()
        self.database = directory / "ppc.sqlite"
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("PPC_")} | {
            "PPC_CONFIG": str(config),
            "PPC_DATABASE_URL": f"sqlite:///{self.database}",
            "PPC_JOURNAL_DIR": str(directory / "journal"),
            "PPC_SWITCH_PORT": str(switch.esl_port),
            "PPC_SWITCH_PASSWORD": switch.password,
            "PPC_SECRET": secrets.token_hex(32),
            "PPC_PROMPTS_DIR": str(switch.prompts),
            "PPC_HTTP_PORT": str(self.http_port),
            "PPC_CLAIM_S": str(claim_s),
        }
        self._child: Child | None = None
        self.ppc("db", "upgrade")
        self.ppc("number", "import", str(config / "numbers.csv"))

    def ppc(self, *arguments: str) -> str:
        """Run one command of the command line and return what it prints. Raises LiveError when it fails."""
        try:
            done = subprocess.run(
                [str(PPC), *arguments], env=self._env, cwd=ROOT, capture_output=True, text=True, timeout=CLI_S
            )
        except subprocess.TimeoutExpired as error:
            raise LiveError(f"ppc {' '.join(arguments)} took more than {CLI_S:.0f} s") from error
        if done.returncode:
            raise LiveError(f"ppc {' '.join(arguments)} ended {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def start_ppc(self, name: str, *arguments: str) -> Child:
        """Start one command of the command line that goes on beside others; its output is in ``log``."""
        env = {**self._env, "PYTHONUNBUFFERED": "1"}
        return Child(name, [str(PPC), *arguments], self._directory / f"{name}.out", ROOT, env)

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._child = Child("engine", [str(PPC), "serve"], self._directory / "engine.log", ROOT, self._env)
        wait_for(f"the engine to be ready (see {self._child.log})", self._ready, START_S)

    def _ready(self) -> bool:
        if self._child is not None and self._child.exit_code() is not None:
            raise LiveError(f"the engine ended at its start: see {self._child.log}")
        return self._get("/ready") is not None

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def kill(self) -> None:
        """SIGKILL."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop(STOP_S)

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of /metrics by name and labels; {} when the engine is away."""
        text = self._get("/metrics") or ""
        return {
            (name, frozenset(LABEL.findall(labels))): float(value) for name, labels, value in SAMPLE_LINE.findall(text)
        }

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that carry these labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.metrics().items() if found == name and wanted <= has)

    def calls(self) -> dict[str, dict[str, Any]]:
        """Every committed CDR by call_id, its attempts with it, as the database has them now."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as link:
            link.row_factory = sqlite3.Row
            link.execute("BEGIN")  # Both queries see the same moment.
            calls = [dict(row) for row in link.execute("SELECT * FROM calls")]
            attempts = [dict(row) for row in link.execute("SELECT * FROM attempts ORDER BY call_id, number")]
        link.close()
        by_id: dict[str, dict[str, Any]] = {}
        for call in calls:
            if call["call_id"] in by_id:
                raise LiveError(f"two CDRs of call {call['call_id']}")
            by_id[call["call_id"]] = {**call, "attempts": []}
        for attempt in attempts:
            by_id[attempt["call_id"]]["attempts"].append(attempt)
        return by_id


class LeaseWatch:
    """Samples the leases while calls run; ``highest`` is the most ever seen of each cap."""

    def __init__(self, engine: EngineProcess) -> None:
        self._engine = engine
        self.highest: dict[str, float] = {}
        self.samples = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(SAMPLE_EVERY_S):
            found = self._engine.metrics()
            self.samples += bool(found)
            for (name, labels), value in found.items():
                if name == "ppc_leases":
                    cap = ":".join(dict(labels)[key] for key in ("cap_kind", "owner"))
                    self.highest[cap] = max(value, self.highest.get(cap, 0))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
