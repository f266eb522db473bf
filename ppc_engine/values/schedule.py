"""Business hours by the week in a named time zone. Time is an argument: nothing here reads a clock.

An instant is turned into the zone's wall time, so a clock change needs no rule of its own: a wall time that happens
twice is open twice, one that does not happen is never asked for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_A_DAY = 24 * 60
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


class WeeklyHours(BaseModel):
    """When something is open. A day that is not named is closed. Minutes since midnight, the end excluded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: ZoneName
    monday: tuple[Span, ...] = ()
    tuesday: tuple[Span, ...] = ()
    wednesday: tuple[Span, ...] = ()
    thursday: tuple[Span, ...] = ()
    friday: tuple[Span, ...] = ()
    saturday: tuple[Span, ...] = ()
    sunday: tuple[Span, ...] = ()

    def is_open(self, at_us: int) -> bool:
        """Whether this instant (UTC microseconds) falls into an open span of the zone's wall time."""
        wall = local_time(at_us, self.zone)
        minute = wall.hour * 60 + wall.minute
        spans: tuple[tuple[int, int], ...] = getattr(self, DAYS[wall.weekday()])
        return any(start <= minute < end for start, end in spans)
