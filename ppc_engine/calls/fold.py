"""Fold the facts of one call into its CDR: the only place where a record of a call is made.

It reads facts as the journal holds them and trusts nothing else, so a CDR can be rebuilt from the journal after a
crash and again from the stored facts years later. Clocks: an attempt's from its own leg's last event, the call's from
the caller leg's (semantics.md, "Clocks of a call").
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ppc_engine.calls import ids
from ppc_engine.calls.causes import attempt_outcome, hung_up_by
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.calls.silence import silent_ms

Facts = list[dict[str, Any]]


def length_ms(start: int, end: int) -> int:
    """floor((end - start) / 1000), 0 when either did not happen (semantics.md)."""
    return max(0, (end - start) // 1000) if start and end else 0


class _Told:
    """The facts of a call, sorted once: events by kind, decisions by kind with the time of their event."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.decisions: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.last_at = 0
        for fact in facts:
            event = fact["e"]
            self.last_at = max(self.last_at, event["at"])
            self.events.setdefault(event["k"], []).append(event)
            for kind, data in fact.get("d", ()):
                self.decisions.setdefault(kind, []).append((event["at"], data))

    def event(self, kind: str) -> dict[str, Any]:
        """The first event of a kind, {} when there is none."""
        found = self.events.get(kind)
        return found[0] if found else {}

    def decision(self, kind: str) -> dict[str, Any]:
        """The last decision of a kind, {} when there is none."""
        found = self.decisions.get(kind)
        return found[-1][1] if found else {}


def build_cdr(call_id: str, facts: Facts) -> CDR:
    """The CDR of a call whose facts begin with its offer. Raises ValueError when they do not."""
    told = _Told(facts)
    parked, opened, ended = told.event("CallParked"), told.decision("opened"), told.event("CallEnded")
    if not parked or not opened:
        raise ValueError(f"the facts of call {call_id} hold no offer")
    outcome = told.decision("outcome") or {"outcome": "failed"}
    attempts = _attempts(call_id, told, ended)
    connected = [attempt for attempt in attempts if attempt.connected_at]
    ended_at = ended.get("ended_at") or told.last_at
    answered_at = ended.get("answered_at") or _first(facts, "answered_at")
    queued_at, queue_ms = _queued(facts, ended_at)
    first_dial = min((at for at in (queued_at, *(a.dialed_at for a in attempts)) if at), default=ended_at)
    number = opened["number"] or {}
    zip_code, zip_source, state = _place(told, opened)
    return CDR(
        call_id=call_id,
        call_token=opened["token"],
        core_uuid=parked["core_uuid"],
        revision=opened["revision"],
        code_version=opened["code"],
        test=_is_test(told, opened, attempts),
        dialed_number=parked["dialed_number"],
        caller_number=parked["caller_number"],
        caller_kind=opened["caller_kind"],
        caller_key=opened["caller_key"],
        campaign=number.get("campaign", ""),
        publisher=number.get("publisher", ""),
        trunk=parked.get("trunk", ""),
        sub_ids=dict(parked.get("sub_ids", {})),
        zip_code=zip_code,
        zip_source=zip_source,
        state=state,
        offered_at=parked["offered_at"],
        claimed_at=parked["at"],
        answered_at=answered_at,
        connected_at=min((a.connected_at for a in connected), default=0),
        disconnected_at=max((a.disconnected_at for a in connected), default=0),
        ended_at=ended_at,
        total_ms=length_ms(parked["offered_at"], ended_at),
        ivr_ms=length_ms(parked["offered_at"], first_dial),
        ring_ms=_ring_ms(attempts),
        connected_ms=sum(attempt.connected_ms for attempt in attempts),
        silent_ms=silent_ms(facts, answered_at, ended_at),
        queue_ms=queue_ms,
        outcome=outcome["outcome"],
        hangup_cause=ended.get("cause", ""),
        hung_up_by=_call_hung_up_by(facts, ended, attempts),
        end_estimated=bool(outcome.get("estimated")) or not ended,
        attestation=opened.get("attestation", ""),
        tags=dict(opened.get("tags", {})),
        attempts=tuple(attempts),
    )


def _is_test(told: _Told, opened: dict[str, Any], attempts: list[AttemptRecord]) -> bool:
    """Whether nobody is to be billed for this call: its caller or its number is marked, or a marked target took it.

    A marked target that did not answer makes a test of a call only when no other target was dialled: a live caller
    who went on to a buyer is a live call.
    """
    number = opened["number"] or {}
    if opened.get("test") or number.get("test", False):
        return True
    marked = {data["leg_id"] for _, data in told.decisions.get("dialed", []) if data.get("test")}
    took = [attempt.leg_id in marked for attempt in attempts if attempt.connected_at]
    return any(took) if took else bool(attempts) and all(attempt.leg_id in marked for attempt in attempts)


def _first(facts: Facts, field: str) -> int:
    return next((int(f["e"][field]) for f in facts if f["e"].get(field)), 0)


def _place(told: _Told, opened: dict[str, Any]) -> tuple[str, str, str]:
    for _, node in reversed(told.decisions.get("node", [])):
        known = node.get("facts", {})
        if known.get("verdict") == "ok":
            return known["digits"], "ivr", known["state"]
        if known.get("zip_source"):
            return known["zip_code"], known["zip_source"], known["state"]
    brought = opened.get("tags", {})
    if brought.get("zip_source"):
        return brought["zip_code"], brought["zip_source"], brought["state"]
    return "", "area_code" if opened["state"] else "", opened["state"]


