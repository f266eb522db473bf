"""The switch port on a FreeSWITCH: keeps two connections alive, performs commands, hands on events.

Two connections, because an api call holds back the events of its own: one carries events and sendmsg, the other api
commands. They live and die together. What must hold (architecture.md, 2): a dead switch or network is noticed within
3 s and a switch that is back within 8 s; nothing here ever hangs a call up because it is missing somewhere.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal

from ppc_engine.calls.commands import BreakApp, Command, Dial, Hangup, HangupLeg, TakeBack
from ppc_engine.calls.events import AppCompleted, CallEnded, CallHungUp, Event
from ppc_engine.ports import CommandRefusedError, LiveChannel, NoTelemetry, SwitchError, Telemetry
from ppc_engine.switch import encode
from ppc_engine.switch.channels import read_channels
from ppc_engine.switch.connection import Answers, ESLConnection, check_password
from ppc_engine.switch.encode import Site
from ppc_engine.switch.errors import ChannelGoneError, SwitchAwayError
from ppc_engine.switch.event_stream import SUBSCRIPTION, EventStream, wall_clock_us
from ppc_engine.switch.parks_first import ParksFirst
from ppc_engine.switch.pieces import RECORDINGS_DIR

PING_EVERY_S = 1.0
PING_ANSWER_S_MAX = 1.75  # With PING_EVERY_S and the reader's grace: dead after 3 s.
RETRY_S_MIN = 0.1
RETRY_S_MAX = 2.0  # With the connection's own limits: back within 8 s, however long the switch was away.
RETRY_GROWTH = 2.0
STOP_S_MAX = 5.0
CLAIM_S = 15
MESSAGES_OPEN_MAX = 8  # Per channel. Its queue on the switch holds 256, and overflowing it closes our connection.

_GONE = ("-ERR No such channel", "-ERR invalid session id")
_AT_ONCE = (BreakApp, Hangup, HangupLeg, TakeBack)
_CORE_UUID = "api global_getvar core_uuid"
_log = logging.getLogger(__name__)
_EVENTS_PING = "nolog"  # Answered at once and changes nothing: "-ERR not loging".


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Whether the switch can be used now. ``detail`` is one line for a person; ``core_uuid`` is new at each start of
    the switch, "" while it is away."""

    up: bool
    core_uuid: str
    detail: str


