"""The only reader of FreeSWITCH's header names: JSON events and dumps -> the facts of calls/events.py.

Decides which events are ours and what of them is believed. Everything that a stranger can write (names, numbers,
headers, digits) is text without control characters and of bounded length here, and is never an identifier: who a call
is, which leg and which command, comes from UUIDs that the switch or we made. Times are the switch's own microseconds.
Header sets and orders: esl-transcripts; meaning and moment of each variable: freeswitch.md A6, A7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ppc_engine.calls.events import AppCompleted, CallEnded, CallHungUp, CallParked, Event, LegBridged, LegEnded
from ppc_engine.ports import LiveChannel
from ppc_engine.switch.decode_caller import attestation, is_private, tags
from ppc_engine.switch.headers import (
    CALL_ID,
    Headers,
    MalformedError,
    clock,
    digits,
    number,
    required_stamp,
    text,
    uuid,
)

DIGITS_CHARS_MAX = 128  # The switch's own buffer of play_and_get_digits.

COMMAND_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,6})")

# Which headers of the caller's INVITE become sub-ids; every other header of a stranger is ignored.
SUB_IDS = {"sub_id": "variable_sip_h_X-Sub-ID"} | {f"sub_id_{n}": f"variable_sip_h_X-Sub-ID-{n}" for n in range(1, 6)}

# Of these twenty headers are wanted, and parsing all of them costs less than finding each (measured).
_READ_WHOLE = frozenset(("CHANNEL_PARK", "CHANNEL_HANGUP_COMPLETE"))

# Applications that the dialplan's execute_on_pre_bridge runs inside a bridge, hiding its name (seen in uuid_dump).
_WITHIN_BRIDGE = frozenset(("bridge", "sched_cancel"))

_HEAD = b'{"Event-Name":"'
_APPLICATION_UUID = b'"Application-UUID":"'
_COMMAND_ID_BYTES = re.compile(COMMAND_ID.pattern.encode() + b'"')


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The switch lives. Of all legs ever started, ``legs_live`` are not over yet."""

    at: int
    core_uuid: str
    legs_started: int
    legs_live: int


def event_name(body: bytes) -> str:
    """The Event-Name, without reading the rest: the switch writes it first. "" when the body is no event."""
    if body.startswith(_HEAD):
        end = body.find(b'"', len(_HEAD), len(_HEAD) + 64)
        if end > 0:
            return body[len(_HEAD) : end].decode("ascii", "replace")
    try:
        return text(Headers(body), "Event-Name")
    except MalformedError:
        return ""


def decode_event(name: str, body: bytes) -> Event | Heartbeat | None:
    """What an event means to us, or None when it is not about a call of ours. Raises MalformedError."""
    if name == "CHANNEL_EXECUTE_COMPLETE" and not _is_ours(body):
        return None  # The dialplan's own applications: five a call, told from ours without reading 6 KB of JSON.
    if not name:
        raise MalformedError("no Event-Name")
    reader = _READERS.get(name)
    if reader is None:
        return None
    headers = Headers(body)
    if name in _READ_WHOLE:
        headers.all()
    return reader(headers)


def decode_dump(body: bytes, timer_ids: Mapping[str, tuple[str, ...]]) -> LiveChannel | None:
    """A caller's leg from ``uuid_dump <uuid> json``; None when it is another leg or was not claimed by our dialplan.

    ``app`` is "park" when nothing that we sent is running, "ppc_fallback" when the dialplan has taken the call back,
    else the running application ("bridge" from the first ring to the end of the talk).
    """
    headers = Headers(body)
    if not _is_claimed(headers):
        return None
    call_id = uuid(headers, "Unique-ID")
    bond = text(headers, "variable_signal_bond")
    armed = timer_ids.get(call_id, ())
    first = digits(headers, "variable_last_sched_id")
    return LiveChannel(
        call_id=call_id,
        app=_running_app(headers),
        answered_at=number(headers, "Caller-Channel-Answered-Time"),
        bridged_leg_id=bond if CALL_ID.fullmatch(bond) else "",
        variables={
            name.removeprefix("variable_"): text(headers, name)
            for name in headers.all()
            if name.startswith("variable_ppc_")
            or name in ("variable_transfer_after_bridge", "variable_hangup_after_bridge")
        },
        timer_ids=armed if not first or first in armed else (*armed, first),
        parked=_parked(headers),
    )


