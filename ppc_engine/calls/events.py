"""What happened to a call: the only input of the deciding code.

Rules this file obeys: an event is flat and made of plain JSON values, so that the journal, replay and tests share one
form; every time is UTC microseconds; times of legs are the switch's own stamps (semantics.md, "Clocks of a call"); a
stamp of 0 means "did not happen". ``call_id`` is the caller leg's FreeSWITCH UUID. Nobody changes an event once it is
made; ``frozen`` would say so too, at twice the cost of making one, and every call makes a dozen.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Event:
    """A fact about one call. ``at`` is when it happened: the switch's stamp for what the switch saw."""

    call_id: str
    at: int


@dataclass(slots=True, kw_only=True)
class CallParked(Event):
    """The caller's leg waits for us (CHANNEL_PARK). For a known call it means "came back after a bridge".

    ``paused`` is what of this very call somebody has switched off, as subject -> why: its number, its publisher, or the
    engine itself (a drain). What the way in says of the caller is believed of a trusted trunk alone:
    ``asserted_number`` (P-Asserted-Identity; the switch takes it for the caller's, so the From that it hides is in
    ``from_number``), ``attestation`` (A, B or C), ``tags`` (X-Tag-NAME, and X-Zip as
    ``zip_code``). ``private``: the caller asked that nobody be shown the number.
    """

    core_uuid: str
    dialed_number: str
    caller_number: str
    caller_name: str = ""
    offered_at: int
    answered_at: int = 0
    trunk: str = ""
    dialplan: int = 0
    timer_id: str = ""
    sub_ids: dict[str, str] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    asserted_number: str = ""
    from_number: str = ""
    attestation: str = ""
    private: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class AppCompleted(Event):
    """An application that we executed has ended (CHANNEL_EXECUTE_COMPLETE with our Application-UUID).

    ``digits`` are what the caller keyed into the collect command of this id, partial ones included; "" is none.
    ``cause`` is a bridge's originate_disposition: the only word there is of a gateway that made no leg at all.
    ``recorded_ms`` is the length of the message that a record command took.
    """

    command_id: str
    app: str
    answered_at: int = 0
    digits: str = ""
    cause: str = ""
    recorded_ms: int = 0


@dataclass(slots=True, kw_only=True)
class LegBridged(Event):
    """The caller and the target's leg talk to each other (CHANNEL_BRIDGE)."""

    leg_id: str


@dataclass(slots=True, kw_only=True)
class LegEnded(Event):
    """A target's leg is over (its CHANNEL_HANGUP_COMPLETE), with all its clocks from one switch.

    ``disposition`` is sip_hangup_disposition (recv_bye: the target ended it); ``sip_status`` is 0 when unknown.
    """

    leg_id: str
    cause: str
    q850: int = 0
    sip_status: int = 0
    disposition: str = ""
    created_at: int
    ringing_at: int = 0
    answered_at: int = 0
    bridged_at: int = 0
    ended_at: int


@dataclass(slots=True, kw_only=True)
class CallHungUp(Event):
    """The caller's leg began to hang up (CHANNEL_HANGUP): nothing can be played or dialled any more."""

    cause: str


@dataclass(slots=True, kw_only=True)
class CallEnded(Event):
    """The caller's leg is over, with final variables (its CHANNEL_HANGUP_COMPLETE)."""

    cause: str
    q850: int = 0
    sip_status: int = 0
    disposition: str = ""
    offered_at: int
    answered_at: int = 0
    ended_at: int
    destination: str = ""


@dataclass(slots=True, kw_only=True)
class SlotReserved(Event):
    """Every slot that ``ReserveSlot`` asked for is held under ``lease_id``."""

    lease_id: str


@dataclass(slots=True, kw_only=True)
class SlotRefused(Event):
    """No slot was taken: ``full`` maps each exhausted cap to [used, limit]."""

    lease_id: str
    full: dict[str, list[int]]


@dataclass(slots=True, kw_only=True)
class UsageRead(Event):
    """What is full, by counter, with its use; a pace that is not over, with the microseconds to wait. ``paused`` are
    targets and buyers that an operator paused, with why; ``stats`` what the campaign's order goes by, by target."""

    used: dict[str, int] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class QueueJoined(Event):
    """The caller stands in a queue, at this place from 1, of so many who wait."""

    queue: str
    position: int
    waiting: int


