"""The engine is killed with -9 while calls are in every state, and comes back in time or too late."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cases import SILENCE_S_MAX, about
from judging import Expect, Row, judge
from network import NUMBERS
from processes import LiveError, wait_for
from world import CLAIM_S, CallPlan, Placed, Truth, World

BRIDGED, BRIDGED_MS = 20, 30_000
CLAIM_IN_TIME_S = 30  # Twice what is shipped, so that a loaded machine is back in time too.
BACK_S_MAX = 20.0
INTO_REPEATED_S = 1.5  # The prompt is said again by then.
AWAY_LATE_S = CLAIM_S + 9.0  # Past the dead-man's switch, and past the apology that follows it.
REST_S = 20.0
STATE_S = 20.0
INTO_PROMPT_S = 2.5  # After the answer: the welcome is over, the ZIP is being asked for.


def _wait_answered(calls: Sequence[Placed]) -> None:
    wait_for("the calls to be answered", lambda: all("answered" in one.marks() for one in calls), STATE_S)


def _wait_rung(world: World, calls: Sequence[Placed]) -> None:
    wait_for("the targets to ring", lambda: all(world.targets.legs(one.caller) for one in calls), STATE_S)


def _judged(name: str, truths: Sequence[Truth], expect: Expect, notes: str = "") -> Row:
    row = Row(name)
    for truth in truths:
        judge(truth, expect, row)
    row.notes = notes or row.notes
    return row


def _ran(truths: Sequence[Truth], application: str, count: int) -> list[str]:
    """The switch's own list of what ran on the caller's leg."""
    found = [(truth.switch_call or {"applications": []})["applications"].count(application) for truth in truths]
    return [f"{application} ran {times} times, expected {count}" for times in found if times != count]


def back_in_time(world: World) -> list[Row]:
    """Killed in IVR, ringing and bridge, started again at once: no call is lost, asked twice to pay or rung twice."""
    bridged = world.place(CallPlan(number=NUMBERS["answered"], count=BRIDGED, hangup_ms=BRIDGED_MS), "bridged")
    _wait_answered(bridged)
    ivr = world.place(CallPlan(number=NUMBERS["by-zip"], listens=True, hangup_ms=30_000), "ivr")
    ringing = world.place(CallPlan(number=NUMBERS["ringing"], hangup_ms=18_000), "ringing")
    greeted = world.place(CallPlan(number=NUMBERS["ringing-greeted"], hangup_ms=25_000), "greeted")
    several = world.place(CallPlan(number=NUMBERS["together-slow"], hangup_ms=25_000), "several")
    asked_to_press = world.place(CallPlan(number=NUMBERS["press-late"], hangup_ms=30_000), "asked")
    holds = world.place(CallPlan(number=NUMBERS["queue"], hangup_ms=22_000), "holds")
    _wait_rung(world, holds)
    queueing = world.place(CallPlan(number=NUMBERS["queue"], hangup_ms=40_000, listens=True), "queueing")
    _wait_answered([*ivr, *greeted, *several, *asked_to_press, *queueing])
    _wait_rung(world, [*ringing, *greeted, *several, *asked_to_press])
    time.sleep(INTO_PROMPT_S)
    world.engine.kill()
    killed_at = time.monotonic()
    world.engine.start()
    away_s = time.monotonic() - killed_at
    if away_s > BACK_S_MAX:
        raise LiveError(f"the engine needed {away_s:.1f} s to come back: too slow a machine for this case")
    time.sleep(INTO_REPEATED_S)
    for one in ivr:
        if one.phone is not None:
            one.phone.key("90210")
    waiting = [*several, *asked_to_press, *holds, *queueing]
    world.wait_over([*bridged, *ivr, *ringing, *greeted, *waiting])
    answered = Expect(attempts=[("stays", "answered")], hung_up_by="caller", connected_ms=about(BRIDGED_MS))
    slow = Expect(attempts=[("slow", "answered")], hung_up_by="caller")
    asked = Expect(attempts=[("beverly-hills", "answered")], zip_code="90210", hung_up_by="caller")
    away = f"away {away_s:.1f} s of {CLAIM_IN_TIME_S}"
    in_ivr = _judged("kill-ivr-back-soon", world.truth(ivr), asked, f"{away}, asked again")
    in_ivr.problems += _ran(world.truth(ivr), "play_and_get_digits", 2)
    rang_on = _judged("kill-ringing-back-soon", world.truth(ringing), slow, f"{away}, one leg")
    rang_on.problems += _ran(world.truth(ringing), "bridge", 1)
    return [
        _judged("kill-bridged-20", world.truth(bridged), answered, f"{away}, none lost"),
        in_ivr,
        rang_on,
        _judged("kill-ringing-answered-back-soon", world.truth(greeted), slow, f"{away}, one leg"),
        *_judged_waiting(world, away, waiting),
    ]


def _judged_waiting(world: World, away: str, calls: Sequence[Placed]) -> list[Row]:
    """Killed while several rang, while a target was asked to press a key, and while a caller stood in a queue."""
    several, asked, holds, queueing = calls
    won = Expect(attempts=[("slow", "answered"), ("slower", "cancelled")], together=True, hung_up_by="caller")
    pressed = Expect(attempts=[("presses-late", "answered")], hung_up_by="caller")
    served = Expect(attempts=[("queued", "answered")], hung_up_by="caller")
    rows = [
        _judged("kill-several-ring-back-soon", world.truth([several]), won, f"{away}, one bridge"),
        _judged("kill-press-one-back-soon", world.truth([asked]), pressed, f"{away}, one leg"),
        _judged("kill-queueing-back-soon", world.truth([holds, queueing]), served, f"{away}, served in the end"),
    ]
    for row, call in zip(rows, ([several], [asked], [queueing]), strict=True):
        row.problems += _ran(world.truth(call), "bridge", 1)
    if queueing.phone is not None and queueing.phone.longest_silence_s() > SILENCE_S_MAX:
        rows[2].problems.append(f"the caller in the queue heard nothing for {queueing.phone.longest_silence_s():.1f} s")
    return rows


def back_late(world: World) -> list[Row]:
    """Killed and away past the dead-man's switch: the switch falls back alone, and the records come afterwards."""
    outlives = world.place(CallPlan(number=NUMBERS["answered"], hangup_ms=45_000), "outlives")
    unseen = world.place(CallPlan(number=NUMBERS["answered"], hangup_ms=14_000), "unseen")
    _wait_answered([*outlives, *unseen])
    ivr = world.place(CallPlan(number=NUMBERS["by-zip"], listens=True), "ivr")
    ringing = world.place(CallPlan(number=NUMBERS["ringing-long"]), "ringing")
    greeted = world.place(CallPlan(number=NUMBERS["ringing-long-greeted"], listens=True), "greeted")
    back = world.place(CallPlan(number=NUMBERS["recovered-late"], hangup_ms=60_000), "back")
    _wait_answered([*ivr, *greeted, *back])
    _wait_rung(world, [*ringing, *greeted, *back])
    time.sleep(INTO_PROMPT_S)
    world.engine.kill()
    time.sleep(AWAY_LATE_S)
    world.engine.start()
    fallen = [*ivr, *ringing, *greeted, *back]
    world.wait_over([*unseen, *fallen, *outlives])
    gone = Expect(outcome="engine_fallback", estimated=True)
    rang = Expect(outcome="engine_fallback", estimated=True, attempts=[("slower", "cancelled")])
    refused = Expect(
        sip="503",
        reason="engine_fallback",
        outcome="engine_fallback",
        estimated=True,
        attempts=[("slower", "cancelled")],
    )
    talked = Expect(attempts=[("stays", "answered")], estimated=True)
    came_back = Expect(attempts=[("leaves-later", "answered")], estimated=True)
    whole = Expect(attempts=[("stays", "answered")], hung_up_by="caller")
    return [
        _judged("kill-ivr-back-late", world.truth(ivr), gone, "apology; end estimated"),
        _judged("kill-ringing-back-late", world.truth(ringing), refused, "503; end estimated"),
        _judged("kill-ringing-answered-back-late", world.truth(greeted), rang, "apology; end estimated"),
        _judged("kill-bridge-ends-unseen", world.truth(unseen), talked, "end estimated"),
        _judged("kill-recovery-back-late", world.truth(back), came_back, "apology, no second dial; end estimated"),
        _judged("kill-bridge-outlives", world.truth(outlives), whole, f"away {AWAY_LATE_S:.0f} s, not cut"),
    ]


def at_rest(world: World, name: str) -> Row:
    """Nothing is left over: no leg on the switch, no live call, no lease, no bug counted, none above its cap."""
    row = Row(name)
    engine = world.engine
    for what, count in {
        "legs on the switch": world.switch.channels,
        "live calls": lambda: engine.metric("ppc_calls_live"),
        "leases": lambda: engine.metric("ppc_leases"),
        "CDRs to write": lambda: engine.metric("ppc_cdr_backlog"),
    }.items():
        try:
            wait_for(f"no {what}", lambda count=count: not count(), REST_S, 0.25)
        except RuntimeError:
            row.problems.append(f"{count()} {what} at rest")
    if not engine.metrics():
        row.problems.append("/metrics does not answer")
    for counter in ("ppc_bugs_total", "ppc_switch_reconnects_total"):
        if count := engine.metric(counter):
            row.problems.append(f"{counter} is {count:.0f}: see the engine's log")
    row.calls = len(engine.calls())
    highest = max(world.leases.highest.values(), default=0)
    row.notes = f"leases 0, at most {highest:.0f} in {world.leases.samples} samples; {row.calls} CDRs"
    return row
