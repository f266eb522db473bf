"""``caller_history``: branch on whether the caller was here before, or bought before, and stick to the old target."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ppc_engine.flows.model import Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import LookUpWait, Resume

HISTORY_MS_MAX = 1_000  # Nobody is kept waiting in silence for longer.
DAY_US = 86_400_000_000


class CallerHistoryNode(Node):
    """Ask for the caller's earlier calls (test calls left out), and leave by what they came to.

    ``bought``: a buyer owed us for one of them; ``seen``: there was one; ``new``: there was none; ``unknown``: the
    caller has no number of his own, or the answer was not there within ``ms_max``. Conditions of later nodes see
    history.* . ``sticky`` sets the tag sticky_target to the target that last talked to the caller, or that last
    bought: a route asks it first, if it is eligible.

    Example::

        known_caller:
          type: caller_history
          days: 30
          of: campaign
          sticky: bought
          exits: {new: welcome, seen: welcome, bought: welcome_back, unknown: welcome}
    """

    type: Literal["caller_history"]
    days: Annotated[int, Field(ge=1, le=3_650)] = 30
    of: Literal["campaign", "publisher", "everything"] = "campaign"
    sticky: Literal["no", "talked", "bought"] = "no"
    ms_max: Annotated[int, Field(ge=50, le=HISTORY_MS_MAX)] = 300

    def exit_names(self) -> frozenset[str]:
        return frozenset({"new", "seen", "bought", "unknown"})

    def stay_ms_max(self) -> int:
        return self.ms_max

    def enter(self, view: View) -> Step:
        if view.caller.kind != "valid":
            return Leave(exit="unknown", facts={"caller_kind": view.caller.kind})
        params: dict[str, Any] = {"since": view.offered_at - self.days * DAY_US, "before": view.offered_at}
        if self.of != "everything":
            params[self.of] = view.campaign if self.of == "campaign" else view.publisher
        return Pause(wait=LookUpWait(ms_max=self.ms_max, kind="history", key=view.caller.number, params=params))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        if answer.status != "ok":
            return Leave(exit="unknown", facts={"status": answer.status})
        told = answer.data
        history = {
            "known": True,
            "calls": int(told.get("calls", 0)),
            "connected": int(told.get("connected", 0)),
            "bought": int(told.get("bought", 0)),
            "days_since": max(0, view.offered_at - int(told.get("last_at", 0))) // DAY_US if told.get("last_at") else 0,
            "last_target": str(told.get("last_target", "")),
            "bought_target": str(told.get("bought_target", "")),
        }
        target = {"talked": history["last_target"], "bought": history["bought_target"]}.get(self.sticky, "")
        name = "bought" if history["bought"] else "seen" if history["calls"] else "new"
        tags = {"sticky_target": str(target)} if target else {}
        return Leave(exit=name, tags=tags, history=history, facts=tags)
