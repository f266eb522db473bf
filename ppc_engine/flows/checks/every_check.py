"""All checks of flows, in one table. An error would harm a call; a warning is worth a look and refuses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ppc_engine.flows.checks import consent, coverage, filters, loops, patience, reach, unset
from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.values.errors import Issue

FLOW_CHECKS: tuple[Callable[[FlowCase], Iterator[Issue]], ...] = (
    reach.unreachable,
    reach.unused,
    reach.stray_returns,
    reach.dead_ends,
    loops.endless_loops,
    unset.read_before_set,
    patience.too_long,
    filters.match_cases,
    filters.opening_hours,
    filters.caller_lists,
    filters.dials_ourselves,
    filters.never_allowed,
    consent.recorded_untold,
    coverage.uncovered,
)


def check_flows(case: FlowCase) -> list[Issue]:
    """Every finding of every check, each once, in the order of the files."""
    return sorted({issue for check in FLOW_CHECKS for issue in check(case)})
