"""Where a flow pauses, and what wakes it. A wait says what is asked of the world; a resume is the answer.

Each wait has a longest time of its own; past it the call interrupts what runs and resumes with ``timed_out``.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteWait(Wait):
    """Until hunting through targets is over. Empty ``targets`` means all of the campaign."""

    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The answer to a wait: digits for DigitsWait, the exit for RouteWait, nothing more for the others."""

    digits: str = ""
    route_exit: str = ""
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The flow is over: hang the caller up with this FreeSWITCH cause."""

    cause: str
