"""How long a caller heard nothing: no prompt, no ringing, no bridge (semantics.md, ``silent_ms``).

Before the answer the caller's own network rings, because the dialplan sent 180 before anything else. After it, every
moment is silent unless an application of ours runs: a prompt, gathering digits (the caller was asked and is expected
to key), or a bridge (ring tone, then the target). What an application that was never seen to end did after the last
sign of life counts as silence.
"""

from __future__ import annotations

from typing import Any

_AUDIBLE = frozenset({"Play", "Say", "RecordMessage", "CollectDigits", "Dial"})


def silent_ms(facts: list[dict[str, Any]], answered_at: int, ended_at: int) -> int:
    """Milliseconds of silence between answer and end; 0 for a call that was never answered."""
    if not answered_at:
        return 0
    # Nobody listens after the hang-up: what its events take to arrive is no silence.
    ended_at = min([ended_at, *(fact["e"]["at"] for fact in facts if fact["e"]["k"] == "CallHungUp")])
    silent_us, quiet_since, running = 0, answered_at, ""
    previous_at = answered_at
    for fact in facts:
        event = fact["e"]
        at = min(max(event["at"], answered_at), ended_at)
        if running and _stops(event, running):
            quiet_since, running = (previous_at if event["k"] == "CallAdopted" else at), ""
        started = [c for c in fact.get("c", ()) if c["k"] in _AUDIBLE]
        if started:
            if not running:
                silent_us += max(0, at - quiet_since)
            running = started[-1]["command_id"]
        previous_at = at
    if not running:
        silent_us += max(0, ended_at - quiet_since)
    return silent_us // 1000


def _stops(event: dict[str, Any], running: str) -> bool:
    kind = event["k"]
    if kind == "AppCompleted":
        return bool(event["command_id"] == running)
    if kind == "CallAdopted":
        return event["app"] in ("park", "")
    return kind in ("CallHungUp", "CallEnded", "CommandFailed")
