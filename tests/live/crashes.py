"""The engine is killed with -9 while calls are in every state, and comes back in time or too late."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from judging import Expect, Row, judge
from network import NUMBERS
from processes import wait_for
from world import CLAIM_S, CallPlan, Placed, Truth, World

BRIDGED = 20
AWAY_LATE_S = CLAIM_S + 9.0  # Past the dead-man's switch, and past the apology that follows it.
REST_S = 20.0


def _all_answered(calls: Sequence[Placed]) -> Callable[[], bool]:
    return lambda: all("answered" in one.marks() for one in calls)


def _judged(name: str, truths: Sequence[Truth], expect: Expect, notes: str = "") -> Row:
    row = Row(name)
    for truth in truths:
        judge(truth, expect, row)
    row.notes = notes or row.notes
    return row


def back_in_time(world: World) -> list[Row]:
    """Killed in IVR, ringing and bridge, started again at once: no call is lost, asked twice to pay or rung twice."""
    bridged = world.place(CallPlan(number=NUMBERS["answered"], count=BRIDGED, hangup_ms=25_000), "bridged")
    wait_for("the calls to be bridged", _all_answered(bridged), 20)
    ivr = world.place(CallPlan(number=NUMBERS["by-zip"], digits=[(12.0, "90210")], hangup_ms=20_000), "ivr")
    ringing = world.place(CallPlan(number=NUMBERS["ringing"], hangup_ms=4_000), "ringing")
    greeted = world.place(CallPlan(number=NUMBERS["ringing-greeted"], hangup_ms=15_000), "greeted")
    time.sleep(3.0)
    world.engine.kill()
    killed_at = time.monotonic()
    world.engine.start()
    away_s = time.monotonic() - killed_at
    world.wait_over([*bridged, *ivr, *ringing, *greeted])
    answered = Expect(attempts=[("stays", "answered")], hung_up_by="caller", connected_ms=(24_000, 27_000))
    slow = Expect(attempts=[("slow", "answered")], hung_up_by="caller")
    by_zip = Expect(attempts=[("beverly-hills", "answered")], zip_code="90210", hung_up_by="caller")
    away = f"away {away_s:.1f} s"
    return [
        _judged("kill-bridged-20", world.truth(bridged), answered, f"{away}, none lost"),
        _judged("kill-ivr-back-soon", world.truth(ivr), by_zip, f"{away}, asked again"),
        _judged("kill-ringing-back-soon", world.truth(ringing), slow, f"{away}, one leg"),
        _judged("kill-ringing-answered-back-soon", world.truth(greeted), slow, f"{away}, one leg"),
    ]


def back_late(world: World) -> list[Row]:
    """Killed and away past the dead-man's switch: the switch falls back alone, and the records come afterwards."""
    outlives = world.place(CallPlan(number=NUMBERS["answered"], hangup_ms=45_000), "outlives")
    unseen = world.place(CallPlan(number=NUMBERS["answered"], hangup_ms=14_000), "unseen")
    wait_for("the calls to be bridged", _all_answered([*outlives, *unseen]), 20)
    ivr = world.place(CallPlan(number=NUMBERS["by-zip"], listens=True), "ivr")
    ringing = world.place(CallPlan(number=NUMBERS["ringing-long"]), "ringing")
    greeted = world.place(CallPlan(number=NUMBERS["ringing-long-greeted"], listens=True), "greeted")
    back = world.place(CallPlan(number=NUMBERS["recovered"], hangup_ms=60_000), "back")
    time.sleep(1.2)
    world.engine.kill()
    time.sleep(AWAY_LATE_S)
    world.engine.start()
    fallen = [*ivr, *ringing, *greeted, *back]
    world.wait_over([*unseen, *fallen, *outlives])
    gone = Expect(outcome="engine_fallback", estimated=True)
    rang = Expect(outcome="engine_fallback", estimated=True, attempts=[("slower", "cancelled")])
    refused = Expect(sip="503", outcome="engine_fallback", estimated=True, attempts=[("slower", "cancelled")])
    talked = Expect(attempts=[("stays", "answered")], estimated=True)
    came_back = Expect(attempts=[("leaves-early", "answered")], estimated=True)
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
    if bugs := engine.metric("ppc_bugs_total"):
        row.problems.append(f"ppc_bugs_total is {bugs:.0f}: see the engine's log")
    row.calls = len(engine.calls())
    highest = max(world.leases.highest.values(), default=0)
    row.notes = f"leases 0, at most {highest:.0f} in {world.leases.samples} samples; {row.calls} CDRs"
    return row
