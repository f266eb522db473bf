"""All checks of a catalog, in one table. An error would harm a call or lose money; a warning refuses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ppc_engine.catalog.checks import caps, places, terms
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.values.errors import Issue

CATALOG_CHECKS: tuple[Callable[[CatalogCase], Iterator[Issue]], ...] = (
    terms.pays_more_than_earned,
    terms.pays_before_earned,
    terms.sold_where_nobody_pays,
    terms.earns_nothing,
    caps.beyond_reach,
    caps.twice,
    caps.above_the_buyer,
    caps.above_the_targets,
    caps.nothing_gets_past,
    caps.money_for_not_one_call,
    caps.faster_than_the_pace,
    caps.order_without_caps,
    places.named_twice,
    places.odd_hours,
    places.never_offered,
    places.rings_ourselves,
)


def check_catalog(case: CatalogCase) -> list[Issue]:
    """Every finding of every check, each once, in the order of the files."""
    return sorted({issue for check in CATALOG_CHECKS for issue in check(case)})
