"""Eligible first, then priority, then weight; every rejected candidate carries all its reasons."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.catalog.model import Buyer, Target
from ppc_engine.routing.attribution import attribute
from ppc_engine.routing.eligibility import Situation, rejections
from ppc_engine.routing.selection import draw_below, select
from tests.calls.call_traces import T0, buyer, context, target

HERE = Situation(call_id="c", at=T0, zip_code="90210", zip_source="ivr", state="CA", area_code="310")


def pairs(*targets: dict[str, Any], **more: Any) -> list[tuple[Buyer, Target]]:
    owner = buyer("acme", *targets, **more)
    return [(owner, one) for one in owner.targets]


def test_every_reason_is_told_not_only_the_first() -> None:
    ((owner, one),) = pairs(
        target(
            "acme-la",
            paused=True,
            concurrency_cap=2,
            area={"states": ["NY"], "zips": ["10001"]},
            hours={"zone": "America/Los_Angeles", "monday": ["09:00-17:00"]},
        ),
        concurrency_cap=3,
    )
    situation = Situation(
        call_id="c",
        at=T0,
        zip_code="90210",
        state="CA",
        used={"target:acme-la": 2, "buyer:acme": 4},
        tried_targets=frozenset({"acme-la"}),
    )
    assert rejections(owner, one, situation) == [
        {"code": "paused", "measured": "target", "limit": "running"},
        {"code": "closed", "measured": "monday 07:13 America/Los_Angeles", "limit": "monday 09:00-17:00"},
        {"code": "out_of_area", "measured": "ZIP 90210 (CA)", "limit": "states NY; ZIPs 10001"},
        {"code": "concurrency_cap", "measured": 2, "limit": 2, "cap": "target:acme-la"},
        {"code": "concurrency_cap", "measured": 4, "limit": 3, "cap": "buyer:acme"},
        {"code": "already_tried", "measured": "this target", "limit": "once a call"},
    ]


def test_unknown_place_fails_an_area_and_a_hint_fails_a_stronger_demand() -> None:
    ((owner, one),) = pairs(target("a", area={"states": ["CA"]}))
    nowhere = Situation(call_id="c", at=T0)
    assert rejections(owner, one, nowhere)[0]["measured"] == "area_unknown"
    hinted = Situation(call_id="c", at=T0, state="CA", area_code="310", zip_source="area_code")
    assert rejections(owner, one, hinted) == []
    ((owner, keyed),) = pairs(target("a", area={"states": ["CA"], "require_zip_source": "keyed"}))
    assert rejections(owner, keyed, hinted)[0]["code"] == "out_of_area"
    assert rejections(owner, keyed, HERE) == []


def test_keyed_zip_elsewhere_beats_an_area_code_that_would_match() -> None:
    ((owner, one),) = pairs(target("a", area={"area_codes": ["310"]}))
    at_home = Situation(call_id="c", at=T0, state="CA", area_code="310")
    assert rejections(owner, one, at_home) == []
    moved = Situation(call_id="c", at=T0, zip_code="10001", zip_source="ivr", state="NY", area_code="310")
    assert rejections(owner, one, moved)[0]["code"] == "out_of_area"


def test_lower_priority_number_first_and_overflow_only_when_the_level_is_out() -> None:
    candidates = pairs(target("first", concurrency_cap=1), target("second", priority=2))
    chosen = select(candidates, HERE, 1)
    assert chosen.target is not None and chosen.target.id == "first"
    full = Situation(call_id="c", at=T0, used={"target:first": 1})
    chosen = select(candidates, full, 1)
    assert chosen.target is not None and chosen.target.id == "second"


def test_weight_is_a_share_and_the_draw_replays() -> None:
    candidates = pairs(target("heavy", weight=300), target("light", weight=100))
    drawn = Counter()
    for number in range(4_000):
        situation = Situation(call_id=f"call-{number}", at=T0)
        chosen = select(candidates, situation, 1)
        assert chosen == select(list(reversed(candidates)), situation, 1)
        assert chosen.target is not None
        drawn[chosen.target.id] += 1
    assert 2_850 < drawn["heavy"] < 3_150  # 3 in 4, within five standard deviations


@given(st.integers(1, 10**9), st.text(), st.integers(0, 1000))
def test_draw_stays_below_the_total(total: int, call_id: str, number: int) -> None:
    assert 0 <= draw_below(total, call_id, number) < total


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50), st.booleans()), min_size=1, max_size=12))
def test_winner_is_eligible_and_of_the_best_level(rows: list[tuple[int, int, bool]]) -> None:
    candidates = pairs(*(target(f"t{i}", priority=p, weight=w, paused=paused) for i, (p, w, paused) in enumerate(rows)))
    chosen = select(candidates, HERE, 1)
    running = [priority for priority, _, paused in rows if not paused]
    assert (chosen.target is None) == (not running)
    if chosen.target is not None:
        assert chosen.target.priority == min(running) and not chosen.target.paused
    assert len(chosen.candidates) == len(rows)


def test_attribution_takes_the_number_however_the_trunk_writes_it() -> None:
    numbers = context(buyer("acme", target("acme-la"))).numbers
    for written in ("+18005550100", "18005550100", "8005550100"):
        found = attribute(written, numbers)
        assert found is not None and found.campaign == "roofing"
    assert attribute("+18005550199", numbers) is None
    assert attribute("sip:evil${system}", numbers) is None
