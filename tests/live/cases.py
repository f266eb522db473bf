"""Every case against a running world: what is placed, and what must become of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from judging import Expect, Row, judge
from network import NUMBERS, SLOTS, UNKNOWN_NUMBER
from private_switch import PrivateSwitch
from processes import LiveError
from trunk_sipp import Sipp, fill
from world import CallPlan, World

Case = Callable[[World, str], Row]
TALK_MS = 4_000
SILENCE_S_MAX = 5.0  # No dead air longer than this with a living engine (reliability.md, I4).
SLACK_MS = 1_500


def about(length_ms: int) -> tuple[int, int]:
    """A length that a call of these timers may have."""
    return max(0, length_ms - SLACK_MS), length_ms + SLACK_MS


def placed(plan: CallPlan, expect: Expect) -> Case:
    """The usual case: place the calls, wait, judge each by the same expectation."""

    def run(world: World, name: str) -> Row:
        row = Row(name)
        calls = world.place(plan, name)
        world.wait_over(calls)
        for truth in world.truth(calls):
            judge(truth, expect, row)
        return row

    return run


def heard(plan: CallPlan, expect: Expect) -> Case:
    """As ``placed``, for one caller whose ears are ours: no silence longer than the allowed one."""

    def run(world: World, name: str) -> Row:
        row = Row(name)
        calls = world.place(plan, name)
        world.wait_over(calls)
        for truth in world.truth(calls):
            judge(truth, expect, row)
        phone = calls[0].phone
        if phone is not None:
            silence_s, sound_s = phone.longest_silence_s(), phone.sound_s()
            if silence_s > SILENCE_S_MAX or not sound_s:
                row.problems.append(f"the caller heard {sound_s:.1f} s of sound, and nothing for {silence_s:.1f} s")
            row.notes += f", heard {sound_s:.1f} s, longest silence {silence_s:.1f} s"
        return row

    return run


def hunting(campaign: str, first: str, outcome: str, *, listens: bool = False) -> Case:
    """The first target fails in its way, the second answers."""
    plan = CallPlan(number=NUMBERS[campaign], hangup_ms=TALK_MS, listens=listens)
    if listens:
        plan = CallPlan(number=NUMBERS[campaign], hangup_ms=2 * TALK_MS, listens=True)
    expect = Expect(attempts=[(first, outcome), ("stays", "answered")], hung_up_by="caller")
    return (heard if listens else placed)(plan, expect)


def moved(world: World, name: str) -> Row:
    """A 302 is a failed attempt, and the number it points to is never called (security D4)."""
    row = hunting("moved-then-next", "moved", "failed")(world, name)
    if packets := world.premium_calls():
        row.problems.append(f"the premium number got {packets} packets")
    row.notes += ", premium number untouched"
    return row


def capped(world: World, name: str) -> Row:
    """Twenty callers at once for a target that takes two."""
    row = Row(name)
    calls = world.place(CallPlan(number=NUMBERS["capped"], count=20, hangup_ms=TALK_MS), name)
    world.wait_over(calls)
    truths = world.truth(calls)
    won = [truth for truth in truths if "answered" in truth.marks]
    for truth in truths:
        if truth in won:
            judge(truth, Expect(attempts=[("capped", "answered")]), row)
        else:
            judge(truth, Expect(sip="486", reason="all_capped", outcome="all_capped"), row)
    if len(won) != SLOTS:
        row.problems.append(f"{len(won)} of {len(calls)} callers were connected, the cap is {SLOTS}")
    highest = world.leases.highest.get("target:capped", 0)
    if not 0 < highest <= SLOTS:
        row.problems.append(f"leases of the target went up to {highest}, the cap is {SLOTS}")
    row.notes = f"{len(won)} connected, at most {highest:.0f} leases"
    return row


def zip_by(*, rfc4733: bool) -> Case:
    """A ZIP keyed into the prompt, by either road, finds the target of that place."""
    number = NUMBERS["by-zip"]
    expect = Expect(attempts=[("beverly-hills", "answered")], zip_code="90210", hung_up_by="caller")
    if rfc4733:
        return heard(CallPlan(number=number, digits=[(2.5, "90210")], hangup_ms=9_000), expect)
    return placed(CallPlan(number=number, info_digits="90210", hangup_ms=TALK_MS), expect)


def zip_failed(digits: Sequence[tuple[float, str]], *, connected_zip: str = "") -> Case:
    """Keyed digits that are no ZIP; with ``connected_zip`` the last try is one."""
    plan = CallPlan(number=NUMBERS["by-zip"], digits=digits, listens=True, hangup_ms=45_000)
    if connected_zip:
        plan = CallPlan(number=NUMBERS["by-zip"], digits=digits, hangup_ms=16_000)
        return heard(plan, Expect(attempts=[("new-york", "answered")], zip_code=connected_zip))
    return heard(plan, Expect(outcome="zip_failed"))


FORGED_ID = "00000000-dead-beef-0000-000000000000"
SDP_FORGED = f"Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: {FORGED_ID}\nvariable_billusec: 3600000000\n"
HOSTILE: dict[str, dict[str, str]] = {
    "name with a coded line feed": {"display": '"ANN%0aUnique-ID: dead-beef%0d%0aEvent-Name: SHUTDOWN"'},
    "name that runs a command": {"display": '"${system(touch CANARY)} reload mod_event_socket"'},
    "name with a line separator and a dial string": {"display": '"A\u2028B},{x}sofia/trunks/900@x"'},
    "header that looks like a list": {"headers": "X-Sub-ID: ARRAY::a|:b\nX-Ref: fb-77%0aUnique-ID: dead\n"},
    "header that is very long": {"headers": f"X-Sub-ID: {'A' * 3_000}\n"},
    "SDP with forged event lines": {"sdp": SDP_FORGED},
    "Replaces of a guessed leg": {"headers": "Replaces: 0000;to-tag=1;from-tag=2\n"},
}
BAD_NUMBERS = ("ppc_reclaim", "ppc_fallback", "18005550100%20x", "1;ext", "abc", "18005550100%0aUnique-ID")


def hostile(world: World, name: str) -> Row:
    """Text that a stranger may send in an INVITE: the call is connected as any other, and nothing else happens."""
    row = Row(name)
    canary = world.directory / "canary"
    calls = []
    for index, (what, more) in enumerate(HOSTILE.items()):
        said = {part: text.replace("CANARY", str(canary)) for part, text in more.items()}
        plan = CallPlan(number=NUMBERS["answered"], hangup_ms=TALK_MS, **said)
        calls.append((what, world.place(plan, f"{name}-{index}")))
    refused = [world.place(CallPlan(number=bad), f"{name}-number") for bad in BAD_NUMBERS]
    for what, group in calls:
        world.wait_over(group)
        before = len(row.problems)
        for truth in world.truth(group):
            judge(truth, Expect(attempts=[("stays", "answered")], hung_up_by="caller"), row)
        row.problems[before:] = [f"{what}: {problem}" for problem in row.problems[before:]]
    for bad, group in zip(BAD_NUMBERS, refused, strict=True):
        world.wait_over(group)
        row.calls += 1
        if "404" not in group[0].marks():
            row.problems.append(f"dialled {bad}: SIPp saw {sorted(group[0].marks())}, expected 404")
    if canary.exists():
        row.problems.append("the switch ran a command out of a caller's name")
    if FORGED_ID in world.engine.calls():
        row.problems.append("a forged event made a CDR")
    row.problems += _leaks(world, [one for _, group in calls for one in group])
    row.notes = f"{len(calls)} connected untouched, {len(refused)} numbers that are none: 404"
    return row


def _leaks(world: World, calls: Sequence[object]) -> list[str]:
    """What of the callers' own headers and names reached the target "stays" (security D9)."""
    sent = world.targets.sipps["stays"].messages.read_text(errors="replace")
    found = [word for word in ("X-Sub-ID", "X-Ref", "X-Test-ID", "dead-beef", "mod_event_socket") if word in sent]
    return [f"a buyer was shown {word}" for word in found]


