"""Nodes that no other case has: history, a server that is asked, a recording of the call, a message, velocity."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

from judging import Expect, Row, judge
from network import NUMBERS, RECORDINGS
from world import CallPlan, World

CALLER = "+13105557701"
SILENCE_S_MAX = 2.5  # Shorter than the server takes: who heard nothing while it was asked is found out.
LOUD = 1_000  # Of 32,768: a voice or a tone, and no noise of the line.


def _loud_s(path: Path) -> float:
    """Seconds of a recording in which either side of it said something."""
    with wave.open(str(path)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        step = file.getframerate() * file.getnchannels() // 10
    return sum(max(map(abs, samples[at : at + step])) > LOUD for at in range(0, len(samples) - step, step)) / 10


def asked_about(world: World, name: str) -> Row:
    """One caller three times: a stranger is enriched, recorded and connected, a known one leaves a message, the third
    call within ten minutes is blocked."""
    row = Row(name)
    directory = world.directory / RECORDINGS
    expectations = [
        ("stranger", 16_000, Expect(attempts=[("stays", "answered")], zip_code="90210", hung_up_by="caller")),
        ("known", 40_000, Expect(outcome="all_closed", hung_up_by="engine")),
        ("blocked", 5_000, Expect(outcome="blocked", sip="603", reason="blocked", hung_up_by="engine")),
    ]
    for number, (who, hangup_ms, expect) in enumerate(expectations):
        plan = CallPlan(number=NUMBERS["asked-about"], hangup_ms=hangup_ms, caller=CALLER, listens=number == 0)
        calls = world.place(plan, f"{name}-{who}")
        world.wait_over(calls)
        (truth,) = world.truth(calls)
        if number:
            truth.target_legs = {}  # Found by the caller's number: they are the first call's.
        judge(truth, expect, row)
        phone = calls[0].phone
        if phone is not None and phone.longest_silence_s() > SILENCE_S_MAX:
            row.problems.append(f"{who} heard nothing for {phone.longest_silence_s():.1f} s")
    files = {path: _loud_s(path) for path in sorted(directory.glob("*.wav"), key=lambda path: path.stat().st_mtime)}
    if len(files) != 2:
        row.problems.append(f"{len(files)} recordings, expected one of the first call and one message")
    lengths = ", ".join(f"{length:.1f} s" for length in files.values())
    row.notes = f"recordings with sound: {lengths}"
    row.problems += [f"{path.name}: nobody is heard" for path, length in files.items() if length < 1]
    return row


FLOW_NODES = {"asked-about": asked_about}
