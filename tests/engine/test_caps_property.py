"""Caps against a model that is too simple to be wrong: people come and go, the engine crashes, the caps change.

Never above a cap that is in force, never negative, and when everybody has gone, exactly what really happened: counters
agree with a count of what the switch saw, whatever came between. Budget of a run in CI: EXAMPLES of STEPS steps; for a
long run set PPC_CAPS_EXAMPLES and PPC_CAPS_STEPS, and --hypothesis-seed=N to repeat one.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import Catalog, TargetGroup
from ppc_engine.engine.cap_seeding import every_rule
from ppc_engine.routing.caps import CapRule
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from tests.calls.call_traces import DIRECT, buyer, context, target
from tests.engine.cap_world import RECOVERABLE_MS, CapWorld, Talk, with_revision

EXAMPLES = int(os.environ.get("PPC_CAPS_EXAMPLES", "10"))
STEPS = int(os.environ.get("PPC_CAPS_STEPS", "30"))
LIMIT_S = 50 if EXAMPLES <= 12 else 36_000
AMOUNTS = {"acme": 40_000_000, "zenith": 60_000_000}
LEAST_MS = {"acme": 30_000, "zenith": 60_000}
PAYOUT, PAID_FROM_MS = 25_000_000, 30_000


def cap(per: str, counted: str = "", **limit: Any) -> dict[str, Any]:
    return {"per": per, **limit, **({"counted": counted} if counted else {})}


def revision(name: str, *, scale: int, further: bool) -> CallContext:
    """The same network under caps of another size; ``further`` adds caps that the others do not have."""
    more = [cap("month", calls=4 * scale), cap("ever", "conversion", calls=2 * scale)] if further else []
    acme = buyer(
        "acme",
        target("a", concurrency_cap=1 + scale, caps=[cap("hour", calls=scale), *more]),
        target("b", destination="sip:b@127.0.0.1", caps=[cap("day", "attempt", calls=3 * scale)]),
        concurrency_cap=2 * scale,
        caps=[cap("day", "conversion", calls=scale), cap("week", spend=f"{100 * scale}")],
        offers=[{"id": "acme-o", "campaign": "roofing", "amount": "40.00", "connected_ms_min": LEAST_MS["acme"]}],
    )
    zenith = buyer(
        "zenith",
        target("z", destination="sip:z@127.0.0.1", priority=2),
        caps=[cap("hour", spend=f"{70 * scale}"), *more],
        offers=[{"id": "zenith-o", "campaign": "roofing", "amount": "60.00", "connected_ms_min": LEAST_MS["zenith"]}],
    )
    made = context(
        acme,
        zenith,
        flow=DIRECT,
        publisher={
            "caps": [cap("day", spend=f"{80 * scale}")],
            "offers": [{"id": "peak-o", "campaign": "roofing", "amount": "25.00", "connected_ms_min": PAID_FROM_MS}],
        },
        concurrency_cap=3 * scale,
        caps=[cap("day", calls=3 * scale), cap("month", spend=f"{150 * scale}")],
        recovery={"connected_ms_max": RECOVERABLE_MS, "reroutes_max": 3},
    )
    group = TargetGroup.model_validate(
        {
            "id": "both",
            "name": "Both",
            "zone": "America/Los_Angeles",
            "targets": ["b", "z"],
            "concurrency_cap": scale,
            "caps": [cap("day", calls=2 * scale)],
        }
    )  # fmt: skip
    catalog = made.catalog
    whole = Catalog(
        catalog.campaigns, catalog.publishers, catalog.buyers, catalog.targets, {"both": group} if further else {}
    )

    return with_revision(dataclasses.replace(made, catalog=whole), name)


REVISIONS = [
    revision("one", scale=2, further=False),
    revision("two", scale=1, further=False),
    revision("three", scale=2, further=True),
    revision("four", scale=5, further=True),
]
OWNER = {"a": "acme", "b": "acme", "z": "zenith"}


class Truth:
    """What caps should say, from what the switch saw. ``least`` is what counted, ``most`` with all that still may."""

    def __init__(self, world: CapWorld) -> None:
        self.world = world

    def use(self, rule: CapRule, key: str) -> tuple[int, int]:
        kind, _, name = rule.owner.partition(":")
        calls = [call_id for call_id in self.world.offered if call_id not in self.world.refused]
        if kind in ("campaign", "publisher") and rule.measure != "revenue":
            found = [self._of_call(rule, key, call_id) for call_id in calls]
        else:
            targets = {t for t, owner in OWNER.items() if kind == "campaign" or name in (t, owner, "both")}
            targets -= {"a"} if name == "both" else set()
            found = [self._of_attempts(rule, key, call_id, targets) for call_id in calls]
        return sum(least for least, _ in found), sum(most for _, most in found)

    def _is_over(self, call_id: str) -> bool:
        return call_id in self.world.ended

    def _of_call(self, rule: CapRule, key: str, call_id: str) -> tuple[int, int]:
        over = self._is_over(call_id)
        if not rule.measure:
            return (0, 0) if over else (1, 1)
        if rule.key(self.world.offered[call_id]) != key:
            return 0, 0
        talks = self.world.talks.get(call_id, [])
        if rule.measure == "payout":
            counts = any(talk.connected_ms >= PAID_FROM_MS for talk in talks)
        else:
            counts = rule.measure == "attempt" or any(talk.connected_at for talk in talks)
        return (rule.amount if counts else 0), (rule.amount if counts or not over else 0)

    def _of_attempts(self, rule: CapRule, key: str, call_id: str, targets: set[str]) -> tuple[int, int]:
        talks = [talk for talk in self.world.talks.get(call_id, []) if talk.target in targets]
        if not rule.measure:
            live = sum(not talk.ended_at for talk in talks)
            return live, live
        talks = [talk for talk in talks if rule.key(talk.dialed_at) == key]
        if rule.measure == "attempt":
            return len(talks), len(talks)
        if rule.measure != "revenue":
            counts = any(self._counts(rule, talk) for talk in talks)
            return int(counts), int(counts or (bool(talks) and not self._is_over(call_id)))
        least = most = 0
        for name, amount in AMOUNTS.items():
            own = [talk for talk in talks if OWNER[talk.target] == name]
            counts = any(self._counts(rule, talk) for talk in own)
            least += amount if counts else 0
            most += amount if counts or (own and not self._is_over(call_id)) else 0
        return least, most

    @staticmethod
    def _counts(rule: CapRule, talk: Talk) -> bool:
        if rule.measure == "connect":
            return bool(talk.connected_at)
        return talk.connected_ms >= LEAST_MS[OWNER[talk.target]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "calls.sqlite"
    path.parent.mkdir(exist_ok=True)
    database = open_database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


class CapsMachine(RuleBasedStateMachine):
    template: Path

    @initialize(first=st.sampled_from(REVISIONS))
    def begin(self, first: CallContext) -> None:
        directory = Path(tempfile.mkdtemp(dir=self.template.parent))
        order = [first, *(one for one in REVISIONS if one is not first)]
        self.world = CapWorld(order, self.template, directory)
        self.truth = Truth(self.world)
        self.before: dict[str, int] = {}

    @rule(callers=st.integers(1, 4))
    def callers_come(self, callers: int) -> None:
        for _ in range(callers):
            self.world.offer()
            self.look()

    @precondition(lambda self: self.world.ringing())
    @rule(data=st.data())
    def a_target_answers(self, data: Any) -> None:
        self.world.answer(data.draw(st.sampled_from(self.world.ringing())))

    @precondition(lambda self: self.world.ringing())
    @rule(data=st.data())
    def a_target_is_busy(self, data: Any) -> None:
        self.world.fail(data.draw(st.sampled_from(self.world.ringing())))

    @precondition(lambda self: self.world.ringing() or self.world.talking())
    @rule(data=st.data())
    def a_caller_hangs_up(self, data: Any) -> None:
        self.world.caller_hangs_up(data.draw(st.sampled_from(self.world.ringing() + self.world.talking())))

    @precondition(lambda self: self.world.talking())
    @rule(data=st.data())
    def a_target_hangs_up(self, data: Any) -> None:
        self.world.target_hangs_up(data.draw(st.sampled_from(self.world.talking())))

    @rule(seconds=st.sampled_from([1, 15, 31, 61, 1_200]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.move(seconds)
        self.before = {}

    @rule(after=st.sampled_from(REVISIONS))
    def the_caps_change(self, after: CallContext) -> None:
        self.world.reload(after)
        self.before = {}

    @rule(closes=st.booleans())
    def records_are_written(self, closes: bool) -> None:
        self.world.commit(closes=closes)

    @rule()
    def verdicts_are_given(self) -> None:
        self.world.qualify()

    @rule()
    def the_engine_crashes(self) -> None:
        self.world.start()
        self.before = {}

    @invariant()
    def look(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        at = world.clock.now_us()
        used_now = world.capacity.snapshot()
        assert all(0 <= pending <= used for used, pending in used_now.values()), used_now
        quiet = not world.live()
        used: dict[str, int] = {}
        for one in every_rule(world.in_force):
            key = one.key(at)
            held = used[key] = used_now.get(key, [0, 0])[0]
            amount = AMOUNTS["zenith"] if one.measure == "revenue" else PAYOUT if one.measure == "payout" else 1
            sized = CapRule(one.owner, one.measure, one.per, one.zone, one.limit, amount)
            least, most = self.truth.use(sized, key)
            assert least <= held <= most, f"{key}: {held} is not from {least} to {most}"
            assert held <= max(one.limit, self.before.get(key, held)), f"{key}: {held} of {one.limit}"
            assert not quiet or held == least, f"{key}: {held} when all is quiet, not {least}"
        self.before = used
        assert world.counts.bugs == [], world.problems

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for talk in self.world.ringing() + self.world.talking():
            self.world.caller_hangs_up(talk)
        self.look()
        assert self.world.capacity.used_now() == {}
        assert all(pending == 0 for _, pending in self.world.capacity.snapshot().values())
        self.world.database.dispose()
        shutil.rmtree(self.world.directory)


@pytest.mark.timeout(LIMIT_S)
def test_caps_hold_and_come_back_whatever_happens(template: Path) -> None:
    machine = type("Caps", (CapsMachine,), {"template": template})
    test = machine.TestCase
    test.settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    test("runTest").runTest()
