"""Orders of people in a running engine: in force at once, over in time, done once whatever breaks meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent
import gevent.event
import pytest

from ppc_engine.calls.events import CallParked
from ppc_engine.engine.control_desk import ControlDesk
from ppc_engine.engine.operator import LOOK_EVERY_S, Operator
from ppc_engine.ports import OperatorAction
from ppc_engine.values.errors import BadValueError, OutsideError
from tests.calls.call_traces import CALL_ID, T0, buyer, context, target
from tests.engine.fakes import World

SECOND = 1_000_000


class FakeOrders:
    """Rows of orders; ``away`` is a database that does not answer, ``read_only`` one that
    takes nothing; the next answer ``dawdles`` until that is set."""

    def __init__(self) -> None:
        self.rows: dict[int, OperatorAction] = {}
        self.ended: list[tuple[int, int, dict[str, Any]]] = []
        self.away = False
        self.dawdles: gevent.event.Event | None = None
        self.read_only = False

    def add(self, verb: str, subject: str, **more: Any) -> int:
        number = len(self.rows) + 1
        fields = {"at": T0, "who": "maria", "why": "their exchange is down", "args": {}, "until_at": 0, **more}
        self.rows[number] = OperatorAction(
            id=number, verb=verb, subject=subject, ended_at=0, undone_by=0, result={}, **fields
        )
        return number

    def open_actions(self) -> list[OperatorAction]:
        self._answer()
        ended = {number for number, _, _ in self.ended}
        found = [row for number, row in self.rows.items() if number not in ended]
        dawdles, self.dawdles = self.dawdles, None
        if dawdles is not None:
            dawdles.wait()
        return found

    def finish(self, ended: Iterable[tuple[int, int, Mapping[str, Any]]]) -> None:
        if self.read_only:
            raise OutsideError("database: is read-only for this user")
        self._answer()
        self.ended += [(number, at, dict(result)) for number, at, result in ended]

    def _answer(self) -> None:
        if self.away:
            raise OutsideError("database: is locked by another process")


class AtOnce:
    """An OffHub whose work is done on the spot."""

    def run(self, work: Callable[[], Any]) -> Any:
        return work()


class Office:
    """An operator's engine: a world with live calls, rows of orders, and what was reset and reported."""

    def __init__(self) -> None:
        self.world = World(context(buyer("acme", target("acme-la"))))
        self.orders = FakeOrders()
        self.resets: list[str] = []
        self.reported: list[str] = []
        self.operator = Operator(
            self.orders,
            dispatcher=lambda: self.world.dispatcher,
            off_hub=AtOnce(),  # type: ignore[arg-type]
            clock=self.world.clock,
            log=self.world.dispatcher.log,
            reset_cap=self._reset,
            reported=self.reported.append,
        )
        self.world.dispatcher.paused = self.operator.paused

    def _reset(self, cap: str) -> int:
        if "/" not in cap:
            raise ValueError(f"{cap} counts live calls, which end by themselves")
        if cap.startswith("broken"):
            raise RuntimeError("a defect")
        self.resets.append(cap)
        return 12

    def park(self, call_id: str = CALL_ID) -> list[str]:
        return self.world.post(
            CallParked(
                call_id=call_id, at=self.world.clock.now, core_uuid="core", dialed_number="+18005550100",
                caller_number="+13105550123", offered_at=self.world.clock.now, timer_id="1",
            )
        )  # fmt: skip

    def look(self) -> list[str]:
        """Look for orders; what the switch was told."""
        self.operator.look()
        self.world.settle()
        return self.world.switch.take()


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_pause_holds_until_its_time_is_up_without_anybody_looking(office: Office) -> None:
    number = office.orders.add("pause", "target:acme-la", until_at=T0 + 60 * SECOND)
    assert office.operator.paused() == {}
    office.look()
    assert office.operator.paused() == {"target:acme-la": "maria: their exchange is down"}
    office.world.clock.move(59.9)
    assert "target:acme-la" in office.operator.paused()
    office.world.clock.move(0.1)
    assert office.operator.paused() == {} and office.operator.in_force() == []
    office.look()
    assert office.orders.ended == [(number, T0 + 60 * SECOND, {"over": "its time is up"})]
    assert office.reported == ["pause"]


