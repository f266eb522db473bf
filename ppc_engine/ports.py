"""What the engine asks of the world. Adapters implement these; one contract suite a port runs on every adapter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ppc_engine.billing.history import History
from ppc_engine.billing.verdict import BillableRecord, CallKey, Judgement
from ppc_engine.calls.commands import Command
from ppc_engine.calls.events import CallParked
from ppc_engine.calls.record import CDR
from ppc_engine.flows.history import EarlierCall
from ppc_engine.values.errors import OutsideError


class SwitchError(OutsideError):
    """A switch did not do what it was asked: it is away, answers nothing, or refuses."""

    code = "switch"


class CommandRefusedError(SwitchError):
    """The switch answered -ERR: it certainly did not run the command (the call is gone, the application unknown)."""

    code = "command_refused"


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A caller's leg as the switch itself describes it (uuid_dump), for adoption after a restart.

    ``timer_ids`` are the scheduled tasks of its group: the dead-man's timers that an earlier engine armed. ``parked``
    is the offer as CHANNEL_PARK would have told it, for a call that parked while no engine listened.
    """

    call_id: str
    app: str
    answered_at: int
    bridged_leg_id: str
    variables: Mapping[str, str]
    timer_ids: tuple[str, ...] = ()
    parked: CallParked | None = None


class Clock(Protocol):
    """Time as one source, so that a demo may run faster than the wall and a test may hold it still."""

    def now_us(self) -> int:
        """UTC now in microseconds."""

    def sleep(self, seconds: float) -> None:
        """Let other greenlets run for this long in this clock's own time."""


class Switch(Protocol):
    """A telephone switch. Events of it arrive at the handler given at start, in the order of its connection."""

    def post(self, command: Command, on_reply: Callable[[str | SwitchError], None]) -> None:
        """Send one command about a call, and never wait: ``on_reply`` gets the switch's reply ("+OK ..."), or an error
        when it refuses the command, gives no answer before the deadline, or goes away. It must not wait either.

        Raises SwitchError for what is known at once.
        """

    def extend_claim(self, call_id: str, previous_timer_id: str) -> str:
        """Renew the dead-man's switch of an unbridged call; returns the id of the new timer."""

    def drop_claim(self, call_id: str, timer_id: str) -> None:
        """Delete one dead-man's timer by its id (after a bridge that a renewal may have crossed)."""

    def live_channels(self, known: Collection[str] = ()) -> list[LiveChannel]:
        """Every caller's leg that is alive now, by the session table and not by a listing alone.

        ``known`` calls are looked up in any case: a listing lags behind, and may miss a call that lives.
        """


class CallJournal(Protocol):
    """The local append-only file that calls are rebuilt from."""

    def append(self, call_id: str, fact: Mapping[str, Any] | bytes) -> int:
        """Queue one fact (bytes: as JSON already); returns its sequence. Does not wait for the disk.

        Raises OutsideError when the disk has taken nothing for so long that no more may be kept in memory.
        """

    def wait_durable(self, sequence: int, timeout_s: float) -> bool:
        """Wait until this sequence is on the disk; False when it is not by then."""

    def close_call(self, call_id: str) -> None:
        """This call's CDR is committed: its facts are needed no more."""

    def open_calls(self) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """At start: every call whose CDR is not known to be committed, with its facts in order."""


class CapacityStore(Protocol):
    """Counters of caps: slots and units on leases, and what was counted for good (semantics.md, "Caps").

    Every method is one atomic step. A counter without a "/" is one of slots.
    """

    def reserve(
        self,
        lease_id: str,
        caps: Mapping[str, Sequence[int]],
        gives: Mapping[str, Mapping[str, int]] | None = None,
        paces: Mapping[str, Sequence[Sequence[int]]] | None = None,
        at: int = 0,
    ) -> dict[str, list[int]]:
        """Take [amount, limit] of every cap, or nothing: {} when taken (also when this lease holds them already), else
        what was full, as [used, limit]. ``gives`` are amounts by lease that go back in the same step; ``paces`` are
        [[calls, microseconds], ...] by name, full as [microseconds to wait, 0]."""

    def restore(self, lease_id: str, caps: Mapping[str, int]) -> None:
        """Count what a call that may live holds, whatever the limits are now; adds to what the lease holds."""

    def release(self, lease_id: str) -> bool:
        """Give a lease's slots back; its units stay. False when there was no such lease."""

    def give(self, lease_id: str, amounts: Mapping[str, int]) -> None:
        """Give back part of what a lease holds."""

    def settle(self, lease_id: str, keep: Mapping[str, int]) -> None:
        """End a lease: what is kept is counted for good, the rest is given back."""

    def held(self, lease_id: str) -> Mapping[str, int]:
        """What a lease holds."""

    def used(self, keys: Iterable[str]) -> dict[str, int]:
        """In use now, held and counted; counters that use none left out."""

    def waiting(self, names: Container[str], at: int) -> dict[str, int]:
        """Of these paces, those that are not over: microseconds until they let the next one through."""

    def seed(self, counted: Mapping[str, int]) -> None:
        """Set what was counted before, of these counters."""

    def reset(self, key: str) -> int:
        """Forget what was counted; what leases hold stays. Returns how much. Raises ValueError for slots."""

    def snapshot(self) -> dict[str, list[int]]:
        """Every counter in use, as [used, of which pending]."""

    def holders(self) -> dict[str, dict[str, int]]:
        """Who holds how much of every counter, by lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction:
    """One order of a person, as it was recorded. Times are UTC microseconds, 0: not, or never.

    ``subject`` is "target:ID", "buyer:ID", "publisher:ID", "campaign:ID", "number:+1...", "cap:KEY", "call:UUID" or
    "engine". ``ended_at`` is 0 while it is in force or waits to be done; ``undone_by`` is the order that undid it.
    """

    id: int
    at: int
    who: str
    why: str
    verb: str
    subject: str
    args: Mapping[str, Any]
    until_at: int
    ended_at: int
    undone_by: int
    result: Mapping[str, Any]

    def in_force(self, now_us: int) -> bool:
        """Whether it holds at this moment, or still waits to be done."""
        return self.ended_at == 0 and not 0 < self.until_at <= now_us


class OperatorOrders(Protocol):
    """Where people's orders are recorded."""

    def open_actions(self) -> list[OperatorAction]:
        """Every order that is in force or waits to be done, oldest first. Raises OutsideError."""

    def finish(self, ended: Iterable[tuple[int, int, Mapping[str, Any]]]) -> None:
        """Note how orders ended: (id, when, what came of it). Raises OutsideError."""


