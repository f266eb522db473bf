"""An engine, its journal and its database around a switch that a test plays: what caps count can be compared with what
really happened. A crash forgets everything but journal and database; a reload changes the caps under live calls."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import orjson

from ppc_engine.calls.commands import Command, Dial, Hangup
from ppc_engine.calls.events import AppCompleted, CallEnded, CallParked, LegBridged, LegEnded
from ppc_engine.calls.record import CDR
from ppc_engine.calls.state import CallContext
from ppc_engine.engine.cap_seeding import CapSeeding
from ppc_engine.engine.claims import Claims
from ppc_engine.engine.dispatcher import Dispatcher
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.engine.reconcile import Reconciler
from ppc_engine.engine.usage import Usage
from ppc_engine.ports import LiveChannel
from ppc_engine.routing.usage import UsageBoard
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.cap_usage import read_cap_usage
from ppc_engine.storage.capacity import MemoryCapacityStore
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.facts import compress_facts
from tests.engine.fakes import Counts, FakeSwitch, ListJournal, StillClock

RECOVERABLE_MS = 20_000
BUSY, ANSWERED = "USER_BUSY", "NORMAL_CLEARING"


@dataclass(slots=True)
class Talk:
    """One attempt as it really went. Times are UTC microseconds, 0: not yet."""

    call_id: str
    attempt_id: str
    command_id: str
    leg_id: str
    target: str
    returns: bool
    dialed_at: int
    connected_at: int = 0
    ended_at: int = 0

    @property
    def connected_ms(self) -> int:
        return (self.ended_at - self.connected_at) // 1000 if self.connected_at and self.ended_at else 0


class PlayedSwitch(FakeSwitch):
    """Remembers every command as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []

    def post(self, command: Command, on_reply: Callable[..., None]) -> None:
        self.commands.append(command)
        on_reply("+OK")


class Journal(ListJournal):
    """Closed calls are not open."""

    def open_calls(self) -> Any:
        return [(call_id, facts) for call_id, facts in super().open_calls() if call_id not in self.closed]


class Sink:
    """Finished calls that are not in the database yet."""

    def __init__(self) -> None:
        self.waiting: list[tuple[CDR, list[bytes]]] = []

    def submit(self, cdr: CDR, facts: list[bytes], last_sequence: int) -> None:
        self.waiting.append((cdr, facts))


class AtOnce:
    """Work off the hub, done on it."""

    def run(self, work: Callable[[], Any]) -> Any:
        return work()


