"""Each check of the catalog by itself: what it says, word by word, and what it is silent about."""

import pytest

from ppc_engine.catalog.checks import caps, money_caps, places, terms
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.catalog.checks.every_check import FILE_CHECKS, WHOLE_CHECKS, check_catalog
from ppc_engine.catalog.load import read_catalog
from ppc_engine.values.places import places_of
from tests.catalog.catalog_texts import documents

PLACES = places_of(
    {"90001": "CA", "90002": "CA", "75201": "TX", "89101": "NV"}, {"90001": "Los Angeles, CA", "75201": "Dallas, TX"}
)
BUYER = """\
id: acme
name: Acme
zone: UTC
concurrency_cap: 3
targets:
  - id: la
    destination: sip:la@127.0.0.1
    concurrency_cap: 2
  - id: sf
    destination: "+14155550100"
    gateway: carrier
    concurrency_cap: 1
offers:
  - {id: acme-roofing, campaign: roofing, amount: "40", connected_ms_min: 90000}
"""
ZENITH = """\
id: zenith
name: Zenith
zone: UTC
targets: [{id: z, destination: sip:z@127.0.0.1}]
offers: [{id: zenith-roofing, campaign: roofing, amount: "30", connected_ms_min: 60000}]
"""
RADIO = """\
id: radio
name: Radio
zone: UTC
offers:
  - {id: radio-roofing, campaign: roofing, amount: "20", connected_ms_min: 60000}
"""
ROOFING = "id: roofing\nname: Roofing\nflow: roofing\ntargets: [la, sf, z]\n"
GOOD = {
    "buyers/acme.yaml": BUYER,
    "buyers/zenith.yaml": ZENITH,
    "publishers/radio.yaml": RADIO,
    "campaigns/roofing.yaml": ROOFING,
}
ACME, R, C = "buyers/acme.yaml", "publishers/radio.yaml", "campaigns/roofing.yaml"
LA = "    concurrency_cap: 2\n"
ZONE = "zone: UTC\n"


def case_of(texts: dict[str, str]) -> CatalogCase:
    read, issues = read_catalog(documents(texts))
    assert issues == []
    return CatalogCase(read, PLACES, {"+14155550199"})


def changed(file: str, old: str, new: str, **more: str) -> dict[str, str]:
    texts = {**GOOD, **more}
    assert texts[file].count(old) >= 1
    return {**texts, file: texts[file].replace(old, new, 1)}


def caps_of_la(text: str) -> dict[str, str]:
    return changed(ACME, LA, f"{LA}    caps: {text}\n")


