"""From a call that happened to the test that it would have been: what was given, what it came to.

What the test keeps of people is what decided: how long telephones rang, which keys were pressed. Names are not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from ppc_engine.billing.history import DAY_US, History
from ppc_engine.billing.verdict import BillableRecord, total_micros
from ppc_engine.calls.commands import legs_of
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.rehearsal.told import Visit, decisions, visits
from ppc_engine.routing.caps import MONEY, base_of, measure_of
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.money import format_micros
from ppc_engine.values.phone import area_code, normalise

PACE = "/pace"  # How fast calls went before is nothing that a test can be given.
EARLIER_DAYS = 400
EARLIER_MAX = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT_ONCE = frozenset({"Answer", "StartRecording"})  # Done at once in a rehearsal: who left meanwhile left before.
UNHEARD_MS = 1_000  # What is left of a prompt when the caller hangs up in the midst of it.
OVER_LONGEST_MS = 60_000  # Beyond the longest call, when the switch ended it there.

_REFUSED = {
    "USER_BUSY": "busy", "ALLOTTED_TIMEOUT": "no_answer", "NO_ANSWER": "no_answer", "ORIGINATOR_CANCEL": "no_answer",
    "LOSE_RACE": "no_answer", "PROGRESS_TIMEOUT": "silent", "GATEWAY_DOWN": "gateway_down",
    "": "gateway_down",
    "INVALID_GATEWAY": "gateway_down", "INVALID_URL": "gateway_down", "CHAN_NOT_IMPLEMENTED": "gateway_down",
}  # fmt: skip
_ORDERED = {
    "OperatorHangup": "a person hung it up",
    "OperatorRedirect": "a person redirected it",
    "CallAdopted": "the engine or its connection was restarted meanwhile",
    "CallVanished": "its end was not seen",
}

Facts = Sequence[Mapping[str, Any]]


def capture(
    facts: Facts, cdr: CDR, records: Sequence[BillableRecord], history: History, *, keep_caller: bool
) -> dict[str, Any]:
    """The test as plain data, all scalars text. Raises BadValueError for a call that no test can make happen again."""
    for fact in facts:
        if fact["e"]["k"] in _ORDERED:
            raise BadValueError(f"call {cdr.call_id} cannot be a test: {_ORDERED[fact['e']['k']]}")
    opened = decisions(facts, "opened")
    if not opened or not opened[0].get("number"):
        raise BadValueError(f"call {cdr.call_id} cannot be a test: nobody owned the number, so no flow ran")
    path = visits(facts)
    return {
        "name": f"as call {cdr.call_id[:8]} went: {cdr.outcome}",
        "given": _given(facts, cdr, opened[0]["number"], path, history, keep_caller=keep_caller),
        "expect": _expect(cdr, path, records),
    }


def _given(
    facts: Facts, cdr: CDR, number: Mapping[str, Any], path: Sequence[Visit], history: History, *, keep_caller: bool
) -> dict[str, Any]:
    parked = facts[0]["e"]
    told = _Told(facts)
    caller = parked["caller_number"]
    given: dict[str, Any] = {
        "number": number["number"],
        "campaign": number["campaign"],
        "publisher": number["publisher"],
        "caller": caller if keep_caller else masked(caller),
        "time": f"{_EPOCH + timedelta(microseconds=cdr.offered_at):%Y-%m-%dT%H:%M:%S.%fZ}",
        "call_id": cdr.call_id,
    }
    if cdr.test:
        given["test"] = "true"
    for name in ("trunk", "sub_ids", "tags", "attestation", "private", "asserted_number"):
        if parked.get(name):
            given[name] = _text(parked[name])
    if given.get("asserted_number") and not keep_caller:
        given["asserted_number"] = masked(given["asserted_number"])
    given |= {
        "digits": told.digits,
        "buyers": _phones(cdr.attempts, told),
        "counters": _for_caller(told.counters(), cdr, given["caller"]),
        "changes": told.changes(),
        "line": str(told.ahead) if told.ahead else "",
        "paused": told.paused,
        "stats": told.stats,
        "lookups": told.lookups,
        "messages_ms": told.messages_ms,
        "prompts_ms": told.prompts_ms | _whispers_ms(cdr.attempts, told.legs),
        "caller_hangs_up": _hang_up(facts, cdr, path, told),
        "history": list(_earlier(cdr, history)),
    }
    return {name: value for name, value in given.items() if value not in ("", None, {}, [])}


def _for_caller(counters: dict[str, str], cdr: CDR, shown: str) -> dict[str, str]:
    """The caller's own counter has the number that the test calls from."""
    own = f"caller:{cdr.caller_key}"
    return {f"caller:{normalise(shown)}" if name == own else name: used for name, used in counters.items()}


