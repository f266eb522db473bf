"""Minutes of a week as bits, and in words."""

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.flows.checks.minutes import (
    EVERY_MINUTE,
    WEEKS,
    offset_minutes,
    open_minutes,
    told,
)  # fmt: skip
from ppc_engine.values.schedule import DAYS, MINUTES_A_DAY, WeeklyHours, instant

ZONES = st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"])
SPANS = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[0] < span[1]), max_size=3
)


@given(ZONES, st.dictionaries(st.sampled_from(DAYS), SPANS), st.integers(0, 7 * MINUTES_A_DAY - 1), st.integers(0, 1))
def test_a_bit_is_set_exactly_when_the_hours_are_open(zone, days, minute, week):
    hours = WeeklyHours(zone=zone, **days)
    at_us = instant(WEEKS[week]) + minute * 60_000_000
    # The week repeats itself: what lies before or after it in the zone's wall time is taken from its other end.
    assert bool(open_minutes(hours, week) >> minute & 1) == hours.is_open(at_us)


def test_minutes_in_words():
    days = {day: [(9 * 60, 17 * 60)] for day in DAYS[:5]}
    closed = EVERY_MINUTE & ~open_minutes(WeeklyHours(zone="America/New_York", **days), 0)
    assert told(closed, "America/New_York", 0) == "Mon-Fri 00:00-09:00 17:00-24:00, Sat-Sun"
    assert told(closed, "UTC", 0) == "Mon-Fri 00:00-14:00 22:00-24:00, Sat-Sun"
    assert told(EVERY_MINUTE, "UTC", 0) == "Mon-Sun"
    late = open_minutes(WeeklyHours(zone="America/Chicago", sunday=[(20 * 60, 24 * 60)]), 1)
    assert told(late, "America/Chicago", 1) == "Sun 20:00-24:00"
    assert told(late, "UTC", 1) == "Mon 01:00-05:00"


def test_many_spans_are_cut():
    bits = sum(1 << (day * MINUTES_A_DAY + day) for day in range(7))
    assert (
        told(bits, "UTC", 0)
        == ", ".join(f"{day} 00:0{n}-00:0{n + 1}" for n, day in enumerate(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]))
        + " and 1 more"
    )


def test_summer_and_winter_differ():
    assert [offset_minutes("America/New_York", week) for week in (0, 1)] == [-300, -240]
