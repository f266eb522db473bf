"""Slots of concurrency caps in the memory of one engine, rebuilt from its calls after a restart.

Every method runs to its end without giving way to another greenlet, so each is atomic without a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class MemoryCapacityStore:
    """``ports.CapacityStore`` for an engine that shares its caps with no other."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[str, ...]] = {}
        self._used: dict[str, int] = {}
        self.unknown_releases = 0

    def reserve(self, lease_id: str, caps: Mapping[str, int]) -> dict[str, list[int]]:
        """Take a slot of every cap or none. {} when taken, or held already; else what was full: [used, limit].

        Raises ValueError when the lease already holds a slot of other caps: an id names one attempt or call for ever.
        """
        held = self._leases.get(lease_id)
        if held is not None:
            if set(held) != set(caps):
                raise ValueError(f"lease {lease_id} holds {sorted(held)}, not {sorted(caps)}")
            return {}
        full = {cap: [self._used.get(cap, 0), limit] for cap, limit in caps.items() if self._used.get(cap, 0) >= limit}
        if not full:
            self._take(lease_id, caps)
        return full

    def restore(self, lease_id: str, caps: Iterable[str]) -> None:
        """After a restart: count the slots of a call or attempt that is known to live, whatever the limits now are."""
        if lease_id not in self._leases:
            self._take(lease_id, caps)

    def release(self, lease_id: str) -> bool:
        """Give a lease's slots back; False, and counted, when there was no such lease."""
        held = self._leases.pop(lease_id, None)
        if held is None:
            self.unknown_releases += 1
            return False
        for cap in held:
            left = self._used[cap] - 1
            if left:
                self._used[cap] = left
            else:
                del self._used[cap]  # Caps of callers come and go by the thousand.
        return True

    def used(self, caps: Iterable[str]) -> dict[str, int]:
        """Slots in use now, caps that use none left out."""
        return {cap: self._used[cap] for cap in caps if cap in self._used}

    def used_now(self) -> Mapping[str, int]:
        """Slots in use of every cap, for metrics: a copy."""
        return dict(self._used)

    def _take(self, lease_id: str, caps: Iterable[str]) -> None:
        held = self._leases[lease_id] = tuple(dict.fromkeys(caps))
        for cap in held:
            self._used[cap] = self._used.get(cap, 0) + 1
