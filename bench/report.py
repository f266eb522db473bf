"""From the rounds' figures to medians, ratios and one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.rounds import ARMS, percentile

NOT_MEASURED = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure of ours beside what it is held against; ``most`` or ``least`` is the limit."""

    what: str
    value: float
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def line(self) -> str:
        limit = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{self.what}: {self.value:.2f} ({limit}): {'met' if self.met else 'NOT MET'}"


def summarise(
    rounds: Mapping[str, Mapping[str, Iterable[Mapping[str, Any]]]], memory_kib: float | None
) -> dict[str, Any]:
    """Medians over the rounds: kind of measurement -> arm -> figure. Reaction times are pooled over all rounds."""
    medians: dict[str, dict[str, dict[str, float]]] = {}
    for kind, arms in rounds.items():
        for arm, figures in arms.items():
            rows = list(figures)
            if not rows:
                continue
            one = medians.setdefault(kind, {}).setdefault(arm, {})
            for name in rows[0]:
                if name == "reaction_ms":
                    pooled = sorted(value for row in rows for value in row[name])
                    one.update({f"p{share}_ms": percentile(pooled, share) for share in (50, 99)})
                else:
                    one[name] = median(row[name] for row in rows)
    return {"medians": medians, "memory_kib_per_call": memory_kib}


def wanted(summary: Mapping[str, Any]) -> list[Wanted]:
    """What issue 2 asks for, as far as it was measured."""
    medians = summary["medians"]

    def figure(kind: str, arm: str, name: str) -> float | None:
        value = medians.get(kind, {}).get(arm, {}).get(name)
        return float(value) if value else None

    found = []
    ours, theirs = figure("cost", "direct", "controller_ms"), figure("cost", "greenswitch", "controller_ms")
    if ours and theirs:
        found.append(Wanted("controller CPU, direct / greenswitch", ours / theirs, most=1.0))
    ours, theirs = figure("cost", "direct", "switch_ms"), figure("cost", "dialplan", "switch_ms")
    if ours and theirs:
        found.append(Wanted("switch CPU, direct / dialplan", ours / theirs, most=1.15))
    ours, theirs = figure("capacity", "direct", "calls_per_s"), figure("capacity", "dialplan", "calls_per_s")
    if ours and theirs:
        found.append(Wanted("sustained calls/s, direct / dialplan", ours / theirs, least=0.85))
    if reaction := figure("reaction", "direct", "p99_ms"):
        found.append(Wanted("park event to first command, direct, p99 ms", reaction, most=10.0))
    if summary["memory_kib_per_call"] is not None:
        found.append(Wanted("memory of a live call, KiB", summary["memory_kib_per_call"], most=32.0))
    return found


_COLUMNS = (
    ("controller\nms/call", "cost", "controller_ms", 2),
    ("switch\nms/call", "cost", "switch_ms", 1),
    ("INVITE-200\np50 ms", "cost", "answered_p50_ms", 0),
    ("calls/s\nsustained", "capacity", "calls_per_s", 0),
    ("park-command\np50 ms", "reaction", "p50_ms", 1),
    ("\np99 ms", "reaction", "p99_ms", 1),
    ("events\nper call", "reaction", "events", 1),
    ("event KB\nper call", "reaction", "event_kb", 1),
    ("commands\nper call", "reaction", "commands", 1),
)


def table(summary: Mapping[str, Any]) -> str:
    """The figures of every arm, one line each."""
    medians = summary["medians"]
    rows = [
        ["", *(title.split("\n")[0] for title, *_ in _COLUMNS)],
        ["", *(title.split("\n")[1] for title, *_ in _COLUMNS)],
    ]
    for name, arm in ARMS.items():
        cells = []
        for _, kind, figure, digits in _COLUMNS:
            value = medians.get(kind, {}).get(name, {}).get(figure)
            shown = value is not None and not (figure == "controller_ms" and name == "dialplan")
            cells.append(f"{value:.{digits}f}" if shown else NOT_MEASURED)
        if any(cell != NOT_MEASURED for cell in cells):
            rows.append([arm.label, *cells])
    if len(rows) == 2:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