FINDINGS = [
    # Terms.
    (
        terms.pays_more_than_earned,
        changed(R, '"20"', '"41"'),
        f'{R}:5:44: offers.0.amount: "radio" is paid 41.00 for a call of "roofing", '
        "but nobody pays more than 40.00 (acme); lower it",
    ),
    (
        terms.pays_more_than_earned,
        changed(R, '"20"', '"35"'),
        f'{R}:5:44: warning: offers.0.amount: "radio" is paid 35.00 for a call of "roofing", '
        "more than is paid by zenith (30.00) (lower it, or give the campaign a margin_min)",
    ),
    (
        terms.pays_before_earned,
        changed(R, "60000", "30000"),
        f'{R}:5:58: warning: offers.0.connected_ms_min: paid from 30 s on, but no buyer of "roofing" pays before 60 s '
        "(raise it to 60000)",
    ),
    (
        terms.sold_where_nobody_pays,
        changed(ACME, LA, LA + "    area: {states: [CA, NV]}\n").__or__(
            {
                "buyers/acme.yaml": BUYER.replace(LA, LA + "    area: {states: [CA, NV]}\n")
                .replace("    concurrency_cap: 1\n", "    area: {states: [CA]}\n")
                .replace("90000}", "90000, area: {states: [CA]}}")
            }
        ),
        f'{ACME}:9:12: warning: targets.0.area.states: takes callers of NV, for whom "acme" pays nothing '
        "(remove them, or widen the area of the offer)",
    ),
    (
        terms.sold_where_nobody_pays,
        changed(ACME, "90000}", "90000, area: {states: [CA, TX]}}")
        | {ACME: BUYER.replace("90000}", "90000, area: {states: [CA, TX]}}").replace(LA, "    area: {states: [CA]}\n")},
        f'{ACME}:9:5: warning: targets.1: takes callers from everywhere, but "acme" pays only for those of CA, TX '
        "(give the target the same area)",
    ),
    (
        terms.earns_nothing,
        changed(ACME, '"40"', '"0"'),
        f'{ACME}:14:43: warning: offers.0.amount: calls of "roofing" are given away at 0.00 '
        "(write what they are worth)",
    ),
    # Caps.
    (
        caps.beyond_reach,
        caps_of_la("[{calls: 300, per: day}, {calls: 10, per: hour}]"),
        f"{ACME}:9:12: warning: targets.0.caps.0: 300 calls a day is never reached: 10 calls an hour is at most "
        "250 calls a day (lower this one, or raise that)",
    ),
    (
        caps.beyond_reach,
        changed(ACME, ZONE, ZONE + 'caps: [{spend: "100", per: week}, {spend: "601", per: month}]\n'),
        f"{ACME}:4:35: warning: caps.1: 601.00 a month is never reached: 100.00 a week is at most "
        "600.00 a month (lower this one, or raise that)",
    ),
    (
        caps.twice,
        caps_of_la("[{calls: 3, per: day}, {calls: 4, per: day, counted: connect}]"),
        f"{ACME}:9:34: warning: targets.0.caps.1: a second cap a day of the same (keep one: the lower holds)",
    ),
    (
        caps.above_the_buyer,
        changed(ACME, LA, LA + "    caps: [{calls: 9, per: day}]\n")
        | {
            ACME: BUYER.replace(LA, LA + "    caps: [{calls: 9, per: day}]\n").replace(
                ZONE, ZONE + "caps: [{calls: 8, per: day}]\n"
            )
        },
        f'{ACME}:10:12: warning: targets.0.caps.0: 9 calls a day is never reached: buyer "acme" has 8 calls a day '
        "(lower it)",
    ),
    (
        caps.above_the_buyer,
        changed(ACME, LA, "    concurrency_cap: 4\n"),
        f'{ACME}:8:5: warning: targets.0.concurrency_cap: never reached: buyer "acme" takes 3 at once (lower it)',
    ),
    (
        caps.above_the_targets,
        changed(ACME, "concurrency_cap: 3\n", "concurrency_cap: 5\n"),
        f"{ACME}:4:1: warning: concurrency_cap: never reached: its targets together take 3 at once (lower it to 3)",
    ),
    (
        caps.above_the_targets,
        {**GOOD, "groups/g.yaml": "id: g\nname: G\nzone: UTC\ntargets: [la]\nconcurrency_cap: 3\n"},
        "groups/g.yaml:5:1: warning: concurrency_cap: never reached: its targets together take 2 at once "
        "(lower it to 2)",
    ),
    (
        caps.nothing_gets_past,
        changed(R, ZONE, ZONE + "caps: [{calls: 0, per: day}]\n"),
        f"{R}:4:8: warning: caps.0: nothing gets past a cap of 0 (pause the publisher, or remove the cap)",
    ),
    (
        caps.nothing_gets_past,
        changed(ACME, LA, "    concurrency_cap: 0\n"),
        f"{ACME}:8:5: warning: targets.0.concurrency_cap: nothing gets past a cap of 0 "
        "(write paused: true on the target, or remove the cap)",
    ),
    (
        caps.money_for_not_one_call,
        caps_of_la('[{spend: "39.99", per: day}]'),
        f"{ACME}:9:13: targets.0.caps.0.spend: 39.99 is less than one call costs (40.00), so every call is refused "
        "(raise it)",
    ),
    (
        caps.money_for_not_one_call,
        {**changed(R, ZONE, ZONE + 'caps: [{spend: "100", per: day}]\n')}
        | {R: "id: radio\nname: Radio\nzone: UTC\ncaps: [{spend: 100, per: day}]\n"},
        f"{R}:4:9: warning: caps.0.spend: counts nothing: it has no offer (add one, or cap calls)",
    ),
    (
        caps.faster_than_the_pace,
        changed(ACME, LA, LA + "    pace: {seconds_between_min: 600}\n    caps: [{calls: 7, per: hour}]\n"),
        f"{ACME}:10:12: warning: targets.0.caps.0: 7 calls an hour is never reached: 600 s between two calls is "
        "at most 6 (lower it)",
    ),
    (
        caps.order_without_caps,
        changed(C, "flow: roofing\n", "flow: roofing\norder: most_budget\n"),
        f"{C}:4:1: warning: order: no target of it has caps, so nothing tells them apart "
        "(add some, or choose another order)",
    ),
    (
        terms.waits_in_vain,
        changed(R, 'amount: "20"', "rate: {bid: accepted}"),
        f"{R}:5:5: offers.0: waits for a bid, which this version cannot receive yet (use conditions of the call)",
    ),
    (
        terms.waits_in_vain,
        changed(ACME, "90000}", "90000, when: {any: [{postback: {}}, {length: {ms_min: 600000}}]}}"),
        f"{ACME}:14:5: offers.0: waits for a postback, which this version cannot receive yet (use conditions of the "
        "call)",
    ),
    (
        money_caps.spend_without_bound,
        changed(R, 'amount: "20"', "rate: {postback: amount}")
        | {
            R: RADIO.replace('amount: "20"', "rate: {postback: amount}").replace(
                ZONE, ZONE + 'caps: [{spend: "100", per: day}]\n'
            )
        },
        f'{R}:4:9: caps.0.spend: a call under offer "radio-roofing" may cost anything, so nothing can be held '
        "(add maximum)",
    ),
    (
        money_caps.late_conversions,
        changed(ACME, "90000}", "90000, when: {any: [{postback: {}}, {length: {ms_min: 600000}}]}}")
        | {
            ACME: BUYER.replace("90000}", "90000, when: {any: [{postback: {}}, {length: {ms_min: 600000}}]}}").replace(
                LA, LA + "    caps: [{calls: 5, per: day, counted: conversion}]\n"
            )
        },
        f'{ACME}:9:12: warning: targets.0.caps.0: counts conversions, but offer "acme-roofing" may be decided long '
        "after the call: late ones may pass this cap (cap connected calls as well, or take it as it is)",
    ),
    # Places, hours, destinations.
    (
        places.named_twice,
        changed(ACME, LA, LA + "    area: {states: [CA], zips: [90001, 90002, 89101]}\n"),
        f"{ACME}:9:26: warning: targets.0.area.zips: 2 ZIPs of CA: that state is named as a whole too "
        "(keep one of the two)",
    ),
    (
        places.named_twice,
        changed(R, "60000}", "60000, area: {states: [CA], area_codes: [310, 702]}}"),
        f"{R}:5:104: warning: offers.0.area.area_codes: 1 area code of CA: that state is named as a whole too "
        "(keep one of the two)",
    ),
    (
        places.unknown_counties,
        changed(ACME, LA, LA + '    area: {counties: ["Los Angles, CA", "Dallas, TX"]}\n'),
        f'{ACME}:9:12: targets.0.area.counties: no county "Los Angles, CA" (did you mean "Los Angeles, CA"?)',
    ),
    (
        places.odd_hours,
        changed(ACME, LA, LA + "    hours: {zone: UTC}\n"),
        f"{ACME}:9:5: warning: targets.0.hours: never open, so no call is sold to it "
        '(name a day: monday: ["09:00-17:00"])',
    ),
    (
        places.odd_hours,
        changed(ACME, LA, LA + '    hours: {zone: UTC, monday: ["09:00-12:00", "11:00-13:00"]}\n'),
        f"{ACME}:9:48: warning: targets.0.hours.monday.1: overlaps another span of this day (join the two)",
    ),
    (
        places.never_offered,
        changed(C, "[la, sf, z]", "[la, z]"),
        f'{ACME}:9:5: warning: targets.1.id: no campaign offers calls to "sf" (name it in one, or remove it)',
    ),
    (
        places.rings_ourselves,
        changed(ACME, "+14155550100", "+14155550199"),
        f"{ACME}:10:5: targets.1.destination: +14155550199 is a tracking number of ours: calls would go in circles "
        "(dial the buyer's own)",
    ),
]


