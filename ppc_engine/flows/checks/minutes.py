"""Minutes of a week as bits of one number, and what is left over of them in words: "Mon-Fri 18:00-24:00, Sun".

A week of winter and one of summer stand for all weeks: holidays and single dates are on purpose.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ppc_engine.values.schedule import DAYS, MINUTES_A_DAY, WeeklyHours, zone

WEEK_MINUTES = 7 * MINUTES_A_DAY
EVERY_MINUTE = (1 << WEEK_MINUTES) - 1
WEEKS = (datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 7, 13, tzinfo=UTC))  # Mondays without a change of clocks.
SPANS_TOLD = 6


def open_minutes(hours: WeeklyHours | None, week: int) -> int:
    """The minutes of one of ``WEEKS``, counted from its Monday 00:00 UTC, that are open; every one without hours."""
    if hours is None:
        return EVERY_MINUTE
    wall = 0
    for day, name in enumerate(DAYS):
        for start, end in getattr(hours, name):
            wall |= ((1 << (end - start)) - 1) << (day * MINUTES_A_DAY + start)
    return _turn(wall, -offset_minutes(hours.zone, week))


def offset_minutes(zone_name: str, week: int) -> int:
    """How far the zone's wall time is ahead of UTC in one of ``WEEKS``."""
    offset = WEEKS[week].astimezone(zone(zone_name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def told(minutes: int, zone_name: str, week: int) -> str:
    """Minutes of a UTC week as the zone's wall time in words; days that follow each other and are alike together."""
    wall = _turn(minutes, offset_minutes(zone_name, week))
    days = [_day_told((wall >> (day * MINUTES_A_DAY)) & ((1 << MINUTES_A_DAY) - 1)) for day in range(7)]
    spans: list[str] = []
    day = 0
    while day < 7:
        last = day
        while last < 6 and days[last + 1] == days[day]:
            last += 1
        if days[day] is not None:
            name = DAYS[day].title()[:3] + (f"-{DAYS[last].title()[:3]}" if last > day else "")
            spans.append(f"{name} {days[day]}".rstrip())
        day = last + 1
    more = f" and {len(spans) - SPANS_TOLD} more" if len(spans) > SPANS_TOLD else ""
    return ", ".join(spans[:SPANS_TOLD]) + more


def _turn(minutes: int, by: int) -> int:
    """Every minute of the week moved later by so many minutes; what passes the end begins again."""
    by %= WEEK_MINUTES
    return ((minutes << by) | (minutes >> (WEEK_MINUTES - by))) & EVERY_MINUTE


def _day_told(minutes: int) -> str | None:
    """The spans of one day, "" for the whole day, None for no minute of it."""
    if not minutes:
        return None
    if minutes == (1 << MINUTES_A_DAY) - 1:
        return ""
    spans, start = [], 0
    while minutes >> start:
        rest = minutes >> start
        start += (rest & -rest).bit_length() - 1
        rest = minutes >> start
        length = (~rest & (rest + 1)).bit_length() - 1
        spans.append(f"{_clock(start)}-{_clock(start + length)}")
        start += length
    return " ".join(spans)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
