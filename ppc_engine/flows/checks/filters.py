"""Filters of nodes that let nobody through, or take what another took before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ppc_engine.catalog.checks.places import never_open, overlapping_spans
from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.catalog.references import BAD_LINES_MAX
from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.nodes.dial import DialNode
from ppc_engine.flows.nodes.match import MatchNode
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from ppc_engine.values.caller_lists import entry_problem
from ppc_engine.values.errors import Issue

VALUES_TOLD = 3
_HOST = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)


def match_cases(case: FlowCase) -> Iterator[Issue]:
    """Values in two cases of one ``match``: the first takes them. And cases that list nothing."""
    for flow, draft in case.drafts.items():
        for name, node in draft.nodes.items():
            if not isinstance(node, MatchNode):
                continue
            first: dict[str, str] = {}
            for exit_name, values in node.cases.items():
                path = ("cases", exit_name)
                if not values:
                    yield case.issue((flow, name), "an empty case is never taken (list a value)", "warning", path)
                taken = sorted(value for value in values if first.setdefault(value, exit_name) != exit_name)
                if taken:
                    more = f" and {len(taken) - VALUES_TOLD} more" if len(taken) > VALUES_TOLD else ""
                    shown = ", ".join(taken[:VALUES_TOLD])
                    message = f'"{first[taken[0]]}" takes {shown}{more} before this case does (keep one)'
                    yield case.issue((flow, name), message, "warning", path)


def dials_ourselves(case: FlowCase) -> Iterator[Issue]:
    """A destination of a ``dial`` that is one of our numbers: the call would come in again (security.md D5)."""
    for flow, draft in case.drafts.items():
        for name, node in draft.nodes.items():
            if isinstance(node, DialNode) and node.destination in case.own_numbers:
                message = f"{node.destination} is a tracking number of ours: calls would go in circles (dial another)"
                yield case.issue((flow, name), message, path=("destination",))


def never_allowed(case: FlowCase) -> Iterator[Issue]:
    """Look-ups at a server that engine.yaml does not name: each would leave by ``refused``."""
    if case.lookup_hosts is None:
        return
    for flow, draft in case.drafts.items():
        for name, node in draft.nodes.items():
            for path, url in node.urls().items():
                found = _HOST.match(url)
                if found and found[1].lower() not in case.lookup_hosts:
                    hint = did_you_mean(found[1], case.lookup_hosts) or " (add it to engine.yaml: lookup_hosts)"
                    message = f'"{found[1]}" may not be asked, so every look-up is refused{hint}'
                    yield case.issue((flow, name), message, "warning", path)


def caller_lists(case: FlowCase) -> Iterator[Issue]:
    """Lines of a caller list that are neither a number nor the beginning of one; told at their own place."""
    named = {
        name for draft in case.drafts.values() for node in draft.nodes.values() for name in node.list_names().values()
    }
    for name in sorted(named & set(case.lists)):
        document = case.lists[name]
        bad = [(index, wrong) for index, entry in enumerate(document.data) if (wrong := entry_problem(entry))]
        for index, wrong in bad[:BAD_LINES_MAX]:
            line, column = document.places.get((index,), (0, 0))
            yield Issue(file=document.file, line=line, column=column, message=wrong)
        if len(bad) > BAD_LINES_MAX:
            message = f"and {len(bad) - BAD_LINES_MAX} more lines that are no callers (is this the right list?)"
            yield document.issue((), message)


def opening_hours(case: FlowCase) -> Iterator[Issue]:
    """Hours of a node that are never open, and spans of one day that overlap."""
    for flow, draft in case.drafts.items():
        for name, node in draft.nodes.items():
            if not isinstance(node, OpenHoursNode):
                continue
            for day, index in overlapping_spans(node.hours):
                message = "overlaps another span of this day (join the two)"
                yield case.issue((flow, name), message, "warning", ("hours", day, index))
            if never_open(node.hours):
                message = 'never open, so nobody gets past it (name a day: monday: ["09:00-17:00"])'
                yield case.issue((flow, name), message, "warning", ("hours",))
