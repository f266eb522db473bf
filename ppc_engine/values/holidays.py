"""Public holidays by country and state, as days with a name: the only module that asks the holidays library.

The library computes them from its own tables, without a clock and without a network; what it says of a year is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.metadata import version

YEARS_KEPT = 512


@lru_cache(maxsize=YEARS_KEPT)
def calendar_problem(calendar: str, states: tuple[str, ...]) -> str:
    """What is wrong with the name of a calendar, "" when it is known."""
    import holidays  # On use: most catalogs keep none, and it is a big package.

    supported = holidays.list_supported_countries(include_aliases=False)
    if calendar not in supported:
        return f'no holidays of "{calendar}" are known (write a country of two capital letters: US)'
    for state in states:
        if state not in supported[calendar]:
            return f'"{calendar}" has no holidays of a state "{state}" (write CA, or leave it out)'
    return ""


@lru_cache(maxsize=YEARS_KEPT)
def holidays_of(calendar: str, states: tuple[str, ...], year: int) -> Mapping[date, str]:
    """Every public holiday of a year with its name: those of the country, and those of the states named."""
    import holidays

    found: dict[date, str] = {}
    for state in (*states, None):
        found.update(holidays.country_holidays(calendar, subdiv=state, years=year).items())
    return found


def data_version() -> str:
    """Names the tables, so that a call can say by which holidays it was judged."""
    return version("holidays")
