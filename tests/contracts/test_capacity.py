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
UNITS = ("target:acme-west/connect/day/2026-11-22-0800", "buyer:acme/revenue/month/2026-11-0700")
CAPS = ("target:acme-west", "buyer:acme", "campaign:roofing", *UNITS)


@pytest.fixture(params=STORES, ids=lambda made: made.__name__)
def store(request: pytest.FixtureRequest) -> Any:
    return request.param()


def test_a_lease_takes_a_slot_of_every_cap(store: Any) -> None:
    assert store.reserve("a:1", {"target:t": [1, 2], "buyer:b": [1, 5]}) == {}
    assert store.used(["target:t", "buyer:b", "buyer:c"]) == {"target:t": 1, "buyer:b": 1}


def test_or_of_none(store: Any) -> None:
    store.reserve("a:1", {"target:t": [1, 1]})
    assert store.reserve("b:1", {"target:t": [1, 1], "buyer:b": [1, 5], "campaign:c": [1, 0]}) == {
        "target:t": [1, 1],
        "campaign:c": [0, 0],
    }
    assert store.used(["target:t", "buyer:b", "campaign:c"]) == {"target:t": 1}


def test_reserving_twice_is_harmless(store: Any) -> None:
    assert store.reserve("a:1", {"target:t": [1, 1]}) == {}
    assert store.reserve("a:1", {"target:t": [1, 1]}) == {}
    assert store.used(["target:t"]) == {"target:t": 1}
    assert store.release("a:1")
    assert store.used(["target:t"]) == {}


def test_a_lease_cannot_change_its_caps(store: Any) -> None:
    store.reserve("a:1", {"target:t": [1, 1]})
    with pytest.raises(ValueError, match="a:1"):
        store.reserve("a:1", {"target:other": [1, 1]})
    assert store.used(["target:t", "target:other"]) == {"target:t": 1}


def test_releasing_twice_is_told_and_counted(store: Any) -> None:
    store.reserve("a:1", {"target:t": [1, 2]})
    store.reserve("b:1", {"target:t": [1, 2]})
    assert store.release("a:1") is True
    assert store.release("a:1") is False
    assert store.release("never") is False
    assert store.used(["target:t"]) == {"target:t": 1}
    assert store.unknown_releases == 2


def test_a_restored_lease_counts_above_its_limit(store: Any) -> None:
    """After a restart the calls that live are counted, even where a reload has lowered the cap meanwhile."""
    for lease_id in ("a:1", "b:1", "b:1"):
        store.restore(lease_id, {"target:t": 1})
    assert store.reserve("c:1", {"target:t": [1, 1]}) == {"target:t": [2, 1]}
    store.release("a:1")
    store.release("b:1")
    assert store.reserve("c:1", {"target:t": [1, 1]}) == {}


def test_a_lease_without_caps_is_a_lease(store: Any) -> None:
    assert store.reserve("a", {}) == {}
    assert store.release("a") is True


def test_a_spent_amount_fits_to_the_micro(store: Any) -> None:
    cap = "buyer:b/revenue/day/2026-11-22-0800"
    assert store.reserve("a:1", {cap: [95_000_000, 100_000_000]}) == {}
    assert store.reserve("b:1", {cap: [5_000_001, 100_000_000]}) == {cap: [95_000_000, 100_000_000]}
    assert store.reserve("b:1", {cap: [5_000_000, 100_000_000]}) == {}


def test_units_outlive_the_slots_until_they_are_settled(store: Any) -> None:
    connect, convert = "target:t/connect/day/2026-11-22-0800", "target:t/conversion/day/2026-11-22-0800"
    store.reserve("a:1", {"target:t": [1, 1], connect: [1, 5], convert: [1, 5]})
    assert store.release("a:1") is True
    assert store.used(["target:t", connect, convert]) == {connect: 1, convert: 1}
    store.settle("a:1", {connect: 1})
    assert store.used([connect, convert]) == {connect: 1}
    assert store.held("a:1") == {}
    assert store.snapshot() == {connect: [1, 0]}
    store.settle("a:1", {connect: 1})
    assert store.used([connect]) == {connect: 1}, "a lease is settled once"


def test_what_was_held_may_settle_at_less(store: Any) -> None:
    store.reserve("a:1", {"publisher:p/payout/day/d": [40_000_000, 50_000_000]})
    store.settle("a:1", {"publisher:p/payout/day/d": 25_000_000})
    assert store.used(["publisher:p/payout/day/d"]) == {"publisher:p/payout/day/d": 25_000_000}


