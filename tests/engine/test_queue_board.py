"""The lines of queues: order of coming, places, limits, and turns given to those whom they serve."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ppc_engine.calls.commands import JoinQueue
from ppc_engine.calls.events import Event, QueueFull, QueueJoined, QueueTurn
from ppc_engine.engine.queue_board import QueueBoard
from tests.calls.call_traces import T0
from tests.engine.fakes import StillClock


class Caller:
    """A call that waits; ``slots`` are what is free, and a turn takes one."""

    def __init__(self, call_id: str, slots: list[str], suits: str = "acme") -> None:
        self.call_id = call_id
        self.slots = slots
        self.suits = suits
        self.in_line = True
        self.turns = 0

    def could_be_served(self) -> bool:
        return self.suits in self.slots

    def post(self, event: Event) -> None:
        assert isinstance(event, QueueTurn) and event.call_id == self.call_id
        self.turns += 1
        self.slots.remove(self.suits)


@pytest.fixture
def board() -> QueueBoard:
    return QueueBoard(StillClock())


@pytest.fixture
def join(board: QueueBoard) -> Callable[..., tuple[int, int] | None]:
    def joins(caller: Caller, since: int, queue: str = "q", limit: int = 0) -> tuple[int, int] | None:
        command = JoinQueue(call_id=caller.call_id, queue=queue, callers_max=limit, since=T0 + since)
        answer = board.join(caller, command)
        if isinstance(answer, QueueFull):
            assert (answer.waiting, answer.limit) == (limit, limit)
            return None
        assert isinstance(answer, QueueJoined)
        return answer.position, answer.waiting

    return joins


def test_the_time_of_coming_makes_the_place_whoever_joins_first(board, join) -> None:
    assert join(Caller("b", []), since=20) == (1, 1)
    assert join(Caller("a", []), since=10) == (1, 2)
    assert join(Caller("c", []), since=30) == (3, 3)


def test_joining_again_tells_the_place_and_takes_no_second_one(board, join) -> None:
    first, second = Caller("a", []), Caller("b", [])
    join(first, 10)
    join(second, 20)
    assert join(second, 20) == (2, 2)
    board.leave("a", "q")
    assert join(second, 20, limit=1) == (1, 1)


def test_a_full_line_takes_nobody_and_another_line_is_not_full(board, join) -> None:
    join(Caller("a", []), 10)
    assert join(Caller("b", []), 20, limit=1) is None
    assert join(Caller("b", []), 20, queue="other", limit=1) == (1, 1)
    assert board.waiting() == {"q": 1, "other": 1}


def test_who_is_gone_without_a_word_takes_no_place(board, join) -> None:
    gone = Caller("a", [])
    join(gone, 10)
    gone.in_line = False
    assert join(Caller("b", []), 20, limit=1) == (1, 1)


def test_one_slot_serves_the_first_in_line_alone(board, join) -> None:
    slots: list[str] = []
    callers = [Caller(name, slots) for name in "abc"]
    for since, caller in enumerate(reversed(callers)):
        join(caller, since=100 - since)
    slots.append("acme")
    board.look()
    assert [caller.turns for caller in callers] == [1, 0, 0]


def test_who_cannot_use_what_is_free_holds_nobody_up(board, join) -> None:
    slots = ["zenith"]
    first, second = Caller("a", slots), Caller("b", slots, suits="zenith")
    join(first, 10)
    join(second, 20)
    board.look()
    assert (first.turns, second.turns) == (0, 1)


def test_a_slot_that_two_queues_want_goes_to_who_waits_longer(board, join) -> None:
    slots = ["acme"]
    early, late = Caller("z", slots), Caller("a", slots)
    join(late, 20, queue="a")
    join(early, 10, queue="z")
    board.look()
    assert (early.turns, late.turns) == (1, 0)


def test_it_looks_when_a_slot_came_free_and_now_and_then_anyway() -> None:
    clock = StillClock()
    board = QueueBoard(clock)
    slots: list[str] = []
    caller = Caller("a", slots)
    board.join(caller, JoinQueue(call_id="a", queue="q", callers_max=0, since=T0))
    looks = 0

    def rounds(count: int) -> Callable[[], bool]:
        left = iter(range(count))
        return lambda: next(left, None) is None

    original = board.look

    def counted() -> None:
        nonlocal looks
        looks += 1
        original()

    board.look = counted  # type: ignore[method-assign]
    board.run(rounds(3))
    assert looks == 1  # it has just joined; nothing has changed since
    board.came_free()
    slots.append("acme")
    board.run(rounds(1))
    assert (looks, caller.turns) == (2, 1)
    clock.move(2.5)
    board.run(rounds(1))
    assert looks == 3
