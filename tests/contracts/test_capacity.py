"""What every capacity store must do, whoever keeps the counts. Adding an adapter to STORES runs the suite on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ppc_engine.storage.capacity import MemoryCapacityStore

STORES: list[Callable[[], Any]] = [MemoryCapacityStore]
CAPS = ("target:acme-west", "buyer:acme", "campaign:roofing", "caller:+12135550100")


@pytest.fixture(params=STORES, ids=lambda made: made.__name__)
def store(request: pytest.FixtureRequest) -> Any:
    return request.param()


def test_a_lease_takes_a_slot_of_every_cap(store: Any) -> None:
    assert store.reserve("a:1", {"target:t": 2, "buyer:b": 5}) == {}
    assert store.used(["target:t", "buyer:b", "buyer:c"]) == {"target:t": 1, "buyer:b": 1}


def test_or_of_none(store: Any) -> None:
    store.reserve("a:1", {"target:t": 1})
    assert store.reserve("b:1", {"target:t": 1, "buyer:b": 5, "campaign:c": 0}) == {
        "target:t": [1, 1],
        "campaign:c": [0, 0],
    }
    assert store.used(["target:t", "buyer:b", "campaign:c"]) == {"target:t": 1}


def test_reserving_twice_is_harmless(store: Any) -> None:
    assert store.reserve("a:1", {"target:t": 1}) == {}
    assert store.reserve("a:1", {"target:t": 1}) == {}
    assert store.used(["target:t"]) == {"target:t": 1}
    assert store.release("a:1")
    assert store.used(["target:t"]) == {}


def test_a_lease_cannot_change_its_caps(store: Any) -> None:
    store.reserve("a:1", {"target:t": 1})
    with pytest.raises(ValueError, match="a:1"):
        store.reserve("a:1", {"target:other": 1})
    assert store.used(["target:t", "target:other"]) == {"target:t": 1}


def test_releasing_twice_is_told_and_counted(store: Any) -> None:
    store.reserve("a:1", {"target:t": 2})
    store.reserve("b:1", {"target:t": 2})
    assert store.release("a:1") is True
    assert store.release("a:1") is False
    assert store.release("never") is False
    assert store.used(["target:t"]) == {"target:t": 1}
    assert store.unknown_releases == 2


def test_a_restored_lease_counts_above_its_limit(store: Any) -> None:
    """After a restart the calls that live are counted, even where a reload has lowered the cap meanwhile."""
    for lease_id in ("a:1", "b:1", "b:1"):
        store.restore(lease_id, ["target:t"])
    assert store.reserve("c:1", {"target:t": 1}) == {"target:t": [2, 1]}
    store.release("a:1")
    store.release("b:1")
    assert store.reserve("c:1", {"target:t": 1}) == {}


def test_a_lease_without_caps_is_a_lease(store: Any) -> None:
    assert store.reserve("a", {}) == {}
    assert store.release("a") is True


def test_two_hundred_callers_for_ten_slots(store: Any) -> None:
    """Fault F-20: never 11, and 0 at the end."""
    seen: list[int] = []

    def call(number: int) -> bool:
        if store.reserve(f"{number}:1", {"target:t": 10, "buyer:b": 50}):
            return False
        seen.append(store.used(["target:t"])["target:t"])
        gevent.sleep(0)
        return store.release(f"{number}:1")

    callers = [gevent.spawn(call, number) for number in range(200)]
    gevent.joinall(callers, timeout=5, raise_error=True)
    assert max(seen) == 10
    assert all(caller.dead for caller in callers)
    assert store.used_now() == {}


class CapacityModel(RuleBasedStateMachine):
    """The store against a list of who holds what."""

    leases = Bundle("leases")
    make: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.store = self.make()
        self.held: dict[str, set[str]] = {}
        self.names = 0
        self.unknown = 0

    def _used(self, cap: str) -> int:
        return sum(cap in caps for caps in self.held.values())

    @rule(target=leases, caps=st.dictionaries(st.sampled_from(CAPS), st.integers(0, 3)))
    def reserve(self, caps: dict[str, int]) -> str:
        self.names += 1
        lease_id = f"call:{self.names}"
        expected = {cap: [self._used(cap), limit] for cap, limit in caps.items() if self._used(cap) >= limit}
        assert self.store.reserve(lease_id, caps) == expected
        if not expected:
            self.held[lease_id] = set(caps)
        return lease_id

    @rule(lease_id=leases)
    def reserve_again(self, lease_id: str) -> None:
        if lease_id in self.held:
            assert self.store.reserve(lease_id, dict.fromkeys(self.held[lease_id], 0)) == {}

    @rule(target=leases, caps=st.sets(st.sampled_from(CAPS)))
    def restore(self, caps: set[str]) -> str:
        self.names += 1
        lease_id = f"restored:{self.names}"
        self.store.restore(lease_id, caps)
        self.held[lease_id] = caps
        return lease_id

    @rule(lease_id=consumes(leases))
    def release(self, lease_id: str) -> None:
        known = lease_id in self.held
        assert self.store.release(lease_id) is known
        self.held.pop(lease_id, None)
        self.unknown += not known

    @rule(lease_id=leases)
    def release_and_keep_the_name(self, lease_id: str) -> None:
        known = lease_id in self.held
        assert self.store.release(lease_id) is known
        self.held.pop(lease_id, None)
        self.unknown += not known

    @invariant()
    def counts_agree(self) -> None:
        expected = {cap: self._used(cap) for cap in CAPS if self._used(cap)}
        assert self.store.used(CAPS) == expected
        assert dict(self.store.used_now()) == expected
        assert self.store.unknown_releases == self.unknown


@pytest.mark.parametrize("made", STORES, ids=lambda made: made.__name__)
def test_the_store_is_its_model(made: Callable[[], Any]) -> None:
    machine = type(f"{made.__name__}Model", (CapacityModel,), {"make": staticmethod(made)})
    test = machine.TestCase
    test.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
    test("runTest").runTest()
