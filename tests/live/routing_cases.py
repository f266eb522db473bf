"""The routings beyond one target after another: queue, press-1 with whisper, together, menu, pending caps, redial."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from judging import Expect, Row, judge
from network import NUMBERS
from processes import wait_for
from world import CallPlan, Placed, World

Case = Callable[[World, str], Row]
STATE_S = 20.0
SILENCE_S_MAX = 5.0  # As in cases.py: the ring tone itself pauses for four seconds.
TALK_MS, COUNTS_MS = 2_000, 5_000  # The offers of these campaigns want three seconds.


def _wait_connected(world: World, calls: Sequence[Placed], target: str) -> None:
    wait_for(
        f"{target} to be connected",
        lambda: all("answered" in leg for one in calls for leg in world.targets.legs(one.caller).get(target, [{}])),
        STATE_S,
    )


def _judged(world: World, row: Row, calls: Sequence[Placed], expect: Expect) -> None:
    for truth in world.truth(calls):
        judge(truth, expect, row)
    for one in calls:
        if one.phone is not None and one.phone.longest_silence_s() > SILENCE_S_MAX:
            row.problems.append(f"{one.test_id} heard nothing for {one.phone.longest_silence_s():.1f} s")


def queue(world: World, name: str) -> Row:
    """One target, three callers: the second and third wait with music, and are served in the order of coming."""
    row = Row(name)
    number = NUMBERS["queue"]
    first = world.place(CallPlan(number=number, hangup_ms=9_000), f"{name}-first")
    _wait_connected(world, first, "queued")
    second = world.place(CallPlan(number=number, hangup_ms=17_000, listens=True), f"{name}-second")
    time.sleep(1.5)
    third = world.place(CallPlan(number=number, hangup_ms=24_000), f"{name}-third")
    gives_up = world.place(CallPlan(number=number, hangup_ms=4_000), f"{name}-gives-up")
    calls = [*first, *second, *third]
    world.wait_over([*calls, *gives_up])
    _judged(world, row, calls, Expect(attempts=[("queued", "answered")], hung_up_by="caller"))
    _judged(world, row, gives_up, Expect(outcome="abandoned_in_queue", hung_up_by="caller"))
    began = [world.targets.legs(one.caller)["queued"][0]["invited"] for one in calls]
    if began != sorted(began):
        row.problems.append(f"rung in the order {began}, not in that of coming")
    highest = world.leases.highest.get("target:queued", 0)
    if highest > 1:
        row.problems.append(f"leases of the target went up to {highest}, the cap is 1")
    waited_s = (began[1] - began[0]) / 1000
    row.notes = f"second rung {waited_s:.1f} s after the first, in order; one gave up"
    return row


def queue_too_long(world: World, name: str) -> Row:
    """Nobody comes free within the five seconds that a caller may wait: the exit for that is taken."""
    row = Row(name)
    number = NUMBERS["queue-short"]
    first = world.place(CallPlan(number=number, hangup_ms=16_000), f"{name}-first")
    _wait_connected(world, first, "queued-short")
    second = world.place(CallPlan(number=number, listens=True), f"{name}-second")
    world.wait_over([*first, *second])
    _judged(world, row, first, Expect(attempts=[("queued-short", "answered")], hung_up_by="caller"))
    _judged(world, row, second, Expect(outcome="all_capped"))
    (truth,) = world.truth(second)
    lived_ms = (truth.cdr or {}).get("total_ms", 0)
    if not 5_000 <= lived_ms <= 14_000:
        row.problems.append(f"the second call lasted {lived_ms} ms: five seconds of waiting and a prompt were wanted")
    row.notes = f"waited 5 s, then told so; call of {lived_ms / 1000:.1f} s"
    return row


def press_one(world: World, name: str) -> Row:
    """A whisper, then a question: who does not press in time is followed by who does; the caller hears ringing."""
    row = Row(name)
    calls = world.place(CallPlan(number=NUMBERS["press-one"], hangup_ms=16_000, listens=True), name)
    world.wait_over(calls)
    expect = Expect(attempts=[("never-presses", "no_answer"), ("presses", "answered")], hung_up_by="caller")
    _judged(world, row, calls, expect)
    (truth,) = world.truth(calls)
    for attempt in (truth.cdr or {"attempts": []})["attempts"]:
        if not attempt["target_answered_at"]:
            row.problems.append(f"{attempt['target']}: its answer is not in the CDR")
        listened_ms = (attempt["connected_at"] - attempt["target_answered_at"]) // 1000
        if attempt["connected_at"] and not 3_500 <= listened_ms <= 5_500:
            row.problems.append(f"{attempt['target']} listened for {listened_ms} ms before it was connected")
    phone = calls[0].phone
    row.notes = f"not pressed: next; longest silence of the caller {phone.longest_silence_s() if phone else 0:.1f} s"
    return row


def together(world: World, name: str) -> Row:
    """Three targets ring at once: one is busy, the first to answer talks, the other is cancelled."""
    row = Row(name)
    calls = world.place(CallPlan(number=NUMBERS["together"], hangup_ms=6_000, listens=True), name)
    world.wait_over(calls)
    expect = Expect(
        attempts=[("together-1", "answered"), ("together-2", "cancelled"), ("together-busy", "busy")],
        together=True,
        hung_up_by="caller",
    )
    _judged(world, row, calls, expect)
    legs = world.targets.legs(calls[0].caller)
    if "cancelled" not in legs.get("together-2", [{}])[0]:
        row.problems.append("the loser saw no CANCEL")
    row.notes = "first of two connected, the other saw CANCEL"
    return row


def menu(world: World, name: str) -> Row:
    """A key pressed as RFC 4733 event into the menu chooses the way."""
    row = Row(name)
    plan = CallPlan(number=NUMBERS["menu"], digits=[(2.0, "2")], hangup_ms=8_000)
    calls = world.place(plan, name)
    world.wait_over(calls)
    _judged(world, row, calls, Expect(attempts=[("service-desk", "answered")], hung_up_by="caller"))
    row.notes = "2 keyed: the service desk"
    return row


def pending(world: World, name: str) -> Row:
    """A target that takes one paid call a day: of five at once it gets one, and another only once that one is certain
    not to be paid; after a call that counts it gets none."""
    row = Row(name)
    number = NUMBERS["pending"]
    calls = world.place(CallPlan(number=number, count=5, hangup_ms=TALK_MS), name)
    world.wait_over(calls)
    truths = world.truth(calls)
    got = [truth for truth in truths if "one-a-day" in truth.target_legs]
    for truth in truths:
        took = "one-a-day" if truth in got else "stays"
        judge(truth, Expect(attempts=[(took, "answered")], hung_up_by="caller"), row)
    if len(got) != 1:
        row.problems.append(f"{len(got)} of five simultaneous calls went to the target whose cap is one")
    for length_ms, took, why in (
        (COUNTS_MS, "one-a-day", "the first was too short to count"),
        (TALK_MS, "stays", "one has counted"),
    ):
        more = world.place(CallPlan(number=number, hangup_ms=length_ms), f"{name}-{took}")
        world.wait_over(more)
        before = len(row.problems)
        _judged(world, row, more, Expect(attempts=[(took, "answered")], hung_up_by="caller"))
        row.problems[before:] = [f"{why}: {problem}" for problem in row.problems[before:]]
    row.notes = "one of five; then one that counts; then none"
    return row


def redialled(world: World, name: str) -> Row:
    """Busy, rung again after three seconds of ringing in the caller's ear, busy again, then the next."""
    row = Row(name)
    calls = world.place(CallPlan(number=NUMBERS["redialled"], hangup_ms=9_000, listens=True), name)
    world.wait_over(calls)
    expect = Expect(attempts=[("busy-twice", "busy"), ("busy-twice", "busy"), ("stays", "answered")])
    _judged(world, row, calls, expect)
    legs = world.targets.legs(calls[0].caller).get("busy-twice", [])
    pause_ms = legs[1]["invited"] - legs[0]["invited"] if len(legs) == 2 else 0
    if not 2_900 <= pause_ms <= 4_500:
        row.problems.append(f"rung again after {pause_ms} ms, three seconds were wanted")
    row.notes = f"again after {pause_ms / 1000:.1f} s"
    return row


