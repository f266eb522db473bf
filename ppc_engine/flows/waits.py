"""Where a flow pauses, and what wakes it. A wait says what is asked of the world; a resume is the answer.

Each wait has a longest time of its own; past it the call interrupts what runs and resumes with ``timed_out``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RINGING = "ringing"  # The word for the ring tone where a prompt may be looped; no prompt file has this name.


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A pause of a flow; ``ms_max`` is the longest it may last."""

    ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWait(Wait):
    """Until the caller's leg is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayWait(Wait):
    """Until a prompt was played."""

    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsWait(Wait):
    """Until the caller keyed digits, or did not."""

    prompt: str
    digits_min: int
    digits_max: int
    first_digit_ms_max: int
    next_digit_ms_max: int
    terminator: str = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class SayWait(Wait):
    """Until a text was spoken, or the prompt played where the switch has no voice."""

    text: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWait(Wait):
    """Until the caller's message was recorded: silence of ``silence_ms_max`` ends it."""

    message_ms_max: int
    silence_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecordingWait(Wait):
    """Until the recording of the whole call from here on has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpWait(Wait):
    """Until something was found out, or could not be: ``kind`` is history, velocity or http.

    ``music`` is looped to an answered caller meanwhile: a prompt, RINGING, or "" for an answer that comes at once.
    """

    kind: str
    key: str
    params: Mapping[str, Any] = field(default_factory=dict)
    music: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteWait(Wait):
    """Until hunting through targets is over. Empty ``targets`` means all of the campaign.

    ``order`` replaces the campaign's own; ``together`` is how many targets ring at once; ``sticky`` is asked first if
    it is eligible; ``stop_on`` are outcomes, causes and SIP statuses after which nobody else is tried.
    """

    targets: tuple[str, ...]
    order: str = ""
    together: int = 1
    sticky: str = ""
    stop_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWait(RouteWait):
    """As RouteWait, and the caller may wait for a target to come free: in the line ``queue``, hearing ``music``.

    ``positions`` are prompts by place in the line (the last one serves all further places), said every ``position_ms``.
    """

    queue: str
    callers_max: int
    wait_ms_max: int
    music: str
    positions: tuple[str, ...] = ()
    position_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialWait(Wait):
    """Until a call to one fixed destination, which buys nothing, is over or came to nothing."""

    destination: str
    gateway: str = ""
    ring_ms_max: int
    progress_ms_max: int
    connected_ms_max: int
    caller_id: str = ""
    whisper: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The answer to a wait: digits for DigitsWait, the exit for RouteWait, the length for RecordWait.

    For LookUpWait: ``status`` is ok, unavailable, timeout, ... with ``data`` as plain JSON. ``failed``: the
    switch would not do it (StartRecordingWait).
    """

    digits: str = ""
    route_exit: str = ""
    recorded_ms: int = 0
    status: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    timed_out: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The flow is over: hang the caller up with this FreeSWITCH cause.

    ``outcome`` is the call's, where no node before said why nobody was connected.
    """

    cause: str
    outcome: str = ""
