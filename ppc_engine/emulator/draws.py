"""Draws without a random module: the same seed and ids give the same value on every machine, so every run replays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"


def _digest(ids: tuple[object, ...]) -> bytes:
    return hashlib.sha256("\x1f".join(map(str, ids)).encode("utf-8", "surrogateescape")).digest()


def draw(*ids: object) -> int:
    """A number from 0 to 2**64 - 1."""
    return int.from_bytes(_digest(ids)[:8], "big")


def draw_between(low: int, high: int, *ids: object) -> int:
    """A number from low to high, both included."""
    return low + draw(*ids) % (high - low + 1)


def draw_weighted(weights: Sequence[int], *ids: object) -> int:
    """An index into ``weights``, each as often as its weight says. At least one weight must be above 0."""
    left = draw(*ids) % sum(weights)
    for index, weight in enumerate(weights):
        if left < weight:
            return index
        left -= weight
    raise AssertionError("weights changed while drawing")


def draw_uuid(*ids: object) -> str:
    """A version 4 UUID as FreeSWITCH writes it."""
    raw = bytearray(_digest(ids)[:16])
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def draw_token(length: int, *ids: object) -> str:
    """Letters and digits such as a SIP tag is made of; at most 32."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in _digest(ids)[:length])
