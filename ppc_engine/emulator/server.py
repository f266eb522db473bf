"""The emulated switch behind a real socket on loopback: what an engine connects to.

One greenlet lets emulated time pass and delivers what happens; each client has one that reads and one that writes.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import gevent
from gevent.event import Event
from gevent.server import StreamServer

from ppc_engine.emulator.callers import CallResult
from ppc_engine.emulator.clock import ScaledClock
from ppc_engine.emulator.model import SwitchModel
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.wire import Connection, EventSocket

READ_BYTES = 65_536
UNSENT_BYTES_MAX = 256 * 1024 * 1024  # A client that reads nothing is cut off, as the real switch does (reference A2).
STOP_S_MAX = 5.0


class EmulatedSwitch:
    """A FreeSWITCH that exists only on the wire.

    ``clock`` is shared with the engine; without one the switch has its own, of ``speed``. One that does not run yet is
    started and stopped with the switch. The same scenario and seed give the same calls; what a client commands, and
    when, is up to the client.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str,
        clock: ScaledClock | None = None,
    ) -> None:
        self.clock = clock or ScaledClock(speed)
        self._started_clock = False
        self._scenario = scenario
        self._seed = seed
        self._password = password
        self._host = host
        self.port = port
        self.model = SwitchModel(scenario, seed=seed, start_us=self.clock.now_us())
        self.done = Event()
        self._socket = EventSocket(self.model, password)
        self._server: StreamServer | None = None
        self._driver: gevent.Greenlet | None = None
        self._hurry = Event()
        self._clients: dict[Connection, _Client] = {}

    @property
    def calls_offered(self) -> int:
        return self.model.calls_offered

    @property
    def calls_finished(self) -> int:
        return self.model.calls_finished

    @property
    def calls_planned(self) -> int:
        return self.model.calls_planned

    @property
    def results(self) -> list[CallResult]:
        """What each caller experienced, in the order in which their calls ended."""
        return self.model.results

    def start(self) -> None:
        """Listen. Nobody calls before ``begin_calls``, so that an engine can get in step first."""
        self._started_clock = self.clock.start()
        self._server = StreamServer((self._host, self.port), self._serve)
        self._server.start()
        self.port = self._server.server_port
        self._driver = gevent.spawn(self._drive)

    def begin_calls(self) -> None:
        """Let the callers begin: their first moments count from now."""
        self.model.advance(self.clock.now_us())
        self.model.open_lines()
        self._hurry.set()

    def stop(self) -> None:
        """Stop listening, cut every client off, end every greenlet."""
        if self._server is not None:
            self._server.stop(timeout=0)
        self.cut()
        if self._driver is not None:
            self._driver.kill(timeout=STOP_S_MAX)
        for client in list(self._clients.values()):
            client.end()
        if self._started_clock:
            self.clock.stop()

    def cut(self) -> None:
        """Cut every connection without a word, as a network that fails. Calls go on, and clients may come back."""
        for client in list(self._clients.values()):
            client.cut()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every caller of the scenario has ended; ``timeout`` is in seconds of the wall. False: not yet."""
        return bool(self.done.wait(timeout))

    def _serve(self, connected: socket.socket, address: Any) -> None:
        connection = self._socket.open()
        client = _Client(connected, connection)
        self._clients[connection] = client
        client.start()
        self._flush()
        try:
            while not connection.closed:
                data = connected.recv(READ_BYTES)
                if not data:
                    break
                self._socket.feed(connection, data, self.clock.now_us())
                self._flush()
                self._hurry.set()
        except OSError:
            pass
        finally:
            self._socket.close(connection)
            client.end()
            self._clients.pop(connection, None)

    def _drive(self) -> None:
        while True:
            self._hurry.clear()
            self._socket.step(self.clock.now_us())
            self._flush()
            left = self.model.next_due_us - self.clock.now_us()
            self._hurry.wait(self.clock.wall_s(left))

    def _flush(self) -> None:
        for connection, client in self._clients.items():
            if connection.out or connection.closed:
                client.wake()
        if self.calls_finished >= self.calls_planned:
            self.done.set()


class _Client:
    """One connection's socket and the greenlet that writes to it."""

    def __init__(self, connected: socket.socket, connection: Connection) -> None:
        self._socket = connected
        self._connection = connection
        self._unsent = Event()
        self._writer: gevent.Greenlet | None = None
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        self._writer = gevent.spawn(self._write)

    def wake(self) -> None:
        if len(self._connection.out) > UNSENT_BYTES_MAX:
            self.cut()
        self._unsent.set()

    def cut(self) -> None:
        """Shut the socket down: reader and writer both find out."""
        self._connection.closed = True
        self._connection.out.clear()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._unsent.set()

    def end(self) -> None:
        """Let the writer send what is left, then close."""
        self._connection.closed = True
        self._unsent.set()
        if self._writer is not None and self._writer is not gevent.getcurrent():
            self._writer.join(timeout=STOP_S_MAX)
            self._writer.kill()
        self._socket.close()

    def _write(self) -> None:
        connection = self._connection
        try:
            while True:
                self._unsent.wait()
                self._unsent.clear()
                while connection.out:
                    data = bytes(connection.out)
                    connection.out.clear()
                    self._socket.sendall(data)
                if connection.closed:
                    self._socket.shutdown(socket.SHUT_RDWR)
                    return
        except OSError:
            connection.closed = True
