"""The headers of one event or dump of the switch: found, or parsed, and read as bounded text, numbers and ids.

Everything that a stranger can write is text without control characters and of bounded length here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

TEXT_CHARS_MAX = 128
DIGITS_MAX = 17  # Of a number; microseconds since 1970 have 16 until the year 2286.
CALL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_QUOTE = ord('"')
_LATE_NAMES = ("variable_", "Application", "Bridge-")


class MalformedError(ValueError):
    """An event that lacks what its kind always has, or is no JSON object."""


class Headers:
    """The headers of one event, each found where it stands: of 250 headers in 10 KB only a handful may be wanted.

    Finding is as sure as parsing: within a JSON string every quote is escaped, so a quoted name with a colon behind it
    can only be a key, whatever a stranger wrote into a value. A value that is not plain ASCII text, or is a list, has
    the whole object parsed after all.
    """

    __slots__ = ("_body", "_parsed")

    def __init__(self, body: bytes) -> None:
        if not (body.startswith(b"{") and body.endswith(b"}")):
            raise MalformedError("not a JSON object")
        self._body = body
        self._parsed: Mapping[str, Any] | None = None

    def all(self) -> Mapping[str, Any]:
        """Every header."""
        if self._parsed is None:
            self._parsed = load(self._body)
        return self._parsed

    def holds(self, names: tuple[bytes, ...]) -> bool:
        """Whether any of these stands anywhere in the event."""
        return any(name in self._body for name in names)

    def get(self, name: str) -> Any:
        """A header's value, None where there is none."""
        if self._parsed is not None:
            return self._parsed.get(name)
        body = self._body
        key = b'"%s":' % name.encode()
        # Variables come behind all else, and what an event adds of its own comes last.
        at = body.rfind(key) if name.startswith(_LATE_NAMES) else body.find(key)
        if at < 0:
            return None
        start = at + len(key) + 1
        value = body[start : body.find(b'"', start)]
        if body[start - 1] == _QUOTE and value.isascii() and b"\\" not in value:
            return value.decode()
        return self.all().get(name)


def load(body: bytes) -> Headers:
    """A JSON object of the switch, whose strings may hold any bytes. Raises MalformedError."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(body.decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError) as error:
            raise MalformedError("not JSON") from error
    if not isinstance(value, dict):
        raise MalformedError("not a JSON object")
    return value


def text(headers: Headers, name: str) -> str:
    """A value as one line of bounded text; lists (a value that began with ARRAY::) are joined."""
    value = headers.get(name)
    if type(value) is not str:
        value = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    if len(value) > TEXT_CHARS_MAX:
        value = value[:TEXT_CHARS_MAX]
    return value if value.isprintable() else "".join(filter(str.isprintable, value))


def digits(headers: Headers, name: str) -> str:
    value = headers.get(name)
    return value if type(value) is str and value.isdigit() and value.isascii() and len(value) <= DIGITS_MAX else ""


def number(headers: Headers, name: str) -> int:
    """A whole number, and so a stamp in microseconds; 0 where there is none."""
    return int(digits(headers, name) or 0)


def required_stamp(headers: Headers, name: str) -> int:
    stamp = number(headers, name)
    if not stamp:
        raise MalformedError(f"no {name}")
    return stamp


def clock(headers: Headers, variable: str, channel: str) -> int:
    """A moment of a leg's life: the final variable, else the running clock of its caller profile. 0: never."""
    return number(headers, f"variable_{variable}_uepoch") or number(headers, f"Caller-Channel-{channel}-Time")


def uuid(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if type(value) is not str or not CALL_ID.fullmatch(value):
        raise MalformedError(f"no {name}")
    return value
