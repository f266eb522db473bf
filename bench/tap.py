"""A relay between a controller and the switch that notes when each park event passes and when the first word about that
call comes back, and how many bytes of events go by.

Every controller is measured through it in the same way. What it adds (two more hops over loopback, one Python thread)
is in the figure of the handler that does nothing, too.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

CHUNK_BYTES = 1 << 18
POLL_S = 0.2
SEND_S = 5.0
UUID_CHARS = 36

_LENGTH = re.compile(rb"Content-Length: (\d+)")
_EVENT_TYPE = b"Content-Type: text/event-"
_PARKED = re.compile(rb'Event-Name"?:\s*"?CHANNEL_PARK\b')
_UNIQUE_ID = re.compile(rb'Unique-ID"?:\s*"?([0-9a-f-]{36})')
_ANY_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEARTBEAT = re.compile(rb'Event-Name"?:\s*"?HEARTBEAT\b')


@dataclass(slots=True)
class Seen:
    """What has passed since the last ``Tap.start_over``. ``reaction_ms`` has one value a call."""

    events: int = 0
    event_bytes: int = 0
    commands: int = 0
    reaction_ms: list[float] = field(default_factory=list)


class Tap:
    """Listens on ``port`` and relays every connection to the switch, in a thread of its own, until ``stop``."""

    def __init__(self, switch_port: int, port: int) -> None:
        self.port = port
        self._switch_port = switch_port
        self._seen = Seen()
        self._waiting: dict[bytes, float] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._thread.start()

    def start_over(self) -> None:
        """Forget what was seen so far."""
        self._seen = Seen()
        self._waiting.clear()

    def seen(self) -> Seen:
        return self._seen

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(SEND_S + POLL_S)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(POLL_S):
                if key.data is None:
                    self._accept()
                else:
                    key.data.relay()

    def _accept(self) -> None:
        controller, _ = self._listener.accept()
        switch = socket.create_connection(("127.0.0.1", self._switch_port), SEND_S)
        for end in (controller, switch):
            end.settimeout(SEND_S)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        frames = Frames()
        pair = (switch, controller)
        self._selector.register(
            switch, selectors.EVENT_READ, Way(self, pair, lambda data, at: self._told(frames, data, at))
        )
        self._selector.register(controller, selectors.EVENT_READ, Way(self, pair[::-1], self._commanded))

    def close(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """End both sides of a connection."""
        for end in pair:
            if end.fileno() >= 0:
                self._selector.unregister(end)
                end.close()

    def _told(self, frames: Frames, data: bytes, at: float) -> None:
        """The switch has said something."""
        for head, body in frames.feed(data):
            if _EVENT_TYPE not in head or _HEARTBEAT.search(body, 0, 200):
                continue
            self._seen.events += 1
            self._seen.event_bytes += len(head) + len(body)
            if _PARKED.search(body, 0, 200) and (uuid := _UNIQUE_ID.search(body)):
                self._waiting.setdefault(uuid[1], at)

    def _commanded(self, data: bytes, at: float) -> None:
        """The controller has said something. One write holds whole commands: all three controllers send them so."""
        for uuid in set(_ANY_UUID.findall(data)):
            since = self._waiting.pop(uuid, None)
            if since is not None:
                self._seen.reaction_ms.append((at - since) * 1000)
        self._seen.commands += data.count(b"\n\n")


class Way:
    """One direction of one connection: passes on first, looks afterwards."""

    def __init__(self, tap: Tap, pair: tuple[socket.socket, socket.socket], look: object) -> None:
        self._tap = tap
        self._pair = pair
        self._look = look

    def relay(self) -> None:
        source, sink = self._pair
        try:
            data = source.recv(CHUNK_BYTES)
            at = time.perf_counter()
            if data:
                sink.sendall(data)
        except OSError:
            data = b""
        if data:
            self._look(data, at)  # type: ignore[operator]
        else:
            self._tap.close(self._pair)


class Frames:
    """Cuts what the switch sends into (head, body)."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        self._buffer += data
        found = []
        while (end := self._buffer.find(b"\n\n")) >= 0:
            head = self._buffer[: end + 2]
            length = _LENGTH.search(head)
            total = len(head) + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                break
            found.append((head, self._buffer[len(head) : total]))
            self._buffer = self._buffer[total:]
        return found
