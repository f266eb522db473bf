"""Identifiers that are derived, so that a retry or a restart names the same thing again (architecture.md)."""

from __future__ import annotations

import hashlib
import uuid


def attempt_id(call_id: str, number: int) -> str:
    """The id of a call's n-th attempt; used up by a refused reservation too."""
    return f"{call_id}:{number}"


def command_id(call_id: str, number: int) -> str:
    """The id of a call's n-th command; it travels as Event-UUID and comes back as Application-UUID."""
    return f"{call_id}.{number}"


def leg_id(key: bytes, attempt: str) -> str:
    """The UUID of an attempt's buyer leg. Keyed, so that nobody outside can guess a live channel's UUID."""
    return str(uuid.UUID(bytes=_mac(key, f"leg:{attempt}"), version=4))


def recording_id(key: bytes, command: str) -> str:
    """The name of a recording's file, from the command that makes it. Keyed: nobody can guess one (security.md D14)."""
    return _mac(key, f"recording:{command}").hex()


def call_token(key: bytes, call_id: str) -> str:
    """What partners see instead of the call id, which must never leave us: it can be used to take a call over."""
    return _mac(key, f"token:{call_id}").hex()[:24]


def _mac(key: bytes, text: str) -> bytes:
    """Keyed BLAKE2b (RFC 7693), a MAC of its own: ten times cheaper than HMAC over SHA-256, and every call pays it."""
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).digest()
