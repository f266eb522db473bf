"""``match``: branch on one thing that is known of the call; every case is an exit of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import Leave, Node, Step, View

CASES_MAX = 100


class MatchNode(Node):
    """Take the first case that lists the value, else ``no_match``.

    Example::

        by_state: {type: match, on: state, cases: {west: [CA, OR]}, exits: {west: sell, no_match: sorry}}
    """

    type: Literal["match"]
    on: Literal["zip_code", "zip_source", "state", "area_code", "publisher", "dialed_number"]
    cases: Annotated[dict[Slug, frozenset[str]], Field(min_length=1, max_length=CASES_MAX)]

    def exit_names(self) -> frozenset[str]:
        return frozenset(self.cases) | {"no_match"}

    def tags_read(self) -> frozenset[str]:
        return frozenset({self.on} & {"zip_code", "zip_source", "state"})

    def enter(self, view: View) -> Step:
        own = {"area_code": view.area_code, "publisher": view.publisher, "dialed_number": view.dialed_number}
        value = own[self.on] if self.on in own else view.tags.get(self.on, "")
        found = next((name for name, values in self.cases.items() if value in values), "no_match")
        failure = "no_match" if found == "no_match" else ""
        return Leave(exit=found, failure=failure, facts={"on": self.on, "value": value})