class ESLSwitch:
    """One FreeSWITCH. ``on_event`` and ``on_state`` are called from greenlets of this object; ``on_event`` must not
    wait for anything (BlockingSwitchOutError if it tries)."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        password: str,
        profile: str,
        prompts_dir: str,
        recordings_dir: str = RECORDINGS_DIR,
        voice: str = "",
        on_event: Callable[[Event], None],
        on_state: Callable[[SwitchState], None],
        claim_s: int = CLAIM_S,
        telemetry: Telemetry | None = None,
        now_us: Callable[[], int] = wall_clock_us,
    ) -> None:
        check_password(password)
        self._host, self._port, self._password = host, port, password
        self._site = Site(profile, prompts_dir, recordings_dir, voice)
        self._claim_s = claim_s
        self._on_event = on_event
        self._on_state = on_state
        self._telemetry = telemetry or NoTelemetry()
        self.stream = EventStream(self._take, self._telemetry, now_us)
        self._order = ParksFirst(self._read, lambda rest: gevent.get_hub().loop.run_callback(rest))
        self._state = SwitchState(up=False, core_uuid="", detail="not connected yet")
        self._events: ESLConnection | None = None
        self._api: ESLConnection | None = None
        self._lost = Signal()
        self._stopping = Signal()
        self._keeper: gevent.Greenlet | None = None
        self._bytes_before = 0
        self._open: dict[str, list[str]] = {}
        self._returning: set[str] = set()

    def start(self) -> None:
        """Begin to connect, and to reconnect for ever. Returns at once; ``on_state`` tells how it goes."""
        self._keeper = gevent.spawn(self._keep_connected)

    def stop(self) -> None:
        """Close both connections and end every greenlet. Calls on the switch go on without us."""
        self._stopping.set()
        self._lost.set()
        for link in (self._events, self._api):
            if link is not None:
                link.close("stopped")
        if self._keeper is not None:
            self._keeper.join(STOP_S_MAX)
            self._keeper.kill()

    @property
    def state(self) -> SwitchState:
        """What ``on_state`` was told last."""
        return self._state

    @property
    def bytes_received(self) -> int:
        """Bytes read from the switch since the start, over all connections."""
        return self._bytes_before + sum(link.bytes_received for link in (self._events, self._api) if link is not None)

    def perform(self, command: Command) -> str:
        """Send one command about a call and return the switch's reply. "+OK" means queued, not done.

        Raises CommandRefusedError (ChannelGoneError when the call is no more) when it was certainly not run, and
        another SwitchError when nobody knows.
        """
        answer: AsyncResult[str | SwitchError] = AsyncResult()
        self.post(command, answer.set)
        outcome = answer.get()
        if isinstance(outcome, SwitchError):
            raise outcome
        return outcome

    def post(self, command: Command, on_reply: Callable[[str | SwitchError], None]) -> None:
        """As ``perform``, but it never waits: ``on_reply`` gets the reply, or the error, when it is there.

        It is called by the event loop and must not wait. What is known at once is raised at once. No answer is later
        than 3 s, since none is later than that of its connection's next ping.
        """
        if isinstance(command, _AT_ONCE):
            frames = encode.api_lines(command)
            self._link(self._api).ask(frames, lambda answers: on_reply(_outcome(answers)))
            return
        frames = encode.messages(command, self._site, returns_now=command.call_id in self._returning)
        link = self._link(self._events)
        command_id = str(command.command_id)  # type: ignore[attr-defined] # every command that has messages has one

        def answered(answers: Answers) -> None:
            outcome = _outcome(answers)
            if isinstance(outcome, CommandRefusedError):
                self._completed(command.call_id, command_id)
            elif isinstance(command, Dial) and not command.returns and isinstance(outcome, str):
                self._returning.discard(command.call_id)
            on_reply(outcome)

        self._reserve(command.call_id, command_id, len(frames))
        if isinstance(command, Dial) and command.returns:
            self._returning.add(command.call_id)
        # A dial is granted or the call is gone, of which an event tells too.
        link.ask(frames, answered, is_patient=isinstance(command, Dial))

    def extend_claim(self, call_id: str, previous_timer_id: str) -> str:
        """Arm a new dead-man's timer, then delete the previous one ("": there is none). Returns the new one's id."""
        frames = [encode.arm_timer(call_id, self._claim_s)]
        if previous_timer_id:
            frames.append(encode.delete_timer(previous_timer_id))
        added = _granted(self._link(self._api).send_all(frames)[0])
        timer_id = added.rpartition(" ")[2]
        if not timer_id.isdigit():
            raise CommandRefusedError(f"the switch armed a timer and did not tell its id: {added[:60]!r}")
        return timer_id

    def drop_claim(self, call_id: str, timer_id: str) -> None:
        """Delete one dead-man's timer; one that is no more is no error."""
        if timer_id:
            _granted(self._link(self._api).send(encode.delete_timer(timer_id)))

    def live_channels(self, known: Collection[str] = ()) -> list[LiveChannel]:
        """Every caller's leg that our dialplan claimed and that lives now, ``known`` calls looked up in any case.

        Over a connection of its own, so that a slow listing holds back no renewal of a claim.
        """
        link = self._connection()
        try:
            link.connect()
            channels = read_channels(link, [*known, *self._open])
        finally:
            link.stop()
        self._returning.update(
            channel.call_id for channel in channels if channel.variables.get("transfer_after_bridge")
        )
        return channels

    def api(self, line: str) -> str:
        """One quick api command as it stands (``status``) and its answer, whatever it says.

        It holds back the pings and all other api commands: one that takes seconds costs the connection.
        """
        return self._link(self._api).send(f"api {line}")

    def _read(self, body: bytes) -> None:
        try:
            self.stream.read(body)
        except Exception as error:
            self._bug("dispatch", error)

    def _take(self, event: Event) -> None:
        if isinstance(event, AppCompleted):
            self._completed(event.call_id, event.command_id)
        elif isinstance(event, CallHungUp):
            self._open.pop(event.call_id, None)  # What was queued will never run, nor complete.
        elif isinstance(event, CallEnded):
            self._open.pop(event.call_id, None)
            self._returning.discard(event.call_id)
        self._on_event(event)

    def _reserve(self, call_id: str, command_id: str, messages: int) -> None:
        still_open = self._open.setdefault(call_id, [])
        if len(still_open) + messages > MESSAGES_OPEN_MAX:
            raise CommandRefusedError(f"{len(still_open)} commands are open on this call; it takes no more")
        still_open.extend([command_id] * messages)

    def _completed(self, call_id: str, command_id: str) -> None:
        """This command ran, and so did all that were queued before it."""
        still_open = self._open.get(call_id, [])
        if command_id in still_open:
            last = len(still_open) - 1 - still_open[::-1].index(command_id)
            del still_open[: last + 1]
        if not still_open:
            self._open.pop(call_id, None)

    def _link(self, link: ESLConnection | None) -> ESLConnection:
        if link is None or not link.connected:
            raise SwitchAwayError(self._state.detail)
        return link

    def _connection(self, **callbacks: Callable[..., None]) -> ESLConnection:
        return ESLConnection(self._host, self._port, self._password, **callbacks)

    def _keep_connected(self) -> None:
        retry_s = RETRY_S_MIN
        while not self._stopping.is_set():
            self._lost.clear()
            try:
                core_uuid = self._connect()
                retry_s = RETRY_S_MIN
                self._tell(SwitchState(up=True, core_uuid=core_uuid, detail=f"connected to {self._host}:{self._port}"))
                detail = self._watch()
            except SwitchError as error:
                detail = str(error)
            except Exception as error:  # A bug of ours must not end the reconnecting.
                self._bug("service", error)
                detail = f"{type(error).__name__} while connected to {self._host}:{self._port}"
            self._disconnect()
            self._tell(SwitchState(up=False, core_uuid="", detail=detail))
            # Jitter, so that several engines do not come back all at once: the switch's backlog holds five.
            self._stopping.wait(retry_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            retry_s = min(RETRY_S_MAX, retry_s * RETRY_GROWTH)

    def _connect(self) -> str:
        """Both connections, subscribed before anything is asked; returns the switch's Core-UUID."""
        lost = {"on_close": lambda reason: self._lost.set()}
        self._events = self._connection(
            on_event=self._order.take, on_bug=lambda error: self._bug("dispatch", error), **lost
        )
        self._events.connect()
        for frame, reply in zip(SUBSCRIPTION, self._events.send_all(SUBSCRIPTION), strict=True):
            if not reply.startswith("+OK"):
                raise SwitchAwayError(f"the switch refuses {' '.join(frame.split()[:2])!r}: {reply[:80]}")
        self.stream.reset()
        self._api = self._connection(**lost)
        self._api.connect()
        self._events.ping(_EVENTS_PING, PING_ANSWER_S_MAX)
        return self._api.ping(_CORE_UUID, PING_ANSWER_S_MAX).strip()

    def _watch(self) -> str:
        """Ping until a connection is lost or we stop; returns why. Raises SwitchError for an unanswered ping."""
        events, api = self._link(self._events), self._link(self._api)
        while not self._lost.wait(PING_EVERY_S):
            api.ping(_CORE_UUID, PING_ANSWER_S_MAX)
            events.ping(_EVENTS_PING, PING_ANSWER_S_MAX)
        return events.closed_because or api.closed_because or "stopped"

    def _disconnect(self) -> None:
        self._bytes_before = self.bytes_received
        links, self._events, self._api = (self._events, self._api), None, None
        for link in links:
            if link is not None:
                link.stop()
        self._open.clear()

    def _tell(self, state: SwitchState) -> None:
        if state == self._state:
            return
        self._state = state
        try:
            self._on_state(state)
        except Exception as error:
            self._bug("service", error)

    def _bug(self, where: str, error: Exception) -> None:
        self._telemetry.bug(where)
        _log.error("a bug in %s", where, exc_info=error)


def _granted(reply: str) -> str:
    """The reply, stripped. Raises ChannelGoneError or CommandRefusedError when it is no +OK."""
    reply = reply.strip()
    if reply.startswith(_GONE):
        raise ChannelGoneError(reply[:120])
    if not reply.startswith("+OK"):
        raise CommandRefusedError(reply[:120] or "an empty answer")
    return reply


def _outcome(answers: Answers) -> str | SwitchError:
    """The last reply when all were granted, else the first error."""
    if isinstance(answers, SwitchError):
        return answers
    try:
        return [_granted(reply) for reply in answers][-1]
    except CommandRefusedError as error:
        return error
