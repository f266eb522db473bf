"""Calls as the engine finishes them: plausible records and facts, all derived from a number."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from ppc_engine.calls.record import CDR, AttemptRecord

OFFERED_AT = 1_795_000_000_000_000  # November 2026
SPACING_US = 200_000

Fact = dict[str, Any]


def call_id(number: int) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(f"call {number}".encode()).digest()[:16], version=4))


def offered_at(number: int) -> int:
    return OFFERED_AT + number * SPACING_US


def _leg_id(number: int, attempt: int) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(f"leg {number} {attempt}".encode()).digest()[:16], version=4))


def make_attempt(number: int, attempt: int = 1, **changes: Any) -> AttemptRecord:
    start = offered_at(number) + 12_000_000 * attempt
    values: dict[str, Any] = {
        "attempt_id": f"{call_id(number)}:{attempt}",
        "number": attempt,
        "target": f"acme-west-{attempt}",
        "buyer": "acme",
        "leg_id": _leg_id(number, attempt),
        "outcome": "answered",
        "hangup_cause": "NORMAL_CLEARING",
        "sip_status": 200,
        "hung_up_by": "target",
        "dialed_at": start,
        "ringing_at": start + 300_000,
        "target_answered_at": start + 4_000_000,
        "connected_at": start + 4_050_000,
        "disconnected_at": start + 94_050_000,
        "ended_at": start + 94_060_000,
        "ring_ms": 4_000,
        "connected_ms": 90_000,
    }
    return AttemptRecord(**{**values, **changes})


def make_cdr(number: int, **changes: Any) -> CDR:
    start = offered_at(number)
    values: dict[str, Any] = {
        "call_id": call_id(number),
        "call_token": hashlib.sha256(f"token {number}".encode()).hexdigest()[:24],
        "core_uuid": "5d0b3f0e-0f61-4c41-8a33-6f0f7b3c2a11",
        "revision": hashlib.sha256(b"revision").hexdigest(),
        "code_version": "0.1.0",
        "test": False,
        "dialed_number": "+18005550100",
        "caller_number": f"+1213555{number % 10_000:04d}",
        "caller_kind": "valid",
        "caller_key": f"+1213555{number % 10_000:04d}",
        "campaign": "roofing",
        "publisher": "peak",
        "trunk": "carrier_a",
        "sub_ids": {"sub1": f"click-{number}", "sub2": 'é"\u2028'},
        "zip_code": "90210",
        "zip_source": "ivr",
        "state": "CA",
        "offered_at": start,
        "claimed_at": start + 15_000,
        "answered_at": start + 40_000,
        "connected_at": start + 16_050_000,
        "disconnected_at": start + 106_050_000,
        "ended_at": start + 106_060_000,
        "total_ms": 106_060,
        "ivr_ms": 12_000,
        "ring_ms": 4_000,
        "connected_ms": 90_000,
        "silent_ms": 120,
        "outcome": "connected",
        "hangup_cause": "NORMAL_CLEARING",
        "hung_up_by": "target",
        "end_estimated": False,
        "attempts": (make_attempt(number),),
    }
    return CDR(**{**values, **changes})


def make_facts(number: int) -> list[Fact]:
    """The facts of a call with a greeting, a keyed ZIP and one target that answers, as Turn.to_plain() gives them."""
    me, leg, at = call_id(number), _leg_id(number, 1), offered_at(number)
    caller = f"+1213555{number % 10_000:04d}"
    app = {"k": "AppCompleted"}
    lease = f"{me}:1"
    far = {"code": "out_of_area", "measured": "ZIP 90210 (CA)", "limit": "states AZ, CO, NM, NV, TX, UT"}
    shut = {"code": "closed", "measured": "sunday 09:14 America/New_York", "limit": "sunday closed"}
    full = {"code": "concurrency_cap", "measured": 4, "limit": 4, "cap": "target:zenith-main"}
    candidates = [
        {"target": "acme-west-1", "priority": 1, "weight": 100},
        {"target": "acme-east-1", "priority": 1, "weight": 50, "reasons": [far, shut]},
        {"target": "zenith-main", "priority": 2, "weight": 100, "reasons": [full]},
    ]
    opened = {
        "code": "0.1.0",
        "revision": hashlib.sha256(b"revision").hexdigest(),
        "data": {"tzdata": "2026.6", "zips": "7144e75a382d6362"},
        "token": hashlib.sha256(f"token {number}".encode()).hexdigest()[:24],
        "number": {"number": "+18005550100", "campaign": "roofing", "publisher": "peak", "test": False},
        "caller_kind": "valid",
        "caller_key": caller,
        "area_code": "213",
        "state": "CA",
    }
    parked = {
        "k": "CallParked",
        "at": at + 15_000,
        "core_uuid": "5d0b3f0e-0f61-4c41-8a33-6f0f7b3c2a11",
        "dialed_number": "+18005550100",
        "caller_number": caller,
        "caller_name": "SMITH JOHN",
        "offered_at": at,
        "trunk": "carrier_a",
        "dialplan": 1,
        "timer_id": str(number % 900),
    }
    dial = {
        "k": "Dial",
        "command_id": f"{me}.4",
        "attempt_id": lease,
        "leg_id": leg,
        "destination": "+13105550199",
        "gateway": "carrier_b",
        "ring_ms_max": 25_000,
        "progress_ms_max": 8_000,
        "connected_ms_max": 3_600_000,
        "returns": True,
    }
    collect = {
        "k": "CollectDigits",
        "command_id": f"{me}.3",
        "prompt": "ask_zip",
        "digits_min": 5,
        "digits_max": 5,
        "first_digit_ms_max": 6_000,
        "next_digit_ms_max": 3_000,
    }
    ended = {
        "k": "LegEnded",
        "at": at + 106_060_000,
        "leg_id": leg,
        "cause": "NORMAL_CLEARING",
        "q850": 16,
        "sip_status": 200,
        "disposition": "recv_bye",
        "created_at": at + 12_000_000,
        "ringing_at": at + 12_300_000,
        "answered_at": at + 16_000_000,
        "bridged_at": at + 16_050_000,
        "ended_at": at + 106_060_000,
    }
    over = {"cause": "NORMAL_CLEARING", "q850": 16, "sip_status": 200, "disposition": "send_bye", "offered_at": at}
    caps = {"target:acme-west-1": 4, "buyer:acme": 10}
    return [
        {"e": parked, "d": [["opened", opened]],
         "c": [{"k": "ReserveSlot", "lease_id": me, "caps": {"publisher:peak": 50}}]},
        {"e": {"k": "SlotReserved", "at": at + 15_100, "lease_id": me},
         "d": [["node", {"node": "hello", "type": "answer"}]],
         "c": [{"k": "Answer", "command_id": f"{me}.1"}, {"k": "StartTimer", "name": "wait:1", "after_ms": 5_000}]},
        {"e": {**app, "at": at + 40_500, "command_id": f"{me}.1", "app": "answer", "answered_at": at + 40_000},
         "d": [["node", {"node": "welcome", "type": "play"}]],
         "c": [{"k": "CancelTimer", "name": "wait:1"}, {"k": "Play", "command_id": f"{me}.2", "prompt": "welcome"},
               {"k": "StartTimer", "name": "wait:2", "after_ms": 65_000}]},
        {"e": {**app, "at": at + 4_040_500, "command_id": f"{me}.2", "app": "playback", "answered_at": at + 40_000},
         "d": [["node", {"node": "zip", "type": "collect_zip"}]],
         "c": [{"k": "CancelTimer", "name": "wait:2"}, collect,
               {"k": "StartTimer", "name": "wait:3", "after_ms": 40_000}]},
        {"e": {**app, "at": at + 11_900_000, "command_id": f"{me}.3", "app": "play_and_get_digits", "digits": "90210",
               "answered_at": at + 40_000},
         "d": [["zip", {"digits": "90210", "exists": True, "state": "CA"}],
               ["node", {"node": "sell", "type": "route"}]],
         "c": [{"k": "CancelTimer", "name": "wait:3"}, {"k": "ReadUsage", "caps": sorted(caps)}]},
        {"e": {"k": "UsageRead", "at": at + 11_900_100, "used": {"target:acme-west-1": 1, "buyer:acme": 3}},
         "d": [["selection", {"number": 1, "candidates": candidates, "target": "acme-west-1", "draw": 61,
                              "weight_total": 100}]],
         "c": [{"k": "ReserveSlot", "lease_id": lease, "caps": caps}]},
        {"e": {"k": "SlotReserved", "at": at + 11_900_200, "lease_id": lease},
         "d": [["dialed", {"number": 1, "target": "acme-west-1", "buyer": "acme", "leg_id": leg, "ring_ms_max": 25_000,
                           "returns": True}]],
         "c": [dial, {"k": "StartTimer", "name": "dial:1", "after_ms": 35_000}]},
        {"e": {"k": "LegBridged", "at": at + 16_050_000, "leg_id": leg},
         "c": [{"k": "CancelTimer", "name": "dial:1"}, {"k": "StartTimer", "name": "talk:1", "after_ms": 3_605_000}]},
        {"e": {"k": "CallHungUp", "at": at + 106_055_000, "cause": "NORMAL_CLEARING"},
         "c": [{"k": "StartTimer", "name": "leave", "after_ms": 10_000}]},
        {"e": ended, "c": [{"k": "ReleaseSlot", "lease_id": lease}]},
        {"e": {"k": "CallEnded", "at": at + 106_060_000, **over, "answered_at": at + 40_000,
               "ended_at": at + 106_060_000},
         "d": [["outcome", {"outcome": "connected"}]],
         "c": [{"k": "CancelTimer", "name": "leave"}, {"k": "ReleaseSlot", "lease_id": me}, {"k": "Finish"}]},
    ]  # fmt: skip