def private_caller(world: World, name: str) -> Row:
    """A caller who asked for privacy: the engine knows the asserted number, the buyer is shown none."""
    headers = "P-Asserted-Identity: <sip:+13105559999@127.0.0.1>\nPrivacy: id\n"
    row = Row(name)
    plan = CallPlan(number=NUMBERS["target-leaves"], hangup_ms=TALK_MS, headers=headers, caller="anonymous")
    calls = world.place(plan, name)
    world.wait_over(calls)
    (truth,) = world.truth(calls)
    judge(truth, Expect(attempts=[("leaves", "answered")], hung_up_by="caller"), row)
    if truth.cdr and truth.cdr["caller_number"] != "+13105559999":
        row.problems.append(f"caller_number {truth.cdr['caller_number']!r}, expected the asserted one")
    if "3105559999" in world.targets.sipps["leaves"].messages.read_text(errors="replace"):
        row.problems.append("the buyer was shown the private number")
    return row


def stranger(world: World, name: str) -> Row:
    """An INVITE from an address outside the ACL is 403 and leaves no record; nothing but calls is served (D1, D2)."""
    row = Row(name)
    calls = world.place(CallPlan(number=NUMBERS["answered"], ip="127.0.0.2"), name)
    world.wait_over(calls)
    (truth,) = world.truth(calls, recorded=False)
    row.calls = 1
    if "403" not in truth.marks:
        row.problems.append(f"SIPp saw {sorted(truth.marks)}, expected 403")
    if truth.switch_call or truth.cdr:
        row.problems.append("a refused stranger has a record")
    codes = {}
    wanted = {"REGISTER": "405", "SUBSCRIBE": "405", "PUBLISH": "405", "REFER": "405"}
    for (method, code), ip in itertools.product(wanted.items(), ("127.0.0.1", "127.0.0.2")):
        codes[method] = _request(world, f"{name}-{method}-{ip[-1]}", method, ip)
        row.calls += 1
        if code not in codes[method]:
            row.problems.append(f"{method} from {ip}: {sorted(codes[method])}, expected {code}")
    row.problems += _guess_passwords(world.switch)
    row.notes = "403; REGISTER, SUBSCRIBE, PUBLISH, REFER 405 inside and outside; known passwords refused"
    return row


