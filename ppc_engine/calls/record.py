"""The finished record of one call (CDR) and its attempts, as plain frozen values. ``fold.py`` makes them.

All times are UTC microseconds from the switch's own stamps, 0 where the thing did not happen; lengths are
floor((end - start) / 1000) ms (semantics.md, "Clocks of a call").
"""

from __future__ import annotations

from dataclasses import dataclass, field

ATTEMPT_OUTCOMES = ("answered", "busy", "no_answer", "rejected", "unreachable", "failed", "cancelled")
CALL_OUTCOMES = (
    "connected", "no_match", "all_closed", "all_capped", "all_no_answer", "zip_failed", "blocked", "unknown_number",
    "abandoned_in_ivr", "abandoned_in_queue", "abandoned_ringing", "refused_overload", "engine_fallback", "failed",
)  # fmt: skip
HUNG_UP_BY = ("caller", "target", "engine", "switch", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try at one target. ``number`` counts from 1 within the call; a refused reservation uses its number up."""

    attempt_id: str
    number: int
    target: str
    buyer: str
    leg_id: str
    outcome: str
    hangup_cause: str
    sip_status: int
    hung_up_by: str
    dialed_at: int
    ringing_at: int
    target_answered_at: int
    connected_at: int
    disconnected_at: int
    ended_at: int
    ring_ms: int
    connected_ms: int
    end_estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CDR:
    """One call, from park to hang-up. ``caller_key`` is the E.164 number when ``caller_kind`` is valid, else "".

    ``attestation`` is A, B, C or "", ``tags`` are those that a trusted trunk brought.
    """

    call_id: str
    call_token: str
    core_uuid: str
    revision: str
    code_version: str
    test: bool
    dialed_number: str
    caller_number: str
    caller_kind: str
    caller_key: str
    campaign: str
    publisher: str
    trunk: str
    sub_ids: dict[str, str]
    zip_code: str
    zip_source: str
    state: str
    offered_at: int
    claimed_at: int
    answered_at: int
    connected_at: int
    disconnected_at: int
    ended_at: int
    total_ms: int
    ivr_ms: int
    ring_ms: int
    connected_ms: int
    silent_ms: int
    queue_ms: int = 0
    outcome: str
    hangup_cause: str
    hung_up_by: str
    end_estimated: bool
    attestation: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    attempts: tuple[AttemptRecord, ...]
