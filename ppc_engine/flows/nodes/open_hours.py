"""``open_hours``: branch on whether the business is open now, in its own zone."""

from __future__ import annotations

from typing import Literal

from ppc_engine.flows.model import Leave, Node, Step, View
from ppc_engine.values.schedule import WeeklyHours, local_time


class OpenHoursNode(Node):
    """Open or closed by the week, by holidays and by dates of their own; a day that is not named is closed.

    Example::

        hours:
          type: open_hours
          hours: {zone: America/Los_Angeles, monday: ["08:00-12:00", "13:00-18:00"]}
          exits: {open: welcome, closed: sorry}
    """

    type: Literal["open_hours"]
    hours: WeeklyHours

    def exit_names(self) -> frozenset[str]:
        return frozenset({"open", "closed"})

    def enter(self, view: View) -> Step:
        wall = local_time(view.at, self.hours.zone)
        facts = {"wall_time": f"{wall:%A %H:%M} {self.hours.zone}", "hours": self.hours.told(wall.date())}
        if self.hours.is_open(view.at):
            return Leave(exit="open", facts=facts)
        return Leave(exit="closed", failure="all_closed", facts=facts)