class CDRStore(Protocol):
    """Where finished calls go. Writing a call twice leaves one record."""

    def write(self, finished: Iterable[tuple[CDR, bytes]], oldest_open_at: int | None = None) -> None:
        """Commit CDRs with their compressed facts in one transaction, and with them the qualifier's watermark: the
        offered_at of the oldest call that still has no CDR, 0 for none. Raises OutsideError when it cannot now.
        """


class CallerCalls(Protocol):
    """Finished calls of a caller, for look-ups in the call path. Called in a thread of its own."""

    def earlier_calls(self, caller_key: str, since: int) -> list[EarlierCall]:
        """The calls offered from ``since`` on, oldest first, test calls left out. Raises OutsideError."""


class WebLookups(Protocol):
    """Servers that may be asked about a call. A greenlet waits in it; it never raises."""

    def fetch(self, url: str, params: Mapping[str, Any], seconds_max: float) -> tuple[str, dict[str, Any]]:
        """Status and data of ``LookedUp``, within this time."""


class BillingBatch(Protocol):
    """One transaction of the qualifier: what it reads is what it writes on, or nothing is written."""

    def judged_among(self, calls: Collection[CallKey]) -> set[CallKey]:
        """Which of these calls have been judged already, by another run perhaps."""

    def judged_later(self, first_by_caller: Mapping[str, CallKey]) -> list[CDR]:
        """Calls already judged that come after the given call of the same caller key."""

    def histories(self, caller_keys: Collection[str]) -> dict[str, History]:
        """Every connection and every conversion in force of these callers."""

    def in_force(self, calls: Collection[CallKey]) -> dict[CallKey, tuple[int, tuple[BillableRecord, ...]]]:
        """The version and the records that hold now, for those of the calls that have been judged."""

    def write(self, judgements: Iterable[tuple[int, Judgement]], qualified_at: int) -> None:
        """Add each (version, judgement); nothing that was written before is changed but which version is in force."""


class BillingStore(Protocol):
    """Where finished calls are read from to be judged, and verdicts are kept."""

    def count_pending(self, since: int, until: int) -> int:
        """How many calls offered in [since, until) wait to be judged."""

    def pending(self, after: CallKey, since: int, until: int, limit: int) -> list[CDR]:
        """The next calls that wait to be judged, in the order of (offered_at, call_id)."""

    def post_unposted(self, limit: int, at: int) -> int:
        """Bring calls whose version in force is not in the ledger into it, the oldest first; how many they were."""

    def batch(self, *, writes: bool) -> AbstractContextManager[BillingBatch]:
        """A transaction, committed at the end of the block; one that writes has the store for itself."""


class Telemetry(Protocol):
    """What the running engine counts. Every method is cheap, never blocks and never raises.

    A word outside the closed sets of ``telemetry/metrics.py`` is counted as "other": labels never grow with traffic.
    """

    def call_started(self) -> None:
        """A call was claimed: one more is live."""

    def call_adopted(self) -> None:
        """A call that an earlier process held was taken over after a restart: one more is live."""

    def call_ended(self, outcome: str, silent_ms: int, end_estimated: bool = False) -> None:
        """A call's record was folded: one less is live. ``outcome`` is one of CALL_OUTCOMES."""

    def attempt_ended(self, outcome: str) -> None:
        """A try at a target is over. ``outcome`` is one of ATTEMPT_OUTCOMES."""

    def slot_refused(self, cap_kind: str) -> None:
        """A reservation found this kind of cap full (target, buyer, campaign, publisher, caller)."""

    def decided(self, seconds: float) -> None:
        """From reading a call's park event to sending its first command."""

    def event_read(self, kind: str) -> None:
        """The switch sent an event, by its event name (CHANNEL_PARK)."""

    def event_dropped(self, reason: str, count: int = 1) -> None:
        """Events not acted on: foreign, malformed, repeated, unknown_call, late (after the call's end) or lost."""

    def command_performed(self, kind: str, result: str) -> None:
        """A command (its class name) was sent: ok, refused, timeout or away."""

    def claim_renewed(self, result: str) -> None:
        """A dead-man's timer was renewed: ok or failed."""

    def switch_connected(self, switch: str, up: bool) -> None:
        """The connection to a switch came up or went down; coming up again after a loss counts as a reconnect."""

    def cdrs_written(self, count: int, seconds: float) -> None:
        """A batch of CDRs was committed, in this time."""

    def cdr_write_failed(self) -> None:
        """A batch of CDRs could not be committed and stays in the journal."""

    def bug(self, where: str) -> None:
        """Something happened that cannot: an exception in a call's greenlet, a lease released twice."""


class NoTelemetry(Telemetry):
    """Counts nothing: for tests and for commands that run no calls."""
