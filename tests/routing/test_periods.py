"""Periods of caps: calendar periods of the owner's zone, through every change of its clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.routing.periods import HOUR_US, Periods, period_at
from ppc_engine.values.schedule import instant, local_time, zone

LA, HOWE = "America/Los_Angeles", "Australia/Lord_Howe"
ZONES = st.sampled_from([LA, "America/New_York", "America/Phoenix", HOWE, "America/St_Johns", "America/Havana", "UTC"])
MOMENTS = st.integers(instant(datetime(2025, 1, 1, tzinfo=UTC)), instant(datetime(2028, 1, 1, tzinfo=UTC)))


def at(name: str, *wall: int, fold: int = 0) -> int:
    return instant(datetime(*wall, tzinfo=zone(name), fold=fold))  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("per", "label", "hours"),
    [
        ("hour", "2026-11-22T13-0800", 1),
        ("day", "2026-11-22-0800", 24),
        ("week", "2026-11-16-0800", 168),
        ("month", "2026-11-0700", 721),  # Begins in summer time; the hour given back in November is in it.
    ],
)
def test_an_ordinary_sunday(per: str, label: str, hours: int) -> None:
    found = period_at(per, LA, at(LA, 2026, 11, 22, 13, 45))
    assert (found.label, (found.end - found.begin) // HOUR_US) == (label, hours)


def test_days_of_23_and_25_hours() -> None:
    spring = period_at("day", LA, at(LA, 2026, 3, 8, 12))
    autumn = period_at("day", LA, at(LA, 2026, 11, 1, 12))
    assert [(day.end - day.begin) // HOUR_US for day in (spring, autumn)] == [23, 25]


def test_repeated_hour_is_two_periods() -> None:
    first = period_at("hour", LA, at(LA, 2026, 11, 1, 1, 30))
    second = period_at("hour", LA, at(LA, 2026, 11, 1, 1, 30, fold=1))
    assert (first.label, second.label) == ("2026-11-01T01-0700", "2026-11-01T01-0800")
    assert first.end == second.begin


def test_half_an_hour_that_is_repeated_is_a_period_of_half_an_hour() -> None:
    """Lord Howe goes back by 30 minutes: 01:30 to 02:00 happens twice."""
    second = period_at("hour", HOWE, at(HOWE, 2026, 4, 5, 1, 45, fold=1))
    assert (second.label, second.end - second.begin) == ("2026-04-05T01+1030", HOUR_US // 2)


def test_ever_never_ends() -> None:
    assert period_at("ever", LA, 0) == period_at("ever", "UTC", at(LA, 2090, 1, 1))


@given(st.sampled_from(["hour", "day", "week", "month"]), ZONES, MOMENTS)
def test_periods_follow_each_other_without_gap_or_overlap(per: str, name: str, moment: int) -> None:
    found = period_at(per, name, moment)
    assert found.begin <= moment < found.end
    assert period_at(per, name, found.begin) == period_at(per, name, found.end - 1) == found
    after, before = period_at(per, name, found.end), period_at(per, name, found.begin - 1)
    assert after.begin == found.end and before.end == found.begin
    assert len({before.label, found.label, after.label}) == 3
    if per != "hour":
        assert local_time(found.begin, name).date() > local_time(found.begin - 1, name).date()


@given(st.lists(st.tuples(st.sampled_from(["hour", "day"]), ZONES, MOMENTS), max_size=20))
def test_remembered_periods_are_the_same(asked: list[tuple[str, str, int]]) -> None:
    periods = Periods()
    for per, name, moment in asked:
        assert periods.at(per, name, moment) == period_at(per, name, moment)