def told_little(world: World, name: str) -> Row:
    """What a buyer's INVITE holds: our number, the token that it may see, nothing of the publisher or the caller."""
    row = Row(name)
    headers = (
        "X-Sub-ID: fb-77\nX-Secret: of-the-publisher\nP-Asserted-Identity: <sip:+13105550123@127.0.0.1>\n"
        "Diversion: <sip:+18005550111@127.0.0.1>\nUser-to-User: 616263;encoding=hex\n"
        "History-Info: <sip:+18005550111@127.0.0.1>;index=1\n"
    )
    calls = world.place(CallPlan(number=NUMBERS["told-little"], hangup_ms=3_000, headers=headers), name)
    world.wait_over(calls)
    (truth,) = world.truth(calls)
    row.calls = 1
    row.problems += truth.problems
    if (truth.cdr or {}).get("outcome") != "connected":
        row.problems.append(f"outcome {(truth.cdr or {}).get('outcome')!r}, expected connected")
        return row
    text = world.targets.sipps["told-little"].messages.read_text(errors="replace")
    invite = text[text.index("INVITE sip:") :].split("\n\n")[0]
    wanted = [NUMBERS["told-little"], f"X-Token: {truth.cdr['call_token']}" if truth.cdr else ""]
    row.problems += [f"the buyer's INVITE lacks {word}" for word in wanted if word not in invite]
    secrets = [calls[0].caller, "fb-77", "of-the-publisher", "Diversion", "User-to-User", "History-Info", "X-Test-ID"]
    row.problems += [f"the buyer was shown {word}" for word in secrets if word in text]
    row.notes = "our number and the token, nothing else"
    return row


ROUTINGS: dict[str, Case] = {
    "queue": queue,
    "queue-too-long": queue_too_long,
    "press-one": press_one,
    "together": together,
    "menu": menu,
    "pending-cap": pending,
    "redialled": redialled,
    "told-little": told_little,
}
