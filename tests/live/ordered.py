"""Orders of people to live calls and to the engine, by the command line, as SIPp and the switch see them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from judging import Expect, Row, judge
from network import NUMBERS
from processes import LiveError, wait_for
from world import CallPlan, Placed, World

STATE_S = 20.0
TALK_S = 2.0
WHY = ("--why", "live test", "--as", "live")


def orders(world: World) -> list[Row]:
    """Every order that changes what a caller meets."""
    return [
        _hung_up(world),
        _redirected_talk(world),
        _redirected_ringing(world),
        _redirected_ivr(world),
        _refused(world, "order-drain", ("drain",), ("drain", "--undo"), "503", "draining", "refused_overload"),
        _refused(world, "order-number-paused", *_number_verbs(), "480", "paused", "blocked"),
    ]


def _number_verbs() -> tuple[tuple[str, ...], tuple[str, ...]]:
    number = NUMBERS["answered"]
    return ("number", "pause", number), ("number", "resume", number)


def _judged(world: World, name: str, calls: Sequence[Placed], expect: Expect, notes: str) -> Row:
    row = Row(name)
    world.wait_over(calls)
    for truth in world.truth(calls):
        judge(truth, expect, row)
    row.notes = notes
    return row


def _live_call(world: World, number: str) -> str:
    """The id of the one call to this number that the engine holds."""
    live = json.loads(world.engine.ppc("call", "live", "--json"))
    found = [row["call_id"] for row in live if row["dialed_number"] == number]
    if len(found) != 1:
        raise LiveError(f"{len(found)} live calls to {number}, expected 1")
    return str(found[0])


def _answered(calls: Sequence[Placed]) -> None:
    wait_for("the call to be answered", lambda: all("answered" in one.marks() for one in calls), STATE_S)


def _hung_up(world: World) -> Row:
    calls = world.place(CallPlan(number=NUMBERS["answered"]), "order-hangup")
    _answered(calls)
    time.sleep(TALK_S)
    world.engine.ppc("call", "hangup", _live_call(world, NUMBERS["answered"]), *WHY)
    expect = Expect(attempts=[("stays", "answered")], hung_up_by="engine")
    return _judged(world, "order-hangup", calls, expect, "a talk ended by order")


def _redirected_talk(world: World) -> Row:
    calls = world.place(CallPlan(number=NUMBERS["answered"]), "order-redirect-talk")
    _answered(calls)
    time.sleep(TALK_S)
    world.engine.ppc("call", "redirect", _live_call(world, NUMBERS["answered"]), "--target", "leaves", *WHY)
    expect = Expect(attempts=[("stays", "answered"), ("leaves", "answered")], hung_up_by="target")
    return _judged(world, "order-redirect-talk", calls, expect, "taken out of a talk, on to another target")


def _redirected_ringing(world: World) -> Row:
    calls = world.place(CallPlan(number=NUMBERS["ringing-long"], hangup_ms=6_000), "order-redirect-ringing")
    wait_for("the target to ring", lambda: all(world.targets.legs(one.caller) for one in calls), STATE_S)
    world.engine.ppc("call", "redirect", _live_call(world, NUMBERS["ringing-long"]), "--target", "stays", *WHY)
    expect = Expect(attempts=[("slower", "cancelled"), ("stays", "answered")], hung_up_by="caller")
    return _judged(world, "order-redirect-ringing", calls, expect, "the ringing target stopped, another rung")


def _redirected_ivr(world: World) -> Row:
    plan = CallPlan(number=NUMBERS["by-zip"], hangup_ms=40_000)
    calls = world.place(plan, "order-redirect-ivr")
    _answered(calls)
    world.engine.ppc("call", "redirect", _live_call(world, NUMBERS["by-zip"]), "--target", "stays", *WHY)
    expect = Expect(attempts=[("stays", "answered")], hung_up_by="caller")
    return _judged(world, "order-redirect-ivr", calls, expect, "out of a prompt that waits for digits")


def _refused(
    world: World, name: str, verb: tuple[str, ...], undo: tuple[str, ...], sip: str, reason: str, outcome: str
) -> Row:
    world.engine.ppc(*verb, *WHY)
    try:
        calls = world.place(CallPlan(number=NUMBERS["answered"]), name)
        row = _judged(world, name, calls, Expect(sip=sip, reason=reason, outcome=outcome), f"{sip} at once")
    finally:
        world.engine.ppc(*undo, *WHY)
    again = world.place(CallPlan(number=NUMBERS["answered"], hangup_ms=2_000), f"{name}-again")
    world.wait_over(again)
    for truth in world.truth(again):
        judge(truth, Expect(attempts=[("stays", "answered")], hung_up_by="caller"), row)
    return row
