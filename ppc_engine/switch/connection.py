"""One ESL connection: greenswitch's InboundESL with everything replaced that was proven unsafe.

Kept of greenswitch 0.0.19 is its declared way to use a connection (connect, send, stop, receive_events,
handle_event, authenticate). Replaced, with the fault that each replacement ends (freeswitch.md section 0; libraries.md
section 16): framing and decoding (1, 2, 3, 5, 11), the write path (4, 7, 8), connecting (9 in esl_switch.py, 10),
event hand-over (6). Events are asked for as JSON and handed over as bytes; what they mean is decode.py's business.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket as plain_socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult
from greenswitch import InboundESL

from ppc_engine.ports import SwitchError
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

_READABLE, _WRITABLE = 1, 2  # Of libev.

# While every answer that is owed may wait for the next event, fewer bytes than this do not wake us (SO_RCVLOWAT): more
# than an event's head or a few answers, less than any event. Being woken costs more than what an answer says.
GATHER_BYTES = 256

_log = logging.getLogger(__name__)

# What becomes of commands that were asked together: all their answers, or why there are none.
Answers = list[str] | SwitchError


class _Question:
    """Commands written at once, and the answers that came so far."""

    __slots__ = ("answers", "expected", "is_patient", "is_ping", "on_answers")

    def __init__(
        self, expected: int, on_answers: Callable[[Answers], None], *, is_ping: bool, is_patient: bool
    ) -> None:
        self.expected = expected
        self.is_patient = is_patient
        self.on_answers = on_answers
        self.is_ping = is_ping
        self.answers: list[str] = []


class ESLConnection(InboundESL):
    """A connection to mod_event_socket. After it was lost it is dead for good: make another.

    ``on_event`` gets the body of every JSON event, in order; ``on_close`` gets the reason, once. Both are called by the
    event loop itself, which reads without a greenlet of its own, so neither can wait: whoever tries gets
    BlockingSwitchOutError, at once. A wait there would hold back all calls, and one for an answer would never end.
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
        self._urgent = 0  # Questions in ``_commands_sent`` that are not patient.
        self._wake_bytes = 1
        self._unwritten = b""
        self._watchers: dict[int, Any] = {}
        self._file = -1
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
        self.sock.settimeout(None)  # To gevent; to the kernel its sockets never block.
        self._file = self.sock.fileno()
        self.connected = True
        loop = gevent.get_hub().loop
        self._watchers = {way: loop.io(self._file, way) for way in (_READABLE, _WRITABLE)}
        self._watchers[_READABLE].start(self.receive_events)
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

    def send(self, data: str, answer_s_max: float = ANSWER_S_MAX) -> str:
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
        self, frames: Sequence[str], answer_s_max: float = ANSWER_S_MAX, *, is_ping: bool = False
    ) -> list[str]:
        """Write all commands at once, then wait for all their answers, in order.

        Raises SwitchAwayError when the connection is lost before, DeadlineError when the answers are not there in
        time; the connection is then given up.
        """
        answers: AsyncResult[Answers] = AsyncResult()
        self.ask(frames, answers.set, is_ping=is_ping)
        try:
            outcome = answers.get(timeout=answer_s_max)
        except gevent.Timeout:
            outcome = self._last_look(answers, answer_s_max)
        if isinstance(outcome, SwitchError):
            raise outcome
        return outcome

    def ask(
        self,
        frames: Sequence[str],
        on_answers: Callable[[Answers], None],
        *,
        is_ping: bool = False,
        is_patient: bool = False,
    ) -> None:
        """Write all commands at once and return; ``on_answers`` is called when all answers are there, or never will be.

        It is called by the event loop and must not wait. No timer is set: whoever asks so has the connection pinged,
        and no answer is later than that of the next ping. One that ``is_patient`` is read with the next event, or with
        the ping. Raises SwitchAwayError when there is no connection.
        """
        payload = "".join([f"{checked_frame(frame)}\n\n" for frame in frames]).encode("ascii")
        if not self.connected:
            raise SwitchAwayError(self.closed_because or f"not connected to {self.address}")
        self._commands_sent.append(_Question(len(frames), on_answers, is_ping=is_ping, is_patient=is_patient))
        if not is_patient:
            self._urgent += 1
        self._gather()
        if self._unwritten:
            self._unwritten += payload
        else:
            self._write(payload)

    def stop(self) -> None:
        """Close. Nothing is called back any more."""
        self.close("closed by us")

    def close(self, reason: str) -> None:
        """End the connection once, for this reason; everyone who waits for an answer gets SwitchAwayError."""
        if not self.connected:
            return
        self.connected = False
        self.closed_because = reason
        self._auth_request_event.set()
        self._unwritten = b""
        for watcher in self._watchers.values():
            watcher.stop()
            watcher.close()
        with contextlib.suppress(OSError):  # The other side may have been faster.
            self.sock.shutdown(plain_socket.SHUT_RDWR)
        self.sock.close()
        while self._commands_sent:
            self._notify(self._commands_sent.popleft(), SwitchAwayError(reason))
        self._on_close(reason)

    def receive_events(self) -> None:
        """Something can be read: bytes -> frames -> answers and events. Called by the event loop.

        One piece at a time; what is left is for the loop's next turn, after the greenlets that these events woke.
        """
        try:
            data = os.read(self._file, READ_BYTES)
            if not data:
                self.close(f"{self.address} closed the connection")
                return
            self.bytes_received += len(data)
            for frame in self._parser.feed(data):
                self.handle_event(frame)
                if not self.connected:
                    return
            self._gather()
        except BlockingIOError:
            return  # The kernel was mistaken; it will say so again.
        except FramingError as error:
            self.close(f"{self.address} sent what is no ESL: {error}")
        except OSError as error:
            self._lost(error)

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

    def _answered(self, text: str) -> None:
        if not self._commands_sent:
            raise FramingError("an answer to nothing that was asked")
        question = self._commands_sent[0]
        if self._ping_answer and (text == self._ping_answer) is not question.is_ping:
            raise FramingError("an answer that belongs to another command")
        question.answers.append(text)
        if len(question.answers) == question.expected:
            self._commands_sent.popleft()
            if not question.is_patient:
                self._urgent -= 1
            self._notify(question, question.answers)

    def _notify(self, question: _Question, answers: Answers) -> None:
        try:
            question.on_answers(answers)
        except Exception as error:
            self._on_bug(error)

    def _gather(self) -> None:
        """Say how many bytes are worth waking us."""
        patient = len(self._commands_sent) > self._urgent
        few = GATHER_BYTES if patient and not self._urgent and not self._parser.is_amid_frame else 1
        if few != self._wake_bytes and self.connected:
            self._wake_bytes = few
            self.sock.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_RCVLOWAT, few)

    def _write(self, payload: bytes) -> None:
        """As much as the kernel takes now; the rest when it takes more, and new commands behind it."""
        try:
            self._unwritten = payload[os.write(self._file, payload) :]
        except BlockingIOError:
            self._unwritten = payload
        except OSError as error:
            self._lost(error)
            return
        if self._unwritten:
            self._watchers[_WRITABLE].start(self._write_rest)

    def _write_rest(self) -> None:
        self._watchers[_WRITABLE].stop()
        self._write(self._unwritten)

    def _lost(self, error: OSError) -> None:
        self.close(f"the connection to {self.address} was lost: {error.strerror or error}")

    def _last_look(self, answers: AsyncResult[Answers], answer_s_max: float) -> Answers:
        with contextlib.suppress(gevent.Timeout):
            outcome: Answers = answers.get(timeout=READER_GRACE_S)
            return DeadlineError(str(outcome)) if isinstance(outcome, SwitchError) else outcome
        if self._unwritten:
            self.close(f"a command could not be written to {self.address} within {answer_s_max:g} s")
        else:
            self.close(f"{self.address} gave no answer within {answer_s_max:g} s")
        return DeadlineError(self.closed_because)


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