def _is_ours(body: bytes) -> bool:
    at = body.rfind(_APPLICATION_UUID)
    return at >= 0 and _COMMAND_ID_BYTES.match(body, at + len(_APPLICATION_UUID)) is not None


def _is_claimed(headers: Headers) -> bool:
    return headers.get("Call-Direction") == "inbound" and headers.get("variable_ppc_dialplan") is not None


def _parked(headers: Headers) -> CallParked | None:
    if not _is_claimed(headers):
        return None
    asserted = text(headers, "variable_sip_P-Asserted-Identity")
    trunk = text(headers, "variable_ppc_trunk") or text(headers, "variable_acl_token")
    return CallParked(
        call_id=uuid(headers, "Unique-ID"),
        at=required_stamp(headers, "Event-Date-Timestamp"),
        core_uuid=uuid(headers, "Core-UUID"),
        dialed_number=text(headers, "variable_ppc_dialed_number"),
        caller_number=text(headers, "Caller-Caller-ID-Number"),
        caller_name=text(headers, "Caller-Caller-ID-Name"),
        offered_at=required_stamp(headers, "Caller-Channel-Created-Time"),
        answered_at=number(headers, "Caller-Channel-Answered-Time"),
        trunk=trunk or text(headers, "variable_sip_network_ip"),
        dialplan=number(headers, "variable_ppc_dialplan"),
        timer_id=digits(headers, "variable_last_sched_id"),
        sub_ids={key: text(headers, name) for key, name in SUB_IDS.items() if headers.get(name) is not None},
        asserted_number=asserted,
        from_number=text(headers, "variable_sip_from_user") if asserted else "",
        attestation=attestation(headers),
        private=is_private(headers),
        tags=tags(headers),
    )


def _app_completed(headers: Headers) -> AppCompleted | None:
    command_id = text(headers, "Application-UUID")
    match = COMMAND_ID.fullmatch(command_id)
    if match is None or match[1] != uuid(headers, "Unique-ID"):
        return None
    app = text(headers, "Application")
    keyed = text(headers, f"variable_ppc_d{match[2]}")
    return AppCompleted(
        call_id=match[1],
        at=required_stamp(headers, "Event-Date-Timestamp"),
        command_id=command_id,
        app=app,
        answered_at=number(headers, "Caller-Channel-Answered-Time"),
        digits="".join(digit for digit in keyed if digit in "0123456789*#ABCD")[:DIGITS_CHARS_MAX],
        cause=_app_cause(headers, app),
        recorded_ms=_recorded_ms(headers) if app == "record" else 0,
    )


def _app_cause(headers: Headers, app: str) -> str:
    """Why an application came to nothing, where it says so."""
    if app == "bridge":
        disposition = text(headers, "variable_originate_disposition")
        return "" if disposition == "SUCCESS" else disposition
    cause = text(headers, "variable_record_completion_cause") if app == "record_session" else ""
    return cause if cause == "uri-failure" else ""


def _recorded_ms(headers: Headers) -> int:
    """The length of a message without the silence that ended it, whose seconds are the last word of our command."""
    ended_silent = headers.get("variable_silence_hits_exhausted") == "true"
    last_word = text(headers, "Application-Data").rpartition(" ")[2]
    silence_s = int(last_word) if ended_silent and last_word.isascii() and last_word.isdigit() else 0
    return max(0, number(headers, "variable_record_ms") - silence_s * 1000)


def _bridged(headers: Headers) -> LegBridged | None:
    if not _is_claimed(headers):
        return None
    return LegBridged(
        call_id=uuid(headers, "Unique-ID"),
        at=required_stamp(headers, "Event-Date-Timestamp"),
        leg_id=uuid(headers, "Bridge-B-Unique-ID"),
    )


