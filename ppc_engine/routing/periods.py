"""Fixed periods of caps in the owner's zone: which one an instant belongs to, and when it begins and ends.

Source: semantics.md, "Caps". A day of a clock change has 23 or 25 hours; a repeated hour is two periods. A period's
label ends with the zone's offset at its beginning, so that equal labels mean equal beginnings, whatever the zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ppc_engine.values.schedule import clock_changes, instant, local_time, zone

HOUR_US = 3_600_000_000
NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class CapPeriod:
    """[begin, end) in UTC microseconds."""

    label: str
    begin: int
    end: int


EVER = CapPeriod("", 0, NEVER_US)


def period_at(per: str, zone_name: str, at_us: int) -> CapPeriod:
    """The period (hour, day, week, month, ever) that an instant belongs to in a zone."""
    if per == "ever":
        return EVER
    wall = local_time(at_us, zone_name)
    if per == "hour":
        return _hour(zone_name, wall, at_us)
    day = wall.date()
    if per == "day":
        first, after = day, day + timedelta(days=1)
    elif per == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    label = f"{first:%Y-%m}" if per == "month" else first.isoformat()
    begin = _midnight(zone_name, first)
    return CapPeriod(label + _offset(zone_name, begin), begin, _midnight(zone_name, after))


def _hour(zone_name: str, wall: datetime, at_us: int) -> CapPeriod:
    """The wall's hour, cut at a change of the clock."""
    begin = at_us - (wall.minute * 60 + wall.second) * 1_000_000 - wall.microsecond
    end = begin + HOUR_US
    for change in clock_changes(zone_name, begin, HOUR_US):
        if change <= at_us:
            begin = change
        else:
            end = change
    return CapPeriod(f"{wall:%Y-%m-%dT%H}{_offset(zone_name, at_us)}", begin, end)


def _midnight(zone_name: str, day: date) -> int:
    """The first instant of a day; where midnight is skipped, the zone's clock jumps over it at this very instant."""
    return instant(datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)))


def _offset(zone_name: str, at_us: int) -> str:
    return f"{local_time(at_us, zone_name):%z}"


class Periods:
    """Remembers the period that each (per, zone) was in last: calls come in order of time, more or less."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], CapPeriod] = {}

    def at(self, per: str, zone_name: str, at_us: int) -> CapPeriod:
        """The same answer as ``period_at``."""
        found = self._last.get((per, zone_name))
        if found is None or not found.begin <= at_us < found.end:
            found = self._last[per, zone_name] = period_at(per, zone_name, at_us)
        return found
