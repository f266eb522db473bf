"""A choice by bits is the choice by words: for any network and any call, the same targets are left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, TargetGroup
from ppc_engine.routing.duplicates import EarlierCall
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.pool import bits_of, nth_bit
from ppc_engine.routing.selection import NOWHERE, RouteIndex
from ppc_engine.values.condition import facts
from ppc_engine.values.places import places_of

T0 = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z, a Monday: 07:13 in Los Angeles.
ZIPS = {"90210": "CA", "90001": "CA", "94102": "CA", "10001": "NY", "89101": "NV"}
POINTS = {"90210": (34.09, -118.41), "90001": (33.97, -118.25), "94102": (37.78, -122.42), "10001": (40.75, -74.0)}
PLACES = places_of(ZIPS, {"90210": "Los Angeles, CA", "90001": "Los Angeles, CA", "10001": "New York, NY"}, POINTS)
NAMES = [f"t{n}" for n in range(8)]

maybe = st.booleans()
area = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "require_zip_source": st.sampled_from(["any", "keyed"]),
        },
        optional={
            "zips": st.lists(st.sampled_from(sorted(ZIPS)), max_size=3),
            "states": st.lists(st.sampled_from(["CA", "NY"]), max_size=2),
            "area_codes": st.lists(st.sampled_from(["310", "212"]), max_size=2),
            "counties": st.lists(st.sampled_from(["Los Angeles, CA", "New York, NY"]), max_size=1),
            "radius": st.sampled_from(
                [{"zip": "90210", "miles": 20}, {"latitude": 37.7, "longitude": -122.4, "miles": 30}]
            ),
        },
    ),
)
hours = st.sampled_from(
    [None, {"zone": "America/Los_Angeles", "monday": ["07:00-19:00"]}, {"zone": "UTC", "monday": ["15:00-16:00"]}]
)
caps = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "calls": st.integers(0, 3),
                "per": st.sampled_from(["hour", "day", "month", "ever"]),
                "counted": st.sampled_from(["attempt", "connect", "conversion"]),
            }
        ),
        st.fixed_dictionaries({"spend": st.sampled_from(["30.00", "90.00"]), "per": st.sampled_from(["day", "week"])}),
    ),
    max_size=2,
)
OF_TARGET: dict[str, st.SearchStrategy[Any]] = {
    "paused": maybe,
    "concurrency_cap": st.integers(0, 2),
    "area": area,
    "hours": hours,
    "when": st.sampled_from(["tags.plan == 'gold'", "int(tags.age) > 60", "place.state == 'CA'"]),
    "attestation_min": st.sampled_from(["A", "B", "C"]),
    "duplicates": st.fixed_dictionaries(
        {
            "scope": st.sampled_from(["target", "buyer", "campaign"]),
            "event": st.sampled_from(["connected", "counted", "converted"]),
            "pending": st.sampled_from(["block", "allow"]),
        }
    ),
    "caps": caps,
    "spread_caps": maybe,
    "pace": st.just({"calls_per_second": 1}),
    "test": maybe,
}
OF_BUYER: dict[str, st.SearchStrategy[Any]] = {
    "paused": maybe,
    "concurrency_cap": st.integers(0, 2),
    "caps": caps,
    "publishers_blocked": st.just(["radio"]),
}


FURTHER = {"spread_caps": ["caps", "hours"], "test": ["caps"]}


def buyers(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """One kind of filter in one network: with all of them nearly everybody is out for several reasons."""
    kinds = [kind, *FURTHER.get(kind, ())]
    target = st.fixed_dictionaries(
        {
            "destination": st.sampled_from([f"sip:{name}@127.0.0.1" for name in "abcdefgh"]),
            "priority": st.integers(1, 2),
            "weight": st.sampled_from([1, 50, 100]),
            **{one: OF_TARGET[one] for one in kinds if one in OF_TARGET},
        }
    )
    buyer = st.fixed_dictionaries(
        {
            "targets": st.lists(target, min_size=1, max_size=3),
            "amount": st.sampled_from(["25.00", "40.00", "", "0"]),
            **{one: OF_BUYER[one] for one in kinds if one in OF_BUYER},
        },
    )
    return st.lists(buyer, min_size=1, max_size=3)


def network(drawn: list[dict[str, Any]], margin_min: str | None, grouped: bool) -> Catalog:
    made = []
    names = iter(NAMES)
    for number, plain in enumerate(drawn):
        offers = [{"id": f"o{number}", "campaign": "roofing", "amount": plain["amount"]}] if plain["amount"] else []
        targets = [{"id": name, **one} for one, name in zip(plain["targets"], names, strict=False)]
        own = {key: value for key, value in plain.items() if key not in ("targets", "amount")}
        made.append(
            Buyer.model_validate({"id": f"b{number}", "name": "B", "zone": "America/Los_Angeles", **own}
                                 | {"targets": targets, "offers": offers})
        )  # fmt: skip
    found = {one.id: (owner, one) for owner in made for one in owner.targets}
    campaign = Campaign.model_validate(
        {"id": "roofing", "name": "R", "flow": "f", "targets": list(found), "caps": [{"spend": "90.00", "per": "day"}]}
        | ({"margin_min": margin_min} if margin_min else {})
    )
    radio = {"id": "radio", "name": "Radio", "zone": "UTC", "targets_blocked": ["t1"], "buyers_blocked": ["b2"]}
    radio["offers"] = [{"id": "p", "campaign": "roofing", "amount": "30.00"}]
    group = TargetGroup(id="g", name="G", zone="UTC", targets=("t0", "t2"), concurrency_cap=1)
    return Catalog(
        {"roofing": campaign},
        {"radio": Publisher.model_validate(radio)},
        {one.id: one for one in made},
        found,
        {"g": group} if grouped else {},
    )


@st.composite
def situations(draw: Any, routes: RouteIndex) -> Situation:
    pool = routes.pool("roofing")
    at = T0 + draw(st.integers(0, 4)) * 3_600_000_000
    keys = sorted({rule.key(at) for rules in pool.rules for rule in rules}) + sorted(pool.paces)
    used = {key: draw(st.integers(0, 100_000_000 if "revenue" in key else 3)) for key in keys if draw(maybe)}
    zip_code = draw(st.sampled_from(["", *ZIPS]))
    caller = draw(st.sampled_from(["", "+13105550123"]))
    earlier = EarlierCall(
        call_id="earlier", offered_at=T0 - 9_000_000, connected_at=T0 - 8_000_000,
        converted_at=draw(st.sampled_from([0, T0])),
        live=draw(maybe), campaign="roofing", publisher="radio", buyer="b0", target="t0",
    )  # fmt: skip
    entries = [entry for found in pool.caps.values() for entry in found if entry.rule.measure]
    tried = draw(st.sets(st.sampled_from(NAMES), max_size=1)) & set(pool.bits)
    source = draw(st.sampled_from(["ivr", "header", "area_code"]))
    state = ZIPS.get(zip_code, draw(st.sampled_from(["", "CA"])))
    tags = draw(st.sampled_from([{}, {"plan": "gold"}, {"age": "61"}, {"age": "old"}]))
    return Situation(
        call_id=draw(st.text(max_size=4)), at=at, campaign="roofing", publisher=draw(st.sampled_from(["", "radio"])),
        caller_key=caller, attestation=draw(st.sampled_from(["", "A", "B", "C"])), zip_code=zip_code, zip_source=source,
        state=state, area_code=draw(st.sampled_from(["", "310"])), used=used,
        own={key: 1 for key in keys if draw(maybe) and "/" in key},
        shared=frozenset(entry.share for entry in entries if draw(st.integers(0, 3)) == 0),
        refused={name: {"buyer:b0": [1, 1]} for name in draw(st.sampled_from([[], [], ["t3"]]))},
        paused=draw(st.sampled_from([{}, {}, {"target:t1": "bob: broken"}, {"buyer:b1": "bob: asked to"}])),
        history=draw(st.sampled_from([None, (), (earlier,)])),
        known=facts(at, tags, place__state=state),
        tried_targets=frozenset(tried),
        tried_destinations=frozenset(one.destination for _, one in pool.pairs if one.id in tried),
        test=draw(maybe),
    )  # fmt: skip


@pytest.mark.parametrize("kind", sorted({*OF_TARGET, *OF_BUYER, "margin", "group"}))
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_bits_and_words_leave_out_the_same_targets(kind: str, data: Any) -> None:
    drawn = data.draw(buyers(kind))
    margin_min, grouped = "5.00" if kind == "margin" else None, kind == "group"
    routes = RouteIndex(network(drawn, margin_min, grouped), PLACES)
    pool = routes.pool("roofing")
    situation = data.draw(situations(routes))
    masks = pool.masks(situation)
    told = routes.explain(pool, situation)
    assert [n for n, line in enumerate(told) if "reasons" not in line] == list(bits_of(masks.eligible))
    codes = [{reason["code"] for reason in line.get("reasons", ())} for line in told]
    assert [n for n, found in enumerate(codes) if found & NOWHERE] == list(bits_of(masks.nowhere))
    assert [n for n, found in enumerate(codes) if "closed" in found] == list(bits_of(masks.closed))
    chosen = routes.select(pool, situation, 1)
    assert (chosen.target is None) == (masks.eligible == 0) == bool(chosen.nobody)
    if chosen.target is not None:
        eligible = [line for line in told if "reasons" not in line]
        assert chosen.target.id in {line["target"] for line in eligible}
        assert chosen.target.priority == min(line["priority"] for line in eligible)


@given(st.sets(st.integers(0, 700), min_size=1))
def test_the_nth_bit(bits: set[int]) -> None:
    mask = sum(1 << bit for bit in bits)
    assert [nth_bit(mask, n) for n in range(len(bits))] == sorted(bits) == list(bits_of(mask))
