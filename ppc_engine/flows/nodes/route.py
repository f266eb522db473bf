"""``route``: hunt through targets until one takes the call. How, is decided in calls/hunt.py and routing/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ppc_engine.catalog.model import CONNECTED_MS_MAX, Slug
from ppc_engine.flows.model import Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import Resume, RouteWait
from ppc_engine.values.document import Path

ROUTE_FAILURES = frozenset({"no_match", "all_closed", "all_capped", "all_no_answer"})
ROUTE_EXITS = ROUTE_FAILURES | {"ended", "recovered_none"}
HUNT_MS_MAX = 30 * 60_000  # Longest hunt before anybody answers; attempts have their own, shorter limits.


class RouteNode(Node):
    """Offer the call to the targets named, or to all targets of the campaign.

    ``ended``: a target talked to the caller and hung up, and the caller is still there.

    Example::

        sell:
          type: route
          targets: [acme-la, zenith-west]
          exits: {ended: bye, no_match: sorry, all_closed: sorry, all_capped: busy, all_no_answer: busy,
                  recovered_none: bye}
    """

    WAITS: ClassVar[bool] = True

    type: Literal["route"]
    targets: tuple[Slug, ...] = ()

    def exit_names(self) -> frozenset[str]:
        return ROUTE_EXITS

    def target_names(self) -> Mapping[Path, str]:
        return {("targets", index): target for index, target in enumerate(self.targets)}

    def enter(self, view: View) -> Step:
        return Pause(wait=RouteWait(ms_max=CONNECTED_MS_MAX + HUNT_MS_MAX, targets=self.targets))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        failure = answer.route_exit if answer.route_exit in ROUTE_FAILURES else ""
        return Leave(exit=answer.route_exit, failure=failure)
