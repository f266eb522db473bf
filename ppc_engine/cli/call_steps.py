"""The facts of one call as steps that a person can read: what happened, what was decided and why, what was done.

Every kind of event, decision and command has its wording in ``call_wordings``; a kind that has none is told by its
name and fields, so that nothing of a newer version is lost. Text from outside is made printable before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ppc_engine.calls.retelling import Retold
from ppc_engine.cli.call_seen import SeenLines
from ppc_engine.cli.call_wordings import COMMANDS, DECISIONS, EVENTS, node_name, reason_told
from ppc_engine.cli.call_words import (
    FIXED,
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
    "COMMANDS", "DECISIONS", "EVENTS", "QUIET", "Known", "Step", "build_steps", "cause_told", "keyed", "node_path",
    "printable", "reason_told", "seconds",
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
    """One thing that happened, was decided or was done. ``at`` is UTC microseconds, ``lines`` are the finer points.

    ``seen`` is what a decision was made from: a node's settings and tags, a choice's candidates (calls/retelling.py).
    ``answer`` is what became of a command that the switch answers: its event, and how long that took.
    """

    at: int
    kind: str
    text: str
    data: Data
    lines: tuple[str, ...] = ()
    seen: Data = field(default_factory=dict)
    answer: Data = field(default_factory=dict)


def build_steps(facts: Sequence[Data], retold: Retold | None = None) -> list[Step]:
    """Every step of a call in the order of its journal; with what it was made from when the call was retold."""
    known, shown = Known(), SeenLines()
    answers = _answers(facts)
    steps = []
    for number, fact in enumerate(facts):
        known.at = fact["e"]["at"]
        _learn(fact, known)
        event = fact["e"]
        steps.append(_step(event["k"], _fields(event), EVENTS, known))
        for place, (kind, data) in enumerate(fact.get("d", ())):
            seen = retold.of(number, place) if retold else {}
            seen = {**seen, **_seen_then(kind, data)}
            steps.append(replace(_step(kind, data, DECISIONS, known), seen=seen, lines=shown.lines(kind, data, seen)))
        for command in fact.get("c", ()):
            answer = answers.get(command.get("command_id", ""), {})
            steps.append(replace(_step(command["k"], _fields(command), COMMANDS, known), answer=answer))
            _learn_given_back(command, known)
        known.parked = known.parked or event["k"] == "CallParked"
    return steps


def _seen_then(kind: str, data: Data) -> Data:
    """Earlier versions journalled the candidates with the choice."""
    return {"candidates": data["candidates"]} if kind == "selection" and "candidates" in data else {}


def _answers(facts: Sequence[Data]) -> dict[str, Data]:
    """By command_id, the first event that answers it, and how long after the command that was."""
    given: dict[str, int] = {}
    answers: dict[str, Data] = {}
    for fact in facts:
        event = fact["e"]
        command_id = event.get("command_id", "")
        if command_id in given and command_id not in answers:
            answers[command_id] = {
                "event": event["k"],
                "at": event["at"],
                "ms": (event["at"] - given[command_id]) // 1000,
            }
        given.update({command["command_id"]: event["at"] for command in fact.get("c", ()) if "command_id" in command})
    return answers


def node_path(steps: Iterable[Step]) -> list[str]:
    """The nodes that the call came through, in order, each as it was entered."""
    names = [node_name(step.data) for step in steps if step.kind == "node"]
    return [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]


def _learn(fact: Data, known: Known) -> None:
    for kind, data in fact.get("d", ()):
        if kind == "dialed":
            known.legs[data["leg_id"]] = data["target"] or FIXED
    for command in fact.get("c", ()):
        if "command_id" in command:
            known.commands[command["command_id"]] = (known.at, command)
        if command["k"] == "ReserveSlot":
            known.leases[command["lease_id"]] = command["caps"]
            known.gives[command["lease_id"]] = command.get("gives", {})
    if fact["e"]["k"] == "SlotReserved":
        for lease_id, amounts in known.gives.get(fact["e"]["lease_id"], {}).items():
            known.gone.setdefault(lease_id, set()).update(amounts)


def _learn_given_back(command: Data, known: Known) -> None:
    """After it was told: what is given back is held no more."""
    if command["k"] == "ReleaseSlot":
        slots = [cap for cap in known.leases.get(command["lease_id"], {}) if "/" not in cap]
        known.gone.setdefault(command["lease_id"], set()).update(slots, command.get("units", {}))


def _fields(told: Data) -> Data:
    return {name: value for name, value in told.items() if name != "k"}


def _step(kind: str, data: Data, wordings: Mapping[str, Wording], known: Known) -> Step:
    try:
        text = wordings.get(kind, _by_fields(kind))(data, known)
    except (KeyError, TypeError, ValueError):  # Of a version that told other things of it.
        text = _by_fields(kind)(data, known)
    return Step(at=known.at, kind=kind, text=printable(text, LINE_CHARS_MAX), data=data)


def _by_fields(kind: str) -> Wording:
    return lambda data, _known: f"{kind}: " + (listed(data) or "no more is known")