def test_a_unit_moves_to_the_next_attempt_in_one_step(store: Any) -> None:
    """semantics.md, "Caps": re-routed under the same cap, the unit moves, and nobody can come between."""
    cap = "buyer:b/connect/day/d"
    store.reserve("a:1", {"target:x": [1, 1], cap: [1, 1]})
    store.release("a:1")
    assert store.reserve("other:1", {cap: [1, 1]}) == {cap: [1, 1]}
    assert store.reserve("a:2", {"target:y": [1, 1], cap: [1, 1]}, gives={"a:1": {cap: 1}}) == {}
    assert store.used([cap]) == {cap: 1}
    store.settle("a:1", {cap: 1})
    store.settle("a:2", {})
    assert store.used([cap]) == {}, "what was given away is not kept"


def test_what_is_not_taken_is_not_given(store: Any) -> None:
    store.reserve("a:1", {"buyer:b/connect/day/d": [1, 1]})
    store.reserve("z:1", {"target:y": [1, 1]})
    gives = {"a:1": {"buyer:b/connect/day/d": 1}}
    assert store.reserve("a:2", {"target:y": [1, 1], "buyer:b/connect/day/d": [1, 1]}, gives=gives) == {
        "target:y": [1, 1]
    }
    assert store.held("a:1") == {"buyer:b/connect/day/d": 1}


def test_no_more_can_be_given_than_is_held(store: Any) -> None:
    store.reserve("a:1", {"buyer:b/connect/day/d": [1, 1]})
    store.give("a:1", {"buyer:b/connect/day/d": 7, "target:t": 1})
    store.give("never", {"buyer:b/connect/day/d": 1})
    assert store.used(["buyer:b/connect/day/d", "target:t"]) == {}


def test_seeded_amounts_stand_beside_what_is_held(store: Any) -> None:
    cap = "target:t/attempt/day/d"
    store.reserve("a:1", {cap: [1, 5]})
    store.seed({cap: 3})
    assert store.snapshot() == {cap: [4, 1]}
    store.seed({cap: 3})
    assert store.used([cap]) == {cap: 4}, "seeding again sets, it does not add"
    assert store.reset(cap) == 3
    assert store.snapshot() == {cap: [1, 1]}
    with pytest.raises(ValueError, match="live calls"):
        store.reset("target:t")


def test_restoring_adds_what_is_new_and_counts_nothing_twice(store: Any) -> None:
    store.reserve("a:1", {"target:t": [1, 1]})
    store.restore("a:1", {"target:t": 1, "target:t/connect/day/d": 1})
    assert store.used(["target:t", "target:t/connect/day/d"]) == {"target:t": 1, "target:t/connect/day/d": 1}


def test_pace_by_the_second_and_by_the_gap(store: Any) -> None:
    pace = {"target:t/pace": [[2, 1_000_000], [1, 300_000]]}
    assert store.reserve("a", {}, paces=pace, at=0) == {}
    assert store.reserve("b", {}, paces=pace, at=200_000) == {"target:t/pace": [100_000, 0]}
    assert store.reserve("b", {}, paces=pace, at=300_000) == {}
    assert store.waiting({"target:t/pace", "target:u/pace"}, 600_000) == {"target:t/pace": 400_000}
    assert store.waiting({"target:u/pace"}, 600_000) == {}
    assert store.reserve("c", {}, paces=pace, at=999_999) == {"target:t/pace": [1, 0]}
    assert store.reserve("c", {}, paces=pace, at=1_000_000) == {}


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_pace(store: Any) -> None:
    pace = {"trunk:t/pace": [[1, 1_000_000]]}
    store.reserve("a", {}, paces=pace, at=3_600_000_000)
    assert store.reserve("b", {}, paces=pace, at=0) == {"trunk:t/pace": [1_000_000, 0]}


def test_a_pace_that_refuses_takes_no_slot(store: Any) -> None:
    pace = {"target:t/pace": [[1, 1_000_000]]}
    store.reserve("a", {"target:t": [1, 2]}, paces=pace, at=0)
    assert store.reserve("b", {"target:t": [1, 2]}, paces=pace, at=1) == {"target:t/pace": [999_999, 0]}
    assert store.used(["target:t"]) == {"target:t": 1}


