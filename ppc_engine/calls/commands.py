"""What a call wants done: the only output of the deciding code besides its decisions.

Commands name things by our own ids and slugs, never by foreign text; ``switch/encode.py`` alone turns them into ESL.
Every ``command_id`` comes back as the Application-UUID of the application that it started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ppc_engine.calls.events import to_plain


@dataclass(slots=True, kw_only=True)
class Command:
    """Something for the engine to do for one call."""

    call_id: str


@dataclass(slots=True, kw_only=True)
class Answer(Command):
    """Answer the caller's leg (200 OK). Ends with AppCompleted."""

    command_id: str


@dataclass(slots=True, kw_only=True)
class Play(Command):
    """Play one prompt to the caller. Ends with AppCompleted."""

    command_id: str
    prompt: str


@dataclass(slots=True, kw_only=True)
class CollectDigits(Command):
    """Play a prompt once and gather digits. Ends with AppCompleted, whose digits may be partial or none."""

    command_id: str
    prompt: str
    digits_min: int
    digits_max: int
    first_digit_ms_max: int
    next_digit_ms_max: int
    terminator: str = "#"


@dataclass(slots=True, kw_only=True)
class Dial(Command):
    """Ring one target and bridge the caller to it. Ends with AppCompleted(app="bridge") or the caller's hang-up.

    ``leg_id`` becomes the buyer leg's UUID, so it is known before it exists. With ``returns`` the caller comes back
    to us by a new CallParked after the target hangs up (revenue recovery), else the switch hangs the caller up.
    """

    command_id: str
    attempt_id: str
    leg_id: str
    destination: str
    gateway: str = ""
    ring_ms_max: int
    progress_ms_max: int
    connected_ms_max: int
    early_media: str = "ignore"
    returns: bool = False


@dataclass(slots=True, kw_only=True)
class BreakApp(Command):
    """Stop what is being played or, with ``gathering``, digits being gathered; its own AppCompleted follows.

    The two need different means: a break is not looked at while the switch waits for digits.
    """

    gathering: bool = False


@dataclass(slots=True, kw_only=True)
class Hangup(Command):
    """Hang the caller's leg up with a FreeSWITCH cause name.

    ``reason`` is why the call is refused, a word of calls/refusals.py: the carrier reads it in the SIP answer. "" once
    the call was answered.
    """

    cause: str
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class TakeBack(Command):
    """Take the caller out of a talk, back to us: the target's leg ends and a new CallParked follows.

    Only while bridged: the switch has cancelled the dead-man's timer then, and the way back arms a new one.
    """


@dataclass(slots=True, kw_only=True)
class HangupLeg(Command):
    """Hang a target's leg up (a deadline passed); the attempt's LegEnded and AppCompleted follow."""

    leg_id: str
    cause: str


@dataclass(slots=True, kw_only=True)
class ReserveSlot(Command):
    """Take one slot of every cap, or none: answered by SlotReserved or SlotRefused. ``caps`` maps cap to limit."""

    lease_id: str
    caps: dict[str, int]


@dataclass(slots=True, kw_only=True)
class ReleaseSlot(Command):
    """Give back every slot of a lease. Releasing twice is a counted error of ours, never a negative count."""

    lease_id: str


@dataclass(slots=True, kw_only=True)
class ReadUsage(Command):
    """Ask how many slots of these caps are in use: answered by UsageRead."""

    caps: list[str]


@dataclass(slots=True, kw_only=True)
class StartTimer(Command):
    """Fire TimerFired(name) ``after_ms`` from the event being handled, unless cancelled. Same name: replaced."""

    name: str
    after_ms: int


@dataclass(slots=True, kw_only=True)
class CancelTimer(Command):
    """Forget a timer; unknown names are no error."""

    name: str


@dataclass(slots=True, kw_only=True)
class Finish(Command):
    """Nothing more will happen to this call: fold its facts into the CDR and let its greenlet end."""


@dataclass(slots=True)
class Decision:
    """Why something was decided, for the journal, the CDR and ``explain``. ``data`` is plain JSON."""

    kind: str
    data: dict[str, Any]


@dataclass(slots=True)
class Turn:
    """One event and everything it led to: what the journal holds a line of."""

    event: dict[str, Any]
    decisions: list[Decision]
    commands: list[Command]

    def to_plain(self) -> dict[str, Any]:
        """As journalled: {"e": event, "d": [[kind, data], ...], "c": [command, ...]}, empty lists left out."""
        plain: dict[str, Any] = {"e": self.event}
        if self.decisions:
            plain["d"] = [[decision.kind, decision.data] for decision in self.decisions]
        if self.commands:
            plain["c"] = [to_plain(command) for command in self.commands]
        return plain
