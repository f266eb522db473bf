"""Event socket as bytes: frames in, replies and events out. No socket here; a front moves the bytes.

Source: mod_event_socket.c as read in reference freeswitch.md A1, and the recorded conversations: a frame is lines up to
an empty one, then a body if Content-Length says so; replies come in order; events follow the reply of the command that
caused them; ``api`` holds back the events of its own connection by the nature of things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from ppc_engine.emulator import api
from ppc_engine.emulator.channel import Value
from ppc_engine.emulator.events import EVENT_NAMES, Event
from ppc_engine.emulator.model import QueueFull, SwitchModel

HEADER_BYTES_MAX = 10 * 1024 * 1024
BODY_BYTES_MAX = 16 * 1024 * 1024
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

_compiled = lru_cache(maxsize=64)(re.compile)
_UNSAFE = frozenset(b'\r\n #%&+:;<=>?@[\\]^`{|}"')
_ENCODED = [chr(byte) if 0x20 <= byte <= 0x7E and byte not in _UNSAFE else f"%{byte:02X}" for byte in range(256)]


def url_encode(text: str) -> str:
    """As switch_url_encode writes header values of plain events."""
    return "".join(_ENCODED[byte] for byte in text.encode("utf-8", "surrogateescape"))


def plain_body(event: Event) -> bytes:
    """An event in the plain format; lists as ARRAY::a|:b, a body (``_body``) after an empty line."""
    body = event.get("_body")
    lines = [f"{name}: {url_encode(_text(value))}\n" for name, value in event.items() if name != "_body"]
    return ("".join(lines) + "\n" + (body if isinstance(body, str) else "")).encode()


def json_body(event: Event) -> bytes:
    """An event in the JSON format; lists as arrays."""
    return orjson.dumps(event)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


def _matches(value: str, pattern: str) -> bool:
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        return _compiled(pattern[1:-1]).search(value) is not None
    return value.lower() == pattern.lower()


@dataclass(slots=True, eq=False)
class Connection:
    """One client. ``out`` holds bytes to send; ``closed`` says that the switch hangs up once they are sent."""

    out: bytearray = field(default_factory=bytearray)
    buffer: bytearray = field(default_factory=bytearray)
    authorized: bool = False
    closed: bool = False
    form: str = "plain"
    kinds: set[str] = field(default_factory=set)
    filters: list[tuple[str, str]] = field(default_factory=list)

    def take_frame(self) -> tuple[dict[str, str], str, str] | None:
        """The next whole frame as (headers, first line, body); None when more bytes are needed."""
        while self.buffer.startswith((b"\n", b"\r")):
            del self.buffer[:1]
        text = self.buffer.replace(b"\r", b"") if b"\r" in self.buffer else self.buffer
        end = text.find(b"\n\n")
        if end < 0:
            self.closed = self.closed or len(text) > HEADER_BYTES_MAX
            return None
        lines = text[:end].decode("utf-8", "replace").split("\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        wanted = headers.get("content-length", "0")
        length = int(wanted) if wanted.isdigit() else -1
        if not 0 <= length <= BODY_BYTES_MAX:
            self.closed = True
            return None
        if len(text) < end + 2 + length:
            return None
        body = text[end + 2 : end + 2 + length].decode("utf-8", "replace")
        self.buffer = bytearray(text[end + 2 + length :])
        return headers, lines[0].strip(), body

    def reply(self, text: str, extra: str = "") -> None:
        """Answer a command; ``extra`` are more header lines."""
        self.out += f"Content-Type: command/reply\nReply-Text: {text}\n{extra}\n".encode()

    def answer(self, text: str) -> None:
        """Answer an api command."""
        body = text.encode()
        self.out += f"Content-Type: api/response\nContent-Length: {len(body)}\n\n".encode() + body

    def wants(self, name: str, event: Event) -> bool:
        """Subscribed, and let through by the filters: any that matches lets an event pass, one with - stops it."""
        if name not in self.kinds and "ALL" not in self.kinds:
            return False
        passes = not self.filters
        for header, wanted in self.filters:
            value = event.get(header)
            if value is None:
                continue
            stops, pattern = wanted.startswith("-"), wanted.lstrip("+- ")
            if passes and not stops:
                continue
            if _matches(_text(value), pattern):
                if stops:
                    return False
                passes = True
        return passes

    def deliver(self, body: bytes) -> None:
        """Send an event in this client's format."""
        self.out += f"Content-Length: {len(body)}\nContent-Type: text/event-{self.form}\n\n".encode() + body