class CapWorld:
    """``contexts`` are the revisions that a reload can choose from; ``template`` is an empty database."""

    def __init__(self, contexts: list[CallContext], template: Path, directory: Path) -> None:
        self.contexts = {context.revision: context for context in contexts}
        self.in_force = contexts[0]
        self.directory = directory
        shutil.copy(template, directory / "calls.sqlite")
        self.database = open_database(f"sqlite:///{directory / 'calls.sqlite'}")
        self.clock = StillClock()
        self.journal = Journal()
        self.switch = PlayedSwitch()
        self.talks: dict[str, list[Talk]] = {}
        self.offered: dict[str, int] = {}
        self.refused: set[str] = set()
        self.ended: set[str] = set()
        self.serial = 0
        self.start()

    # The engine.

    def start(self) -> None:
        """A process begins with what journal and database hold."""
        self.capacity = MemoryCapacityStore()
        self.usage = Usage(self.capacity, UsageBoard(self.capacity))
        self.capacity.on_change = self.usage.board.changed
        self.sink, self.counts = Sink(), Counts()
        self.problems: list[str] = []
        self.dispatcher = Dispatcher(
            clock=self.clock,
            switch=self.switch,
            journal=self.journal,
            capacity=self.capacity,
            sink=self.sink,
            context=lambda: self.in_force,
            telemetry=self.counts,
            log=lambda event, call_id="", **fields: self.problems.append(f"{event} {fields}"),
            usage=self.usage,
        )
        self.seeding = CapSeeding(
            self.usage,
            clock=self.clock,
            off_hub=AtOnce(),  # type: ignore[arg-type]
            read=lambda context, rules, at, held, judged: read_cap_usage(
                self.database, context.catalog, rules, at, held, judged
            ),
            live=lambda: [runner.call for runner in self.dispatcher.calls.values()],
            unwritten=lambda: [cdr for cdr, _ in self.sink.waiting],
            given_back=dict,
        )
        reconciler = Reconciler(self.dispatcher, Claims(self.dispatcher, renew_s=7), self._context_of)
        open_calls = list(self.journal.open_calls())
        self.seeding.restore(self.in_force, open_calls, reconciler.restore)
        self.switch.channels = [self._channel(call_id) for call_id in self.offered if call_id not in self.ended]
        reconciler.resynchronise()
        self._play()

    def _context_of(self, opened: Mapping[str, Any]) -> CallContext:
        return self.contexts[opened["revision"]]

    def _channel(self, call_id: str) -> LiveChannel:
        talk = self.current(call_id)
        bridged = talk.leg_id if talk and talk.connected_at and not talk.ended_at else ""
        app = "bridge" if talk and not talk.ended_at else "park"
        return LiveChannel(call_id=call_id, app=app, answered_at=0, bridged_leg_id=bridged, variables={})

    def reload(self, context: CallContext) -> None:
        seeds = self.seeding.prepare(context)
        self.in_force = context
        self.seeding.sow(seeds)

    def commit(self, *, closes: bool) -> None:
        """Finished calls reach the database, and with ``closes`` the engine learns of it: their facts can go."""
        waiting = list(self.sink.waiting)
        written = [(cdr, compress_facts([orjson.loads(fact) for fact in facts])) for cdr, facts in waiting]
        SQLCDRStore(self.database).write(written, self.dispatcher.oldest_open())
        if closes:
            self.sink.waiting = []
            for cdr, _ in waiting:
                self.journal.close_call(cdr.call_id)

    def qualify(self) -> None:
        store = SQLBillingStore(self.database)
        qualify(store, lambda revision: self.contexts[revision].catalog, self.clock.now_us)

    # The people.

    def live(self) -> list[str]:
        return [call_id for call_id in self.offered if call_id not in self.ended]

    def current(self, call_id: str) -> Talk | None:
        talks = self.talks.get(call_id)
        return talks[-1] if talks else None

    def ringing(self) -> list[Talk]:
        return [t for c in self.live() if (t := self.current(c)) and not t.connected_at and not t.ended_at]

    def talking(self) -> list[Talk]:
        return [t for c in self.live() if (t := self.current(c)) and t.connected_at and not t.ended_at]

    def offer(self) -> None:
        self.serial += 1
        call_id, at = f"call-{self.serial:04d}", self.clock.now_us()
        self.offered[call_id] = at
        caller = f"+1310555{self.serial:04d}"
        self._post(
            CallParked(
                call_id=call_id, at=at, core_uuid="core", dialed_number="+18005550100", caller_number=caller,
                offered_at=at, timer_id="1",
            )
        )  # fmt: skip

    def answer(self, talk: Talk) -> None:
        talk.connected_at = self.clock.now_us()
        self._post(LegBridged(call_id=talk.call_id, at=talk.connected_at, leg_id=talk.leg_id))

    def fail(self, talk: Talk) -> None:
        """The target is busy."""
        self._end_leg(talk, BUSY, "recv_refuse")
        self._post(AppCompleted(call_id=talk.call_id, at=talk.ended_at, command_id=talk.command_id, app="bridge"))

    def target_hangs_up(self, talk: Talk) -> None:
        self._end_leg(talk, ANSWERED, "recv_bye")
        if talk.returns:
            self._post(
                CallParked(
                    call_id=talk.call_id, at=talk.ended_at, core_uuid="core", dialed_number="+18005550100",
                    caller_number="", offered_at=self.offered[talk.call_id], timer_id="2",
                )
            )  # fmt: skip
        else:
            self._end_call(talk.call_id, "send_bye")

    def caller_hangs_up(self, talk: Talk) -> None:
        self._end_leg(talk, ANSWERED if talk.connected_at else "ORIGINATOR_CANCEL", "send_bye")
        self._end_call(talk.call_id, "recv_bye")

    def _end_leg(self, talk: Talk, cause: str, disposition: str) -> None:
        talk.ended_at = self.clock.now_us()
        self._post(
            LegEnded(
                call_id=talk.call_id, at=talk.ended_at, leg_id=talk.leg_id, cause=cause, disposition=disposition,
                created_at=talk.dialed_at, answered_at=talk.connected_at, bridged_at=talk.connected_at,
                ended_at=talk.ended_at,
            )
        )  # fmt: skip

    def _end_call(self, call_id: str, disposition: str) -> None:
        at = self.clock.now_us()
        self.ended.add(call_id)
        self._post(
            CallEnded(
                call_id=call_id, at=at, cause=ANSWERED, disposition=disposition, offered_at=self.offered[call_id],
                ended_at=at,
            )
        )  # fmt: skip

    def _post(self, event: Any) -> None:
        self.dispatcher.handle_event(event)
        self._play()

    def _play(self) -> None:
        """The switch does what it was told, until nothing is left to do."""
        gevent.sleep(0)  # A timer that is dropped after a restart is a greenlet's work, and its call waits for it.
        while self.switch.commands:
            commands, self.switch.commands = self.switch.commands, []
            self._obey(commands)
            gevent.sleep(0)

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Dial):
                (leg,) = command.legs
                state = self.dispatcher.calls[command.call_id].call.state
                target = next(a.target for a in state.attempts if a.attempt_id == leg.attempt_id)
                talk = Talk(
                    command.call_id, leg.attempt_id, command.command_id, leg.leg_id, target, command.returns,
                    self.clock.now_us(),
                )  # fmt: skip
                self.talks.setdefault(command.call_id, []).append(talk)
            elif isinstance(command, Hangup) and command.call_id not in self.ended:
                runner = self.dispatcher.calls[command.call_id]
                if not runner.call.state.leases and command.cause == "USER_BUSY" and not runner.call.state.attempts:
                    self.refused.add(command.call_id)
                self._end_call(command.call_id, "send_bye")


def with_revision(context: CallContext, revision: str) -> CallContext:
    return dataclasses.replace(context, revision=revision)
