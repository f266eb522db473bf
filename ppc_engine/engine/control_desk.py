"""What orders that come over the monitoring port mean: look for recorded orders now, say how things stand, reload.

An order is a JSON object whose ``do`` is a verb of ``VERBS``. Nothing of weight is ordered here alone: pauses, drains,
resets, hang-ups and redirects are rows first (operator.py); "look" only makes the engine read them at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent import Greenlet

from ppc_engine.calls.call import Call
from ppc_engine.calls.state import CallContext
from ppc_engine.engine.dispatcher import Dispatcher
from ppc_engine.engine.operator import Operator
from ppc_engine.ports import CapacityStore
from ppc_engine.routing.caps import list_caps
from ppc_engine.values.errors import BadValueError

RELOAD_ANSWER_S = 4.0  # A reload that takes longer is asked after: a request may last only so long.
TICKETS_KEPT = 100
CALLS_TOLD_MAX = 2_000

Facts = Mapping[str, Any]


class ControlDesk:
    """Obeys orders. ``reload`` takes who asked and gives what came of it; ``caps`` every cap as a person reads it."""

    def __init__(
        self,
        *,
        operator: Operator,
        dispatcher: Callable[[], Dispatcher],
        reload: Callable[[str], Facts],
        caps: Callable[[], list[Facts]],
        revision: Callable[[], str],
    ) -> None:
        self._operator = operator
        self._dispatcher = dispatcher
        self._reload = reload
        self._caps = caps
        self._revision = revision
        self._reloads: dict[int, Greenlet] = {}
        self._tickets = 0

    def obey(self, order: Facts) -> Facts:
        """Follow one order. Raises BadValueError for one that there is not, OutsideError when the database is away."""
        verb = VERBS.get(str(order.get("do", "")))
        if verb is None:
            raise BadValueError(f"no such order (do: {', '.join(sorted(VERBS))})")
        return verb(self, order)

    def reload(self, order: Facts) -> Facts:
        """Begin a reload and wait a while for it; one that goes on has a ticket to ask after it with."""
        who = str(order.get("who", ""))[:64] or "the control port"
        self._tickets += 1
        self._reloads[self._tickets] = gevent.spawn(self._reload, who)
        while len(self._reloads) > TICKETS_KEPT:
            del self._reloads[next(iter(self._reloads))]
        return self._reloaded({"ticket": self._tickets})

    def stop(self) -> None:
        """End what still runs."""
        gevent.killall(list(self._reloads.values()), timeout=1)

    def _reloaded(self, order: Facts) -> Facts:
        ticket = order.get("ticket")
        job = self._reloads.get(ticket) if isinstance(ticket, int) else None
        if job is None:
            raise BadValueError("no such reload (the engine may have started anew)")
        job.join(timeout=RELOAD_ANSWER_S)
        if not job.ready():
            return {"ticket": ticket}
        if not job.successful():
            raise RuntimeError("the reload broke") from job.exception
        return {"reloaded": job.value}

    def _look(self, order: Facts) -> Facts:
        self._operator.look()
        action = order.get("order")
        result = self._operator.result(action) if isinstance(action, int) else None
        in_force = any(lasting.id == action for lasting in self._operator.in_force())
        return {"result": result, "in_force": in_force, **self._state({})}

    def _state(self, order: Facts) -> Facts:
        """How things stand, in numbers."""
        return {
            "revision": self._revision(),
            "calls": len(self._dispatcher().calls),
            "draining": self._operator.draining,
        }

    def _paused(self, order: Facts) -> Facts:
        in_force = self._operator.in_force()
        names = ("id", "at", "who", "why", "verb", "subject", "until_at")
        return {"paused": [{name: getattr(action, name) for name in names} for action in in_force]}

    def _show_caps(self, order: Facts) -> Facts:
        return {"caps": self._caps(), "revision": self._revision()}

    def _calls(self, order: Facts) -> Facts:
        """Live calls, oldest first; never more than CALLS_TOLD_MAX."""
        calls = sorted((r.call for r in self._dispatcher().calls.values()), key=lambda call: call.state.offered_at)
        return {"live": [_told(call) for call in calls[:CALLS_TOLD_MAX]], "calls": len(calls)}


def _told(call: Call) -> Facts:
    state = call.state
    names = ("call_id", "campaign", "publisher", "dialed_number", "offered_at", "answered_at", "test")
    return {
        **{name: getattr(state, name) for name in names},
        "phase": "talking" if call.talking else str(state.phase),
        "target": state.attempts[-1].target if state.attempts else "",
        "flow": state.run.flow if state.run else "",
        "node": state.run.node if state.run else "",
    }


VERBS: dict[str, Callable[[ControlDesk, Facts], Facts]] = {
    "look": ControlDesk._look,
    "state": ControlDesk._state,
    "paused": ControlDesk._paused,
    "caps": ControlDesk._show_caps,
    "calls": ControlDesk._calls,
    "reloaded": ControlDesk._reloaded,
}


def tell_caps(context: CallContext, capacity: CapacityStore, at: int) -> list[Facts]:
    """Every cap of a configuration at an instant, with what is used of it and by whom."""
    used, holders = capacity.snapshot(), capacity.holders()
    capped = [number for number in context.numbers.values() if number.caps or number.concurrency_cap is not None]
    told: list[Facts] = []
    for state in list_caps(context.catalog, at, capped):
        amount, pending = used.get(state.key, (0, 0))
        held = {"used": amount, "pending": pending, "holders": holders.get(state.key, {})}
        told.append({**dataclasses.asdict(state), **held})
    return told
