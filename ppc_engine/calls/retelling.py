"""A finished call lived through once more, to see what it saw: inputs of every node, every candidate of every choice.

A replay is the explanation: facts hold what came in and what was decided, and the same code decides the same again from
them; what it looked at meanwhile is read off here and need not be stored. Where the replay decides otherwise (another
version of the code, data that changed) it says so, and what was journalled stays the truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import Turn, legs_of
from ppc_engine.calls.events import Event, UsageRead, event_from_plain
from ppc_engine.calls.state import CallContext, CallState
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.routing.caps import is_slot

Fact = Mapping[str, Any]


@dataclass(slots=True)
class Retold:
    """``seen`` is what a decision was made from, by (number of the fact, number of the decision in it).

    A node's has type, settings, tags and, where there are any, args and history; a choice's has place, used, tried and
    candidates. ``units`` are what the call's leases still hold of caps that count, by lease and counter. ``differs``
    says where the replay left what was journalled, "" when it never did.
    """

    seen: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    differs: str = ""

    def of(self, fact: int, decision: int) -> dict[str, Any]:
        """What that decision was made from, {} when it is not known."""
        return self.seen.get((fact, decision), {})


class _Retelling(Call):
    """A call that notes, at every decision, what it was made from."""

    def __init__(self, context: CallContext, state: CallState, token: str) -> None:
        super().__init__(context, state)
        self._opened_token = token
        self._legs: dict[str, str] = {}
        self._recordings: dict[str, str] = {}
        self._usage_read = UsageRead(call_id=state.call_id, at=0)
        self.noted: dict[int, dict[str, Any]] = {}

    def live_again(self, fact: Fact) -> Turn:
        """Take the event of a fact; the legs and recordings that it led to have the ids that they had."""
        for command in fact.get("c", ()):
            if command["k"] == "Dial":
                self._legs.update((leg["attempt_id"], leg["leg_id"]) for leg in legs_of(command))
            elif "recording_id" in command:
                self._recordings[command["command_id"]] = command["recording_id"]
        self.noted = {}
        return self.handle(event_from_plain(self.state.call_id, dict(fact["e"])))

    def handle(self, event: Event) -> Turn:
        if isinstance(event, UsageRead):
            self._usage_read = event
        return super().handle(event)

    def _leg_id(self, attempt_id: str) -> str:
        return self._legs.get(attempt_id) or super()._leg_id(attempt_id)

    def _recording_id(self, command_id: str) -> str:
        return self._recordings.get(command_id) or super()._recording_id(command_id)

    def _token(self) -> str:
        return self._opened_token

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        place = len(self._decisions)
        if kind == "node":
            self.noted[place] = self._node_seen()
        elif kind == "selection":
            self.noted[place] = self._choice_seen(data["number"])
        super()._tell(kind, data)

    def _node_seen(self) -> dict[str, Any]:
        run = self.state.run
        assert run is not None
        node = self.context.flows[run.flow].nodes[run.node]
        settings = node.model_dump(exclude={"type", "exits"}, exclude_defaults=True)
        seen = {"type": getattr(node, "type", ""), "settings": _plain(settings), "tags": dict(run.tags)}
        more = {"args": dict(run.args), "history": dict(run.history) if node.reads_history() else {}}
        return seen | {name: value for name, value in more.items() if value}

    def _choice_seen(self, number: int) -> dict[str, Any]:
        situation = self._situation(self._usage_read)
        return {
            "place": {
                "zip_code": situation.zip_code,
                "zip_source": situation.zip_source,
                "state": situation.state,
                "area_code": situation.area_code,
            },
            "used": dict(situation.used),
            "tried": sorted(situation.tried_targets),
            "candidates": self.context.routes.explain(self._pool(), situation, self._hunt().order),
        }


class Retelling:
    """One call lived through as its facts come.

    ``context`` is of the call's own revision; its key, numbers, test callers and versions are not looked at, because
    facts tell them as they were. Never raises for facts that this code cannot live through: ``retold.differs`` says
    where it stopped.
    """

    def __init__(self, context: CallContext, call_id: str, offer: Fact) -> None:
        opened = opened_of([offer])
        was = _as_it_was(context, opened)
        self._call: _Retelling | None = _Retelling(was, CallState(call_id=call_id), opened.get("token", ""))
        self._facts = 0
        self.retold = Retold()
        self.take(offer)

    def take(self, fact: Fact) -> None:
        """The next fact of the call."""
        number, self._facts = self._facts, self._facts + 1
        if self._call is None:
            return
        try:
            turn = self._call.live_again(fact)
        except Exception as error:  # Facts of another version: whatever they break, the rest is still told.
            self._differs(f"fact {number + 1} ({fact['e']['k']}): {type(error).__name__}: {error}")
            self._call = None
            return
        told = [[decision.kind, decision.data] for decision in turn.decisions]
        for place, seen in self._call.noted.items():
            # Only for the very decision that was journalled, not for one that stands in its place.
            if _same_decision(fact, place, told):
                self.retold.seen[number, place] = seen
        self.retold.units = _units(self._call.held_leases())
        self._differs(_difference(number, fact, turn))

    def _differs(self, where: str) -> None:
        self.retold.differs = self.retold.differs or where


def retell(context: CallContext, call_id: str, facts: Sequence[Fact]) -> Retold:
    """Live through all facts of a call, the first of which is its offer."""
    retelling = Retelling(context, call_id, facts[0])
    for fact in facts[1:]:
        retelling.take(fact)
    return retelling.retold


def opened_of(facts: Sequence[Fact]) -> Mapping[str, Any]:
    """The decision "opened" of a call, {} when these facts do not hold it."""
    return next((data for fact in facts for kind, data in fact.get("d", ()) if kind == "opened"), {})


def _as_it_was(context: CallContext, opened: Mapping[str, Any]) -> CallContext:
    number = TrackingNumber.model_validate(opened["number"]) if opened.get("number") else None
    tested = frozenset({str(opened["caller_key"])}) if "caller" in opened.get("test", ()) else frozenset()
    return replace(
        context,
        numbers={number.number: number} if number else {},
        test_callers=tested,
        code_version=opened.get("code", context.code_version),
        data_hashes=opened.get("data", context.data_hashes),
    )


def _units(leases: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    units = {lease: {key: amount for key, amount in held.items() if not is_slot(key)} for lease, held in leases.items()}
    return {lease: held for lease, held in units.items() if held}


def _same_decision(fact: Fact, place: int, told: list[Any]) -> bool:
    journalled = fact.get("d", ())
    return place < len(journalled) and _shown(journalled[place]) == _shown(told[place])


def _difference(number: int, fact: Fact, turn: Turn) -> str:
    plain = turn.to_plain()
    for name, what in (("d", "decided"), ("c", "did")):
        was, now = [_shown(one) for one in fact.get(name, ())], [_shown(one) for one in plain.get(name, ())]
        if was != now:
            first = next((n for n, pair in enumerate(zip(was, now, strict=False)) if pair[0] != pair[1]), None)
            first = min(len(was), len(now)) if first is None else first
            then, again = (_kind(part[first]) if first < len(part) else "nothing" for part in (was, now))
            return f"fact {number + 1} ({fact['e']['k']}): it {what} {then}, the replay {again}"
    return ""


def _kind(plain: Any) -> str:
    return str(plain[0] if isinstance(plain, list) else plain["k"])


def _shown(plain: Any) -> Any:
    """As JSON would hand it back, without the candidates that earlier versions journalled with a choice."""
    if isinstance(plain, (list, tuple)) and len(plain) == 2 and plain[0] == "selection":
        plain = [plain[0], {name: value for name, value in plain[1].items() if name != "candidates"}]
    return json.loads(json.dumps(plain))


def _plain(value: Any) -> Any:
    """As plain JSON; sets in an order of their own, so that an explanation is the same every time."""
    if isinstance(value, dict):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(one) for one in value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