def test_two_hundred_callers_for_ten_slots(store: Any) -> None:
    """Fault F-20: never 11, and 0 at the end."""
    seen: list[int] = []

    def call(number: int) -> bool:
        if store.reserve(f"{number}:1", {"target:t": [1, 10], "buyer:b": [1, 50]}):
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
        self.held: dict[str, dict[str, int]] = {}
        self.counted: dict[str, int] = {}
        self.names = 0
        self.unknown = 0

    def _used(self, cap: str) -> int:
        return sum(caps.get(cap, 0) for caps in self.held.values()) + self.counted.get(cap, 0)

    @rule(target=leases, caps=st.dictionaries(st.sampled_from(CAPS), st.tuples(st.integers(1, 3), st.integers(0, 5))))
    def reserve(self, caps: dict[str, tuple[int, int]]) -> str:
        self.names += 1
        lease_id = f"call:{self.names}"
        expected = {
            cap: [self._used(cap), top] for cap, (amount, top) in caps.items() if self._used(cap) + amount > top
        }
        assert self.store.reserve(lease_id, caps) == expected
        if not expected:
            self.held[lease_id] = {cap: amount for cap, (amount, _) in caps.items()}
        return lease_id

    @rule(lease_id=leases)
    def reserve_again(self, lease_id: str) -> None:
        if lease_id in self.held:
            assert self.store.reserve(lease_id, dict.fromkeys(self.held[lease_id], (1, 0))) == {}

    @rule(target=leases, before=leases, cap=st.sampled_from(UNITS), top=st.integers(0, 3))
    def move(self, before: str, cap: str, top: int) -> str:
        self.names += 1
        lease_id = f"moved:{self.names}"
        mine = self.held.get(before, {}).get(cap, 0)
        fits = self._used(cap) - mine + 1 <= top
        assert (self.store.reserve(lease_id, {cap: (1, top)}, gives={before: {cap: 9}}) == {}) is fits
        if fits:
            self.held.get(before, {}).pop(cap, None)
            self.held[lease_id] = {cap: 1}
        return lease_id

    @rule(target=leases, caps=st.sets(st.sampled_from(CAPS)))
    def restore(self, caps: set[str]) -> str:
        self.names += 1
        lease_id = f"restored:{self.names}"
        self.store.restore(lease_id, dict.fromkeys(caps, 1))
        self.held[lease_id] = dict.fromkeys(caps, 1)
        return lease_id

    @rule(lease_id=leases)
    def release(self, lease_id: str) -> None:
        known = lease_id in self.held
        assert self.store.release(lease_id) is known
        self.unknown += not known
        if known:
            self.held[lease_id] = {cap: amount for cap, amount in self.held[lease_id].items() if "/" in cap}
            if not self.held[lease_id]:
                del self.held[lease_id]

    @rule(lease_id=consumes(leases), keep=st.dictionaries(st.sampled_from(UNITS), st.integers(1, 2)))
    def settle(self, lease_id: str, keep: dict[str, int]) -> None:
        held = self.held.pop(lease_id, {})
        self.store.settle(lease_id, keep)
        for cap in held.keys() & keep.keys():
            self.counted[cap] = self.counted.get(cap, 0) + keep[cap]

    @rule(cap=st.sampled_from(UNITS), amount=st.integers(0, 4))
    def seed(self, cap: str, amount: int) -> None:
        self.store.seed({cap: amount})
        self.counted[cap] = amount

    @rule(cap=st.sampled_from(UNITS))
    def reset(self, cap: str) -> None:
        assert self.store.reset(cap) == self.counted.pop(cap, 0)

    @invariant()
    def counts_agree(self) -> None:
        expected = {cap: self._used(cap) for cap in CAPS if self._used(cap)}
        assert self.store.used(CAPS) == expected
        assert {cap: used for cap, (used, _) in self.store.snapshot().items()} == expected
        assert self.store.used_now() == {cap: used for cap, used in expected.items() if "/" not in cap}
        assert self.store.unknown_releases == self.unknown


@pytest.mark.parametrize("made", STORES, ids=lambda made: made.__name__)
def test_the_store_is_its_model(made: Callable[[], Any]) -> None:
    machine = type(f"{made.__name__}Model", (CapacityModel,), {"make": staticmethod(made)})
    test = machine.TestCase
    test.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
    test("runTest").runTest()
