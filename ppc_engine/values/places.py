"""Where a ZIP code or an area code is, as a value: ``storage/places.py`` builds it, deciding code only asks it."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ppc_engine.values.area_codes import AREA_CODE_STATES

FINGERPRINT_DIGITS = 16  # Enough to tell any two editions of the data apart.
EARTH_RADIUS_MILES = 3958.8  # Mean radius (IUGG): 6371.0 km.
POLAR_LATITUDE = 89.0  # Beyond it a degree of longitude is no measure of distance.
HALF_TURN = 180.0
MILES_A_DEGREE = math.pi * EARTH_RADIUS_MILES / 180

Point = tuple[float, float]  # Latitude and longitude in degrees.


@dataclass(frozen=True, slots=True, repr=False)
class Places:
    """``zips`` maps every ZIP code in use to its state, ``area_codes`` a NANP area code to its state or province.

    ``counties`` maps a ZIP to its county ("Los Angeles, CA"), ``points`` to its middle. An area code is a hint only:
    numbers are ported and carried along (semantics.md, "Who the caller is, and where"). ``fingerprint`` names the data,
    so that a call's first fact can say which it was placed by.
    """

    zips: Mapping[str, str]
    area_codes: Mapping[str, str]
    fingerprint: str
    counties: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, Point] = field(default_factory=dict)
    by_latitude: tuple[tuple[float, str], ...] = ()

    def zip_exists(self, zip_code: str) -> bool:
        """Whether mail is delivered to it today; five digits alone prove nothing."""
        return zip_code in self.zips

    def zip_state(self, zip_code: str) -> str:
        """Two letters, AA, AE or AP for the military; "" for a ZIP that does not exist."""
        return self.zips.get(zip_code, "")

    def zip_county(self, zip_code: str) -> str:
        """ "Los Angeles, CA"; "" for a ZIP that does not exist or is in no county (military mail)."""
        return self.counties.get(zip_code, "")

    def area_code_state(self, area_code: str) -> str:
        """Two letters; "" for an unknown, toll-free or non-geographic area code, or one that spans provinces."""
        return self.area_codes.get(area_code, "")

    def zips_in(self, counties: Iterable[str]) -> frozenset[str]:
        """Every ZIP of these counties."""
        wanted = frozenset(counties)
        return frozenset(code for code, county in self.counties.items() if county in wanted) if wanted else frozenset()

    def zips_within(self, middle: Point, miles: float) -> frozenset[str]:
        """Every ZIP whose middle is at most so far away, on the great circle."""
        reach = miles / MILES_A_DEGREE
        first = bisect_left(self.by_latitude, (middle[0] - reach, ""))
        last = bisect_right(self.by_latitude, (middle[0] + reach, "~"))
        points = self.points
        near = [code for _, code in self.by_latitude[first:last]]
        # Meridians are closest to each other at the end of the circle that is nearer to a pole.
        farthest = abs(middle[0]) + reach
        wide = reach / math.cos(math.radians(farthest)) if farthest < POLAR_LATITUDE else HALF_TURN
        west, east = middle[1] - wide, middle[1] + wide
        if west >= -HALF_TURN and east <= HALF_TURN:
            near = [code for code in near if west <= points[code][1] <= east]
        return frozenset(code for code in near if distance_miles(middle, points[code]) <= miles)


def distance_miles(one: Point, other: Point) -> float:
    """The great-circle distance of two points (haversine formula)."""
    latitude, longitude = math.radians(one[0]), math.radians(one[1])
    other_latitude, other_longitude = math.radians(other[0]), math.radians(other[1])
    half = math.sin((other_latitude - latitude) / 2) ** 2
    half += math.cos(latitude) * math.cos(other_latitude) * math.sin((other_longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * math.asin(math.sqrt(min(1.0, half)))


def places_of(
    zips: Mapping[str, str], counties: Mapping[str, str] | None = None, points: Mapping[str, Point] | None = None
) -> Places:
    """Places of these ZIPs (ZIP -> state), with their counties and middles where known, and of all area codes."""
    counties, points = counties or {}, points or {}
    tables = (zips, AREA_CODE_STATES, counties, {code: f"{point[0]},{point[1]}" for code, point in points.items()})
    data = "".join(f"{key}{value}" for table in tables for key, value in sorted(table.items()))
    return Places(
        zips=zips,
        area_codes=AREA_CODE_STATES,
        fingerprint=hashlib.sha256(data.encode()).hexdigest()[:FINGERPRINT_DIGITS],
        counties=counties,
        points=points,
        by_latitude=tuple(sorted((point[0], code) for code, point in points.items())),
    )