@dataclass(slots=True, kw_only=True)
class QueueFull(Event):
    """As many callers as may wait do so already; this one does not stand in the line."""

    queue: str
    waiting: int
    limit: int


@dataclass(slots=True, kw_only=True)
class QueueTurn(Event):
    """Something may be free for this caller, who is the first in line whom it suits."""

    queue: str


@dataclass(slots=True, kw_only=True)
class LookedUp(Event):
    """What LookUp found: ``status`` is ok with ``data`` (plain JSON, bounded), or why there is none.

    unavailable: the database did not answer in time; http besides: timeout, refused (not allowed to ask there),
    failed (no connection, or no HTTP), bad_answer (a status that is no 2xx, no JSON, too long).
    """

    command_id: str
    status: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class TimerFired(Event):
    """A timer that this call started has come due and was not cancelled."""

    name: str


@dataclass(slots=True, kw_only=True)
class CommandFailed(Event):
    """The switch refused a command, or never answered it."""

    command_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CallAdopted(Event):
    """After a restart or a lost connection the call was found alive on the switch; events may have been missed.

    ``app`` is the application now running on the caller's leg ("park" when idle), ``bridged_leg_id`` the leg it talks
    to, "" if none, ``answered_at`` as the switch has it, ``restarted`` whether another process drove it before.
    """

    app: str
    answered_at: int = 0
    bridged_leg_id: str = ""
    restarted: bool = False


@dataclass(slots=True, kw_only=True)
class CallVanished(Event):
    """The switch no longer has this call and its end was not seen; ``at`` is the last proof of life."""

    reason: str


@dataclass(slots=True, kw_only=True)
class OperatorHangup(Event):
    """A person ordered this call to end (``ppc call hangup``). ``action`` is the number of the recorded order."""

    action: int
    who: str
    why: str


@dataclass(slots=True, kw_only=True)
class OperatorRedirect(Event):
    """A person sent this caller to one target, or to a node of the flow (``ppc call redirect``): one of the two."""

    action: int
    who: str
    why: str
    target: str = ""
    node: str = ""


EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        CallParked, AppCompleted, LegBridged, LegEnded, CallHungUp, CallEnded, SlotReserved, SlotRefused, UsageRead,
        QueueJoined, QueueFull, QueueTurn, LookedUp, TimerFired, CommandFailed, CallAdopted, CallVanished,
        OperatorHangup, OperatorRedirect,
    )
}  # fmt: skip


_FIELDS: dict[type, tuple[tuple[str, Any], ...]] = {}


def _fields(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """Names of a kind's fields with their defaults; a required field has ``MISSING``, which equals no value."""
    known = _FIELDS.get(kind)
    if known is None:
        none = dataclasses.MISSING
        fields = [f for f in dataclasses.fields(kind) if f.name != "call_id"]
        known = tuple((f.name, f.default if f.default_factory is none else f.default_factory()) for f in fields)
        _FIELDS[kind] = known
    return known


def to_plain(value: Any) -> dict[str, Any]:
    """An event or command as plain JSON: its kind and every field but call_id that differs from its default."""
    plain: dict[str, Any] = {"k": type(value).__name__}
    for name, default in _fields(type(value)):
        held = getattr(value, name)
        if held != default:
            plain[name] = [_part(one) for one in held] if type(held) is list else held
    return plain


def _part(value: Any) -> Any:
    """One of a list: a part of a command (Leg) becomes plain too, its kind going without saying."""
    if not dataclasses.is_dataclass(value):
        return value
    fields = ((name, default, getattr(value, name)) for name, default in _fields(type(value)))
    return {name: held for name, default, held in fields if held != default}


def event_from_plain(call_id: str, plain: dict[str, Any]) -> Event:
    """The inverse of ``to_plain`` for events. Raises KeyError for a kind that this version does not know."""
    fields = {name: value for name, value in plain.items() if name != "k"}
    return EVENTS[plain["k"]](call_id=call_id, **fields)
