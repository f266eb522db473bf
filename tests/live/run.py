"""Real calls through a real switch: starts everything, places the calls, prints what became of each, stops everything.

Exit code 0: all good, or nothing could be run (said aloud; with --require that is 3). 1: a case failed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import STEADY, Case
from crashes import CLAIM_IN_TIME_S, at_rest, back_in_time, back_late
from flow_cases import FLOW_NODES
from judging import Row
from ordered import orders
from private_switch import find_switch
from processes import LiveError, stop_all
from routing_cases import ROUTINGS
from trunk_sipp import find_sipp
from watched import watched
from world import CLAIM_S, World

STEADY |= {**ROUTINGS, **FLOW_NODES, "test-call": watched}
# Cases that need a world of their own: its engine dies, or takes no calls.
CRASHES: dict[str, Callable[[World], list[Row]]] = {
    "back-in-time": back_in_time,
    "back-late": back_late,
    "orders": orders,
}
AT_ONCE = 8  # Cases of one world that run at the same time.
CONNECTED_CAP_ALONE = ("cap-2-of-20",)  # A burst of its own: it must not stretch the other cases' clocks.
PROBLEMS_SHOWN = 8


def say(text: str) -> None:
    print(text, flush=True)


def missing() -> list[str]:
    """What this machine lacks, and how to give it."""
    lacks = []
    if find_switch() is None:
        lacks.append("no FreeSWITCH: set FREESWITCH_PREFIX to a prefix with bin/freeswitch, or put freeswitch on PATH")
    if find_sipp() is None:
        lacks.append("no SIPp: install the package sip-tester (Debian, Ubuntu) or sipp, so that sipp is on PATH")
    return lacks


def run_case(world: World, name: str, case: Case) -> Row:
    """One case; whatever goes wrong with it is its verdict and nobody else's."""
    try:
        return case(world, name)
    except LiveError as error:
        return Row(name, problems=[str(error)])
    except Exception:
        return Row(name, problems=[traceback.format_exc()])


def tell(world: World, rows: Sequence[Row], told: Sequence[str]) -> None:
    """What the command line says of the first call of each case that was asked for."""
    for row in rows:
        if row.case in told and row.call_ids:
            for view in ("ladder", "explain"):
                say(f"--- ppc call {view}: first call of {row.case}")
                say(world.engine.ppc("call", view, row.call_ids[0]))


def run_steady(directory: Path, names: Sequence[str], told: Sequence[str]) -> list[Row]:
    """All cases with an engine that lives, several at a time."""
    world = World(directory, "steady")
    try:
        crowd = [name for name in names if name not in CONNECTED_CAP_ALONE]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            rows = list(pool.map(lambda name: run_case(world, name, STEADY[name]), crowd))
        rows += [run_case(world, name, STEADY[name]) for name in names if name in CONNECTED_CAP_ALONE]
        world.targets.check_alive()
        tell(world, rows, told)
        return [*rows, at_rest(world, "steady-at-rest")]
    finally:
        world.stop()


def run_crash(directory: Path, name: str, told: Sequence[str]) -> list[Row]:
    """A world of its own, because its engine dies."""
    world = World(directory, name, CLAIM_IN_TIME_S if name == "back-in-time" else CLAIM_S)
    try:
        rows = CRASHES[name](world)
        tell(world, rows, told)
        return [*rows, at_rest(world, f"{name}-at-rest")]
    finally:
        world.stop()


def run_all(directory: Path, names: Sequence[str], told: Sequence[str]) -> list[Row]:
    """The steady world first, then those that crash side by side: a restart must not wait for forty SIPps."""
    steady = [name for name in names if name in STEADY]
    crashes = [name for name in names if name in CRASHES]

    def guarded(job: str) -> list[Row]:
        try:
            return run_crash(directory, job, told) if job in CRASHES else run_steady(directory, steady, told)
        except LiveError as error:
            return [Row(job, problems=[str(error)])]
        except Exception:
            return [Row(job, problems=[traceback.format_exc()])]

    rows = guarded("steady") if steady else []
    with ThreadPoolExecutor(len(CRASHES)) as pool:
        return [*rows, *(row for found in pool.map(guarded, crashes) for row in found)]


def seconds(length_ms: int | None) -> str:
    return "" if length_ms is None else f"{length_ms / 1000:.3f}"


def show(rows: Sequence[Row]) -> None:
    """The table, then what is wrong."""
    width = max(len(row.case) for row in rows)
    say(f"{'case':{width}}  calls  verdict   SIPp s  switch s    ours s  notes")
    for row in rows:
        verdict = "FAILED" if row.problems else "ok"
        lengths = "  ".join(f"{seconds(length):>8}" for length in (row.sipp_ms, row.switch_ms, row.our_ms))
        say(f"{row.case:{width}}  {row.calls:5}  {verdict:7} {lengths}  {row.notes}")
    for row in rows:
        for problem in row.problems[:PROBLEMS_SHOWN]:
            say(f"FAILED {row.case}: {problem}")
        if len(row.problems) > PROBLEMS_SHOWN:
            say(f"FAILED {row.case}: and {len(row.problems) - PROBLEMS_SHOWN} more")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/live", description=__doc__)
    parser.add_argument("--only", action="append", metavar="CASE", help="only this case; may be given again")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    parser.add_argument("--ladder", action="append", metavar="CASE", help="also draw and explain that row's first call")
    parser.add_argument("--keep", action="store_true", help="keep the directories (logs, SIP messages, CDRs, database)")
    parser.add_argument("--require", action="store_true", help="fail (3) where there is no FreeSWITCH or no SIPp")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    names = [*STEADY, *CRASHES]
    if options.list:
        for name in names:
            say(name)
        return 0
    if unknown := sorted(set(options.only or ()) - set(names)):
        say(f"scripts/live: no such case: {', '.join(unknown)} (see --list)")
        return 2
    if lacks := missing():
        for lack in lacks:
            say(f"scripts/live: {lack}")
        say("scripts/live: SKIPPED. No call was made; nothing about a real switch is proven by this run.")
        return 3 if options.require else 0
    directory = Path(tempfile.mkdtemp(prefix="ppc-live-"))
    started_at = time.monotonic()
    try:
        wanted = [name for name in names if not options.only or name in options.only]
        rows = run_all(directory, wanted, options.ladder or ())
    finally:
        stop_all()
    show(rows)
    failed = sum(bool(row.problems) for row in rows)
    calls = sum(row.calls for row in rows if not row.case.endswith("-at-rest"))
    say(f"{len(rows)} cases, {calls} calls, {failed} failed, {time.monotonic() - started_at:.0f} s")
    if options.keep or failed:
        say(f"kept: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
