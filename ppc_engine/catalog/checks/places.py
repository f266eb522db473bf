"""Places and hours that say the same twice, or nothing at all; targets that nobody offers; calls to ourselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ppc_engine.catalog.area import Area
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.catalog.issues import did_you_mean, quoted
from ppc_engine.values.errors import Issue
from ppc_engine.values.places import Places
from ppc_engine.values.schedule import DAYS, WeeklyHours

STATES_TOLD = 3


def named_twice(case: CatalogCase) -> Iterator[Issue]:
    """ZIPs and area codes of an area in a state that the same area names as a whole."""
    if case.places is None:
        return
    areas = [(document, (*path, "area"), target.area) for document, path, _, target in case.targets()]
    areas += [(document, (*path, "area"), offer.area) for document, path, offer in case.offers()]  # type: ignore[misc]
    for document, path, area in areas:
        if area is None or not area.states:
            continue
        for key, where in _inside(area, case.places):
            what = "area code" if key == "area_codes" else "ZIP"
            states = ", ".join(
                f"{count:,} {what}{'' if count == 1 else 's'} of {state}"
                for state, count in where.most_common(STATES_TOLD)
            )
            message = f"{states}: that state is named as a whole too (keep one of the two)"
            yield document.issue((*path, key), message, "warning")


def _inside(area: Area, places: Places) -> Iterator[tuple[str, Counter[str]]]:
    """Keys of the area that name places inside of its states, with how many by state."""
    zips = Counter(state for code in area.zips if (state := places.zip_state(code)) in area.states)
    if zips:
        yield ("zips_file" if area.zips_file else "zips"), zips
    codes = Counter(state for code in area.area_codes if (state := places.area_code_state(code)) in area.states)
    if codes:
        yield "area_codes", codes


def unknown_counties(case: CatalogCase) -> Iterator[Issue]:
    """Counties that no ZIP is in: a slip of the pen, which lets nobody in."""
    known = frozenset(case.places.counties.values()) if case.places else frozenset()
    for document, path, _, target in case.targets() if known else ():
        for county in sorted(target.area.counties - known) if target.area else ():
            hint = did_you_mean(county, known) or ' (write it as "Los Angeles, CA")'
            yield document.issue((*path, "area", "counties"), f"no county {quoted(county)}{hint}")


def odd_hours(case: CatalogCase) -> Iterator[Issue]:
    """Hours of a target that are never open, and spans of one day that overlap."""
    for document, path, _, target in case.targets():
        if target.hours is None:
            continue
        if never_open(target.hours):
            message = 'never open, so no call is sold to it (name a day: monday: ["09:00-17:00"])'
            yield document.issue((*path, "hours"), message, "warning")
        for day, index in overlapping_spans(target.hours):
            message = "overlaps another span of this day (join the two)"
            yield document.issue((*path, "hours", day, index), message, "warning")


def never_open(hours: WeeklyHours) -> bool:
    """Whether no minute of any week is open, nor any single date."""
    return not any(getattr(hours, day) for day in DAYS) and not any(hours.open_dates.values())


def overlapping_spans(hours: WeeklyHours) -> list[tuple[str, int]]:
    """(day, index) of every span that begins before an earlier one of its day ended."""
    found = []
    for day in DAYS:
        taken = 0
        for start, end, index in sorted((start, end, index) for index, (start, end) in enumerate(getattr(hours, day))):
            if start < taken:
                found.append((day, index))
            taken = max(taken, end)
    return found


def never_offered(case: CatalogCase) -> Iterator[Issue]:
    """Targets that no campaign names."""
    named = {name for _, campaign in case.read.campaigns for name in campaign.targets}
    for document, path, _, target in case.targets():
        if target.id not in named:
            message = f'no campaign offers calls to "{target.id}" (name it in one, or remove it)'
            yield document.issue((*path, "id"), message, "warning")


def rings_ourselves(case: CatalogCase) -> Iterator[Issue]:
    """A target's destination that is one of our tracking numbers: the call would come in again (security.md D5)."""
    for document, path, _, target in case.targets():
        if target.destination in case.own_numbers:
            message = (
                f"{target.destination} is a tracking number of ours: calls would go in circles (dial the buyer's own)"
            )
            yield document.issue((*path, "destination"), message)
