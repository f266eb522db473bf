"""Look-ups never hold a call up: known at once, or answered later, or given up in time."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gevent
import pytest
from gevent.event import Event as Signal

from ppc_engine.calls.commands import LookUp
from ppc_engine.calls.events import LookedUp
from ppc_engine.engine import lookups as module
from ppc_engine.engine.lookups import KEPT_US, Lookups
from ppc_engine.flows.history import EarlierCall
from ppc_engine.values.errors import OutsideError
from tests.calls.call_traces import T0
from tests.engine.fakes import StillClock
from tests.storage.samples import make_attempt, make_cdr

KEY = "+13105550123"
DAY_US = 86_400_000_000


class Database:
    """Earlier calls of one caller; ``fails`` and ``stuck`` as databases are now and then."""

    def __init__(self, *calls: EarlierCall) -> None:
        self.calls = list(calls)
        self.reads = 0
        self.fails = False
        self.stuck = threading.Event()
        self.stuck.set()

    def earlier_calls(self, caller_key: str, since: int) -> list[EarlierCall]:
        self.reads += 1
        self.stuck.wait(5)
        if self.fails:
            raise OutsideError("database: away")
        return self.calls if caller_key == KEY else []


class Web:
    def __init__(self, find: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        self.find = find

    def fetch(self, url: str, params: Mapping[str, Any], seconds_max: float) -> tuple[str, dict[str, Any]]:
        return self.find()


def earlier(days: float, **more: Any) -> EarlierCall:
    at = T0 - round(days * DAY_US)
    known = {"campaign": "roofing", "publisher": "peak", "dialed_number": "+18005550100", **more}
    return EarlierCall(offered_at=at, call_id=f"earlier-{days}", **known)


def history(call_id: str = "now", **more: Any) -> LookUp:
    params = {"since": T0 - 30 * DAY_US, "before": T0}
    return LookUp(
        call_id=call_id, command_id=f"{call_id}.1", kind="history", key=KEY, params=params, ms_max=300, **more
    )


def velocity(call_id: str, at: int = T0, window_s: int = 600, dialed: str = "") -> LookUp:
    key = f"{KEY} {dialed}" if dialed else KEY
    params = {"window_s": window_s, "at": at}
    return LookUp(call_id=call_id, command_id=f"{call_id}.1", kind="velocity", key=key, params=params, ms_max=300)


HTTP = LookUp(call_id="now", command_id="now.1", kind="http", key="https://x.test/", params={}, ms_max=100)


class Desk:
    """Asks and waits for the answer; ``later`` is whether it was not there at once."""

    def __init__(self, lookups: Lookups) -> None:
        self.lookups = lookups
        self.later = False

    def ask(self, command: LookUp) -> LookedUp:
        got: list[LookedUp] = []
        there = Signal()

        def answered(event: LookedUp) -> None:
            got.append(event)
            there.set()

        known = self.lookups.ask(command, answered)
        self.later = known is None
        if known is not None:
            return known
        assert there.wait(5), "never answered"
        assert len(got) == 1
        return got[0]


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def desk(clock: StillClock) -> Iterator[Callable[..., Desk]]:
    made = []

    def make(database: Any = None, web: Any = None) -> Desk:
        made.append(Lookups(clock, database, web))
        return Desk(made[-1])

    yield make
    for lookups in made:
        lookups.stop(2)


def test_read_once_then_known_for_a_minute(desk: Callable[..., Desk], clock: StillClock) -> None:
    database = Database(earlier(2, connected=True, target="acme-la"), earlier(1))
    asking = desk(database)
    first = asking.ask(history())
    assert (first.status, first.command_id, first.data["calls"], asking.later) == ("ok", "now.1", 2, True)
    second = asking.ask(history("next"))
    assert (second.data, asking.later, database.reads) == (first.data, False, 1)
    clock.move(KEPT_US / 1_000_000)
    database.calls.append(earlier(0.5))
    assert asking.ask(history("later")).data["calls"] == 3 and database.reads == 2


def test_call_that_ended_just_now_is_known_before_it_can_be_read(desk: Callable[..., Desk]) -> None:
    asking = desk(Database())
    assert asking.ask(history()).data == {"calls": 0}
    ended = make_cdr(1, caller_key=KEY, call_id="ended", offered_at=T0 - 5_000_000, attempts=(make_attempt(1, 1),))
    asking.lookups.note(ended)
    asking.lookups.note(make_cdr(2, caller_key=KEY, call_id="marked", offered_at=T0 - 4_000_000, test=True))
    told = asking.ask(history("next"))
    assert (told.data["calls"], told.data["last_target"], asking.later) == (1, "acme-west-1", False)


def test_database_that_is_away_or_too_slow_is_unavailable(desk: Callable[..., Desk]) -> None:
    database = Database()
    asking = desk(database)
    database.fails = True
    assert asking.ask(history()).status == "unavailable"
    database.fails = False
    database.stuck.clear()
    assert asking.ask(history()).status == "unavailable"
    database.stuck.set()
    assert desk().ask(history()).status == "unavailable"


def test_nobody_else_waits_while_the_database_is_stuck(desk: Callable[..., Desk]) -> None:
    database = Database()
    database.stuck.clear()
    asking = desk(database)
    waiting = gevent.spawn(asking.ask, history())
    ticks = 0
    while not waiting.ready():
        gevent.sleep(0.01)
        ticks += 1
    assert waiting.value.status == "unavailable" and ticks > 10
    database.stuck.set()


def test_so_many_wait_and_more_are_told_at_once(desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 1)
    held = Signal()
    asking = desk(web=Web(lambda: ("ok" if held.wait(5) else "late", {})))
    first = gevent.spawn(asking.ask, HTTP)
    gevent.sleep(0)
    busy = asking.lookups.ask(HTTP, lambda event: None)
    assert busy is not None and (busy.status, busy.data) == ("failed", {"why": "busy"})
    held.set()
    first.join(5)
    assert first.value.status == "ok"


def test_calls_lately_are_those_seen_here_and_those_on_record(desk: Callable[..., Desk]) -> None:
    minute = 60_000_000
    asking = desk(Database(earlier(3 / 1440), earlier(5 / 1440, dialed_number="+18005550111"), earlier(1)))
    assert asking.ask(velocity("a")).data == {"calls": 3}
    assert asking.ask(velocity("a")).data == {"calls": 3}  # Asked again after a restart of its node: no other call.
    assert asking.ask(velocity("b", T0 + minute)).data == {"calls": 4}
    assert asking.ask(velocity("c", T0 + 20 * minute)).data == {"calls": 1}
    assert asking.ask(velocity("d", T0, dialed="+18005550100")).data == {"calls": 2}
    assert asking.ask(velocity("e", T0, window_s=1)).data == {"calls": 3}  # a, d and e, all at this moment.


def test_calls_lately_without_a_database_are_those_seen_here(desk: Callable[..., Desk]) -> None:
    database = Database()
    database.fails = True
    for asking in (desk(), desk(database)):
        assert asking.ask(velocity("a")).data == {"calls": 1}
        assert asking.ask(velocity("b")).data == {"calls": 2}


def test_server_is_asked_in_a_greenlet_and_given_up_in_time(desk: Callable[..., Desk]) -> None:
    asking = desk(web=Web(lambda: ("ok", {"taken": {"score": "1"}})))
    answer = asking.ask(HTTP)
    assert (answer.status, answer.data, asking.later) == ("ok", {"taken": {"score": "1"}}, True)
    stuck = Signal()
    assert desk(web=Web(lambda: (str(stuck.wait(5)), {}))).ask(HTTP).status == "timeout"
    assert desk().ask(HTTP).status == "refused"


def test_callers_of_long_ago_are_forgotten(desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALLERS_MAX", 2)
    database = Database(earlier(1))
    asking = desk(database)
    for number in range(3):
        asking.ask(dataclasses.replace(velocity("x"), key=f"+1310555{number:04}"))
    reads = database.reads
    asking.ask(history())
    assert database.reads == reads + 1
