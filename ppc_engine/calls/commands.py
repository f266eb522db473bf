"""What a call wants done: the only output of the deciding code besides its decisions.

Commands name things by our own ids and slugs, never by foreign text; ``switch/encode.py`` alone turns them into ESL.
Every ``command_id`` comes back as the Application-UUID of the application that it started.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ppc_engine.calls.events import to_plain

WITHHELD = "withheld"  # A caller id that tells nothing.


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
    """Play one prompt to the caller. Ends with AppCompleted.

    With ``loops`` it is repeated for long, and may yet end by itself (the core then plays it again): for music and
    ringing while the caller waits, stopped by BreakApp. The prompt RINGING (flows/waits.py) is the ring tone, no file.
    """

    command_id: str
    prompt: str
    loops: bool = False


@dataclass(slots=True, kw_only=True)
class Say(Command):
    """Speak a text where the switch has a voice, else play the prompt that says the same. Ends with AppCompleted."""

    command_id: str
    text: str
    prompt: str


@dataclass(slots=True, kw_only=True)
class RecordMessage(Command):
    """Record the caller (a beep, then a message) until silence or the longest length. Ends with AppCompleted, whose
    ``recorded_ms`` tells the length. ``recording_id`` names the file and cannot be guessed."""

    command_id: str
    recording_id: str
    message_ms_max: int
    silence_ms_max: int


@dataclass(slots=True, kw_only=True)
class StartRecording(Command):
    """Record both sides of the call from now to its end, in the background. Ends with AppCompleted at once."""

    command_id: str
    recording_id: str


@dataclass(slots=True, kw_only=True)
class LookUp(Command):
    """Find something out outside of the call: answered by LookedUp, within ``ms_max`` in any case.

    ``kind`` history: earlier calls of the caller key ``key``; velocity: how often ``key`` was seen lately; http: what
    the address ``key`` answers to ``params``.
    """

    command_id: str
    kind: str
    key: str
    params: dict[str, Any]
    ms_max: int


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
class Leg:
    """One target to ring. ``leg_id`` becomes the UUID of its leg, so it is known before it exists.

    ``caller_id`` is what the target sees: "" the caller's own number (none when the caller asked for privacy), a number
    of ours, or WITHHELD. ``headers`` are all that it is told, by SIP header. ``whisper`` is played to whoever answers
    before the caller is heard; then, with ``accept_prompt``, that prompt until ``accept_digit`` is keyed, for
    ``accept_ms_max`` from the answer on (whisper and prompt included). ``connected_ms_max`` counts from the bridge.
    """

    attempt_id: str
    leg_id: str
    destination: str
    gateway: str = ""
    ring_ms_max: int
    progress_ms_max: int
    connected_ms_max: int
    caller_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    whisper: str = ""
    accept_prompt: str = ""
    accept_digit: str = ""
    accept_ms_max: int = 0


@dataclass(slots=True, kw_only=True)
class Dial(Command):
    """Ring every leg at once and bridge the caller to the first that answers (and accepts, where that is asked for).

    Ends with AppCompleted(app="bridge") or the caller's hang-up; each leg has a LegEnded of its own, those that lost
    with the cause LOSE_RACE. With ``returns`` the caller comes back to us by a new CallParked after the target hangs up
    (revenue recovery), else the switch hangs the caller up.
    """

    command_id: str
    legs: list[Leg]
    early_media: str = "ignore"
    returns: bool = False


@dataclass(slots=True, kw_only=True)
class JoinQueue(Command):
    """Stand in the line of a queue, or ask where one stands in it: answered by QueueJoined, or by QueueFull.

    ``since`` orders the line: when the caller began to wait, UTC microseconds.
    """

    queue: str
    callers_max: int
    since: int


@dataclass(slots=True, kw_only=True)
class LeaveQueue(Command):
    """Leave the line of a queue; not to stand in it is no error."""

    queue: str


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
    """Take [amount, limit] of every cap, or nothing: answered by SlotReserved or SlotRefused.

    ``gives`` are units of earlier attempts that go back in the same step, by lease; ``paces`` must let it through.
    """

    lease_id: str
    caps: dict[str, list[int]]
    gives: dict[str, dict[str, int]] = field(default_factory=dict)
    paces: dict[str, list[list[int]]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ReleaseSlot(Command):
    """Give back every slot of a lease, and these of its units; the others stay. Releasing twice is a counted error of
    ours, never a negative count."""

    lease_id: str
    units: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ReadUsage(Command):
    """Ask what is full, paused and due among these targets (none: all of the campaign): answered by UsageRead."""

    pool: list[str] = field(default_factory=list)


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


def legs_of(dial: dict[str, Any]) -> list[dict[str, Any]]:
    """The legs of a journalled Dial. Before calls rang several targets at once it held the one leg itself."""
    return dial.get("legs") or [dial]
