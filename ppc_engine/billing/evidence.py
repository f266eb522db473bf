"""What is known of a call beside its record: bids that were accepted, signals, settled facts, returns, doubts.

All of it is an argument of ``judge``: where it comes from, and which call it belongs to, is found out elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ppc_engine.billing.verdict import Reason, Side
from ppc_engine.calls.record import CDR, AttemptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a buyer or a scorer reported. ``key`` is its idempotency key; ``attempt_number`` 0 is the whole call.

    ``name`` is the event ("sale"); ``amount_micros`` and ``score`` are None when it carries none.
    """

    key: str
    received_at: int
    attempt_number: int = 0
    name: str = ""
    amount_micros: int | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """An accepted bid of a buyer, or our promise to a publisher's ping: its own amount and length hold instead."""

    side: Side
    party: str
    kind: Literal["bid", "promise"]
    amount_micros: int
    connected_ms_min: int
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A person settled the length of an attempt (0: the last that was connected), with name and evidence."""

    connected_ms: int
    by: str
    evidence: str
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A buyer gave (a part of) what it paid back, accepted at ``at``."""

    party: str
    amount_micros: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it for one call. ``doubts`` send the call to review until it is settled."""

    signals: tuple[Signal, ...] = ()
    pins: tuple[Pin, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    returns: tuple[Return, ...] = ()
    doubts: tuple[Reason, ...] = ()

    def pin(self, side: Side, party: str, attempt_number: int) -> Pin | None:
        """What was promised for this attempt, or for every attempt of the call."""
        own = [pin for pin in self.pins if (pin.side, pin.party) == (side, party)]
        return next((pin for pin in own if pin.attempt_number in (0, attempt_number)), None)


NO_EVIDENCE = Evidence()


def settle(cdr: CDR, settlements: Sequence[Settlement]) -> tuple[CDR, tuple[Reason, ...]]:
    """The call with its facts as they were settled, and what to note of that. A later settlement replaces one before.

    The end of the whole call is no estimate any more once none of its attempts' is.
    """
    notes = []
    attempts = list(cdr.attempts)
    for settlement in settlements:
        chosen = _chosen(attempts, settlement.attempt_number)
        if chosen is None:
            continue
        attempt = attempts[chosen]
        end = attempt.connected_at + settlement.connected_ms * 1000
        length = settlement.connected_ms
        attempts[chosen] = replace(attempt, connected_ms=length, disconnected_at=end, ended_at=end, end_estimated=False)
        text = f"settled at {length // 1000}.{length % 1000:03d} s by {settlement.by} ({settlement.evidence})"
        notes.append(Reason(code="settled", text=text, measured=length, limit=settlement.by, attempt=attempt.number))
    if not notes or any(attempt.end_estimated for attempt in attempts):
        return (replace(cdr, attempts=tuple(attempts)) if notes else cdr), tuple(notes)
    ended_at = max(attempt.ended_at for attempt in attempts) if cdr.end_estimated else cdr.ended_at
    total = sum(attempt.connected_ms for attempt in attempts)
    settled = replace(cdr, attempts=tuple(attempts), ended_at=ended_at, connected_ms=total, end_estimated=False)
    return settled, tuple(notes)


def _chosen(attempts: Sequence[AttemptRecord], number: int) -> int | None:
    """Where the attempt stands that a settlement is about."""
    fits = [n for n, one in enumerate(attempts) if one.connected_at and number in (0, one.number)]
    return fits[-1] if fits else None
