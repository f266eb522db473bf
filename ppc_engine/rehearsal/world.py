"""A world small enough for one call: it answers every command of the deciding code with events, in its own time.

No switch, no clock, no waiting: time passes only from one event to the next. Caps are counted in the very book that a
live engine keeps. A command that is not in the table of ``World`` ends the rehearsal loudly: it would be a call that
nobody answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CancelTimer,
    CollectDigits,
    Command,
    Dial,
    Finish,
    Hangup,
    HangupLeg,
    JoinQueue,
    LeaveQueue,
    LookUp,
    Play,
    ReadUsage,
    RecordMessage,
    ReleaseSlot,
    ReserveSlot,
    Say,
    StartRecording,
    StartTimer,
    TakeBack,
)
from ppc_engine.calls.events import CallParked, Event, LookedUp, SlotRefused, SlotReserved, TimerFired
from ppc_engine.calls.usage import read_usage
from ppc_engine.rehearsal.agenda import AT_ONCE, Agenda, Plan
from ppc_engine.rehearsal.caller_leg import CallerLeg
from ppc_engine.rehearsal.cases import Change
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.line import Line
from ppc_engine.rehearsal.people import MS, People
from ppc_engine.rehearsal.target_legs import TargetLegs
from ppc_engine.routing.usage import UsageBoard
from ppc_engine.values.errors import PPCError

PAUSED_AT_OFFER = frozenset({"publisher", "number", "engine"})  # Targets and buyers are looked at in a choice.


class RehearsalError(PPCError):
    """The rehearsal itself cannot go on: a command that it does not know, or a call that nobody will ever end."""

    code = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How the call arrives, and what of the world it meets. ``at`` is UTC microseconds."""

    call_id: str
    at: int
    dialed_number: str
    caller_number: str
    trunk: str = ""
    sub_ids: Mapping[str, str] = field(default_factory=dict)
    paused: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    asserted_number: str = ""
    attestation: str = ""
    private: bool = False
    prompts_ms: Mapping[str, int] = field(default_factory=dict)
    frees: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    line: int = 0
    stats: Mapping[str, int] = field(default_factory=dict)


