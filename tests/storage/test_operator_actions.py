"""Orders of people as they are kept: one pause a subject, nothing forgotten, what a reset gave back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.operator_actions import WHO_CHARS_MAX, WHY_CHARS_MAX, SQLOperatorOrders
from ppc_engine.values.errors import BadValueError, OutsideError

BUYER_DOWN = {"who": "maria", "why": "the buyer's exchange is down"}


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[SQLOperatorOrders]:
    database = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(database)
    yield SQLOperatorOrders(database)
    database.dispose()


def test_a_pause_is_in_force_until_it_is_undone_and_stays_on_record(orders: SQLOperatorOrders) -> None:
    paused = orders.order("pause", "target:acme-la", at=100, **BUYER_DOWN)
    assert orders.open_actions() == [paused]
    assert (paused.who, paused.why, paused.until_at, paused.ended_at) == ("maria", BUYER_DOWN["why"], 0, 0)
    resumed = orders.order("resume", "target:acme-la", at=300, who="jo", why="they are back")
    assert orders.open_actions() == []
    again = orders.find(paused.id)
    assert again is not None and (again.ended_at, again.undone_by) == (300, resumed.id)
    assert [action.verb for action in orders.listed()] == ["resume", "pause"]


def test_a_second_pause_replaces_the_first_of_the_same_subject_only(orders: SQLOperatorOrders) -> None:
    first = orders.order("pause", "target:acme-la", at=100, **BUYER_DOWN)
    other = orders.order("pause", "buyer:acme", at=100, **BUYER_DOWN)
    second = orders.order("pause", "target:acme-la", at=200, until_at=900, who="jo", why="until nine")
    assert orders.open_actions() == [other, second]
    ended = orders.find(first.id)
    assert ended is not None and (ended.ended_at, ended.undone_by) == (200, second.id)


def test_a_pause_that_ran_out_is_not_in_force_and_ends_when_it_said(orders: SQLOperatorOrders) -> None:
    paused = orders.order("pause", "target:acme-la", at=100, until_at=500, **BUYER_DOWN)
    assert orders.in_force("pause", "target:acme-la", 499) == paused
    assert orders.in_force("pause", "target:acme-la", 500) is None
    orders.order("resume", "target:acme-la", at=700, who="jo", why="to be sure")
    over = orders.find(paused.id)
    assert over is not None and (over.ended_at, over.undone_by) == (500, 0)


def test_what_is_to_be_done_once_is_open_until_it_is_finished_once(orders: SQLOperatorOrders) -> None:
    hangup = orders.order("hangup", "call:abc", at=100, **BUYER_DOWN)
    assert orders.open_actions() == [hangup]
    orders.finish([(hangup.id, 150, {"done": True})])
    orders.finish([(hangup.id, 999, {"done": False})])
    done = orders.find(hangup.id)
    assert done is not None and (done.ended_at, done.result) == (150, {"done": True})
    assert orders.open_actions() == []


def test_listing_keeps_what_is_still_in_force_however_old(orders: SQLOperatorOrders) -> None:
    orders.order("pause", "buyer:acme", at=100, **BUYER_DOWN)
    hangup = orders.order("hangup", "call:abc", at=110, **BUYER_DOWN)
    orders.finish([(hangup.id, 120, {})])
    assert [action.subject for action in orders.listed(since=1_000)] == ["buyer:acme"]
    assert [action.subject for action in orders.listed(since=0, subject="call:abc")] == ["call:abc"]


def test_units_of_several_resets_of_one_cap_add_up(orders: SQLOperatorOrders) -> None:
    key = "target:acme-la/conversion/day/2026-11-22"
    for units in (3, 4):
        reset = orders.order("cap_reset", f"cap:{key}", at=100, **BUYER_DOWN)
        orders.finish([(reset.id, 101, {"given_back": units})])
    orders.order("cap_reset", f"cap:{key}", at=200, **BUYER_DOWN)  # Waits: nothing was given back yet.
    assert orders.units_given_back() == {key: 7}


@pytest.mark.parametrize(
    ("who", "why", "told"),
    [
        ("", "because", "who is missing"),
        ("maria", "  ", "why is missing"),
        ("m" * (WHO_CHARS_MAX + 1), "because", f"at most {WHO_CHARS_MAX}"),
        ("maria", "w" * (WHY_CHARS_MAX + 1), f"at most {WHY_CHARS_MAX}"),
        ("maria", "two\nlines", "cannot be printed"),
    ],
)
def test_an_order_without_a_name_and_a_reason_is_none(orders: SQLOperatorOrders, who: str, why: str, told: str) -> None:
    with pytest.raises(BadValueError, match=told):
        orders.order("pause", "target:acme-la", at=1, who=who, why=why)
    assert orders.listed() == []


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(OutsideError, match="ppc db upgrade"):
        SQLOperatorOrders(database).open_actions()
    database.dispose()
