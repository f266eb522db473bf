"""One ESL connection: greenswitch's InboundESL with everything replaced that was proven unsafe.

Kept of greenswitch 0.0.19 is its declared way to use a connection (connect, send, stop, receive_events,
handle_event, authenticate). Replaced, with the fault that each replacement ends (freeswitch.md section 0; libraries.md
section 16): framing and decoding (1, 2, 3, 5, 11), the write path (4, 7, 8), connecting (9 in esl_switch.py, 10),
event hand-over (6). Events are asked for as JSON and handed over as bytes; what they mean is decode.py's business.
"""

from __future__ import annotations

import contextlib
import logging
import socket as plain_socket
from collections import deque
from collections.abc import Callable, Sequence

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.exceptions import BlockingSwitchOutError
from gevent.lock import BoundedSemaphore
from greenswitch import InboundESL

from ppc_engine.switch import framing
from ppc_engine.switch.encode import checked_frame
from ppc_engine.switch.errors import DeadlineError, FramingError, SwitchAwayError
from ppc_engine.values.errors import BadValueError

CONNECT_S_MAX = 2.0
GREETING_S_MAX = 2.0  # From the TCP connection to auth/request.
ANSWER_S_MAX = 3.0  # From writing a command to its answer (reliability.md F-15).
# After our own process stood still (a pause of the machine) the timer of a command fires before its answer, which has
# long arrived, was read. So the reader gets this much more before the connection is given up.
READER_GRACE_S = 0.25
READ_BYTES = 65_536
PASSWORD_WELL_KNOWN = "ClueCon"  # noqa: S105 - the password that must never be used

# A vanished peer without traffic of ours is noticed by the kernel after 5 + 3 x 2 s; our own pings are faster.
KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))

_log = logging.getLogger(__name__)


class _Question:
    """Commands written at once, and the answers that came so far."""

    __slots__ = ("answers", "done", "expected", "is_ping")

    def __init__(self, expected: int, is_ping: bool) -> None:
        self.expected = expected
        self.is_ping = is_ping
        self.answers: list[str] = []
        self.done: AsyncResult[list[str]] = AsyncResult()


class _Reader(gevent.Greenlet):
    """The greenlet that reads. While it hands over events it may not wait for anything.

    A handler that waits would hold back the events of all other calls, and one that waits for a command's answer
    would wait for itself. Such a wait raises BlockingSwitchOutError in the handler, at once.
    """

    may_wait = True

    def switch_out(self) -> None:  # Called by gevent before it leaves this greenlet.
        if not self.may_wait:
            raise BlockingSwitchOutError("an event handler must not wait: it runs in the reader of all calls' events")


