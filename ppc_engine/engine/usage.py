"""Counters of caps as one engine keeps them: what calls ask of them, and what stays when a call was judged.

The core says what a call takes under its own revision. A call that began before a reload takes, beside that, of the
caps that are in force now: a lowered or a new cap holds for every dial from then on.
"""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.billing.cap_verdicts import kept_units
from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import ReserveSlot
from ppc_engine.calls.events import UsageRead
from ppc_engine.calls.record import CDR
from ppc_engine.calls.usage import read_usage
from ppc_engine.catalog.model import Target
from ppc_engine.ports import CapacityStore
from ppc_engine.routing.caps import CapRule, base_of, is_slot
from ppc_engine.routing.eligibility import limit_at
from ppc_engine.routing.selection import RouteIndex
from ppc_engine.routing.usage import UsageBoard


class Usage:
    """Caps of the live calls of one engine.

    While counters are being read anew, ``finished`` gathers the calls that end, with the counters that they held.
    """

    def __init__(self, capacity: CapacityStore, board: UsageBoard | None = None) -> None:
        self.capacity = capacity
        self.board = board or UsageBoard(capacity, told=False)
        self._routes: RouteIndex | None = None
        self._targets: dict[str, str] = {}
        self.finished: list[tuple[CDR, frozenset[str]]] | None = None

    def use(self, routes: RouteIndex) -> None:
        """The routes of new calls, from now on."""
        self._routes = routes
        self.board.use(routes)

    def read(self, call: Call, at: int, paused: Mapping[str, str]) -> UsageRead:
        """Answer a call's ReadUsage."""
        return read_usage(call, self.board, at, paused)

    def reserve(self, call: Call, command: ReserveSlot, at: int) -> dict[str, list[int]]:
        """Take what a call asks for, under the stricter of its own limits and those in force: {} or what is full."""
        target = next((a.target for a in call.state.attempts if a.attempt_id == command.lease_id), "")
        caps = command.caps
        if target and self._routes is not None and call.context.routes is not self._routes:
            caps = {**caps, **self._in_force(call, target, at, caps)}
        full = self.capacity.reserve(command.lease_id, caps, command.gives, command.paces, at)
        if not full and target:
            self._targets[command.lease_id] = target
            self.board.times.dialed(target, at)
        return full

    def _in_force(self, call: Call, target: str, at: int, asked: Mapping[str, list[int]]) -> dict[str, list[int]]:
        """[amount, limit] of the caps in force that an attempt falls under, beyond what its own revision knows of."""
        found: dict[str, list[int]] = {}
        rules, owner = self._rules(call, target)
        if owner is None:
            return found
        held = {base_of(key) for a in call.state.attempts for key in self.capacity.held(a.attempt_id)}
        for rule in rules:
            key = rule.key(at)
            limit = limit_at(rule, owner, at)
            if key in asked:
                found[key] = [asked[key][0], min(limit, asked[key][1])]
            elif not rule.measure or not (call.state.test or owner.test or rule.base in held):
                found[key] = [rule.amount, limit]
        return found

    def _rules(self, call: Call, target: str) -> tuple[list[CapRule], Target | None]:
        routes = self._routes
        known = routes.catalog.targets.get(target) if routes is not None else None
        if routes is None or known is None:
            return [], None
        return routes.caps.attempt_rules(*known, routes.catalog.campaigns.get(call.state.campaign)), known[1]

    def released(self, lease_id: str, at: int) -> None:
        """A lease's slots are given back."""
        target = self._targets.pop(lease_id, "")
        if target:
            self.board.times.ended(target, at)

    def adopt(self, call: Call) -> None:
        """Count again what a call holds that an earlier process held it for."""
        leases = call.held_leases()
        for lease_id, amounts in leases.items():
            self.capacity.restore(lease_id, amounts)
        for attempt in call.state.attempts:
            if attempt.target and attempt.attempt_id in leases and not (attempt.over or attempt.leg_ended):
                self._targets[attempt.attempt_id] = attempt.target
                self.board.times.dialed(attempt.target, call.state.last_at)

    def settle(self, call: Call, cdr: CDR | None) -> None:
        """A call is over: what counts is counted for good, the rest goes back. Without a CDR all of it counts."""
        leases = [call.state.call_id, *(attempt.attempt_id for attempt in call.state.attempts)]
        held = {lease_id: self.capacity.held(lease_id) for lease_id in leases}
        held = {lease_id: amounts for lease_id, amounts in held.items() if amounts}
        if self.finished is not None and cdr is not None:
            self.finished.append((cdr, frozenset(key for amounts in held.values() for key in amounts)))
        if not held:
            return
        if cdr is not None:
            groups = self._routes.catalog.groups if self._routes is not None else {}
            kept = kept_units(cdr, call.context.catalog, held, groups)
        else:
            kept = {lease_id: _units(amounts) for lease_id, amounts in held.items()}
        for lease_id in held:
            self.capacity.settle(lease_id, kept.get(lease_id, {}))


def _units(amounts: Mapping[str, int]) -> dict[str, int]:
    return {key: amount for key, amount in amounts.items() if not is_slot(key)}
