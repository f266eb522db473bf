"""scripts/bench: what call control costs on one real FreeSWITCH, beside its own dialplan and bare greenswitch."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from private_switch import find_switch
from processes import LiveError
from trunk_sipp import find_sipp

from bench import ROOT
from bench.load import Target
from bench.loading import lines as loading_lines
from bench.loading import measure_loading
from bench.memory import measure_memory
from bench.report import summarise, table, wanted
from bench.rounds import ARMS, World, in_turn, measure_capacity, measure_cost, measure_reaction
from bench.selection import lines as selection_lines
from bench.selection import measure_selection
from bench.switch import BenchSwitch

COST_RATE, REACTION_RATE = 25.0, 30.0
COST_ARMS = ("dialplan", "greenswitch", "direct", "zip")
REACTION_ARMS = ("reader", "greenswitch", "direct", "zip")
CAPACITY_ARMS = ("dialplan", "direct")
KINDS = ("cost", "reaction", "capacity", "memory", "selection", "load")
# Without a switch, each by itself.
ALONE: dict[str, Callable[[], dict[str, float]]] = {"selection": measure_selection, "load": measure_loading}
TOLD: dict[str, Callable[[dict[str, float]], list[str]]] = {"selection": selection_lines, "load": loading_lines}
SWITCHLESS = frozenset({"memory", *ALONE})
EXAMPLE = """example:
  FREESWITCH_PREFIX=/usr/local/freeswitch scripts/bench --json bench.json
  scripts/bench --only cost --arms greenswitch,direct --rounds 5
  scripts/bench --only selection,load   (needs no switch)
"""


def main() -> int:
    options = _options()
    needs_switch = not SWITCHLESS.issuperset(options.only)
    if needs_switch and find_switch() is None:
        return _skip("no FreeSWITCH (put its prefix into FREESWITCH_PREFIX, or bin/freeswitch on the PATH)")
    if needs_switch and find_sipp() is None:
        return _skip("no SIPp on the PATH (on Debian: apt-get install sip-tester)")
    began = time.monotonic()
    directory = _directory(options.keep)
    try:
        rounds, memory_kib, problems = _measure(options, directory)
    except LiveError as error:
        _say(f"failed: {error}")
        _say(f"logs of every process: {directory}")
        return 3
    summary = summarise(rounds, memory_kib)
    found = wanted(summary)
    alone = {kind: measure() for kind, measure in ALONE.items() if kind in options.only}
    _print(summary, problems, found, time.monotonic() - began, options)
    for kind, figures in alone.items():
        print("\n".join(TOLD[kind](figures)))
    if options.json:
        wants = [{"what": want.what, "value": want.value, "met": want.met} for want in found]
        whole = {**summary, "wanted": wants, "rounds": rounds, "problems": problems, "load": os.getloadavg()}
        whole |= {"alone": alone}
        options.json.write_text(json.dumps(whole, indent=1))
    if not options.keep:
        shutil.rmtree(directory)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds in turn, of which medians are taken (default 3)")
    parser.add_argument("--calls", type=int, default=150, help="calls of one measurement (default 150)")
    parser.add_argument("--talk-ms", type=int, default=3000, help="length of a call (default 3000)")
    parser.add_argument("--only", default=",".join(KINDS), help=f"which of {','.join(KINDS)}")
    parser.add_argument("--arms", default=",".join(ARMS), help=f"which of {','.join(ARMS)}")
    parser.add_argument("--json", type=Path, help="write every figure of every round to this file")
    parser.add_argument("--keep", type=Path, help="keep logs and databases in this new directory")
    options = parser.parse_args()
    options.only, options.arms = _names(parser, options.only, KINDS), _names(parser, options.arms, ARMS)
    if options.rounds < 1 or options.calls < 1 or not 500 <= options.talk_ms <= 60_000:
        parser.error("at least one round and one call, of 500 to 60000 ms")
    return options


def _names(parser: argparse.ArgumentParser, text: str, known: Any) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"no {name!r}: choose from {', '.join(known)}")
    return names


def _directory(keep: Path | None) -> Path:
    """Where databases, journals and logs of the run go: on the disk of this checkout, so that fsync is real."""
    if keep:
        keep.mkdir(parents=True)
        return keep.resolve()
    (ROOT / "var").mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))


def _measure(options: argparse.Namespace, directory: Path) -> tuple[dict[str, Any], float | None, list[str]]:
    rounds: dict[str, dict[str, list[dict[str, Any]]]] = {}
    load = {"calls": options.calls, "talk_ms": options.talk_ms}
    plan: list[Any] = [
        ("cost", COST_ARMS, lambda arm: measure_cost(world, arm, rate=COST_RATE, **load)),
        ("reaction", REACTION_ARMS, lambda arm: measure_reaction(world, arm, rate=REACTION_RATE, **load)),
        ("capacity", CAPACITY_ARMS, lambda arm: measure_capacity(world, arm, talk_ms=options.talk_ms)),
    ]
    plan = [(kind, [ARMS[name] for name in names if name in options.arms], run) for kind, names, run in plan]
    plan = [(kind, arms, run) for kind, arms, run in plan if kind in options.only and arms]
    problems: list[str] = []
    if plan:
        target = Target(directory)
        switch = BenchSwitch(directory / "fs", target.port)
        try:
            world = World(directory, target, switch)
            world.measure_idle()
            _say(f"one FreeSWITCH (idle {world.idle * 100:.1f} % of a core), {options.rounds} rounds in turn")
            for number in range(options.rounds):
                for kind, arms, run in plan:
                    for arm in in_turn(arms, number):
                        _say(f"round {number + 1}/{options.rounds}: {kind}, {arm.label}")
                        try:
                            rounds.setdefault(kind, {}).setdefault(arm.name, []).append(run(arm))
                        except LiveError as error:  # One measurement less; the others still count.
                            world.problems.append(f"{kind}, {arm.label}, round {number + 1}: {error}")
                            switch.api("hupall NORMAL_CLEARING")
            problems = world.problems
        finally:
            switch.stop()
            target.stop()
    memory_kib = None
    if "memory" in options.only:
        _say("memory: live calls on the emulator")
        memory_kib = measure_memory(directory)
    return rounds, memory_kib, problems


def _print(
    summary: dict[str, Any], problems: list[str], found: list[Any], took_s: float, options: argparse.Namespace
) -> None:
    if shown := table(summary):
        print(f"{shown}\n\nMedians of {options.rounds} rounds in turn on one switch with media through it:")
        print(f"{options.calls} calls of {options.talk_ms / 1000:g} s, {COST_RATE:g} a second for the cost, and")
        print(f"{REACTION_RATE:g} a second, through a tap, for the time from park event to first command.")
    for line in (*problems, *(want.line() for want in found)):
        print(line)
    _say(f"took {took_s:.0f} s; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _skip(why: str) -> int:
    print(f"scripts/bench: SKIPPED, nothing was measured: {why}", file=sys.stderr)
    return 0


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
