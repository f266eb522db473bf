"""All checks of a catalog, in one table. An error would harm a call or lose money; a warning refuses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ppc_engine.catalog.checks import caps, money_caps, places, terms
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.values.errors import Issue

Check = Callable[[CatalogCase], Iterator[Issue]]

FILE_CHECKS: tuple[Check, ...] = (
    terms.sold_where_nobody_pays,
    terms.earns_nothing,
    terms.waits_in_vain,
    caps.beyond_reach,
    caps.twice,
    caps.above_the_buyer,
    caps.nothing_gets_past,
    caps.money_for_not_one_call,
    caps.faster_than_the_pace,
    places.named_twice,
    places.unknown_counties,
    places.odd_hours,
    places.rings_ourselves,
)
# These would miss what stands in a file that could not be read.
WHOLE_CHECKS: tuple[Check, ...] = (
    terms.pays_more_than_earned,
    terms.pays_before_earned,
    caps.above_the_targets,
    money_caps.spend_without_bound,
    money_caps.late_conversions,
    caps.order_without_caps,
    places.never_offered,
)


def check_catalog(case: CatalogCase, *, whole: bool = True) -> list[Issue]:
    """Every finding of every check, each once, in the order of the files. ``whole``: every file could be read."""
    checks = FILE_CHECKS + WHOLE_CHECKS if whole else FILE_CHECKS
    return sorted({issue for check in checks for issue in check(case)})
