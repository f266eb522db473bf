"""The facts of one call as steps that a person can read: what happened, what was decided and why, what was done.

Every kind of event, decision and command has its wording in ``call_wordings``; a kind that has none is told by its
name and fields, so that nothing of a newer version is lost. Text from outside is made printable before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ppc_engine.cli.call_wordings import COMMANDS, DECISIONS, EVENTS, candidate_told, reason_told
from ppc_engine.cli.call_words import (
    LINE_CHARS_MAX,
    Data,
    Known,
    Wording,
    cause_told,
    keyed,
    listed,
    printable,
    seconds,
)

__all__ = [
    "COMMANDS", "DECISIONS", "EVENTS", "QUIET", "Known", "Step", "build_steps", "cause_told", "keyed", "printable",
    "reason_told", "seconds",
]  # fmt: skip

# Told only when everything is asked for: what they lead to is told anyway.
QUIET = frozenset(
    {
        "StartTimer", "CancelTimer", "TimerFired", "ReadUsage", "UsageRead", "ReserveSlot", "SlotRefused", "dialed",
        "ignored", "Finish",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, was decided or was done. ``at`` is UTC microseconds, ``lines`` are the finer points."""

    at: int
    kind: str
    text: str
    data: Data
    lines: tuple[str, ...] = ()


def build_steps(facts: Iterable[Data]) -> list[Step]:
    """Every step of a call in the order of its journal."""
    known = Known()
    steps = []
    for fact in facts:
        known.at = fact["e"]["at"]
        _learn(fact, known)
        event = fact["e"]
        steps.append(_step(event["k"], _fields(event), EVENTS, known))
        steps += [_step(kind, data, DECISIONS, known) for kind, data in fact.get("d", ())]
        steps += [_step(command["k"], _fields(command), COMMANDS, known) for command in fact.get("c", ())]
        known.parked = known.parked or event["k"] == "CallParked"
    return steps


def _learn(fact: Data, known: Known) -> None:
    for kind, data in fact.get("d", ()):
        if kind == "dialed":
            known.legs[data["leg_id"]] = data["target"]
    for command in fact.get("c", ()):
        if "command_id" in command:
            known.commands[command["command_id"]] = (known.at, command)
        if command["k"] == "ReserveSlot":
            known.leases[command["lease_id"]] = command["caps"]


def _fields(told: Data) -> Data:
    return {name: value for name, value in told.items() if name != "k"}


def _step(kind: str, data: Data, wordings: Mapping[str, Wording], known: Known) -> Step:
    wording = wordings.get(kind, _by_fields(kind))
    lines: tuple[str, ...] = ()
    if kind == "selection":
        lines = tuple(candidate_told(candidate, data) for candidate in data["candidates"])
    return Step(at=known.at, kind=kind, text=printable(wording(data, known), LINE_CHARS_MAX), data=data, lines=lines)


def _by_fields(kind: str) -> Wording:
    return lambda data, _known: f"{kind}: " + (listed(data) or "no more is known")