def test_a_pause_that_ran_out_while_no_engine_looked_is_not_taken(office: Office) -> None:
    office.orders.add("pause", "buyer:acme", until_at=T0 - 1)
    office.look()
    assert office.operator.paused() == {} and office.reported == []
    assert office.orders.ended[0][1] == T0 - 1


def test_an_undone_pause_is_over_at_the_next_look(office: Office) -> None:
    number = office.orders.add("pause", "buyer:acme")
    office.look()
    office.orders.ended.append((number, T0, {}))  # As `resume` does, in the database.
    office.look()
    assert office.operator.paused() == {}


def test_what_holds_at_a_start_holds_from_the_first_call_on(office: Office) -> None:
    office.orders.add("drain", "engine", why="new kernel")
    office.operator.load()
    assert office.operator.draining == "maria: new kernel"
    assert office.park() == ["hangup NORMAL_TEMPORARY_FAILURE"]
    assert office.world.journal.facts[0][1]["e"]["paused"] == {"engine": "maria: new kernel"}


@pytest.mark.parametrize("subject", ["number:+18005550100", "publisher:peak", "campaign:roofing"])
def test_a_paused_number_publisher_or_campaign_refuses_new_calls_and_no_others(office: Office, subject: str) -> None:
    office.orders.add("pause", subject)
    office.orders.add("pause", "publisher:somebody-else")
    office.look()
    assert office.park() == ["hangup SUBSCRIBER_ABSENT"]
    assert list(office.world.journal.facts[0][1]["e"]["paused"]) == [subject]


def test_a_pause_does_not_touch_the_calls_that_live(office: Office) -> None:
    assert office.park() == ["answer"]
    office.orders.add("pause", "publisher:peak")
    assert office.look() == []


def test_a_call_is_ended_by_order_once_though_the_database_goes_away(office: Office) -> None:
    office.park()
    number = office.orders.add("hangup", f"call:{CALL_ID}")

    office.orders.read_only = True
    with pytest.raises(OutsideError):
        office.look()
    assert office.world.switch.take() == ["hangup CALL_REJECTED"]
    assert office.operator.result(number) == {"done": "the call was told to end"}
    office.orders.read_only = False
    assert office.look() == []
    assert office.orders.ended == [(number, T0, {"done": "the call was told to end"})]
    office.look()
    assert len(office.orders.ended) == 1


def test_a_reset_is_done_once_though_the_database_goes_away(office: Office) -> None:
    office.orders.add("cap_reset", "cap:target:acme-la/connect/day/2026-11-22")
    office.orders.read_only = True
    for _ in range(2):
        with pytest.raises(OutsideError):
            office.look()
    office.orders.read_only = False
    office.look()
    assert len(office.resets) == 1
    assert [result for _, _, result in office.orders.ended] == [{"given_back": 12}]


def test_a_look_that_dawdles_does_not_undo_what_a_later_one_saw(office: Office) -> None:
    office.orders.dawdles = gevent.event.Event()
    go = office.orders.dawdles
    early = gevent.spawn(office.operator.look)
    gevent.sleep(0)
    office.orders.add("pause", "buyer:acme")
    late = gevent.spawn(office.operator.look)
    gevent.sleep(0)
    go.set()
    gevent.joinall([early, late], raise_error=True)
    assert list(office.operator.paused()) == ["buyer:acme"]


