"""Identifiers that are derived, so that a retry or a restart names the same thing again (architecture.md)."""

from __future__ import annotations

import hmac
import uuid


def attempt_id(call_id: str, number: int) -> str:
    """The id of a call's n-th attempt; used up by a refused reservation too."""
    return f"{call_id}:{number}"


def command_id(call_id: str, number: int) -> str:
    """The id of a call's n-th command; it travels as Event-UUID and comes back as Application-UUID."""
    return f"{call_id}.{number}"


def leg_id(key: bytes, attempt: str) -> str:
    """The UUID of an attempt's buyer leg. An HMAC, so that nobody outside can guess a live channel's UUID."""
    digest = hmac.digest(key, b"leg:" + attempt.encode(), "sha256")
    return str(uuid.UUID(bytes=digest[:16], version=4))


def call_token(key: bytes, call_id: str) -> str:
    """What partners see instead of the call id, which must never leave us: it can be used to take a call over."""
    return hmac.digest(key, b"token:" + call_id.encode(), "sha256").hex()[:24]
