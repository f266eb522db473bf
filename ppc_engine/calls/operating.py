"""Orders of a person at the console to one call: end it, or send its caller to another target or node.

An order is an event like any other, so the journal, the explanation and a replay know who gave it and why. An order to
redirect is carried out at the next moment at which nothing runs on the caller's leg; what runs is stopped for it. Caps,
hours and all other reasons against a target hold for an ordered one too.
"""

from __future__ import annotations

from ppc_engine.calls.asking import Asking
from ppc_engine.calls.commands import Hangup, TakeBack
from ppc_engine.calls.events import CallParked, OperatorHangup, OperatorRedirect, TimerFired
from ppc_engine.calls.hunt import Hunting
from ppc_engine.calls.states import Phase, Step
from ppc_engine.catalog.scalars import CONNECTED_MS_MAX
from ppc_engine.flows.waits import RouteWait

TAKE_BACK_MS_MAX = 5_000  # From the order to the caller's next park; afterwards the talk goes on.
ENGINE = "engine"  # What a drain pauses, among the paused things of an offer.
OUTCOME = "blocked"  # Of a call that a person ended before it was connected.


class Operating(Asking, Hunting):
    """The part of the call machine that obeys operators."""

    def _refuse_paused(self, event: CallParked) -> None:
        """Its number or publisher is paused, or the engine takes no calls: refused before anything is taken for it."""
        draining = ENGINE in event.paused
        self._tell("refused", {"why": "draining" if draining else "paused", "paused": event.paused})
        if draining:
            self._leave("NORMAL_TEMPORARY_FAILURE", "refused_overload", "draining")  # 503: the carrier re-routes.
        else:
            self._leave("SUBSCRIBER_ABSENT", "blocked", "paused")  # 480: nobody there for now.

    def _taken_before(self, event: OperatorHangup | OperatorRedirect) -> bool:
        """Whether this order was taken already: an engine that died before it could note that gives it again."""
        before, self.state.last_order = self.state.last_order, max(self.state.last_order, event.action)
        return event.action <= before

    def _on_operator_hangup(self, event: OperatorHangup) -> None:
        if self._taken_before(event):
            return
        self._tell("operator", {"verb": "hangup", **_order(event)})
        if self.state.phase is Phase.LEAVING:
            self._give(Hangup(call_id=self.state.call_id, cause="NORMAL_CLEARING"))
        else:
            # An unanswered call is declined for good (603): the carrier shall not bring it back by another route.
            self._leave("NORMAL_CLEARING" if self.state.answered_at else "CALL_REJECTED", OUTCOME)

    def _on_operator_redirect(self, event: OperatorRedirect) -> None:
        if self._taken_before(event):
            return
        wanted = {"target": event.target} if event.target else {"node": event.node}
        refused = self.against_redirect(event)
        told = {"verb": "redirect", **_order(event), **wanted}
        self._tell("operator", {**told, "refused": refused} if refused else told)
        if refused:
            return
        self.state.redirect = wanted
        if self.state.phase is Phase.FLOW:
            self._interrupt()
        elif self._hunt().step is Step.TALK:
            self._take_back()
        else:
            self._stop_ringing()

    def against_redirect(self, event: OperatorRedirect) -> str:
        """Why the order cannot be followed by this call, "" when it can."""
        run = self.state.run
        if run is None or self.state.phase not in (Phase.FLOW, Phase.HUNTING):
            return "the call is not in its flow"
        if event.target and event.target not in self.context.catalog.targets:
            return "its revision has no such target"
        if not event.target and event.node not in self.context.flows[run.flow].nodes:
            return f"its flow {run.flow} has no such node"
        return ""

    def _take_back(self) -> None:
        self._give(TakeBack(call_id=self.state.call_id))
        self._start_timer("take_back", TAKE_BACK_MS_MAX)

    def _on_hunt_timer(self, event: TimerFired) -> None:
        if event.name != "take_back":
            super()._on_hunt_timer(event)
        elif self.state.redirect and self._hunt().step is Step.TALK:
            self._tell("deadline", {"timer": event.name, "dropped": self.state.redirect})
            self.state.redirect = {}

    def _redirected(self) -> bool:
        """Whether an order to redirect waited for this moment; then the call goes there now."""
        wanted, self.state.redirect = self.state.redirect, {}
        if not wanted:
            return False
        self._tell("redirected", wanted)
        self.state.hunt = None
        if "target" in wanted:
            self._start_hunt(RouteWait(ms_max=CONNECTED_MS_MAX, targets=(wanted["target"],)), ordered=True)
        else:
            self._enter_node(wanted["node"])
        return True

    def _after_ordered_hunt(self, route_exit: str) -> None:
        """The ordered target is over: after a talk the call ends, else the interrupted node begins again."""
        if route_exit in ("ended", "recovered_none"):
            self._leave("NORMAL_CLEARING")
        else:
            self._enter_node(self._run().node)


def _order(event: OperatorHangup | OperatorRedirect) -> dict[str, object]:
    return {"action": event.action, "who": event.who, "why": event.why}