def _hung_up(headers: Headers) -> CallHungUp | None:
    if not _is_claimed(headers):
        return None
    return CallHungUp(
        call_id=uuid(headers, "Unique-ID"),
        at=required_stamp(headers, "Event-Date-Timestamp"),
        cause=text(headers, "Hangup-Cause"),
    )


def _ended(headers: Headers) -> CallEnded | LegEnded | None:
    if _is_claimed(headers):
        return CallEnded(
            call_id=uuid(headers, "Unique-ID"),
            offered_at=clock(headers, "start", "Created"),
            destination=text(headers, "Caller-Destination-Number"),
            **_ending(headers),
        )
    call_id = text(headers, "variable_ppc_call")
    if headers.get("Call-Direction") != "outbound" or not CALL_ID.fullmatch(call_id):
        return None
    ringing = (clock(headers, "progress", "Progress"), clock(headers, "progress_media", "Progress-Media"))
    return LegEnded(
        call_id=call_id,
        leg_id=uuid(headers, "Unique-ID"),
        created_at=clock(headers, "start", "Created"),
        ringing_at=min((stamp for stamp in ringing if stamp), default=0),
        bridged_at=clock(headers, "bridge", "Bridged"),
        **_ending(headers),
    )


def _ending(headers: Headers) -> dict[str, Any]:
    at = required_stamp(headers, "Event-Date-Timestamp")
    return {
        "at": at,
        "cause": text(headers, "Hangup-Cause"),
        "q850": number(headers, "variable_hangup_cause_q850"),
        "sip_status": _sip_status(headers) if _was_answered_by_a_peer(headers) else 0,
        "disposition": text(headers, "variable_sip_hangup_disposition"),
        "answered_at": clock(headers, "answer", "Answered"),
        "ended_at": clock(headers, "end", "Hangup") or at,
    }


def _heartbeat(headers: Headers) -> Heartbeat:
    return Heartbeat(
        at=required_stamp(headers, "Event-Date-Timestamp"),
        core_uuid=uuid(headers, "Core-UUID"),
        legs_started=number(headers, "Session-Since-Startup"),
        legs_live=number(headers, "Session-Count"),
    )


_READERS: Mapping[str, Callable[[Headers], Event | Heartbeat | None]] = {
    "CHANNEL_PARK": _parked,
    "CHANNEL_EXECUTE_COMPLETE": _app_completed,
    "CHANNEL_BRIDGE": _bridged,
    "CHANNEL_HANGUP": _hung_up,
    "CHANNEL_HANGUP_COMPLETE": _ended,
    "HEARTBEAT": _heartbeat,
}


def _running_app(headers: Headers) -> str:
    if text(headers, "Caller-Destination-Number") == "ppc_fallback":
        return "ppc_fallback"
    # The switch sets current_loop for as long as an application of a sendmsg runs; current_application stays behind.
    if headers.get("variable_current_loop") is None:
        return "park"
    app = text(headers, "variable_current_application")
    return "bridge" if app in _WITHIN_BRIDGE else app


def _was_answered_by_a_peer(headers: Headers) -> bool:
    """Whether a SIP answer came over the network. Where nobody listens the switch makes up a 503 of its own, which
    differs from a real one by the port it came from alone (esl-transcripts: unreachable_, unavailable_then_answer)."""
    return headers.get("Call-Direction") == "inbound" or number(headers, "variable_sip_network_port") > 0


def _sip_status(headers: Headers) -> int:
    """The final SIP status of a leg's INVITE: 486 and 503 share a cause family, and only this tells them apart."""
    for name in (
        "variable_sip_term_status",
        "variable_proto_specific_hangup_cause",
        "variable_sip_invite_failure_status",
    ):
        status = text(headers, name).removeprefix("sip:")
        if status.isascii() and status.isdigit() and len(status) == 3:
            return int(status)
    return 0
