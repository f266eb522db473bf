"""Orders of choosing on one level: what each goes by, and that weight decides among equals."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.routing.cap_book import CapBook
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.usage import UsageBoard, paused_of
from tests.calls.call_traces import T0, buyer, context, target

MINUTE_US = 60_000_000


class Choosing:
    """Three equal targets of three buyers, and the counters that an engine keeps of them."""

    def __init__(self, order: str, *targets: dict[str, Any], **of_buyer: Any) -> None:
        amounts = ("40.00", "90.00", "60.00")
        buyers = [
            buyer(
                f"b{n}",
                target(f"t{n}", destination=f"sip:t{n}@127.0.0.1", **(targets[n] if n < len(targets) else {})),
                offers=[{"id": f"o{n}", "campaign": "roofing", "amount": amounts[n]}],
                **of_buyer,
            )
            for n in range(3)
        ]
        self.order = order
        self.context = context(*buyers, order=order)
        self.pool = self.context.routes.pool("roofing")
        self.book = CapBook()
        self.board = UsageBoard(self.book)
        self.book.on_change = self.board.changed
        self.board.use(self.context.routes)

    def situation(self, at: int = T0, call_id: str = "c") -> Situation:
        used = self.board.full(self.context.routes, self.pool, at)
        bare = Situation(call_id=call_id, at=at, campaign="roofing", used=used)
        stats = self.board.stats(self.context.routes, self.pool, bare, self.order)
        return Situation(call_id=call_id, at=at, campaign="roofing", used=used, stats=stats)

    def chosen(self, **more: Any) -> str:
        selection = self.context.routes.select(self.pool, self.situation(**more), 1)
        return selection.target.id if selection.target else selection.nobody

    def dial(self, name: str, at: int) -> None:
        self.book.reserve(f"lease-{name}-{at}", {f"target:{name}": (1, 100)})
        self.board.times.dialed(name, at)


def test_highest_revenue_is_the_offer() -> None:
    assert Choosing("highest_revenue").chosen() == "t1"


def test_expected_revenue_is_what_calls_were_worth_and_the_offer_where_too_few_came() -> None:
    choosing = Choosing("expected_revenue")
    assert choosing.chosen() == "t1"
    choosing.board.times.worth = {("roofing", "t1"): (30, 30 * 20_000_000), ("roofing", "t2"): (19, 0)}
    assert choosing.chosen() == "t2"
    choosing.board.times.worth = {("roofing", "t2"): (20, 0), ("roofing", "t1"): (20, 0)}
    assert choosing.chosen() == "t0"


def test_round_robin_takes_who_was_dialled_longest_ago() -> None:
    choosing = Choosing("round_robin")
    for n, name in enumerate(("t0", "t2")):
        choosing.board.times.dialed(name, T0 + n * MINUTE_US)
    assert choosing.chosen(at=T0 + 2 * MINUTE_US) == "t1"
    choosing.board.times.dialed("t1", T0 + 2 * MINUTE_US)
    assert choosing.chosen(at=T0 + 3 * MINUTE_US) == "t0"


def test_least_busy_counts_live_attempts_without_a_cap() -> None:
    choosing = Choosing("least_busy")
    assert all(rules[0].owner.startswith("target:") for rules in choosing.pool.rules)
    for name in ("t0", "t0", "t1"):
        choosing.board.times.dialed(name, T0)
    assert choosing.chosen() == "t2"
    choosing.board.times.dialed("t2", T0)
    choosing.board.times.ended("t1", T0)
    assert choosing.chosen() == "t1"


def test_longest_idle_is_not_busy() -> None:
    choosing = Choosing("longest_idle")
    for name, ended in (("t0", 1), ("t1", 3), ("t2", 2)):
        choosing.board.times.dialed(name, T0)
        choosing.board.times.ended(name, T0 + ended * MINUTE_US)
    assert choosing.chosen(at=T0 + 5 * MINUTE_US) == "t0"
    choosing.board.times.dialed("t0", T0 + 4 * MINUTE_US)
    assert choosing.chosen(at=T0 + 5 * MINUTE_US) == "t2"


def test_most_capacity_is_what_the_tightest_cap_leaves() -> None:
    caps = [{"concurrency_cap": 5}, {"concurrency_cap": 9}, {"concurrency_cap": 3}]
    choosing = Choosing("most_capacity", *caps, concurrency_cap=6)
    assert choosing.chosen() == "t1"
    choosing.book.reserve("other", {"buyer:b1": (4, 6)})
    assert choosing.chosen() == "t0"


def test_most_budget_is_the_share_that_is_left() -> None:
    caps = [{"caps": [{"calls": limit, "per": "day"}]} for limit in (10, 100, 4)]
    choosing = Choosing("most_budget", *caps)
    keys = [rules[0].key(T0) for rules in choosing.pool.rules]
    choosing.book.seed({keys[0]: 5, keys[1]: 60, keys[2]: 1})
    assert choosing.chosen() == "t2"
    choosing.book.seed({keys[2]: 3})
    assert choosing.chosen() == "t0"


def test_equals_share_by_weight() -> None:
    choosing = Choosing("least_busy", {"weight": 300}, {"weight": 100}, {"weight": 100})
    choosing.board.times.dialed("t2", T0)
    drawn = [choosing.chosen(call_id=f"call-{n}") for n in range(400)]
    assert drawn.count("t2") == 0
    assert 260 < drawn.count("t0") < 340  # 3 in 4, within five standard deviations


def test_stats_are_told_only_of_those_who_could_be_chosen() -> None:
    choosing = Choosing("round_robin", {"paused": True}, {"priority": 2})
    assert set(choosing.situation().stats) == {"t2"}


@pytest.mark.parametrize("paused", [{"target:t1": "bob: broken"}, {"buyer:b1": "bob: asked to"}])
def test_only_what_concerns_the_pool_is_told_as_paused(paused: dict[str, str]) -> None:
    choosing = Choosing("priority_weight")
    assert paused_of(choosing.pool, {**paused, "target:other": "x", "engine": "y", "buyer:zz": "z"}) == paused