@pytest.mark.parametrize(
    ("verb", "subject", "args", "error"),
    [
        ("hangup", "call:gone", {}, "no such call lives in this engine"),
        ("redirect", f"call:{CALL_ID}", {"target": "nobody"}, "its revision has no such target"),
        ("redirect", f"call:{CALL_ID}", {"node": "nowhere"}, "its flow roofing has no such node"),
        ("cap_reset", "cap:target:acme-la", {}, "target:acme-la counts live calls, which end by themselves"),
        ("cap_reset", "cap:broken/x/y", {}, "a defect of the engine: RuntimeError (see the log)"),
    ],
)
def test_an_order_that_cannot_be_followed_says_why_and_is_not_tried_again(
    office: Office, verb: str, subject: str, args: dict[str, str], error: str
) -> None:
    office.park()
    office.world.switch.take()
    number = office.orders.add(verb, subject, args=args)
    assert office.look() == []
    assert office.operator.result(number) == {"error": error}
    assert office.orders.ended == [(number, T0, {"error": error})]
    assert office.world.counts.bugs == (["operator"] if "defect" in error else [])


def test_a_redirect_reaches_the_call(office: Office) -> None:
    office.park()
    number = office.orders.add("redirect", f"call:{CALL_ID}", args={"target": "acme-la"})
    assert office.look() == ["break"]
    assert office.operator.result(number) == {"done": "the call was told to go there"}


def test_a_database_that_is_away_is_told_once_and_what_held_goes_on_holding(office: Office) -> None:
    office.orders.add("pause", "buyer:acme")
    office.look()
    office.orders.away = True
    ticks = iter(range(int(4 * LOOK_EVERY_S / 0.5)))
    office.operator.run(lambda: next(ticks, None) is None)
    assert office.world.logged.count("orders_not_read") == 1
    assert "buyer:acme" in office.operator.paused()
    office.orders.away = False
    ticks = iter(range(int(2 * LOOK_EVERY_S / 0.5)))
    office.operator.run(lambda: next(ticks, None) is None)
    assert "buyer:acme" in office.operator.paused()


def desk_of(office: Office, reload: Callable[[str], Any] = lambda who: {"taken": True, "by": who}) -> ControlDesk:
    return ControlDesk(
        operator=office.operator,
        dispatcher=lambda: office.world.dispatcher,
        reload=reload,
        caps=lambda: [{"key": "target:acme-la"}],
        revision=lambda: "r1",
    )


def test_the_desk_looks_at_once_and_says_what_came_of_an_order(office: Office) -> None:
    desk = desk_of(office)
    pause = office.orders.add("pause", "buyer:acme")
    assert desk.obey({"do": "look", "order": pause})["in_force"] is True
    hangup = office.orders.add("hangup", "call:gone")
    said = desk.obey({"do": "look", "order": hangup})
    assert said["result"] == {"error": "no such call lives in this engine"}
    assert [row["subject"] for row in desk.obey({"do": "paused"})["paused"]] == ["buyer:acme"]


def test_the_desk_says_how_things_stand(office: Office) -> None:
    desk = desk_of(office)
    office.park()
    assert desk.obey({"do": "state"}) == {"revision": "r1", "calls": 1, "draining": ""}
    (live,) = desk.obey({"do": "calls"})["live"]
    assert (live["call_id"], live["phase"], live["node"], live["campaign"]) == (CALL_ID, "flow", "hello", "roofing")
    assert desk.obey({"do": "caps"}) == {"caps": [{"key": "target:acme-la"}], "revision": "r1"}
    with pytest.raises(BadValueError, match="no such order"):
        desk.obey({"do": "rm -rf"})
    with pytest.raises(BadValueError, match="no such reload"):
        desk.obey({"do": "reloaded", "ticket": 99})


def test_a_reload_that_takes_long_is_asked_after(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppc_engine.engine.control_desk.RELOAD_ANSWER_S", 0.01)
    go = gevent.event.Event()

    def reload(who: str) -> dict[str, Any]:
        go.wait()
        return {"taken": True, "by": who}

    desk = desk_of(office, reload)
    ticket = desk.reload({"who": "maria"})
    assert desk.obey({"do": "reloaded", **ticket}) == ticket
    go.set()
    assert desk.obey({"do": "reloaded", **ticket}) == {"reloaded": {"taken": True, "by": "maria"}}
    assert desk_of(office).reload({}) == {"reloaded": {"taken": True, "by": "the control port"}}
