"""The demo's people: varied, drawn from the seed, and callable."""

import hashlib

import pytest

from ppc_engine.catalog.model import Target, TargetArea
from ppc_engine.emulator.demo_scenario import demo_scenario
from ppc_engine.emulator.draws import draw, draw_between, draw_token, draw_uuid, draw_weighted
from ppc_engine.values.phone import caller_kind

NUMBERS = ["+18005550100", "+18005550101"]
ZIPS = {"90001": "CA", "90210": "CA", "94110": "CA", "75201": "TX", "02134": "MA", "10001": "NY"}
TARGETS = [
    Target(id="acme", destination="sip:acme@127.0.0.1:6010", area=TargetArea(zips=frozenset({"90001"}))),
    Target(id="texas", destination="+12145550110", gateway="carrier", area=TargetArea(states=frozenset({"TX"}))),
]


def make(seed=1, calls=300):
    return demo_scenario(seed=seed, calls=calls, numbers=NUMBERS, targets=TARGETS, zips=ZIPS)


def test_the_same_seed_makes_the_same_people_and_another_seed_others():
    assert make(1) == make(1)
    assert make(1).callers != make(2).callers
    assert make(1).buyers != make(2).buyers


def test_three_hundred_calls_hold_every_kind_of_trouble():
    callers = make().callers
    keyed = [[keys.digits for keys in caller.keys if "enter_zip" in keys.prompts] for caller in callers]
    assert len(callers) == 300
    assert sum(tried[:1] != [] and tried[0] in ZIPS for tried in keyed) > 150
    assert any(len(tried) == 2 and tried[0] not in ZIPS and tried[1] in ZIPS for tried in keyed), "wrong, then right"
    assert any(tried and 0 < len(tried[0]) < 5 for tried in keyed), "partial"
    assert any(len(tried) == 3 and not ZIPS.keys() & set(tried) for tried in keyed), "never right"
    assert [] in keyed
    assert {caller.hang_up.on for caller in callers if caller.hang_up} == {
        "offered", "answered", "prompt", "keys", "ringing", "connected",
    }  # fmt: skip
    assert {caller_kind(caller.number) for caller in callers} == {"valid", "anonymous"}
    numbers = [caller.number for caller in callers if caller.number != "anonymous"]
    assert len(numbers) - len(set(numbers)) > 10, "some call again"
    assert any(caller.dials[0] not in NUMBERS for caller in callers), "misdialled"


def test_bursts_bring_several_callers_within_seconds():
    moments = [caller.first_ms for caller in make().callers]
    assert max(sum(start <= moment < start + 5000 for moment in moments) for start in moments) >= 6


def test_every_target_has_a_telephone_with_every_behaviour():
    buyers = {buyer.id: buyer for buyer in make().buyers}
    assert buyers["acme"].address == "acme@127.0.0.1:6010"
    assert (buyers["texas"].gateway, buyers["texas"].number) == ("carrier", "+12145550110")
    does = {behaviour.does for behaviour in buyers["texas"].behaviours}
    assert does == {"answer", "busy", "no_answer", "reject", "unreachable", "silent", "gateway_down"}


def test_draws_are_the_same_on_every_machine():
    assert draw(1, "a") == int(hashlib.sha256(b"1\x1fa").hexdigest()[:16], 16)
    assert draw_uuid(1, "call") == draw_uuid(1, "call") != draw_uuid(2, "call")
    assert draw_uuid(1)[14] == "4"
    assert len(draw_token(12, 1)) == 12


def test_draws_keep_their_bounds_and_weights():
    drawn = [draw_between(3, 5, "d", n) for n in range(300)]
    assert set(drawn) == {3, 4, 5}
    picked = [draw_weighted([1, 0, 9], "w", n) for n in range(1000)]
    assert picked.count(1) == 0
    assert picked.count(2) == pytest.approx(900, abs=40)
