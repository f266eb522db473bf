"""A FreeSWITCH event socket that does what a test tells it: right, wrong, slowly or not at all. Loopback only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import gevent
import orjson
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

CORE_UUID = "8b78316c-14f3-4342-97da-10fde018f31a"
PASSWORD = "correct-horse-battery-staple"
WAIT_S_MAX = 5.0

Answer = bytes | None | Callable[["FakeConnection", str], bytes | None]


def reply(text: str) -> bytes:
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


def api_response(body: bytes | str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body)


def json_event(headers: Mapping[str, Any] | bytes) -> bytes:
    body = headers if isinstance(headers, bytes) else orjson.dumps(headers)
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body)


def plain_event(headers: Mapping[str, str]) -> bytes:
    """As FreeSWITCH writes plain events: values url-encoded, the body behind its own Content-Length."""
    lines = [f"{name}: {quote(value, safe='')}" for name, value in headers.items() if name != "_body"]
    inner = "\n".join(lines).encode() + b"\n"
    if "_body" in headers:
        body = headers["_body"].encode()
        inner += b"Content-Length: %d\n\n%s" % (len(body), body)
    else:
        inner += b"\n"
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(inner), inner)


class FakeConnection:
    """The switch's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received: list[str] = []
        self.bytes_received = 0
        self.speaks_json = False
        self.has_events = False
        self.arrived = Event()

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_event(self, headers: Mapping[str, str]) -> None:
        """In the form that the client asked for."""
        self.write(json_event(headers) if self.speaks_json else plain_event(headers))

    def close(self) -> None:
        self.sock.close()


class FakeESL:
    """Listens at a free port of loopback. ``answers`` maps the beginning of a command to what is written back.

    Without an entry a command is answered as a real switch does; None leaves it unanswered.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, greeting: bytes | None = None) -> None:
        self.answers = dict(answers or {})
        self.greeting = b"Content-Type: auth/request\n\n" if greeting is None else greeting
        self.connections: list[FakeConnection] = []
        self.read_bytes = 65_536
        self.read_pause_s = 0.0
        self.reading = Event()  # Cleared, the switch reads no more, and its buffers fill.
        self.reading.set()
        self._changed = Event()
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    def __enter__(self) -> FakeESL:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reading.set()
        for connection in self.connections:
            connection.close()
        self._server.stop(timeout=1)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def commands(self) -> list[str]:
        """Every command received, over all connections, in the order of arrival on each."""
        return [command for connection in self.connections for command in connection.received]

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something that arrives here makes the condition true; returns its value."""
        with gevent.Timeout(WAIT_S_MAX, AssertionError(f"{what} did not happen in {WAIT_S_MAX} s: {self.commands}")):
            while not (value := condition()):
                self._changed.clear()
                self._changed.wait(0.05)  # Some conditions change elsewhere than here.
        return value

    def wait_for_command(self, beginning: str) -> str:
        def arrived() -> str | None:
            return next((command for command in self.commands if command.startswith(beginning)), None)

        return str(self.wait_for(arrived, f"the command {beginning!r}"))

    def events_connection(self, number: int = 1) -> FakeConnection:
        """The n-th connection that asked for events."""

        def subscribed() -> FakeConnection | None:
            found = [connection for connection in self.connections if connection.has_events]
            return found[number - 1] if len(found) >= number else None

        found: FakeConnection = self.wait_for(subscribed, f"subscription {number}")
        return found

    def _serve(self, sock: socket.socket, _: object) -> None:
        connection = FakeConnection(sock)
        self.connections.append(connection)
        held = b""
        try:
            connection.write(self.greeting)
            while self.reading.wait() and (data := sock.recv(self.read_bytes)):
                gevent.sleep(self.read_pause_s)
                connection.bytes_received += len(data)
                held += data
                while b"\n\n" in held:
                    frame, held = held.split(b"\n\n", 1)
                    self._take(connection, frame.decode())
                self._changed.set()
        except OSError:
            pass  # The test closed this end, or the client its own.
        finally:
            sock.close()

    def _take(self, connection: FakeConnection, command: str) -> None:
        connection.received.append(command)
        connection.speaks_json |= command.startswith("event json")
        connection.has_events |= command.startswith("filter Channel-State-Number")
        for beginning, answer in self.answers.items():
            if command.startswith(beginning):
                data = answer(connection, command) if callable(answer) else answer
                break
        else:
            data = usual_answer(command)
        if data is not None:
            connection.write(data)


def usual_answer(command: str) -> bytes:
    """What a FreeSWITCH that knows every channel says."""
    if command.startswith("auth "):
        return reply("+OK accepted" if command == f"auth {PASSWORD}" else "-ERR invalid")
    if command == "nolog":
        return reply("-ERR not loging")
    if command == "api global_getvar core_uuid":
        return api_response(CORE_UUID)
    if command.startswith("api sched_api"):
        return api_response("+OK Added: 17\n")
    if command.startswith("api show"):
        return api_response('{"row_count": 0}\n')
    if command.startswith("api "):
        return api_response("+OK\n")
    return reply("+OK")
