"""``route``: hunt through targets until one takes the call. How, is decided in calls/hunt.py and routing/."""

from __future__ import annotations

from typing import Literal

from ppc_engine.catalog.model import CONNECTED_MS_MAX
from ppc_engine.flows.hunting import HUNT_MS_MAX, ROUTE_EXITS, ROUTE_FAILURES, HuntingNode
from ppc_engine.flows.model import Pause, Step, View
from ppc_engine.flows.waits import RouteWait

__all__ = ["HUNT_MS_MAX", "ROUTE_EXITS", "ROUTE_FAILURES", "RouteNode"]


class RouteNode(HuntingNode):
    """Offer the call to the targets named, or to all targets of the campaign.

    ``order`` stands before the campaign's own. ``together``: so many of one level of priority ring at once, and the
    first to answer talks. ``sticky``: the target that the caller talked to before (caller_history) is asked first.
    ``stop_hunting_on``: outcomes, causes or SIP statuses of an attempt after which nobody else is tried (the exit is
    all_no_answer), beside the campaign's. ``ended``: a target talked to the caller and hung up, and the caller is
    still there.

    Example::

        sell:
          type: route
          targets: [acme-la, zenith-west]
          order: highest_revenue
          together: 2
          sticky: true
          stop_hunting_on: [rejected, USER_BUSY, 603]
          exits: {ended: bye, no_match: sorry, all_closed: sorry, all_capped: busy, all_no_answer: busy,
                  recovered_none: bye}
    """

    type: Literal["route"]

    def enter(self, view: View) -> Step:
        return Pause(wait=RouteWait(ms_max=CONNECTED_MS_MAX + HUNT_MS_MAX, **self.hunt(view)))
