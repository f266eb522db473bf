"""What people ordered, as the running engine obeys it: pauses and drains in force, and orders to be done once.

The orders themselves are rows that commands write (``ppc target pause``, ``ppc call hangup``, ...); this looks for them
when it is told to and every LOOK_EVERY_S, off the hub, so a message that is lost costs seconds and never the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gevent.lock import BoundedSemaphore

from ppc_engine.calls.events import OperatorHangup, OperatorRedirect
from ppc_engine.engine.dispatcher import Dispatcher, Log
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.ports import Clock, OperatorAction, OperatorOrders
from ppc_engine.values.errors import OutsideError, PPCError

LOOK_EVERY_S = 5.0
TICK_S = 0.5  # How soon the engine stops, and how late it may be to say that a pause ran out.
ENGINE = "engine"  # The subject of a drain.
RAN_OUT = {"over": "its time is up"}
DONE_KEPT_MAX = 10_000  # Numbers of orders that are done, kept so that none is done twice while the database is away.


class Operator:
    """Orders in force in this engine. ``reset_cap`` gives the units of a cap back and says how many they were."""

    def __init__(
        self,
        orders: OperatorOrders,
        *,
        dispatcher: Callable[[], Dispatcher],
        off_hub: OffHub,
        clock: Clock,
        log: Log,
        reset_cap: Callable[[str], int],
        reported: Callable[[str], None] = lambda verb: None,
    ) -> None:
        self._orders = orders
        self._dispatcher = dispatcher
        self._off_hub = off_hub
        self._clock = clock
        self._log = log
        self._reset_cap = reset_cap
        self._reported = reported
        self._one_at_a_time = BoundedSemaphore(1)
        self._lasting: dict[int, OperatorAction] = {}
        self._waiting: list[OperatorAction] = []
        self._texts: dict[str, str] = {}
        self._next_end = 0
        self._results: dict[int, tuple[int, dict[str, Any]]] = {}
        self._unwritten: dict[int, tuple[int, Mapping[str, Any]]] = {}
        self._database_away = False

    def paused(self) -> Mapping[str, str]:
        """What is paused at this moment, as subject -> "who: why"; a drain is the subject "engine". Cheap."""
        if self._next_end and self._clock.now_us() >= self._next_end:
            self._settle()
        return self._texts

    @property
    def draining(self) -> str:
        """Why no new calls are taken, "" when they are."""
        return self.paused().get(ENGINE, "")

    def in_force(self) -> list[OperatorAction]:
        """Pauses and drains that hold now, oldest first."""
        now = self._clock.now_us()
        return [action for _, action in sorted(self._lasting.items()) if action.in_force(now)]

    def load(self) -> None:
        """At a start, before the first call: what holds already. Raises OutsideError when the database cannot say."""
        self._take(self._orders.open_actions())

    def look(self) -> None:
        """Read the orders now and do what is to be done. Raises OutsideError when the database cannot say."""
        with self._one_at_a_time:
            self._take(self._off_hub.run(self._orders.open_actions))
            self._obey()
            self._write()

    def result(self, action_id: int) -> dict[str, Any] | None:
        """What came of an order that was done in this process, None when it was not done yet."""
        found = self._results.get(action_id)
        return found[1] if found else None

    def run(self, stopping: Callable[[], bool]) -> None:
        """Look every LOOK_EVERY_S until told to stop; a database that is away is told once."""
        waited = 0.0
        while not stopping():
            self._clock.sleep(TICK_S)
            waited += TICK_S
            if waited < LOOK_EVERY_S:
                continue
            waited = 0.0
            try:
                self.look()
                self._database_away = False
            except OutsideError as error:
                if not self._database_away:
                    self._log("orders_not_read", detail=str(error))
                self._database_away = True

    def _take(self, actions: Iterable[OperatorAction]) -> None:
        """Take what is open in the database; all else that lasted has been undone."""
        now = self._clock.now_us()
        lasting: dict[int, OperatorAction] = {}
        self._waiting = []
        for action in actions:
            if action.verb in ("pause", "drain"):
                if action.in_force(now):
                    lasting[action.id] = action
                else:
                    self._unwritten[action.id] = (action.until_at, RAN_OUT)
            elif action.id not in self._results:
                self._waiting.append(action)
        for action_id in lasting.keys() - self._lasting.keys():
            self._log("operator", order=action_id, **_told(lasting[action_id]))
            self._reported(lasting[action_id].verb)
        for action_id in self._lasting.keys() - lasting.keys():
            self._log("operator_order_over", order=action_id, **_told(self._lasting[action_id]))
        self._lasting = lasting
        self._settle()

    def _settle(self) -> None:
        """Work out anew what holds now and when that changes next."""
        now = self._clock.now_us()
        for action in list(self._lasting.values()):
            if not action.in_force(now):
                del self._lasting[action.id]
                self._unwritten[action.id] = (action.until_at, RAN_OUT)
                self._log("operator_order_over", order=action.id, **_told(action))
        self._texts = {action.subject: f"{action.who}: {action.why}" for action in self._lasting.values()}
        self._next_end = min((a.until_at for a in self._lasting.values() if a.until_at), default=0)

    def _obey(self) -> None:
        for action in self._waiting:
            try:
                result = self._do(action)
            except (PPCError, ValueError) as error:
                result = {"error": str(error)}
            except Exception as error:
                # Noted as done all the same: an order that meets a defect must not be tried for ever.
                self._dispatcher().bug("operator", action.subject, error)
                result = {"error": f"a defect of the engine: {type(error).__name__} (see the log)"}
            self._log("operator", order=action.id, **_told(action), **result)
            self._reported(action.verb)
            done_at = self._clock.now_us()
            if len(self._results) >= DONE_KEPT_MAX:
                del self._results[next(iter(self._results))]
            self._results[action.id] = (done_at, result)
            self._unwritten[action.id] = (done_at, result)
        self._waiting = []

    def _do(self, action: OperatorAction) -> dict[str, Any]:
        if action.verb == "cap_reset":
            return {"given_back": self._reset_cap(action.subject.removeprefix("cap:"))}
        runner = self._dispatcher().calls.get(action.subject.removeprefix("call:"))
        if runner is None:
            return {"error": "no such call lives in this engine"}
        told: dict[str, Any] = {"call_id": runner.call_id, "at": self._clock.now_us(), "action": action.id}
        told |= {"who": action.who, "why": action.why}
        if action.verb == "hangup":
            runner.post(OperatorHangup(**told))
            return {"done": "the call was told to end"}
        order = OperatorRedirect(**told, target=action.args.get("target", ""), node=action.args.get("node", ""))
        refused = runner.call.against_redirect(order)
        if refused:
            return {"error": refused}
        runner.post(order)
        return {"done": "the call was told to go there"}

    def _write(self) -> None:
        """Note in the database what has ended; what cannot be noted now is noted at the next look."""
        if self._unwritten:
            ended = dict(self._unwritten)
            self._off_hub.run(lambda: self._orders.finish((i, at, result) for i, (at, result) in ended.items()))
            for action_id in ended:
                self._unwritten.pop(action_id, None)


def _told(action: OperatorAction) -> dict[str, Any]:
    return {"verb": action.verb, "subject": action.subject, "who": action.who, "why": action.why}
