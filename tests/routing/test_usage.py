"""What is full is told as it changes, through periods, spreading and paces; and only what is full."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.routing.cap_book import CapBook
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.usage import UsageBoard
from tests.calls.call_traces import T0, buyer, context, target

HOUR_US = 3_600_000_000
CONNECT = "target:a/connect/hour/"


class Board:
    """One target with some caps; ``told`` as an engine in force keeps it, or asked anew each time."""

    def __init__(self, told: bool, **of_target: Any) -> None:
        self.context = context(buyer("acme", target("a", **of_target)))
        self.pool = self.context.routes.pool("roofing")
        self.book = CapBook()
        self.board = UsageBoard(self.book, told=told)
        self.book.on_change = self.board.changed
        self.board.use(self.context.routes)

    def full(self, at: int = T0) -> dict[str, int]:
        return self.board.full(self.context.routes, self.pool, at)

    def key(self, at: int = T0) -> str:
        return next(rule.key(at) for rule in self.pool.rules[0] if rule.measure)

    def reasons(self, at: int = T0) -> list[dict[str, Any]]:
        situation = Situation(call_id="c", at=at, campaign="roofing", used=self.full(at))
        return self.context.routes.explain(self.pool, situation)[0].get("reasons", [])


@pytest.fixture(params=[True, False], ids=["watched", "asked"])
def told(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_counter_is_told_while_it_is_full(told: bool) -> None:
    board = Board(told, concurrency_cap=2)
    assert board.full() == {}
    board.book.reserve("1", {"target:a": (1, 2)})
    assert board.full() == {}
    board.book.reserve("2", {"target:a": (1, 2)})
    assert board.full() == {"target:a": 2}
    board.book.release("1")
    assert board.full() == {}


def test_a_new_hour_begins_with_nothing(told: bool) -> None:
    board = Board(told, caps=[{"calls": 1, "per": "hour"}])
    board.full()
    board.book.seed({board.key(): 1})
    assert board.full() == {board.key(): 1}
    assert board.full(T0 + HOUR_US) == {}
    board.book.seed({board.key(T0 + HOUR_US): 1})
    assert board.full(T0 + HOUR_US) == {board.key(T0 + HOUR_US): 1}
    (reason,) = board.reasons(T0 + HOUR_US)
    assert (reason["code"], reason["measured"], reason["limit"]) == ("volume_cap", 1, 1)


def test_money_is_full_when_the_next_call_no_longer_fits(told: bool) -> None:
    acme = buyer(
        "acme",
        target("a"),
        caps=[{"spend": "100.00", "per": "day"}],
        offers=[{"id": "o", "campaign": "roofing", "amount": "40.00"}],
    )
    made = context(acme)
    pool, book = made.routes.pool("roofing"), CapBook()
    board = UsageBoard(book, told=told)
    book.on_change = board.changed
    board.use(made.routes)
    (rule,) = pool.rules[0]
    book.seed({rule.key(T0): 60_000_000})
    assert board.full(made.routes, pool, T0) == {}
    book.seed({rule.key(T0): 60_000_001})
    used = board.full(made.routes, pool, T0)
    assert used == {rule.key(T0): 60_000_001}
    (line,) = made.routes.explain(pool, Situation(call_id="c", at=T0, campaign="roofing", used=used))
    assert [(reason["code"], reason["text"]) for reason in line["reasons"]] == [
        ("spend_cap", "free 39.999999, needed 40.00")
    ]


def test_a_day_that_is_spread_is_used_up_as_its_open_hours_pass(told: bool) -> None:
    """Open from 07:00 to 17:00 in Los Angeles; at 07:13, 14 of 600 minutes have begun: one of 40 calls."""
    hours = {"zone": "America/Los_Angeles", "monday": ["07:00-17:00"]}
    board = Board(told, caps=[{"calls": 40, "per": "day"}], spread_caps=True, hours=hours)
    assert board.full() == {}
    board.book.seed({board.key(): 1})
    assert board.full() == {board.key(): 1}
    (reason,) = board.reasons()
    assert (reason["code"], reason["measured"], reason["limit"]) == ("pace", 1, "1 of 40 by now")
    assert board.full(T0 + HOUR_US) == {}
    assert board.full(T0 + 10 * HOUR_US) == {}


def test_a_pace_is_told_as_what_is_left_to_wait(told: bool) -> None:
    board = Board(told, pace={"seconds_between_min": 5})
    board.book.reserve("1", {}, paces={"target:a/pace": [[1, 5_000_000]]}, at=T0)
    assert board.full(T0 + 1_000_000) == {"target:a/pace": 4_000_000}
    (reason,) = board.reasons(T0 + 1_000_000)
    assert (reason["code"], reason["measured"], reason["limit"]) == ("pace", "4000 ms to wait", "5 s between calls")
    assert board.full(T0 + 5_000_000) == {}


def test_another_revision_is_answered_without_being_watched() -> None:
    board = Board(True, concurrency_cap=1)
    earlier = Board(True, concurrency_cap=1)
    board.book.reserve("1", {"target:a": (1, 1)})
    assert board.board.full(earlier.context.routes, earlier.pool, T0) == {"target:a": 1}