def masked(number: str) -> str:
    """A number that rings nobody (555-01xx), with the same area code; what is no number of ours stays as it is."""
    plain = number if number.startswith("+") else f"+1{number}" if len(number) == 10 else f"+{number}"
    code = area_code(plain)
    if not code:
        return number
    return f"+1{code}55501{int.from_bytes(hashlib.sha256(number.encode()).digest()[:2], 'big') % 100:02d}"


class _Told:
    """What the facts say of the world, gathered in one pass."""

    def __init__(self, facts: Facts) -> None:
        self.digits: dict[str, list[str]] = {}
        self.paused: dict[str, str] = dict(facts[0]["e"].get("paused", {}))
        self.stats: dict[str, str] = {}
        self.lookups: dict[str, Any] = {}
        self.messages_ms: dict[str, str] = {}
        self.prompts_ms: dict[str, str] = {}
        self.dialed_in: dict[str, str] = {}
        self.entered: dict[str, int] = {}
        self.legs: dict[str, Mapping[str, Any]] = {}
        self.ran_last = ""
        self.ahead = 0
        self._turn_ms = ""
        self._turns: list[str] = []
        self._offered_at = facts[0]["e"]["offered_at"]
        self._reads: list[dict[str, tuple[str, int]]] = []
        self._refused: dict[str, tuple[str, int]] = {}
        self._reserving: dict[str, dict[str, int]] = {}
        self._own: Counter[str] = Counter()
        self._node = ""
        self._asked: dict[str, tuple[Mapping[str, Any], int, str]] = {}
        for fact in facts:
            self._happened(fact["e"])
            for kind, data in fact.get("d", ()):
                self._decided(kind, data, fact["e"]["at"])
            for command in fact.get("c", ()):
                if command["k"] == "Dial":
                    self.legs.update({leg["leg_id"]: leg for leg in legs_of(command)})
                if command["k"] == "ReserveSlot":
                    self._reserving[command["lease_id"]] = {cap: held[0] for cap, held in command["caps"].items()}
                if "command_id" in command:
                    self._asked[command["command_id"]] = (command, fact["e"]["at"], self._node)
        self._never_ended(facts[-1]["e"]["at"])

    def _never_ended(self, ended_at: int) -> None:
        """What still ran when the caller left goes on for longer, or the test's caller would come too late."""
        for command, asked_at, _ in self._asked.values():
            self.ran_last = command["k"]
            prompt = command.get("prompt")
            if prompt and not command.get("loops"):
                self.prompts_ms[prompt] = str((ended_at - asked_at) // 1000 + UNHEARD_MS)

    def _decided(self, kind: str, data: Mapping[str, Any], at: int) -> None:
        if kind == "node":
            self._node = f"{data['flow']}/{data['node']}" if data.get("flow") else data["node"]
            self.entered.setdefault(self._node, at)
        elif kind == "dialed":
            self.dialed_in[data["leg_id"]] = self._node

    def _happened(self, event: Mapping[str, Any]) -> None:
        kind = event["k"]
        if kind == "UsageRead":
            self._read(event)
        elif kind == "QueueJoined" and not self.ahead:
            self.ahead = event["position"] - 1
        elif kind == "QueueFull":
            self.ahead = event["waiting"]
        elif kind == "QueueTurn":
            self._turn_ms = str((event["at"] - self._offered_at) // 1000)
        elif kind == "SlotReserved":
            self._own.update({cap: amount for cap, amount in self._reserving[event["lease_id"]].items() if "/" in cap})
        elif kind == "SlotRefused":
            full = {cap: used for cap, (used, _) in event["full"].items() if not cap.endswith(PACE)}
            self._refused.update({base_of(cap): (cap, used) for cap, used in full.items()})
            if self._reads:  # Somebody was faster: as if it had been full when usage was read.
                self._reads[-1].update({base_of(cap): (cap, used) for cap, used in full.items()})
        elif kind in ("AppCompleted", "LookedUp"):
            command, asked_at, node = self._asked.pop(event["command_id"], ({"k": ""}, 0, ""))
            self._answered(command, event, node, (event["at"] - asked_at) // 1000)

    def _read(self, event: Mapping[str, Any]) -> None:
        used = {cap: use for cap, use in event.get("used", {}).items() if use and not cap.endswith(PACE)}
        others = {base_of(cap): (cap, max(0, use - self._own[cap])) for cap, use in used.items()}
        if not self._reads:
            self.stats = {target: str(value) for target, value in event.get("stats", {}).items()}
            self.paused.update(event.get("paused", {}))
        self._reads.append(others)
        self._turns.append(self._turn_ms)
        self._turn_ms = ""

    def counters(self) -> dict[str, str]:
        """What others used when this call first looked."""
        first = self._refused if not self._reads else {} if self._turns[0] else self._reads[0]
        return {name: _amount(cap, used) for name, (cap, used) in first.items()}

    def changes(self) -> list[dict[str, Any]]:
        """What others used when this call looked again; what was not full any more had come free."""
        found: list[dict[str, Any]] = []
        for number, (before, now) in enumerate(pairwise([{}, *self._reads]), 1):
            turn_ms = self._turns[number - 1]
            changed = {name: _amount(cap, used) for name, (cap, used) in now.items() if before.get(name) != (cap, used)}
            changed |= {name: "0" for name in before if name not in now}
            if turn_ms:  # The turn in a queue: it came because others left, at its own time.
                found.append({"after_ms": turn_ms, "counters": changed})
            elif changed and number > 1:
                found.append({"at_choice": str(number), "counters": changed})
        return found

    def _answered(self, command: Mapping[str, Any], event: Mapping[str, Any], node: str, took_ms: int) -> None:
        if command["k"] == "CollectDigits":
            self.digits.setdefault(node, []).append(event.get("digits", ""))
        elif command["k"] in ("Play", "Say") and not command.get("loops"):
            self.prompts_ms[command["prompt"]] = str(took_ms)
        elif command["k"] == "RecordMessage":
            self.messages_ms[node] = str(event.get("recorded_ms", 0))
        elif command["k"] == "LookUp":
            found = {"status": event["status"], "after_ms": str(min(took_ms, command["ms_max"]))}
            if event.get("data"):
                found["data"] = json.dumps(event["data"])
            self.lookups[node] = found


def _amount(cap: str, used: int) -> str:
    return format_micros(used) if measure_of(cap) in MONEY else str(used)


def _phones(attempts: Sequence[AttemptRecord], told: _Told) -> dict[str, Any]:
    phones: dict[str, list[Any]] = {}
    for attempt in attempts:
        own = phones.setdefault(attempt.target or told.dialed_in.get(attempt.leg_id, "*"), [])
        own.append(_phone(attempt, told.legs.get(attempt.leg_id, {})))
    return {name: several[0] if len(several) == 1 else several for name, several in phones.items()}


def _phone(attempt: AttemptRecord, leg: Mapping[str, Any]) -> Any:
    """``leg`` is how it was dialled: switches count whole seconds, so a limit may have been passed by a little."""
    if attempt.target_answered_at:
        rang_ms = (attempt.target_answered_at - attempt.dialed_at) // 1000
        phone = {"does": "answer", "rings_ms": str(max(0, min(rang_ms, leg.get("ring_ms_max", rang_ms))))}
        if not attempt.connected_at:
            left = attempt.hung_up_by == "target"
            held_ms = (attempt.ended_at - attempt.target_answered_at) // 1000
            accept_ms_max = leg.get("accept_ms_max", 0)
            leaves_ms = min(held_ms, accept_ms_max - 1) if accept_ms_max else held_ms
            return {**phone, "presses": "", **({"leaves_ms": str(leaves_ms)} if left else {})}
        over = OVER_LONGEST_MS if attempt.hangup_cause == "ALLOTTED_TIMEOUT" else 0
        phone["talks_ms"] = str(attempt.connected_ms + over)
        return {**phone, "hangs_up": "caller"} if attempt.hung_up_by == "caller" else phone
    does = _REFUSED.get(attempt.hangup_cause)
    if attempt.hangup_cause == "NORMAL_TEMPORARY_FAILURE":
        does = {0: "unreachable", 503: "fail"}.get(attempt.sip_status)
    if does in ("no_answer", "silent", "gateway_down"):
        return does
    rings_ms = _ms(attempt.dialed_at, attempt.ended_at)
    if does is None and attempt.sip_status >= 300:
        return {"does": "reject", "status": str(attempt.sip_status), "rings_ms": rings_ms}
    return {"does": does or "fail", "rings_ms": rings_ms}


def _whispers_ms(attempts: Sequence[AttemptRecord], legs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """How long whoever answered listened before they talked; longer than they stayed when they never did."""
    found = {}
    for attempt in attempts:
        leg = legs.get(attempt.leg_id, {})
        whisper = leg.get("whisper", "")
        if whisper and not leg.get("accept_prompt") and attempt.target_answered_at:
            until = attempt.connected_at or attempt.ended_at + UNHEARD_MS * 1000
            found[whisper] = _ms(attempt.target_answered_at, until)
    return found


def _ms(start: int, end: int) -> str:
    return str(max(0, end - start) // 1000)


def _hang_up(facts: Facts, cdr: CDR, path: Sequence[Visit], told: _Told) -> dict[str, str] | None:
    """When the caller gave up; None when they did not, or hung up on a target."""
    ended: Mapping[str, Any] = next((fact["e"] for fact in facts if fact["e"]["k"] == "CallEnded"), {})
    if not str(ended.get("disposition", "")).startswith("recv_"):
        return None
    if any(attempt.connected_at and attempt.hung_up_by == "caller" for attempt in cdr.attempts):
        return None
    if not path or path[-1].flow:
        return {"after_ms": _ms(cdr.offered_at, cdr.ended_at)}
    name = path[-1].name
    after_ms = "0" if told.ran_last in AT_ONCE else _ms(told.entered.get(name, cdr.offered_at), cdr.ended_at)
    return {"node": name, "after_ms": after_ms}


def _earlier(cdr: CDR, history: History) -> Sequence[dict[str, Any]]:
    """The caller's earlier calls that a rule may look at, the latest first."""
    converted: dict[tuple[int, str], set[str]] = {}
    occasions = {}
    for one in history.connections:
        occasions[one.key] = one
    for conversion in history.conversions:
        occasions.setdefault(conversion.occasion.key, conversion.occasion)
        converted.setdefault(conversion.occasion.key, set()).add(conversion.side)
    own = (cdr.offered_at, cdr.call_id)
    keys = sorted((k for k in occasions if k < own and k[0] > cdr.offered_at - EARLIER_DAYS * DAY_US), reverse=True)
    calls = []
    for key in keys[:EARLIER_MAX]:
        at = occasions[key]
        call = {
            "ago": f"{max(0, cdr.offered_at - at.offered_at) // 1_000_000}s",
            "target": at.target,
            "campaign": at.campaign,
            "publisher": at.publisher,
            "connected_ms": str(max(0, at.ended_at - at.at) // 1000),
            "converted": sorted(converted.get(key, ())),
        }
        calls.append({name: value for name, value in call.items() if value not in ("", [])})
    return calls


def _expect(cdr: CDR, path: Sequence[Visit], records: Sequence[BillableRecord]) -> dict[str, Any]:
    buyers = {record.party: record for record in records if record.side == "buyer"}
    expect: dict[str, Any] = {
        "path": [f"{visit.name}.{visit.exit}" if visit.exit else visit.name for visit in path],
        "targets": [{attempt.target: attempt.outcome} for attempt in cdr.attempts if attempt.target],
        "outcome": cdr.outcome,
    }
    if buyers:
        expect["billable"] = {name: _verdict(record) for name, record in buyers.items()}
    if any(record.side == "publisher" for record in records):
        paid = any(record.side == "publisher" and record.verdict == "yes" for record in records)
        expect["payable"] = format_micros(total_micros(tuple(records), "publisher")) if paid else "no"
    expect["cdr"] = {"connected_ms": str(cdr.connected_ms), "state": cdr.state, "zip_source": cdr.zip_source}
    return expect


def _verdict(record: BillableRecord) -> str:
    return format_micros(record.amount_micros) if record.verdict == "yes" else "no"


def _text(value: Any) -> Any:
    return {str(name): str(held) for name, held in value.items()} if isinstance(value, Mapping) else _plain(value)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
