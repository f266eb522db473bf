"""Compares what SIPp, the switch and the engine say of a call. SIPp is the judge (reliability.md, I6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trunk_sipp import length_ms
from world import Truth

SIPP_MS_MAX = 1_000  # semantics of the acceptance: SIPp's length and ours agree within a second.
SWITCH_MS_MAX = 250  # Two sources that differ by more go to review (semantics.md, "Review").


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a call must have become. ``sip`` is "answered", "cancelled" or the refusal's status code, ``reason`` the
    word of the Reason header that came with a refusal."""

    sip: str = "answered"
    reason: str = ""
    outcome: str = "connected"
    attempts: Sequence[tuple[str, str]] = ()
    connected_ms: tuple[int, int] | None = None
    zip_code: str = ""
    hung_up_by: str = ""
    estimated: bool = False
    together: bool = False  # The attempts rang at once: their order means nothing.


@dataclass(slots=True)
class Row:
    """One line of the table."""

    case: str
    calls: int = 0
    problems: list[str] = field(default_factory=list)
    sipp_ms: int | None = None
    switch_ms: int | None = None
    our_ms: int | None = None
    notes: str = ""
    call_ids: list[str] = field(default_factory=list)


def _apart(name: str, one: int | None, other: int | None, limit: int) -> list[str]:
    if one is None or other is None:
        return [f"{name}: no length"]
    return [] if abs(one - other) <= limit else [f"{name}: {one} ms and {other} ms"]


def switch_length_ms(leg: dict[str, Any]) -> int | None:
    """The bridged length of a target's leg from the switch's own record."""
    started, ended = int(leg.get("bridge_uepoch", 0)), int(leg.get("end_uepoch", 0))
    return (ended - started) // 1000 if started and ended else None


def _sip_result(marks: dict[str, int]) -> str:
    codes = [what for what in marks if what.isdigit()]
    if "cancelled" in marks:
        return "cancelled"
    return "answered" if "answered" in marks else (codes[0] if codes else "nothing")


def _judge_attempts(truth: Truth, expect: Expect, row: Row) -> list[str]:
    cdr = truth.cdr or {}
    problems = []
    seen = [(attempt["target"], attempt["outcome"]) for attempt in cdr["attempts"]]
    unseen_end = expect.estimated and all(attempt["end_estimated"] for attempt in cdr["attempts"])
    known = [(target, "cancelled" if unseen_end and outcome == "failed" else outcome) for target, outcome in seen]
    if expect.together:
        known.sort()
    if known != (sorted(expect.attempts) if expect.together else list(expect.attempts)):
        problems.append(f"attempts {seen}, expected {list(expect.attempts)}")
    by_uuid = {leg["uuid"]: leg for leg in truth.switch_legs}
    counted: dict[str, int] = {}
    for attempt in cdr["attempts"]:
        legs = truth.target_legs.get(attempt["target"], [])
        nth = counted[attempt["target"]] = counted.get(attempt["target"], 0) + 1
        if attempt["leg_id"] not in by_uuid:
            problems.append(f"{attempt['target']}: the switch has no record of its leg")
        if not attempt["connected_at"]:
            continue
        if nth > len(legs):
            problems.append(f"{attempt['target']}: connected, but no such leg rang there")
            continue
        leg = by_uuid.get(attempt["leg_id"], {})
        sipp_ms, switch_ms, our_ms = length_ms(legs[nth - 1]), switch_length_ms(leg), attempt["connected_ms"]
        if not attempt["end_estimated"]:
            problems += _apart(f"{attempt['target']} SIPp and ours", sipp_ms, our_ms, SIPP_MS_MAX)
            problems += _apart(f"{attempt['target']} switch and ours", switch_ms, our_ms, SWITCH_MS_MAX)
        row.sipp_ms, row.switch_ms, row.our_ms = sipp_ms, switch_ms, our_ms
    rang = {target: len(legs) for target, legs in truth.target_legs.items()}
    for target, legs in rang.items():
        if legs > counted.get(target, 0):
            problems.append(f"{target}: rang {legs} times for {counted.get(target, 0)} attempts")
    return problems


def judge(truth: Truth, expect: Expect, row: Row) -> None:
    """Add this call to its row, with everything that is wrong about it."""
    problems = list(truth.problems)
    result = _sip_result(truth.marks)
    if result != expect.sip:
        problems.append(f"SIPp saw {result}, expected {expect.sip}")
    if expect.reason and truth.reason != expect.reason:
        problems.append(f"the Reason said {truth.reason!r}, expected {expect.reason!r}")
    row.calls += 1
    cdr = truth.cdr
    if truth.switch_call is None:
        problems.append("the switch wrote no record of the caller's leg")
    if cdr is None:
        problems.append("no CDR")
    else:
        row.call_ids.append(cdr["call_id"])
        for name, wanted in (("outcome", expect.outcome), ("zip_code", expect.zip_code)):
            if cdr[name] != wanted:
                problems.append(f"{name} {cdr[name]!r}, expected {wanted!r}")
        if expect.hung_up_by and cdr["hung_up_by"] != expect.hung_up_by:
            problems.append(f"hung up by {cdr['hung_up_by']}, expected {expect.hung_up_by}")
        if bool(cdr["end_estimated"]) != expect.estimated:
            problems.append(f"end_estimated {cdr['end_estimated']}, expected {expect.estimated}")
        if expect.connected_ms and not expect.connected_ms[0] <= cdr["connected_ms"] <= expect.connected_ms[1]:
            problems.append(f"connected {cdr['connected_ms']} ms, expected {expect.connected_ms}")
        problems += _judge_attempts(truth, expect, row)
        if "answered" in truth.marks and not expect.estimated:
            ours = (cdr["ended_at"] - cdr["answered_at"]) // 1000 if cdr["answered_at"] else None
            problems += _apart("answered time, SIPp and ours", length_ms(truth.marks), ours, SIPP_MS_MAX)
            row.notes = row.notes or f"silent {cdr['silent_ms']} ms"
    row.problems += [f"{truth.placed.test_id}: {problem}" for problem in problems]
