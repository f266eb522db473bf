"""Business hours by the week in a named time zone, with breaks, holidays and days of their own.

Time is an argument: nothing here reads a clock. An instant is turned into the zone's wall time, so a clock change needs
no rule of its own: a wall time that happens twice is open twice, one that does not happen is never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ppc_engine.values.holidays import calendar_problem, holidays_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_A_DAY = 24 * 60
MINUTE_US = 60_000_000
DAYS_AHEAD_MAX = 400  # A year and a bit: what opens later than that does not open.
DATES_MAX = 400
_SPAN = re.compile(r"^([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is not an IANA time zone (write America/Los_Angeles)') from None


def _zone_name(name: str) -> str:
    zone(name)
    return name


ZoneName = Annotated[str, AfterValidator(_zone_name)]


def local_time(at_us: int, zone_name: str) -> datetime:
    """An instant in UTC microseconds as wall time of a zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone(zone_name))


def instant(wall: datetime) -> int:
    """UTC microseconds of an aware datetime."""
    return (wall - _EPOCH) // timedelta(microseconds=1)


def _parse_span(value: object) -> tuple[int, int]:
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return int(value[0]), int(value[1])
    match = _SPAN.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'"{value}" is not a span of hours (write "09:00-17:30"; midnight is 24:00)')
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if not start < end <= MINUTES_A_DAY:
        raise ValueError(f'"{value}" must end after it begins, by 24:00 (split a night at midnight)')
    return start, end


Span = Annotated[tuple[int, int], BeforeValidator(_parse_span)]
Spans = tuple[Span, ...]


class Holidays(BaseModel):
    """Days on which the hours of the week do not hold. ``hours`` are open nevertheless; none: closed all day.

    ``calendar`` is a country, ``states`` add the holidays of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendar: str = "US"
    states: tuple[str, ...] = ()
    hours: Spans = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if problem := calendar_problem(self.calendar, self.states):
            raise ValueError(problem)
        return self


class WeeklyHours(BaseModel):
    """When something is open. A day that is not named is closed; a break is a gap between two spans.

    Minutes since midnight, the end excluded. A date in ``open_dates`` has its own hours, whatever else is said of it;
    one in ``closed_dates`` is closed; holidays come next, then the day of the week.

    Example::

        hours: {zone: America/Los_Angeles, monday: ["08:00-12:00", "13:00-18:00"], holidays: {calendar: US},
                closed_dates: ["2026-12-31"], open_dates: {"2026-12-24": ["09:00-12:00"]}}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: ZoneName
    monday: Spans = ()
    tuesday: Spans = ()
    wednesday: Spans = ()
    thursday: Spans = ()
    friday: Spans = ()
    saturday: Spans = ()
    sunday: Spans = ()
    holidays: Holidays | None = None
    closed_dates: Annotated[frozenset[date], Field(max_length=DATES_MAX)] = frozenset()
    open_dates: Annotated[dict[date, Spans], Field(max_length=DATES_MAX)] = {}

    def is_open(self, at_us: int) -> bool:
        """Whether this instant (UTC microseconds) falls into an open span of the zone's wall time."""
        wall = local_time(at_us, self.zone)
        minute = wall.hour * 60 + wall.minute
        return any(start <= minute < end for start, end in self.spans_on(wall.date()))

    def spans_on(self, day: date) -> tuple[tuple[int, int], ...]:
        """The open spans of one day, in minutes since its midnight."""
        if day in self.open_dates:
            return self.open_dates[day]
        if day in self.closed_dates:
            return ()
        if self.holidays is not None and self.holiday(day):
            return self.holidays.hours
        spans: tuple[tuple[int, int], ...] = getattr(self, DAYS[day.weekday()])
        return spans

    def holiday(self, day: date) -> str:
        """The name of the holiday that a day is, "" when it is none or none are kept."""
        if self.holidays is None:
            return ""
        return holidays_of(self.holidays.calendar, self.holidays.states, day.year).get(day, "")

    def told(self, day: date) -> str:
        """The hours of one day in words, with what made them: "monday 09:00-17:00", "holiday Christmas Day closed"."""
        if day in self.open_dates or day in self.closed_dates:
            name = day.isoformat()
        else:
            holiday = self.holiday(day)
            name = f"holiday {holiday}" if holiday else DAYS[day.weekday()]
        spans = ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in self.spans_on(day))
        return f"{name} {spans or 'closed'}"

    def next_opening(self, at_us: int) -> int:
        """The first instant from ``at_us`` on that is open (``at_us`` itself when it is), 0 when none is in sight."""
        return at_us if self.is_open(at_us) else self._first_change(at_us, becomes_open=True)

    def closes_at(self, at_us: int) -> int:
        """When it closes, if it is open now; 0 when it is closed now, or never closes."""
        return self._first_change(at_us, becomes_open=False) if self.is_open(at_us) else 0

    def open_share(self, at_us: int) -> tuple[int, int]:
        """Of this day's open time: minutes that have begun by now, and all of them. Wall minutes, however long."""
        wall = local_time(at_us, self.zone)
        minute = wall.hour * 60 + wall.minute + 1
        spans = self.spans_on(wall.date())
        begun = sum(min(minute, end) - start for start, end in spans if minute > start)
        return begun, sum(end - start for start, end in spans)

    def _first_change(self, at_us: int, *, becomes_open: bool) -> int:
        """Wall times at which a span begins or ends, and changes of the clock, are all there is to look at."""
        day = local_time(at_us, self.zone).date()
        for _ in range(DAYS_AHEAD_MAX):
            for candidate in sorted(self._changes_on(day)):
                # A change of the clock in the night after this day is looked at with the next one, in its order.
                is_own = local_time(candidate, self.zone).date() == day
                if is_own and candidate > at_us and self.is_open(candidate) is becomes_open:
                    return candidate
            day += timedelta(days=1)
        return 0

    def _changes_on(self, day: date) -> Iterator[int]:
        own = zone(self.zone)
        midnight = datetime(day.year, day.month, day.day)
        for minute in {0, *(edge for span in self.spans_on(day) for edge in span)}:
            for fold in (0, 1):
                yield instant((midnight + timedelta(minutes=minute)).replace(tzinfo=own, fold=fold))
        yield from clock_changes(self.zone, instant(midnight.replace(tzinfo=own)))


def clock_changes(zone_name: str, begin_us: int, length_us: int = 26 * 60 * MINUTE_US) -> Iterator[int]:
    """The instant at which the zone's clock changes within a day or so of ``begin_us``; at most one is looked for."""
    low, high = begin_us, begin_us + length_us
    before = local_time(low, zone_name).utcoffset()
    if before == local_time(high, zone_name).utcoffset():
        return
    while high - low > 1:
        middle = (low + high) // 2
        if local_time(middle, zone_name).utcoffset() == before:
            low = middle
        else:
            high = middle
    yield high


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