class ESLConnection(InboundESL):
    """A connection to mod_event_socket. After it was lost it is dead for good: make another.

    ``on_event`` gets the body of every JSON event, in order, and must not wait. ``on_close`` gets the reason, once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        on_event: Callable[[bytes], None] = lambda body: None,
        on_close: Callable[[str], None] = lambda reason: None,
        on_bug: Callable[[Exception], None] = lambda error: _log.error("event handler failed", exc_info=error),
    ) -> None:
        check_password(password)
        super().__init__(host, port, password, timeout=CONNECT_S_MAX)
        self.address = f"{host}:{port}"
        self.closed_because = ""
        self.bytes_received = 0
        self._on_event = on_event
        self._on_close = on_close
        self._on_bug = on_bug
        self._parser = framing.FrameParser()
        self._commands_sent: deque[_Question] = deque()
        self._write_turn = BoundedSemaphore(1)
        self._ping_answer = ""

    def connect(self) -> None:
        """Connect and authenticate. Raises SwitchAwayError with one clear line, or DeadlineError."""
        try:
            self.sock = socket.create_connection((self.host, self.port), timeout=self.timeout)
        except ConnectionRefusedError:
            raise SwitchAwayError(f"connection refused by {self.address}") from None
        except TimeoutError:
            raise SwitchAwayError(f"no connection to {self.address} within {self.timeout:g} s") from None
        except OSError as error:
            raise SwitchAwayError(f"no connection to {self.address}: {error.strerror or error}") from None
        _keep_alive(self.sock)
        self.sock.settimeout(None)
        self.connected = True
        self._receive_events_greenlet = _Reader.spawn(self.receive_events)
        try:
            if not self._auth_request_event.wait(GREETING_S_MAX):
                raise DeadlineError(f"{self.address} accepted a connection but sent no auth/request: is it a switch?")
            self.authenticate()
        except BaseException as error:
            self.close(str(error))
            raise

    def authenticate(self) -> None:
        """Send the password. Raises SwitchAwayError when it is refused."""
        if self.send(f"auth {self.password}") != "+OK accepted":
            raise SwitchAwayError(f"ESL password refused by {self.address}")

    def send(self, data: str, answer_s_max: float | None = ANSWER_S_MAX) -> str:
        """One command and its answer: the Reply-Text, or the body of an api response."""
        return self.send_all([data], answer_s_max)[0]

    def ping(self, data: str, answer_s_max: float) -> str:
        """A command whose answer is always the same and like no other's.

        It shows that the switch lives, and that answers still reach who asked: answers carry no id, so were one lost,
        each later one would be taken for the one before it. The first answer out of its place ends the connection.
        """
        self._ping_answer = self.send_all([data], answer_s_max, is_ping=True)[0]
        return self._ping_answer

    def send_all(
        self, frames: Sequence[str], answer_s_max: float | None = ANSWER_S_MAX, *, is_ping: bool = False
    ) -> list[str]:
        """Write all commands at once, then wait for all their answers, in order.

        Raises SwitchAwayError when the connection is lost before, DeadlineError when the answers are not there in
        time; the connection is then given up. None sets no timer of its own: on a connection that is pinged every
        answer comes before that of the next ping, so the ping's limit is the command's as well.
        """
        payload = "".join(f"{checked_frame(frame)}\n\n" for frame in frames).encode("ascii")
        question = _Question(len(frames), is_ping)
        if answer_s_max is None:
            self._write(payload, question)
            return question.done.get()
        timer = gevent.Timeout.start_new(answer_s_max)
        try:
            self._write(payload, question)
            return question.done.get()
        except gevent.Timeout as fired:
            if fired is not timer:
                raise
        finally:
            timer.close()
        return self._last_look(question, answer_s_max)

    def stop(self) -> None:
        """Close, and wait for the reader to end."""
        self.close("closed by us")
        reader = self._receive_events_greenlet
        if reader is not None and reader is not gevent.getcurrent():
            reader.join()

    def close(self, reason: str) -> None:
        """End the connection once, for this reason; everyone who waits for an answer gets SwitchAwayError."""
        if not self.connected:
            return
        self.connected = False
        self.closed_because = reason
        self._auth_request_event.set()
        while self._commands_sent:
            self._commands_sent.popleft().done.set_exception(SwitchAwayError(reason))
        with contextlib.suppress(OSError):  # The other side may have been faster.
            self.sock.shutdown(plain_socket.SHUT_RDWR)
        self.sock.close()
        self._on_close(reason)

    def receive_events(self) -> None:
        """The reader's life: bytes -> frames -> answers and events, until the connection ends for any reason."""
        try:
            while self.connected:
                data = self.sock.recv(READ_BYTES)
                if not data:
                    self.close(f"{self.address} closed the connection")
                    return
                self.bytes_received += len(data)
                self._take(data)
                if len(data) == READ_BYTES:
                    gevent.sleep(0)  # More is waiting, but so are the greenlets that these events woke.
        except FramingError as error:
            self.close(f"{self.address} sent what is no ESL: {error}")
        except OSError as error:
            self.close(f"the connection to {self.address} was lost: {error.strerror or error}")

    def handle_event(self, frame: framing.Frame) -> None:
        """Sort one frame: an event to its handler, an answer to whoever has waited longest."""
        if frame.kind == framing.EVENT_JSON:
            try:
                self._on_event(frame.body)
            except Exception as error:
                self._on_bug(error)
        elif frame.kind == framing.COMMAND_REPLY:
            self._answered(frame.headers.get("Reply-Text", ""))
        elif frame.kind == framing.API_RESPONSE:
            self._answered(frame.body.decode("utf-8", "replace"))
        elif frame.kind == framing.AUTH_REQUEST:
            self._auth_request_event.set()
        elif frame.kind == framing.DISCONNECT:
            self.close(f"{self.address} ended the connection")
        elif frame.kind == framing.REJECTION:
            self.close(f"{self.address} does not let our address in (apply-inbound-acl)")

    def _take(self, data: bytes) -> None:
        reader = self._receive_events_greenlet
        frames = self._parser.feed(data)
        reader.may_wait = False
        try:
            for frame in frames:
                if not self.connected:
                    break
                self.handle_event(frame)
        finally:
            reader.may_wait = True

    def _answered(self, text: str) -> None:
        if not self._commands_sent:
            raise FramingError("an answer to nothing that was asked")
        question = self._commands_sent[0]
        if self._ping_answer and (text == self._ping_answer) is not question.is_ping:
            raise FramingError("an answer that belongs to another command")
        question.answers.append(text)
        if len(question.answers) == question.expected:
            self._commands_sent.popleft()
            question.done.set(question.answers)

    def _write(self, payload: bytes, question: _Question) -> None:
        with self._write_turn:
            if not self.connected:
                raise SwitchAwayError(self.closed_because or f"not connected to {self.address}")
            self._commands_sent.append(question)
            try:
                self.sock.sendall(payload)
            except OSError as error:
                self.close(f"the connection to {self.address} was lost: {error.strerror or error}")
                raise SwitchAwayError(self.closed_because) from None
            except BaseException:
                # Timed out or killed half-way: the rest of this command would be read as the start of the next.
                self.close(f"a command could not be written to {self.address}")
                raise

    def _last_look(self, question: _Question, answer_s_max: float) -> list[str]:
        try:
            return question.done.get(timeout=READER_GRACE_S if self.connected else 0)
        except gevent.Timeout:
            self.close(f"{self.address} gave no answer within {answer_s_max:g} s")
            raise DeadlineError(self.closed_because) from None
        except SwitchAwayError as error:
            raise DeadlineError(str(error)) from None


def check_password(password: str) -> None:
    """Raises BadValueError for a password that must not or cannot be used on an event socket."""
    if password == PASSWORD_WELL_KNOWN:
        raise BadValueError(f"the ESL password is {PASSWORD_WELL_KNOWN}, which the whole world knows: set another")
    if not password or not password.isascii() or not password.isprintable() or password != password.strip():
        raise BadValueError("the ESL password must be printable ASCII, not empty, without blanks around it")


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_KEEPALIVE, 1)
    sock.setsockopt(plain_socket.IPPROTO_TCP, plain_socket.TCP_NODELAY, 1)
    for name, value in KEEPALIVE:
        if hasattr(plain_socket, name):  # The names are Linux'; elsewhere the system's own times hold.
            sock.setsockopt(plain_socket.IPPROTO_TCP, getattr(plain_socket, name), value)
