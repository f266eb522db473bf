"""What a choice must know of the world: which counters are full, what is paused, and what an order goes by.

Only what keeps a target out is told, so that a call's facts stay small however many targets there are. For the pools
in force the full counters are kept up to date as they change, so that asking costs nothing that grows with the pool.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ppc_engine.catalog.model import Target
from ppc_engine.routing.caps import is_slot
from ppc_engine.routing.eligibility import Situation, limit_at
from ppc_engine.routing.periods import NEVER_US
from ppc_engine.routing.pool import Pool, bits_of
from ppc_engine.routing.selection import ORDERS_BY_STATS, RouteIndex, best_level

UNCAPPED = 1_000_000  # What most_capacity and most_budget take for "no cap at all".
PARTS = 1_000_000


class Counters(Protocol):
    """The part of ``ports.CapacityStore`` that is read here."""

    def used(self, keys: Iterable[str]) -> dict[str, int]: ...

    def waiting(self, names: Container[str], at: int) -> dict[str, int]: ...


@dataclass(slots=True)
class TargetTimes:
    """When targets were last dialled and last came free, how many attempts live, and what their calls were worth.

    ``worth`` maps (campaign, target) to (calls, micros) of the campaign's window.
    """

    dialed_at: dict[str, int] = field(default_factory=dict)
    ended_at: dict[str, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    worth: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def remember(self, last: Mapping[str, tuple[int, int]]) -> None:
        """What was known before this process: (dialled, ended) by target; what it saw itself stands."""
        for target, (dialed_at, ended_at) in last.items():
            self.dialed_at.setdefault(target, dialed_at)
            self.ended_at.setdefault(target, ended_at)

    def dialed(self, target: str, at: int) -> None:
        """An attempt at a target begins."""
        self.dialed_at[target] = at
        self.live[target] = self.live.get(target, 0) + 1

    def ended(self, target: str, at: int) -> None:
        """An attempt is over."""
        self.ended_at[target] = at
        left = self.live.get(target, 0) - 1
        if left > 0:
            self.live[target] = left
        else:
            self.live.pop(target, None)


class PoolWatch:
    """The full counters of one pool."""

    def __init__(self, pool: Pool, counters: Counters) -> None:
        self.pool = pool
        self._counters = counters
        self._ceilings: dict[str, int] = {}
        self._full: dict[str, int] = {}
        self._from, self._until = 0, -1

    @property
    def keys(self) -> Iterable[str]:
        """The counters of the periods in force."""
        return self._ceilings

    def roll(self, at: int) -> bool:
        """Go on to the periods of an instant; True when they changed."""
        if self._from <= at < self._until:
            return False
        self._from, self._until = 0, NEVER_US
        self._ceilings = {}
        for entries in self.pool.caps.values():
            for entry in entries:
                rule = entry.rule
                if rule.measure:
                    period = self.pool.periods.at(rule.per, rule.zone, at)
                    self._from, self._until = max(self._from, period.begin), min(self._until, period.end)
                key = rule.key(at, self.pool.periods)
                room = rule.limit - rule.amount
                self._ceilings[key] = min(room, self._ceilings.get(key, room))
        used = self._counters.used(self._ceilings)
        self._full = {key: use for key, use in used.items() if use > self._ceilings[key]}
        return True

    def changed(self, key: str, used: int) -> None:
        """A counter moved."""
        ceiling = self._ceilings.get(key)
        if ceiling is None:
            return
        if used > ceiling and used:
            self._full[key] = used
        else:
            self._full.pop(key, None)

    def full(self, at: int) -> dict[str, int]:
        """Counters of this pool of which somebody cannot take what it needs, and paces that are not over."""
        full = dict(self._full)
        for entry in self.pool.spread:
            key = entry.rule.key(at, self.pool.periods)
            used = self._counters.used((key,)).get(key, 0)
            if used + entry.rule.amount > limit_at(entry.rule, entry.target, at):
                full[key] = used
        if self.pool.paces:
            full.update(self._counters.waiting(self.pool.paces, at))
        return full


class UsageBoard:
    """Answers for every pool; those of the routes in force are watched, others are looked up when they are asked for.

    Give ``changed`` to the store that keeps the counters; a store that tells nothing is asked each time instead.
    """

    def __init__(self, counters: Counters, *, told: bool = True) -> None:
        self._counters = counters
        self._told = told
        self._routes: RouteIndex | None = None
        self._watches: dict[int, PoolWatch] = {}
        self._by_key: dict[str, list[PoolWatch]] = {}
        self.times = TargetTimes()

    def use(self, routes: RouteIndex) -> None:
        """Watch the pools of these routes, and no others any more."""
        self._routes = routes
        self._watches.clear()
        self._by_key.clear()

    def changed(self, key: str, used: int) -> None:
        """A counter moved."""
        for watch in self._by_key.get(key, ()):
            watch.changed(key, used)

    def full(self, routes: RouteIndex, pool: Pool, at: int) -> dict[str, int]:
        """Counters that keep somebody of the pool out now."""
        if routes is not self._routes or not self._told:
            watch = PoolWatch(pool, self._counters)
            watch.roll(at)
            return watch.full(at)
        known = self._watches.get(id(pool))
        if known is None:
            known = self._watches[id(pool)] = PoolWatch(pool, self._counters)
        before = list(known.keys)
        if known.roll(at):
            for key in before:
                self._by_key[key].remove(known)
            for key in known.keys:
                self._by_key.setdefault(key, []).append(known)
        return known.full(at)

    def stats(self, routes: RouteIndex, pool: Pool, situation: Situation, order: str) -> dict[str, int]:
        """What an order goes by, the higher the better: of the targets that could be chosen, and of no others."""
        if order not in ORDERS_BY_STATS:
            return {}
        level = best_level(pool, pool.masks(situation).eligible)
        found: dict[str, int] = {}
        for n in bits_of(level):
            _, target = pool.pairs[n]
            value = self._value(pool, n, target, situation.at, order)
            if value is not None:
                found[target.id] = value
        return found

    def _value(self, pool: Pool, n: int, target: Target, at: int, order: str) -> int | None:
        times = self.times
        if order == "round_robin":
            return (at - times.dialed_at.get(target.id, 0)) // 1000
        if order == "least_busy":
            return -times.live.get(target.id, 0)
        if order == "longest_idle":
            return 0 if times.live.get(target.id) else (at - times.ended_at.get(target.id, 0)) // 1000
        if order == "expected_revenue":
            calls, micros = times.worth.get((pool.campaign.id, target.id), (0, 0))
            return micros // calls if calls >= pool.campaign.expected_revenue.calls_min else None
        rules = [rule for rule in pool.rules[n] if bool(rule.measure) is (order == "most_budget")]
        keys = {rule.key(at, pool.periods): rule.limit for rule in rules}
        used = self._counters.used(keys)
        if order == "most_capacity":
            return min((limit - used.get(key, 0) for key, limit in keys.items()), default=UNCAPPED)
        shares = (max(0, limit - used.get(key, 0)) * PARTS // limit if limit else 0 for key, limit in keys.items())
        return min(shares, default=UNCAPPED)


def paused_of(pool: Pool, paused: Mapping[str, str]) -> dict[str, str]:
    """Of what operators paused, what concerns the targets of a pool."""
    found = {}
    for subject, why in paused.items():
        kind, _, name = subject.partition(":")
        if name in (pool.bits if kind == "target" else pool.buyer_bits if kind == "buyer" else ()):
            found[subject] = why
    return found


def target_of(keys: Iterable[str]) -> str:
    """The target whose slot is among these counters, "" for none."""
    return next((key.partition(":")[2] for key in keys if key.startswith("target:") and is_slot(key)), "")