def _attempts(call_id: str, told: _Told, ended: dict[str, Any]) -> list[AttemptRecord]:
    legs = {event["leg_id"]: event for event in reversed(told.events.get("LegEnded", []))}
    bridged = {event["leg_id"]: event["at"] for event in reversed(told.events.get("LegBridged", []))}
    settled = {data["number"]: (at, data["cause"]) for at, data in told.decisions.get("attempt", [])}
    last_at = ended.get("ended_at") or told.last_at
    ended_by_us = _ended_by_us(told.facts)
    records = []
    for dialed_at, dialed in told.decisions.get("dialed", []):
        leg = legs.get(dialed["leg_id"], {})
        seen_bridge = bridged.get(dialed["leg_id"], 0)
        # A leg that was never made, or never reported: what was settled about it then is all that is known.
        over_at, cause = settled.get(dialed["number"], (last_at, _cause_without_leg(ended)))
        record = _attempt(call_id, dialed, dialed_at, leg, seen_bridge, over_at, cause, ended)
        by_us = record.hung_up_by == "switch" and record.leg_id in ended_by_us
        records.append(replace(record, hung_up_by="engine") if by_us else record)
    return records


def _ended_by_us(facts: Facts) -> set[str]:
    """Legs that lived when we had them hung up, or had their caller taken away or hung up."""
    living: set[str] = set()
    ended: set[str] = set()
    for fact in facts:
        if fact["e"]["k"] == "LegEnded":
            living.discard(fact["e"]["leg_id"])
        for command in fact.get("c", ()):
            if command["k"] == "HangupLeg":
                ended.add(command["leg_id"])
            elif command["k"] in ("Hangup", "TakeBack"):
                ended |= living
        living |= {data["leg_id"] for kind, data in fact.get("d", ()) if kind == "dialed"}
    return ended


def _queued(facts: Facts, ended_at: int) -> tuple[int, int]:
    """When the call first stood in a queue, 0 for never, and how long it stood in queues altogether."""
    first, since, total = 0, 0, 0
    for fact in facts:
        at, told = fact["e"]["at"], {command["k"] for command in fact.get("c", ())}
        if since and "LeaveQueue" in told:
            total, since = total + length_ms(since, min(at, ended_at)), 0
        elif not since and "JoinQueue" in told and fact["e"]["k"] != "QueueFull":
            first, since = first or at, at
        elif fact["e"]["k"] == "QueueFull":
            since = 0
    return first, total + (length_ms(since, ended_at) if since else 0)


def _ring_ms(attempts: list[AttemptRecord]) -> int:
    """How long targets rang, a time in which several did counted once."""
    total, until = 0, 0
    for start, end in sorted((a.dialed_at, a.target_answered_at or a.ended_at) for a in attempts if a.dialed_at):
        total += length_ms(max(start, until), end)
        until = max(until, end)
    return total


def _cause_without_leg(ended: dict[str, Any]) -> str:
    """Why an attempt came to nothing whose leg never reported: most often, because the caller went first."""
    return "ORIGINATOR_CANCEL" if str(ended.get("disposition", "")).startswith("recv_") else ""


def _attempt(
    call_id: str,
    dialed: dict[str, Any],
    dialed_at: int,
    leg: dict[str, Any],
    seen_bridge: int,
    last_at: int,
    cause: str,
    ended: dict[str, Any],
) -> AttemptRecord:
    """``leg`` is its LegEnded, {} when that never came; ``cause`` is what is known without it."""
    connected_at = leg.get("bridged_at", 0) if leg else seen_bridge
    answered_at = leg.get("answered_at", 0) if leg else seen_bridge
    ended_at = leg.get("ended_at", last_at)
    dialed_at = leg.get("created_at", 0) or dialed_at
    cause = leg.get("cause", cause)
    return AttemptRecord(
        attempt_id=ids.attempt_id(call_id, dialed["number"]),
        number=dialed["number"],
        target=dialed["target"],
        buyer=dialed["buyer"],
        leg_id=dialed["leg_id"],
        outcome=attempt_outcome(
            cause,
            leg.get("sip_status", 0),
            connected=bool(connected_at),
            target_answered=bool(answered_at),
            disposition=leg.get("disposition", ""),
        ),
        hangup_cause=cause,
        sip_status=leg.get("sip_status", 0),
        hung_up_by=_attempt_hung_up_by(leg, ended),
        dialed_at=dialed_at,
        ringing_at=leg.get("ringing_at", 0),
        target_answered_at=answered_at,
        connected_at=connected_at,
        disconnected_at=ended_at if connected_at else 0,
        ended_at=ended_at,
        ring_ms=length_ms(dialed_at, answered_at or ended_at),
        connected_ms=length_ms(connected_at, ended_at),
        end_estimated=not leg and (bool(connected_at) or not ended),
    )


def _attempt_hung_up_by(leg: dict[str, Any], ended: dict[str, Any]) -> str:
    by = hung_up_by(leg.get("disposition", ""), own_side="target")
    caller_went = str(ended.get("disposition", "")).startswith("recv_")
    # The switch ended the target's leg: because the caller went, if the caller's leg ended no later than it did.
    if by == "switch" and caller_went and ended.get("ended_at", 0) <= leg.get("ended_at", 0) + 1_000_000:
        return "caller"
    return by


def _call_hung_up_by(facts: Facts, ended: dict[str, Any], attempts: list[AttemptRecord]) -> str:
    by = hung_up_by(str(ended.get("disposition", "")), own_side="caller")
    if by != "switch":
        return by
    if any(command["k"] == "Hangup" for f in facts for command in f.get("c", ())):
        return "engine"
    return "target" if attempts and attempts[-1].connected_at and attempts[-1].hung_up_by == "target" else "switch"