class World:
    """Switch, stores and people around one call."""

    def __init__(self, call: Call, offer: Offer, people: People, others: Others) -> None:
        self.agenda = Agenda(offer.at)
        self.finished = False
        self._call = call
        self._offer = offer
        self._people = people
        self._book = others.book
        self._board = UsageBoard(others.book, told=False)
        self._line = Line(
            self.agenda, offer.call_id, others, ahead=offer.line, frees=offer.frees, changes=offer.changes
        )
        self._timers: dict[str, Plan] = {}
        self.caller = CallerLeg(
            self.agenda,
            offer.call_id,
            people,
            prompts_ms=offer.prompts_ms,
            where=self._node,
            on_over=lambda: self.legs.caller_went(),
        )
        self.legs = TargetLegs(self.caller, people, target_of=self._target_of, parked=self.parked)
        self._table: dict[type[Command], Callable[[Any], None]] = {
            Answer: self.caller.answer,
            Play: self.caller.play,
            CollectDigits: self.caller.collect,
            Say: self.caller.say,
            RecordMessage: self.caller.record,
            StartRecording: self.caller.start_recording,
            LookUp: self._look_up,
            BreakApp: self.caller.stop,
            Hangup: self.caller.hang_up,
            Dial: self.legs.dial,
            HangupLeg: self.legs.hang_up_leg,
            TakeBack: self.legs.take_back,
            StartTimer: self._start_timer,
            CancelTimer: self._cancel_timer,
            ReserveSlot: self._reserve,
            ReleaseSlot: self._release,
            ReadUsage: self._read_usage,
            JoinQueue: self._line.join,
            LeaveQueue: self._line.leave,
            Finish: self._finish,
        }

    @property
    def known_commands(self) -> frozenset[type[Command]]:
        """What this world can do."""
        return frozenset(self._table)

    def perform(self, commands: Iterable[Command]) -> None:
        """Take the commands of a turn, in order."""
        self.caller.entered(self._node())
        for command in commands:
            perform = self._table.get(type(command))
            if perform is None:
                raise RehearsalError(f"the rehearsal does not know the command {type(command).__name__}")
            perform(command)

    def parked(self) -> CallParked:
        """The caller is parked: offered, or back after a talk."""
        return CallParked(
            call_id=self._offer.call_id,
            at=self.agenda.now,
            core_uuid="rehearsal",
            dialed_number=self._offer.dialed_number,
            caller_number=self._offer.caller_number,
            offered_at=self.caller.offered_at,
            answered_at=self.caller.answered_at,
            trunk=self._offer.trunk,
            dialplan=1,
            timer_id="1",
            sub_ids=dict(self._offer.sub_ids),
            paused={s: why for s, why in self._offer.paused.items() if s.partition(":")[0] in PAUSED_AT_OFFER},
            asserted_number=self._offer.asserted_number,
            attestation=self._offer.attestation,
            private=self._offer.private,
            tags=dict(self._offer.tags),
        )

    def _node(self) -> str:
        """Where the call stands: "node", or "flow/node" in a sub-flow."""
        run = self._call.state.run
        if run is None:
            return ""
        return run.node if run.flow == (run.root or run.flow) else run.where

    def _target_of(self, leg_id: str) -> str:
        """The target of a leg; the node where a leg is to nobody's target (``dial``)."""
        return next((a.target for a in self._call.state.attempts if a.leg_id == leg_id), "") or self._node()

    # What the engine does by itself.

    def _start_timer(self, command: StartTimer) -> None:
        self._cancel(command.name)
        self._timers[command.name] = self.agenda.add(command.after_ms * MS, lambda: self._fired(command.name))

    def _fired(self, name: str) -> Event:
        self._timers.pop(name, None)
        return TimerFired(call_id=self._offer.call_id, at=self.agenda.now, name=name)

    def _cancel_timer(self, command: CancelTimer) -> None:
        self._cancel(command.name)

    def _cancel(self, name: str) -> None:
        plan = self._timers.pop(name, None)
        if plan is not None:
            plan.called_off = True

    def _answer(self, event: Event) -> None:
        self.agenda.add(0, lambda: event, AT_ONCE)

    def _reserve(self, command: ReserveSlot) -> None:
        call_id, at, lease_id = self._offer.call_id, self.agenda.now, command.lease_id
        full = self._book.reserve(lease_id, command.caps, command.gives, command.paces, at)
        if full:
            self._answer(SlotRefused(call_id=call_id, at=at, lease_id=lease_id, full=full))
        else:
            self._answer(SlotReserved(call_id=call_id, at=at, lease_id=lease_id))

    def _release(self, command: ReleaseSlot) -> None:
        if command.units:
            self._book.give(command.lease_id, command.units)
        if not self._book.release(command.lease_id):
            raise RehearsalError(f"lease {command.lease_id} was given back twice")

    def _read_usage(self, _command: ReadUsage) -> None:
        self._line.chooses()
        read = read_usage(self._call, self._board, self.agenda.now, self._offer.paused)
        if self._call.order() != "priority_weight":
            read.stats = {**read.stats, **self._offer.stats}
        self._answer(read)

    def _look_up(self, command: LookUp) -> None:
        """What the test says that is found; what took longer than the call would wait was a time-out."""
        found = self._people.looked_up(self._node(), command.kind, command.params)
        if found is None:
            raise RehearsalError(
                f'node {self._node()} looks up {command.kind}, and nothing says what it finds (give "lookups: ...")'
            )
        late = found.after_ms > command.ms_max
        self.agenda.add(
            min(found.after_ms, command.ms_max) * MS,
            lambda: LookedUp(
                call_id=self._offer.call_id,
                at=self.agenda.now,
                command_id=command.command_id,
                status="timeout" if late else found.status,
                data={} if late else _told(command, found.data),
            ),
        )

    def _finish(self, _command: Finish) -> None:
        self.finished = True


def _told(command: LookUp, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine would hand on: of an HTTP answer, only what the node takes out of it."""
    if command.kind != "http" or "taken" in data:
        return dict(data)
    taken = {tag: _part(data, path.split(".")) for tag, path in command.params.get("take", {}).items()}
    return {"taken": {tag: str(value) for tag, value in taken.items() if isinstance(value, (str, int))}}


def _part(data: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(data, (list, tuple)) and name.isdigit() and int(name) < len(data):
            data = data[int(name)]
        else:
            data = data.get(name) if isinstance(data, Mapping) else None
    return data
