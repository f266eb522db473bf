"""Answers to what calls look up: earlier calls of a caller, how often one called lately, and what servers say.

Rules: a call is never held up. What is in memory is answered at once; what is not is fetched off the hub (a database in
threads, servers in greenlets of their own) and given up at its deadline; so many at most wait at once, and more are
told so at once. What was read is kept for a minute, calls that end meanwhile are added to it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Protocol

import gevent
from gevent.pool import Pool
from gevent.threadpool import ThreadPool

from ppc_engine.billing.qualification import tracking_number
from ppc_engine.calls.commands import LookUp
from ppc_engine.calls.events import LookedUp
from ppc_engine.calls.record import CDR
from ppc_engine.flows.history import EarlierCall, summary
from ppc_engine.ports import CallerCalls, Clock, WebLookups
from ppc_engine.routing.duplicates import EarlierCall as Talk

DAY_US = 86_400_000_000
KEPT_US = 60_000_000  # What was read of a caller is believed for so long; verdicts come in later.
CALLERS_MAX = 20_000  # Callers kept in memory, those of longest ago forgotten first.
CALLS_KEPT_MAX = 1_000  # Of one caller; a machine that calls more often is blocked by less.
READERS = 2
WAITING_MAX = 200
HISTORY_US = 400 * DAY_US


class Answered(Protocol):
    """Where an answer goes that was not there at once."""

    def __call__(self, event: LookedUp) -> None: ...


class _Caller:
    """What is known of one caller key."""

    __slots__ = ("calls", "read_at", "seen")

    def __init__(self) -> None:
        self.calls: dict[str, EarlierCall] = {}
        self.read_at = 0
        self.seen: deque[tuple[int, str, str]] = deque(maxlen=CALLS_KEPT_MAX)  # at, call_id, dialed number


class Lookups:
    """One engine's look-ups. ``calls`` None: nothing is known of earlier calls; ``web`` None: nobody may be asked."""

    def __init__(self, clock: Clock, calls: CallerCalls | None = None, web: WebLookups | None = None) -> None:
        self._clock = clock
        self._calls = calls
        self._web = web
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._threads = ThreadPool(READERS)
        self._waiting = Pool(WAITING_MAX)

    def ask(self, command: LookUp, answered: Answered) -> LookedUp | None:
        """The answer where it is known, else None: then ``answered`` is called once, within the command's time."""
        if command.kind == "http":
            return self._later(command, answered, self._ask_web)
        if command.kind == "velocity":
            self._note_offer(command)
        key = command.key.partition(" ")[0]
        caller = self._callers.get(key)
        if caller is not None and self._clock.now_us() - caller.read_at < KEPT_US:
            return self._told(command)
        if self._calls is None:
            return self._told(command) if command.kind == "velocity" else self._event(command, "unavailable")
        return self._later(command, answered, self._read)

    def note(self, cdr: CDR) -> None:
        """A call has ended: a later one of the same caller may ask before it can be read from the database."""
        caller = self._callers.get(cdr.caller_key)
        if caller is None or cdr.test:
            return
        talked = [attempt for attempt in cdr.attempts if attempt.connected_at]
        caller.calls[cdr.call_id] = EarlierCall(
            offered_at=cdr.offered_at,
            call_id=cdr.call_id,
            campaign=cdr.campaign,
            publisher=cdr.publisher,
            dialed_number=cdr.dialed_number,
            connected=bool(talked),
            target=talked[-1].target if talked else "",
            talks=tuple(talks_of(cdr)),
        )

    def stop(self, timeout_s: float) -> None:
        """Give up what still waits."""
        self._waiting.kill(timeout=timeout_s)
        with gevent.Timeout(timeout_s, False):
            self._threads.kill()

    def _later(self, command: LookUp, answered: Answered, find: Callable[[LookUp], LookedUp]) -> LookedUp | None:
        if self._waiting.free_count() <= 0:
            return self._event(command, "failed" if command.kind == "http" else "unavailable", {"why": "busy"})

        def work() -> None:
            found = None
            with gevent.Timeout(command.ms_max / 1000, False):
                found = find(command)
            if found is not None:
                answered(found)
            elif command.kind == "velocity":
                answered(self._told(command))  # What this process has seen itself is better than nothing.
            else:
                answered(self._event(command, "timeout" if command.kind == "http" else "unavailable"))

        self._waiting.spawn(work)
        return None

    def _ask_web(self, command: LookUp) -> LookedUp:
        if self._web is None:
            return self._event(command, "refused", {"why": "host_not_listed"})
        status, data = self._web.fetch(command.key, command.params, command.ms_max / 1000)
        return self._event(command, status, data)

    def _read(self, command: LookUp) -> LookedUp:
        assert self._calls is not None
        key, now = command.key.partition(" ")[0], self._clock.now_us()
        found = self._threads.apply(_tried, (self._calls.earlier_calls, key, now - HISTORY_US))
        if found is None:
            return self._told(command) if command.kind == "velocity" else self._event(command, "unavailable")
        caller = self._caller(key)
        caller.read_at = now
        caller.calls.update((call.call_id, call) for call in found)
        while len(caller.calls) > CALLS_KEPT_MAX:
            del caller.calls[next(iter(caller.calls))]
        return self._told(command)

    def _caller(self, key: str) -> _Caller:
        caller = self._callers.pop(key, None) or _Caller()
        self._callers[key] = caller
        while len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        return caller

    def _note_offer(self, command: LookUp) -> None:
        key, _, dialed = command.key.partition(" ")
        caller = self._caller(key)
        if all(call_id != command.call_id for _, call_id, _ in caller.seen):
            caller.seen.append((int(command.params["at"]), command.call_id, dialed))

    def _told(self, command: LookUp) -> LookedUp:
        """The answer from what is in memory."""
        key, _, dialed = command.key.partition(" ")
        caller = self._caller(key)
        if command.kind == "history":
            return self._event(command, "ok", summary(caller.calls.values(), command.params, command.call_id))
        at = int(command.params["at"])
        since = at - int(command.params["window_s"]) * 1_000_000
        lately = {call_id for when, call_id, number in caller.seen if since < when <= at and dialed in ("", number)}
        lately |= {
            call.call_id
            for call in caller.calls.values()
            if since < call.offered_at <= at and (not dialed or call.dialed_number == dialed)
        }
        return self._event(command, "ok", {"calls": len(lately | {command.call_id})})

    def _event(self, command: LookUp, status: str, data: dict[str, object] | None = None) -> LookedUp:
        return LookedUp(
            call_id=command.call_id,
            at=self._clock.now_us(),
            command_id=command.command_id,
            status=status,
            data=data or {},
        )


def talks_of(cdr: CDR) -> Iterator[Talk]:
    """Who talked to the caller. Their verdict is not in yet, so each may still convert."""
    for attempt in cdr.attempts:
        if attempt.connected_at and attempt.target:
            yield Talk(
                call_id=cdr.call_id,
                offered_at=cdr.offered_at,
                connected_at=attempt.connected_at,
                live=True,
                campaign=cdr.campaign,
                publisher=cdr.publisher,
                tracking_number=tracking_number(cdr.dialed_number),
                buyer=attempt.buyer,
                target=attempt.target,
            )


def _tried(read: Callable[[str, int], list[EarlierCall]], key: str, since: int) -> list[EarlierCall] | None:
    """What a reader gave, None when it could not: gevent prints a traceback of everything its worker lets through."""
    try:
        return read(key, since)
    except Exception:
        return None
