"""What ``route`` and ``queue`` share: which targets are asked, in what order, and after what nobody else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.catalog.policies import AttemptStop, Order
from ppc_engine.flows.model import Leave, Node, Step, View
from ppc_engine.flows.waits import Resume
from ppc_engine.values.document import Path

TOGETHER_MAX = 5  # More telephones that ring for one caller annoy more buyers than they win.
HUNT_MS_MAX = 30 * 60_000  # Longest hunt before anybody answers; attempts have their own, shorter limits.
STICKY_TAG = "sticky_target"  # Set by caller_history.

ROUTE_FAILURES = frozenset({"no_match", "all_closed", "all_capped", "all_no_answer"})
ROUTE_EXITS = ROUTE_FAILURES | {"ended", "recovered_none"}


class HuntingNode(Node):
    """A node that looks for a target. See ``route`` for what the fields mean."""

    WAITS: ClassVar[bool] = True

    targets: tuple[Slug, ...] = ()
    order: Order | None = None
    together: Annotated[int, Field(ge=1, le=TOGETHER_MAX)] = 1
    sticky: bool = False
    stop_hunting_on: frozenset[AttemptStop] = frozenset()

    def exit_names(self) -> frozenset[str]:
        return ROUTE_EXITS

    def target_names(self) -> Mapping[Path, str]:
        return {("targets", index): target for index, target in enumerate(self.targets)}

    def hunt(self, view: View) -> dict[str, Any]:
        """The fields of the wait."""
        return {
            "targets": self.targets,
            "order": self.order or "",
            "together": self.together,
            "sticky": view.tags.get(STICKY_TAG, "") if self.sticky else "",
            "stop_on": tuple(sorted(self.stop_hunting_on)),
        }

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        failure = answer.route_exit if answer.route_exit in ROUTE_FAILURES else ""
        return Leave(exit=answer.route_exit, failure=failure)