@pytest.mark.parametrize(
    ("check", "texts", "told"), FINDINGS, ids=[f"{c.__name__}-{n}" for n, (c, _, _) in enumerate(FINDINGS)]
)
def test_a_mistake_is_told_with_its_place_and_cure(check, texts, told):
    assert [str(issue) for issue in check(case_of(texts))] == [told]


def test_a_good_catalog_is_told_nothing_by_any_check():
    assert check_catalog(case_of(GOOD)) == []
    assert {check for check, _, _ in FINDINGS} == {*FILE_CHECKS, *WHOLE_CHECKS}  # A check without a test fails here.


SILENT = [
    caps_of_la("[{calls: 250, per: day}, {calls: 10, per: hour}]"),
    caps_of_la("[{calls: 300, per: day, counted: attempt}, {calls: 10, per: hour}]"),
    caps_of_la('[{spend: "40", per: day}, {calls: 9, per: day}]'),
    changed(ACME, LA, LA + "    pace: {seconds_between_min: 600}\n    caps: [{calls: 6, per: hour}]\n"),
    changed(R, '"20"', '"30"'),
    changed(R, '"20"', '"35"') | {C: ROOFING + 'margin_min: "1.00"\n'},
    changed(ACME, LA, LA + "    area: {states: [CA], zips: [89101]}\n"),
    changed(C, "flow: roofing\n", "flow: roofing\norder: most_capacity\n"),
]


@pytest.mark.parametrize("texts", SILENT)
def test_what_only_looks_like_a_mistake_is_not_told(texts):
    assert [str(issue) for issue in check_catalog(case_of(texts))] == []


def test_many_mistakes_are_all_told():
    texts = dict(GOOD)
    texts[ACME] = (
        BUYER.replace("concurrency_cap: 3", "concurrency_cap: 30")
        .replace(LA, LA + "    caps: [{calls: 0, per: day}]\n    hours: {zone: UTC}\n")
        .replace("+14155550100", "+14155550199")
    )
    texts[R] = RADIO.replace('"20"', '"50"').replace("60000", "1000")
    texts[C] = ROOFING.replace("la, sf, z", "la, sf")
    assert [str(issue).split(": ")[0] for issue in check_catalog(case_of(texts))] == [
        f"{ACME}:4:1", f"{ACME}:9:12", f"{ACME}:10:5", f"{ACME}:12:5", "buyers/zenith.yaml:4:12",
        f"{R}:5:44", f"{R}:5:58",
    ]  # fmt: skip
