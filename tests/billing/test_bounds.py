"""What routing holds and orders by: the most a call can cost, what it is expected to be worth, when it may owe."""

from __future__ import annotations

import pytest

from ppc_engine.catalog.bounds import amount_expected, amount_max, most_of_all, ms_min_to_owe
from ppc_engine.catalog.model import Buyer, Cap, Offer, Target
from ppc_engine.catalog.overrides import Sale
from ppc_engine.routing.caps import CatalogCaps
from tests.billing.case_tables import terms_of

STEPS = ((60_000, "20"), (120_000, "35"), (300_000, "50"))
TIERS = {"tiers": [{"ms_min": ms_min, "amount": amount} for ms_min, amount in STEPS]}
MINUTES = {"per_minute": {"amount": "0.50", "initial_s": 6, "next_s": 6}}
SALE = {"id": "sale", "adds": True, "rate": {"fixed": "15"}, "when": {"postback": {}}}
HOUR_MS = 3_600_000


def offer(**terms):
    return Offer(id="acme", campaign="roofing", **terms)


@pytest.mark.parametrize(
    ("terms", "most", "expected"),
    [
        ({"amount": "40.005"}, 40_000_000, 40_000_000),  # As it is posted.
        ({"rate": TIERS}, 50_000_000, 20_000_000),
        # 0.50 * 60 = 30; at 90 s: 0.50 * 1.5 = 0.75
        ({"rate": MINUTES, "connected_ms_min": 90_000}, 30_000_000, 750_000),
        ({"rate": MINUTES, "maximum": "12", "minimum": "5"}, 12_000_000, 5_000_000),
        ({"rate": {"postback": "amount"}}, None, 0),
        ({"rate": {"postback": "amount"}, "maximum": "80"}, 80_000_000, 0),
        ({"rate": {"bid": "accepted"}, "minimum": "9"}, None, 9_000_000),
        # the dearer of two, and what adds: 50 + 15 = 65
        ({"rules": [{"id": "a", "rate": {"fixed": "30"}}, {"id": "b", "rate": TIERS}, SALE]}, 65_000_000, 30_000_000),
    ],
)
def test_the_most_and_the_expected(terms, most, expected):
    assert (amount_max(offer(**terms), HOUR_MS), amount_expected(offer(**terms))) == (most, expected)


def test_a_tier_that_calls_cannot_reach_is_not_held():
    assert amount_max(offer(rate=TIERS), 299_999) == 35_000_000


def test_a_share_is_bounded_by_the_revenue():
    share = offer(rate={"share_percent": "60"})
    assert [amount_max(share, HOUR_MS), amount_max(share, HOUR_MS, 50_000_000)] == [None, 30_000_000]
    assert amount_expected(share, 20_000_000) == 12_000_000


@pytest.mark.parametrize(
    ("terms", "least"),
    [
        ({"amount": "40", "connected_ms_min": 90_000}, 90_000),
        ({"amount": "40", "connected_ms_min": 90_000, "length_rounding": "up"}, 89_001),
        ({"rate": {"fixed": "40"}, "when": {"any": [{"length": {"ms_min": 30_000}}, {"postback": {}}]}}, 0),
        ({"rules": [{"id": "a", "rate": {"fixed": "1"}, "when": {"length": {"ms_min": 50_000}}},
                    {"id": "b", "rate": {"fixed": "2"}, "when": {"length": {"ms_min": 70_000}}}]}, 50_000),
    ],
)  # fmt: skip
def test_the_length_below_which_nothing_is_owed(terms, least):
    assert ms_min_to_owe(offer(**terms)) == least


def test_what_outlives_a_version_goes_by_the_dearest_of_all():
    versions = [{"amount": "40", "valid_to": 5}, {"amount": "42", "valid_from": 5}]
    dearer = {"amount": "60", "only_for": {"target": "acme-2"}}
    catalog = terms_of({"buyers": {"acme": [*versions, dearer]}})
    sale = {"campaign": "roofing", "offered_at": 0, "buyer": "acme"}
    assert most_of_all(catalog, "buyer", Sale(**sale, target="acme-1"), HOUR_MS) == 42_000_000
    assert most_of_all(catalog, "buyer", Sale(**sale, target="acme-2"), HOUR_MS) == 60_000_000


def test_m43_a_spend_cap_holds_the_dearest_tier():
    target = Target(id="acme-1", destination="+12125550100", gateway="west")
    buyer = Buyer(id="acme", name="Acme", zone="UTC", caps=(Cap(spend="100.00", per="day"),), targets=(target,),
                  offers=(offer(rate=TIERS),))  # fmt: skip
    catalog = terms_of({"buyers": {"acme": {"rate": TIERS}}})
    catalog.buyers["acme"] = buyer
    (held,) = CatalogCaps(catalog).attempt_rules(buyer, target, catalog.campaigns["roofing"])
    assert (held.owner, held.measure, held.amount, held.limit) == ("buyer:acme", "revenue", 50_000_000, 100_000_000)