def _request(world: World, name: str, method: str, ip: str) -> dict[str, int]:
    headers = "Event: presence\nExpires: 60\nRefer-To: <sip:19005550100@127.0.0.1>\n"
    words = {"method": method, "headers": headers}
    scenario = fill("request.xml", world.sipp_directory, name, words)
    rows = world.sipp_directory / f"{name}.csv"
    rows.write_text(f"SEQUENTIAL\n{name};+13105550000\n")
    sipp = Sipp(
        world.sipp_directory,
        name,
        scenario,
        ["-inf", str(rows), "-m", "1", f"127.0.0.1:{world.switch.sip_port}"],
        ip=ip,
    )
    if sipp.child.wait(10) is None:
        sipp.child.kill()
    return sipp.marks().of(name)


def _guess_passwords(switch: PrivateSwitch) -> list[str]:
    problems = []
    for password in ("ClueCon", "cluecon", "$${ppc_esl_password}"):
        try:
            switch.api("status", password)
        except LiveError:
            continue
        problems.append(f"the event socket took the password {password}")
    return problems


STEADY: dict[str, Case] = {
    "answered": placed(
        CallPlan(number=NUMBERS["answered"], hangup_ms=TALK_MS),
        Expect(attempts=[("stays", "answered")], connected_ms=about(TALK_MS), hung_up_by="caller"),
    ),
    "target-hangs-up": placed(
        CallPlan(number=NUMBERS["target-leaves"]),
        Expect(attempts=[("leaves", "answered")], connected_ms=about(5_000), hung_up_by="target"),
    ),
    "busy-then-next": hunting("busy-then-next", "busy", "busy"),
    "no-answer-then-next": hunting("no-answer-then-next", "rings", "no_answer", listens=True),
    "unreachable-then-next": hunting("unreachable-then-next", "nobody", "unreachable"),
    "silent-then-next": hunting("silent-then-next", "silent", "unreachable"),
    "unavailable-then-next": hunting("unavailable-then-next", "unavailable", "failed"),
    "moved-then-next": moved,
    "recovered": heard(
        CallPlan(number=NUMBERS["recovered"], hangup_ms=9_000, listens=True),
        Expect(attempts=[("leaves-early", "answered"), ("stays", "answered")], hung_up_by="caller"),
    ),
    "caller-cancels": placed(
        CallPlan(number=NUMBERS["ringing"], cancel_ms=3_000),
        Expect(sip="cancelled", outcome="abandoned_ringing", attempts=[("slow", "cancelled")], hung_up_by="caller"),
    ),
    "caller-leaves-in-ivr": placed(
        CallPlan(number=NUMBERS["by-zip"], hangup_ms=3_000), Expect(outcome="abandoned_in_ivr", hung_up_by="caller")
    ),
    "zip-rfc4733": zip_by(rfc4733=True),
    "zip-sip-info": zip_by(rfc4733=False),
    "zip-wrong-then-right": zip_failed([(2.5, "00000"), (6.5, "10001")], connected_zip="10001"),
    "zip-wrong": zip_failed([(2.5, "00000"), (7.0, "99999"), (11.5, "00001#")]),
    "zip-partial": zip_failed([(2.5, "902")]),
    "zip-none": zip_failed([]),
    "cap-2-of-20": capped,
    "unknown-number": placed(
        CallPlan(number=UNKNOWN_NUMBER), Expect(sip="404", reason="unknown_number", outcome="unknown_number")
    ),
    "hostile": hostile,
    "private-caller": private_caller,
    "stranger": stranger,
}
