"""Bytes of an ESL connection -> frames. Pure: reads no socket, knows no event.

A frame is a head of ``Name: value`` lines, an empty line, and as many bytes of body as Content-Length says (source:
mod_event_socket.c, read_packet and its senders; esl-transcripts). Anything else is nonsense, and after nonsense no
later byte can be trusted: ``feed`` raises FramingError, then and for ever, and the connection must be closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ppc_engine.switch.errors import FramingError

HEAD_BYTES_MAX = 16_384  # The largest head seen is 150 bytes; a reply line holds at most one command's echo.
HEAD_LINES_MAX = 64
BODY_BYTES_MAX = 16 * 1024 * 1024  # What the switch itself accepts; a listing of 20,000 legs has half of it.

AUTH_REQUEST = "auth/request"
COMMAND_REPLY = "command/reply"
API_RESPONSE = "api/response"
EVENT_JSON = "text/event-json"
DISCONNECT = "text/disconnect-notice"
REJECTION = "text/rude-rejection"
KINDS = frozenset(
    (AUTH_REQUEST, COMMAND_REPLY, API_RESPONSE, EVENT_JSON, DISCONNECT, REJECTION, "text/event-plain", "log/data")
)

# Every head that the switch sends starts so: other bytes are refused at once, not after a whole buffer of them.
_FIRST_BYTES = b"Content-"
_EVENT_HEAD = re.compile(rb"Content-Length: ([0-9]{1,9})\nContent-Type: text/event-json\n\n")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NO_HEADERS: Mapping[str, str] = {}


class Frame(NamedTuple):
    """One message of the switch. ``headers`` of events are empty: what an event says stands in its body."""

    kind: str
    headers: Mapping[str, str]
    body: bytes


class FrameParser:
    """Turns chunks of any size into the frames that they complete."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._held = 0
        self._needed = 0
        self._broken = ""

    @property
    def is_amid_frame(self) -> bool:
        """Whether the frame that began last is not complete."""
        return self._held > 0

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order. Raises FramingError when they cannot be ESL."""
        if self._broken:
            raise FramingError(self._broken)
        if self._held:
            self._chunks.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return []  # Joined once, when the body is complete: a large body costs no copy a chunk.
            data = b"".join(self._chunks)
            self._chunks.clear()
        try:
            return self._split(data)
        except FramingError as error:
            self._broken = str(error)
            self._chunks.clear()
            raise

    def _split(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start, end = 0, len(data)
        self._needed = 0
        while start < end:
            match = _EVENT_HEAD.match(data, start)
            if match:
                kind, headers, body_start = EVENT_JSON, _NO_HEADERS, match.end()
                length = _length(match[1].decode())
            else:
                head_end = _find_head_end(data, start)
                if head_end < 0:
                    break
                headers = _parse_head(data[start:head_end])
                kind, length, body_start = (
                    headers["Content-Type"],
                    _length(headers.get("Content-Length", "0")),
                    head_end + 2,
                )
            if body_start + length > end:
                self._needed = body_start + length - start
                break
            frames.append(Frame(kind, headers, data[body_start : body_start + length]))
            start = body_start + length
        self._held = end - start
        if self._held:
            self._chunks.append(data[start:])
        return frames


def _find_head_end(data: bytes, start: int) -> int:
    """Where the empty line of the head at ``start`` begins; -1 when more bytes are needed."""
    first = data[start : start + len(_FIRST_BYTES)]
    if first != _FIRST_BYTES[: len(first)]:
        raise FramingError(f"a frame begins with {first!r}, which no ESL frame does")
    head_end = data.find(b"\n\n", start, start + HEAD_BYTES_MAX + 2)
    if head_end < 0 and len(data) - start > HEAD_BYTES_MAX:
        raise FramingError(f"a frame's head is longer than {HEAD_BYTES_MAX} bytes")
    return head_end


def _parse_head(head: bytes) -> dict[str, str]:
    # Split at LF alone: str.splitlines would also split at U+2028 and its like, which callers can write.
    lines = head.decode("utf-8", "replace").split("\n")
    if len(lines) > HEAD_LINES_MAX:
        raise FramingError(f"a frame's head has more than {HEAD_LINES_MAX} lines")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise FramingError(f"a frame's head has a line that is no header: {line[:40]!r}")
        if name in headers:
            raise FramingError(f"a frame's head names {name} twice")
        headers[name] = value.strip()
    if headers.get("Content-Type") not in KINDS:
        raise FramingError(f"a frame is of a kind that ESL does not have: {headers.get('Content-Type', '')[:40]!r}")
    return headers


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= BODY_BYTES_MAX):
        raise FramingError(f"a frame's body cannot be {text[:20]!r} bytes long (at most {BODY_BYTES_MAX})")
    return int(text)
