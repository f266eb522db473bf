"""What a call and its attempts take of caps, and what goes back when: the part of the machine that knows counters.

Source: semantics.md, "Caps". A call holds at most one unit of a connect or conversion cap (of money: one for each
buyer). A unit whose attempt is over and cannot count any more is loose: the next attempt under the same cap takes it
along in the step that reserves its slots, and what nobody takes along goes back. Units that count, or still may, stay
until the engine has judged the whole call (billing/cap_verdicts.py).
"""

from __future__ import annotations

from ppc_engine.calls.commands import ReleaseSlot
from ppc_engine.calls.state import AttemptState
from ppc_engine.calls.states import Step
from ppc_engine.calls.turning import Turning
from ppc_engine.catalog.bounds import ms_min_to_owe
from ppc_engine.catalog.model import Campaign, Pace, TrackingNumber
from ppc_engine.routing.caps import MONEY, PER_CALL, CapRule, base_of, is_slot, measure_of
from ppc_engine.routing.eligibility import limit_at, share_of
from ppc_engine.routing.pool import Pool

SECOND_US = 1_000_000


class Capping(Turning):
    """Reserving, and giving back."""

    def _reserve_call(self, campaign: Campaign, number: TrackingNumber) -> bool:
        """Ask for what the call itself takes; False when that is nothing, so that nothing has to be waited for."""
        state, catalog = self.state, self.context.catalog
        publisher = catalog.publishers.get(number.publisher)
        rules = self.context.routes.caps.call_rules(campaign, publisher, state.caller_key, number, state.trunk)
        takes = self._takes(rules, at=state.offered_at)
        trunk = catalog.trunks.get(state.trunk)
        paces = _paces(f"trunk:{state.trunk}", trunk.pace) if trunk is not None else {}
        if not takes and not paces:
            return False
        self._reserve(state.call_id, takes, paces=paces)
        return True

    def _takes(self, rules: list[CapRule], at: int) -> dict[str, int | list[int]]:
        takes: dict[str, int | list[int]] = {}
        for rule in rules:
            if rule.measure and self.state.test:
                continue
            takes[rule.key(at)] = [rule.amount, rule.limit]
        return takes

    def _reserve_attempt(self, attempt: AttemptState, pool: Pool) -> bool:
        """Ask for what an attempt takes, and give what is loose; False when it takes nothing."""
        state = self.state
        n = pool.bits[attempt.target].bit_length() - 1
        buyer, target = pool.pairs[n]
        own, shared = self._units()
        takes: dict[str, int | list[int]] = {}
        for rule in pool.rules[n]:
            if rule.measure and (state.test or target.test):
                continue
            if rule.measure in PER_CALL | MONEY and share_of(rule, buyer.id) in shared:
                continue
            limit = limit_at(rule, target, self._at)
            key = rule.key(self._at, pool.periods)
            before = takes.get(key)
            takes[key] = [rule.amount, min(limit, before[1]) if isinstance(before, list) else limit]
        paces = _paces(f"target:{target.id}", target.pace)
        if not takes and not paces:
            return False
        gives = {lease_id: dict(amounts) for lease_id, amounts in own.items()}
        if gives:
            state.gives[attempt.attempt_id] = gives
        self._reserve(attempt.attempt_id, takes, gives, paces)
        return True

    def _granted(self, attempt: AttemptState) -> None:
        """The slots are held, and with the same step what it gave is gone."""
        for lease_id, amounts in self.state.gives.pop(attempt.attempt_id, {}).items():
            self._drop(lease_id, amounts)

    def _refused(self, attempt: AttemptState, full: dict[str, list[int]]) -> None:
        """Nothing was taken, nothing given; the target is left out for a moment, whatever its counters say."""
        self.state.leases.pop(attempt.attempt_id, None)
        self.state.gives.pop(attempt.attempt_id, None)
        self.state.refused[attempt.target] = (self._at, full)

    def _refused_now(self) -> dict[str, dict[str, list[int]]]:
        """Targets whose slots were refused within the last second."""
        return {name: full for name, (at, full) in self.state.refused.items() if self._at - at < SECOND_US}

    def _drop(self, lease_id: str, amounts: dict[str, int]) -> None:
        held = self.state.leases.get(lease_id, {})
        for key in amounts:
            held.pop(key, None)
        if not held:
            self.state.leases.pop(lease_id, None)

    def _units(self) -> tuple[dict[str, dict[str, int]], frozenset[str]]:
        """Loose units by lease, and what the call holds that covers any further attempt."""
        loose: dict[str, dict[str, int]] = {}
        shared: set[str] = set()
        for attempt in self.state.attempts:
            for key, (amount, _) in self.state.leases.get(attempt.attempt_id, {}).items():
                measure = measure_of(key)
                if measure not in PER_CALL | MONEY:
                    continue
                if not self.may_count(attempt, measure):
                    loose.setdefault(attempt.attempt_id, {})[key] = amount
                elif not self._is_awaited(attempt):
                    buyer, _ = self.context.catalog.targets[attempt.target]
                    shared.add(f"{base_of(key)}@{buyer.id}" if measure in MONEY else base_of(key))
        return loose, frozenset(shared)

    def shares(self) -> set[str]:
        """Caps of which the call holds a unit at most once and does so now, loose ones too; of money, by buyer."""
        found: set[str] = set()
        for attempt in self.state.attempts:
            for key in self.state.leases.get(attempt.attempt_id, ()):
                if measure_of(key) in PER_CALL | MONEY:
                    buyer, _ = self.context.catalog.targets[attempt.target]
                    found.add(f"{base_of(key)}@{buyer.id}" if measure_of(key) in MONEY else base_of(key))
        return found

    def _own_units(self) -> dict[str, int]:
        """How much of each counter is this call's own and may be taken along."""
        own: dict[str, int] = {}
        for amounts in self._units()[0].values():
            for key, amount in amounts.items():
                own[key] = own.get(key, 0) + amount
        return own

    def _is_awaited(self, attempt: AttemptState) -> bool:
        hunt = self.state.hunt
        return hunt is not None and hunt.step is Step.RESERVE and attempt.number in hunt.awaited

    def may_count(self, attempt: AttemptState, measure: str) -> bool:
        """Whether a unit that this attempt holds counts, or still may."""
        if not attempt.over and not attempt.leg_ended:
            return True
        if not attempt.connected:
            return False
        if measure == "connect" or not attempt.leg_ended:
            return True
        buyer, _ = self.context.catalog.targets[attempt.target]
        offer = self.context.catalog.buyer_offer(buyer.id, self.state.campaign)
        return offer is not None and attempt.leg_connected_ms >= ms_min_to_owe(offer)

    def _release(self, lease_id: str) -> None:
        """Give the slots of a lease back; and its loose units too, once somebody else of this call talks."""
        held = self.state.leases.pop(lease_id, None)
        if held is None:
            return
        self.state.leases[lease_id] = held
        gone = {}
        if any(attempt.connected for attempt in self.state.attempts):
            gone = self._units()[0].get(lease_id, {})
        kept = {key: cap for key, cap in held.items() if not is_slot(key) and key not in gone}
        # Of an attempt it is told once in any case: since a reload it may hold slots that its own revision lacks.
        attempt = next((one for one in self.state.attempts if one.attempt_id == lease_id), None)
        slots = any(is_slot(key) for key in held) or (attempt is not None and not attempt.released)
        if attempt is not None:
            attempt.released = True
        if kept:
            self.state.leases[lease_id] = kept
        else:
            del self.state.leases[lease_id]
        if slots or gone:
            self._give(ReleaseSlot(call_id=self.state.call_id, lease_id=lease_id, units=gone))

    def _let_go(self) -> None:
        """Nobody is rung next: what is loose goes back."""
        for lease_id, amounts in self._units()[0].items():
            self._drop(lease_id, amounts)
            self._give(ReleaseSlot(call_id=self.state.call_id, lease_id=lease_id, units=amounts))


def _paces(owner: str, pace: Pace | None) -> dict[str, list[list[int]]]:
    if pace is None:
        return {}
    rules = []
    if pace.calls_per_second is not None:
        rules.append([pace.calls_per_second, SECOND_US])
    if pace.seconds_between_min is not None:
        rules.append([1, pace.seconds_between_min * SECOND_US])
    return {f"{owner}/pace": rules}
