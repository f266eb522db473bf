"""Business hours: breaks, holidays, days of their own, and days on which the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ppc_engine.values.schedule import DAYS, MINUTE_US, WeeklyHours, instant, local_time, zone

LA = "America/Los_Angeles"
OFFICE = ("08:00-12:00", "13:00-18:00")
WORKDAYS: dict[str, Any] = dict.fromkeys(DAYS[:5], OFFICE)


def hours(**fields: Any) -> WeeklyHours:
    return WeeklyHours.model_validate({"zone": LA, **fields})


def at(*wall: int, fold: int = 0, name: str = LA) -> int:
    return instant(datetime(*wall, tzinfo=zone(name), fold=fold))  # type: ignore[arg-type,misc]


def test_a_break_is_closed_and_ends_by_the_minute() -> None:
    open_hours = hours(**WORKDAYS)
    told = [open_hours.is_open(at(2026, 11, 23, *clock)) for clock in ((7, 59), (8, 0), (11, 59), (12, 0), (13, 0))]
    assert told == [False, True, True, False, True]
    assert open_hours.closes_at(at(2026, 11, 23, 9)) == at(2026, 11, 23, 12)
    assert open_hours.next_opening(at(2026, 11, 23, 12)) == at(2026, 11, 23, 13)
    assert open_hours.next_opening(at(2026, 11, 20, 18)) == at(2026, 11, 23, 8)  # Friday evening, Monday morning


def test_holiday_closes_unless_it_has_hours_of_its_own() -> None:
    thanksgiving = at(2026, 11, 26, 9)
    assert hours(**WORKDAYS).is_open(thanksgiving)
    closed = hours(**WORKDAYS, holidays={"calendar": "US"})
    assert not closed.is_open(thanksgiving)
    assert closed.told(date(2026, 11, 26)) == "holiday Thanksgiving Day closed"
    assert closed.next_opening(thanksgiving) == at(2026, 11, 27, 8)
    short = hours(**WORKDAYS, holidays={"calendar": "US", "hours": ["09:00-10:00"]})
    assert short.is_open(thanksgiving) and not short.is_open(at(2026, 11, 26, 10))


def test_holiday_of_a_state_is_kept_only_where_the_state_is_named() -> None:
    chavez_day = at(2026, 3, 31, 9)  # Observed in California, not in the whole country.
    assert hours(**WORKDAYS, holidays={"calendar": "US"}).is_open(chavez_day)
    assert not hours(**WORKDAYS, holidays={"calendar": "US", "states": ["CA"]}).is_open(chavez_day)


def test_a_date_of_its_own_stands_before_holiday_and_week() -> None:
    own = hours(
        **WORKDAYS,
        holidays={"calendar": "US"},
        closed_dates=["2026-12-24", "2026-12-31"],
        open_dates={"2026-12-24": ["09:00-12:00"], "2026-12-25": ["10:00-11:00"]},
    )
    assert own.is_open(at(2026, 12, 24, 9)) and not own.is_open(at(2026, 12, 24, 13))
    assert own.is_open(at(2026, 12, 25, 10))
    assert not own.is_open(at(2026, 12, 31, 9))
    assert own.told(date(2026, 12, 31)) == "2026-12-31 closed"


def test_open_all_week_never_closes_and_closed_all_week_never_opens() -> None:
    always = hours(**dict.fromkeys(DAYS, ("00:00-24:00",)))
    assert always.closes_at(at(2026, 11, 23, 9)) == 0
    assert hours().next_opening(at(2026, 11, 23, 9)) == 0


def test_wall_time_that_happens_twice_is_open_twice() -> None:
    """1 November 2026, Los Angeles: 01:30 happens twice."""
    night = hours(sunday=["01:15-01:45"])
    first, second = at(2026, 11, 1, 1, 30), at(2026, 11, 1, 1, 30, fold=1)
    assert second - first == 3_600_000_000
    assert night.is_open(first) and night.is_open(second)
    assert night.closes_at(first) == at(2026, 11, 1, 1, 45)
    assert night.next_opening(at(2026, 11, 1, 1, 50)) == at(2026, 11, 1, 1, 15, fold=1)


def test_opening_before_a_change_of_the_clock_comes_first() -> None:
    night = hours(saturday=["00:00-00:15"], sunday=["00:00-03:15"])
    assert night.next_opening(at(2026, 3, 7, 16)) == at(2026, 3, 8)


def test_wall_time_that_does_not_happen_opens_when_the_clock_has_passed_it() -> None:
    """8 March 2026, Los Angeles: 02:00 is 03:00."""
    night = hours(sunday=["02:30-03:30"])
    assert night.next_opening(at(2026, 3, 8, 1, 0)) == at(2026, 3, 8, 3, 0)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"holidays": {"calendar": "XX"}}, 'no holidays of "XX"'),
        ({"holidays": {"calendar": "US", "states": ["ZZ"]}}, 'no holidays of a state "ZZ"'),
        ({"closed_dates": ["24.12.2026"]}, "date"),
        ({"open_dates": {"2026-12-24": ["9-12"]}}, "is not a span of hours"),
    ],
)
def test_mistakes_are_told(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        hours(**fields)


edges = st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True).map(sorted)
spans = edges.map(lambda quarters: [(a * 15, b * 15) for a, b in zip(quarters[::2], quarters[1::2], strict=False)])
ZONES = st.sampled_from([LA, "America/New_York", "America/Phoenix", "Australia/Lord_Howe", "America/St_Johns"])
# Days round the clock changes of 2026, in UTC.
moments = st.sampled_from([(3, 7), (3, 8), (4, 4), (10, 3), (10, 31), (11, 1), (6, 1)]).flatmap(
    lambda day: st.integers(0, 2 * 1440).map(
        lambda minute: instant(datetime(2026, *day, tzinfo=UTC) + timedelta(minutes=minute))
    )
)


@given(ZONES, st.lists(spans, min_size=7, max_size=7), moments)
@settings(max_examples=60, deadline=None)
def test_next_change_is_the_one_that_a_minute_by_minute_search_finds(name: str, week: list[Any], moment: int) -> None:
    open_hours = WeeklyHours.model_validate({"zone": name, **dict(zip(DAYS, week, strict=True))})
    state = open_hours.is_open(moment)
    told = open_hours.closes_at(moment) if state else open_hours.next_opening(moment)
    minute = moment - moment % MINUTE_US
    searched = next(
        (minute + n * MINUTE_US for n in range(1, 1500) if open_hours.is_open(minute + n * MINUTE_US) is not state), 0
    )
    assert told == searched if searched else told == 0 or told > minute + 1499 * MINUTE_US


@given(moments, ZONES)
def test_share_of_the_open_day_grows_to_the_whole(moment: int, name: str) -> None:
    open_hours = WeeklyHours.model_validate({"zone": name, **dict.fromkeys(DAYS, OFFICE)})
    begun, total = open_hours.open_share(moment)
    wall = local_time(moment, name)
    assert total == 9 * 60
    assert 0 <= begun <= total
    assert (begun == 0) == (wall.hour < 8)
    assert (begun == total) == ((wall.hour, wall.minute) >= (17, 59))
