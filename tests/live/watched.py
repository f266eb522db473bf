"""A test call on a real switch: explained while it happens, asked about while it talks, and marked in its record."""

from __future__ import annotations

import json
import time

from judging import Expect, Row, judge
from network import NUMBERS, TEST_CALLER
from processes import wait_for
from world import CallPlan, World

STATE_S, WATCH_S = 20.0, 15.0
TALK_MS = 20_000  # Time to ask ``ppc target why`` while the target is full.
DESK = "test-desk"


def watched(world: World, name: str) -> Row:
    """An engineer phones, reads every step as it happens, and asks why his target gets no more calls."""
    row = Row(name)
    watch = world.engine.start_ppc(f"{name}-watch", "call", "watch", "--test", "--calls", "1")
    wait_for("ppc call watch to begin", lambda: "watching" in watch.log.read_text(), STATE_S)
    calls = world.place(CallPlan(number=NUMBERS["tested"], hangup_ms=TALK_MS, caller=TEST_CALLER), name)
    wait_for(f"{DESK} to talk", lambda: "answered" in _leg(world), STATE_S)
    wait_for("the talk to be told", lambda: f"connected to {DESK}" in watch.log.read_text(), STATE_S)
    told_s = time.monotonic()
    row.problems += _why_full(world)
    world.wait_over(calls)
    (truth,) = world.truth(calls)
    judge(truth, Expect(attempts=[(DESK, "answered")], hung_up_by="caller"), row)
    if truth.cdr and not truth.cdr["test"]:
        row.problems.append("its record does not say that it is a test call")
    if watch.wait(WATCH_S) != 0:
        row.problems.append(f"ppc call watch did not end after the call: see {watch.log}")
    told = watch.log.read_text()
    wanted = (
        "TEST CALL by its caller", f"selection for attempt 1: {DESK}",
        f"slot taken for attempt 1: target:{DESK} (limit 1)", "over: connected", "a test call: not billed, not counted",
    )  # fmt: skip
    row.problems += [f"the watch did not tell: {words}" for words in wanted if words not in told]
    if "the replay differs" in told:
        row.problems.append(f"the call could not be retold: see {watch.log}")
    row.notes = f"told while it talked, asked why in {time.monotonic() - told_s - TALK_MS / 1000:+.1f} s of its end"
    return row


def _leg(world: World) -> dict[str, int]:
    legs = world.targets.legs(TEST_CALLER).get(DESK, [])
    return legs[0] if legs else {}


def _why_full(world: World) -> list[str]:
    """While the one slot is taken, the running engine says so, and the advice names the cap."""
    told = json.loads(world.engine.ppc("target", "why", DESK, "--json"))
    caps = {cap["key"]: (cap["used"], cap["limit"], cap["full"]) for cap in told["target"]["caps"]}
    problems = []
    if caps.get(f"target:{DESK}") != (1, 1, True):
        problems.append(f"target why says {caps}, expected one of one slot taken")
    if "concurrency_cap" not in told["target"]["blocked"]:
        problems.append(f"target why says that it is blocked by {told['target']['blocked']}")
    if not any(line.startswith(f"target:{DESK} is full: 1 of 1") for line in told["advice"]):
        problems.append(f"target why advises {told['advice']}")
    return problems