class EventSocket:
    """The event socket of one emulated switch, with all its clients."""

    def __init__(self, model: SwitchModel, password: str) -> None:
        self.model = model
        self._password = password
        self.connections: list[Connection] = []

    def open(self) -> Connection:
        """A client has connected."""
        connection = Connection()
        connection.out += b"Content-Type: auth/request\n\n"
        self.connections.append(connection)
        return connection

    def close(self, connection: Connection) -> None:
        """A client is gone."""
        connection.closed = True
        if connection in self.connections:
            self.connections.remove(connection)
        self._listen()

    def step(self, now_us: int) -> None:
        """Let time pass."""
        self.model.advance(now_us)
        self._deliver()

    def feed(self, connection: Connection, data: bytes, now_us: int) -> None:
        """Bytes came in from a client."""
        self.step(now_us)
        connection.buffer += data
        while not connection.closed and (frame := connection.take_frame()) is not None:
            try:
                self._obey(connection, *frame)
            except QueueFull:
                connection.closed = True
            self._deliver()

    def _deliver(self) -> None:
        said, self.model.outbox = self.model.outbox, []
        for _, event in said:
            name = str(event["Event-Name"])
            bodies: dict[str, bytes] = {}
            for connection in self.connections:
                if connection.closed or not connection.wants(name, event):
                    continue
                form = connection.form
                if form not in bodies:
                    bodies[form] = json_body(event) if form == "json" else plain_body(event)
                connection.deliver(bodies[form])

    def _listen(self) -> None:
        self.model.wanted = set().union(*(connection.kinds for connection in self.connections))

    def _obey(self, connection: Connection, headers: dict[str, str], line: str, body: str) -> None:
        word, _, rest = line.partition(" ")
        word, rest = word.lower(), rest.strip()
        if word == "auth":
            self._authorize(connection, rest)
        elif word == "exit":
            connection.reply("+OK bye")
            self._say_goodbye(connection)
        elif not connection.authorized:
            connection.reply("-ERR command not found")
        elif word == "event":
            self._subscribe(connection, rest)
        elif word == "filter":
            self._filter(connection, rest)
        elif word == "nolog":
            connection.reply("-ERR not loging")
        elif word == "noevents":
            connection.kinds.clear()
            self._listen()
            connection.reply("+OK no longer listening for events")
        elif word == "nixevent":
            connection.kinds -= set(rest.upper().split())
            self._listen()
            connection.reply("+OK")
        elif word == "api":
            connection.answer(api.run(self.model, rest))
        elif word == "bgapi":
            self._start_job(connection, headers, rest)
        elif word == "sendmsg":
            uuid = rest or headers.get("session-id", "")
            sent = self.model.queue_message(uuid, headers, body)
            connection.reply("+OK" if sent else f"-ERR invalid session id [{uuid}]")
        else:
            connection.reply("-ERR command not found")

    def _authorize(self, connection: Connection, password: str) -> None:
        if password == self._password:
            connection.authorized = True
            connection.reply("+OK accepted")
        else:
            connection.reply("-ERR invalid")
            self._say_goodbye(connection)

    def _say_goodbye(self, connection: Connection) -> None:
        connection.out += f"Content-Type: text/disconnect-notice\nContent-Length: {len(GOODBYE)}\n\n{GOODBYE}".encode()
        connection.closed = True

    def _subscribe(self, connection: Connection, rest: str) -> None:
        words = rest.split()
        form = words.pop(0).lower() if words and words[0].lower() in ("plain", "json") else "plain"
        before_custom = words[: words.index("CUSTOM")] if "CUSTOM" in words else words
        kinds = {word.upper() for word in before_custom} & EVENT_NAMES
        if not kinds:
            connection.reply("-ERR no keywords supplied")
            return
        connection.form = form
        connection.kinds |= kinds
        self._listen()
        connection.reply(f"+OK event listener enabled {form}")

    def _filter(self, connection: Connection, rest: str) -> None:
        name, _, value = rest.removeprefix("add ").partition(" ")
        if name == "delete":
            name, _, value = value.partition(" ")
            gone = [f for f in connection.filters if name == "all" or (f[0] == name and value in ("", f[1]))]
            connection.filters = [f for f in connection.filters if f not in gone]
            connection.reply(f"+OK filter deleted. [{name}][{value}]")
        elif value:
            connection.filters.append((name, value))
            connection.reply(f"+OK filter added. [{name}]=[{value}]")
        else:
            connection.reply("-ERR invalid syntax")

    def _start_job(self, connection: Connection, headers: dict[str, str], line: str) -> None:
        job = headers.get("job-uuid") or self.model.fresh_uuid()
        connection.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}\n")
        name, _, argument = line.partition(" ")
        result = api.run(self.model, line)
        said = {"Job-UUID": job, "Job-Command": name}
        if argument:
            said["Job-Command-Arg"] = argument
        said |= {"Content-Length": str(len(result.encode())), "_body": result}
        self.model.emit("BACKGROUND_JOB", extra=said)
