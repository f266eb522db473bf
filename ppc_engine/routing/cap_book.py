"""Who holds how much of every cap: slots and pending units on leases, and what was counted for good.

Source: semantics.md, "Caps". Pure bookkeeping of one process; every method is one atomic step, since nothing in it
waits. A counter's use is what leases hold of it plus what was counted. A lease holds amounts by counter; a slot is
given back when its call or attempt is over, a unit when it is certain that it does not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from ppc_engine.routing.caps import is_slot

Held = dict[str, int]


class CapBook:
    """``ports.CapacityStore`` in memory. ``on_change(key, used)`` is told of every counter that moved."""

    def __init__(self, on_change: Callable[[str, int], None] | None = None) -> None:
        self._leases: dict[str, Held] = {}
        self._pending: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._paces: dict[str, deque[int]] = {}
        self._busy: dict[str, tuple[int, int]] = {}
        self.on_change = on_change
        self.unknown_releases = 0

    def reserve(
        self,
        lease_id: str,
        caps: Mapping[str, Sequence[int]],
        gives: Mapping[str, Mapping[str, int]] | None = None,
        paces: Mapping[str, Sequence[Sequence[int]]] | None = None,
        at: int = 0,
    ) -> dict[str, list[int]]:
        """Take [amount, limit] of every cap, or nothing: {} when taken, or held already; else the full: [used, limit].

        ``gives`` are amounts that other leases (earlier attempts of the same call) give back in the same step, if it
        succeeds. ``paces`` maps a pace to [[calls, microseconds], ...]: no more than so many in so long; a pace that is
        not over is full as [microseconds to wait, 0]. Raises ValueError when the lease already holds other caps: an id
        names one attempt or call for ever.
        """
        held = self._leases.get(lease_id)
        if held is not None:
            if not set(held) >= set(caps):
                raise ValueError(f"lease {lease_id} holds {sorted(held)}, not {sorted(caps)}")
            return {}
        freed = self._freed(gives or {})
        full = {}
        for key, (amount, limit) in caps.items():
            used = self.use_of(key) - freed.get(key, 0)
            if used + amount > limit:
                full[key] = [used, limit]
        for key, rules in (paces or {}).items():
            wait = self._wait(key, rules, at)
            if wait:
                full[key] = [wait, 0]
        if full:
            return full
        for other, amounts in (gives or {}).items():
            self.give(other, amounts)
        self._leases[lease_id] = {key: amount for key, (amount, _) in caps.items()}
        for key, (amount, _) in caps.items():
            self._move(key, amount)
        for key, rules in (paces or {}).items():
            self._stamp(key, rules, at)
        return {}

    def restore(self, lease_id: str, caps: Mapping[str, int]) -> None:
        """Count what a call or attempt holds that is known to live, whatever the limits now are: after a restart, and
        when a cap is new that a live call falls under. What the lease holds already is not counted again."""
        held = self._leases.setdefault(lease_id, {})
        for key, amount in caps.items():
            if key not in held:
                held[key] = amount
                self._move(key, amount)

    def release(self, lease_id: str) -> bool:
        """Give the slots of a lease back; its units stay until ``settle``. False, and counted, if there is no such
        lease."""
        held = self._leases.get(lease_id)
        if held is None:
            self.unknown_releases += 1
            return False
        self.give(lease_id, {key: amount for key, amount in held.items() if is_slot(key)})
        if not held:
            self._leases.pop(lease_id, None)
        return True

    def give(self, lease_id: str, amounts: Mapping[str, int]) -> None:
        """Give back part of what a lease holds, never more than it does."""
        held = self._leases.get(lease_id, {})
        for key, amount in amounts.items():
            given = min(amount, held.get(key, 0))
            if given:
                held[key] -= given
                if not held[key]:
                    del held[key]
                self._move(key, -given)

    def settle(self, lease_id: str, keep: Mapping[str, int]) -> None:
        """End a lease: what is kept counts from now on for good, the rest is given back. Nothing for no lease."""
        held = self._leases.pop(lease_id, None)
        if held is None:
            return
        for key, amount in held.items():
            kept = keep.get(key, 0)
            self._shift(self._pending, key, -amount)
            if kept:
                self._shift(self._counted, key, kept)
            if kept != amount:
                self._tell(key)

    def held(self, lease_id: str) -> Mapping[str, int]:
        """What a lease holds: a copy, {} when there is no such lease."""
        return dict(self._leases.get(lease_id, ()))

    def seed(self, counted: Mapping[str, int]) -> None:
        """Set what was counted before this engine looked, of these counters; what leases hold is beside it."""
        for key, amount in counted.items():
            if amount:
                self._counted[key] = amount
            else:
                self._counted.pop(key, None)
            self._tell(key)

    def reset(self, key: str) -> int:
        """Forget what was counted (an operator's word); pending units stay. Returns how much it was.

        Raises ValueError for slots: those end with their call, never by word.
        """
        if is_slot(key):
            raise ValueError(f"{key} counts live calls, which end by themselves")
        counted = self._counted.pop(key, 0)
        if counted:
            self._tell(key)
        return counted

    def forget(self, keys: Iterable[str]) -> None:
        """Drop what was counted in periods that are over."""
        for key in keys:
            self._counted.pop(key, None)

    def use_of(self, key: str) -> int:
        """In use now: held by leases and counted."""
        return self._pending.get(key, 0) + self._counted.get(key, 0)

    def used(self, keys: Iterable[str]) -> dict[str, int]:
        """In use now, counters of no use left out."""
        found = {key: self.use_of(key) for key in keys}
        return {key: used for key, used in found.items() if used}

    def used_now(self) -> dict[str, int]:
        """Slots in use of every concurrency cap, for metrics: a copy."""
        return {key: used for key, used in self._pending.items() if is_slot(key)}

    def snapshot(self) -> dict[str, list[int]]:
        """Every counter in use as [used, of which pending], for people."""
        keys = self._pending.keys() | self._counted.keys()
        return {key: [self.use_of(key), self._pending.get(key, 0)] for key in sorted(keys)}

    def holders(self) -> dict[str, dict[str, int]]:
        """Who holds how much of every counter, by lease, for people."""
        found: dict[str, dict[str, int]] = {}
        for lease_id, held in self._leases.items():
            for key, amount in held.items():
                found.setdefault(key, {})[lease_id] = amount
        return found

    def waiting(self, names: Container[str], at: int) -> dict[str, int]:
        """Of these paces, those that are not over: microseconds until they let the next one through."""
        for name in [name for name, (_, until) in self._busy.items() if until <= at]:
            del self._busy[name]
        return {name: until - max(at, since) for name, (since, until) in self._busy.items() if name in names}

    def _freed(self, gives: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
        freed: dict[str, int] = {}
        for lease_id, amounts in gives.items():
            held = self._leases.get(lease_id, {})
            for key, amount in amounts.items():
                freed[key] = freed.get(key, 0) + min(amount, held.get(key, 0))
        return freed

    def _move(self, key: str, amount: int) -> None:
        self._shift(self._pending, key, amount)
        self._tell(key)

    def _tell(self, key: str) -> None:
        if self.on_change is not None:
            self.on_change(key, self.use_of(key))

    @staticmethod
    def _shift(counts: dict[str, int], key: str, amount: int) -> None:
        now = counts.get(key, 0) + amount
        if now:
            counts[key] = now
        else:
            counts.pop(key, None)  # Caps of callers come and go by the thousand.

    def _wait(self, key: str, rules: Sequence[Sequence[int]], at: int) -> int:
        stamps = self._paces.get(key)
        if not stamps:
            return 0
        # A clock that was set back makes nobody wait longer than the pace itself.
        waits = [min(stamps[-calls] + window_us - at, window_us) for calls, window_us in rules if len(stamps) >= calls]
        return max((0, *waits))

    def _stamp(self, key: str, rules: Sequence[Sequence[int]], at: int) -> None:
        longest = max(calls for calls, _ in rules)
        stamps = self._paces.get(key)
        if stamps is None or stamps.maxlen != longest:
            stamps = self._paces[key] = deque(stamps or (), maxlen=longest)
        stamps.append(max(at, stamps[-1]) if stamps else at)
        self._busy[key] = (at, at + self._wait(key, rules, at))
