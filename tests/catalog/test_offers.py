"""Offers that do not fit together: two for the same calls, sides exchanged, lists and prices that are none."""

import pytest

from tests.catalog.catalog_texts import GOOD, load

OFFER = '  - {id: acme-roofing, campaign: roofing, amount: "40", connected_ms_min: 90000}\n'
OLD = '  - {id: a, campaign: roofing, amount: 40, valid_to: "2026-06-01T00:00:00-04:00"}\n'
NEW = '  - {id: a, campaign: roofing, amount: 42, version: 2, valid_from: "2026-06-01T00:00:00-04:00"}\n'


def offers(*lines, file="buyers/acme.yaml", was=OFFER):
    assert was in GOOD[file]
    return load({**GOOD, file: GOOD[file].replace(was, "".join(lines))})


def test_versions_and_terms_for_some_calls_load():
    only = "  - {id: b, campaign: roofing, amount: 45, only_for: {target: acme-ny}}\n"
    catalog, issues = offers(OLD, NEW, only)
    assert issues == []
    assert [(offer.id, offer.version) for offer in catalog.buyers["acme"].offers] == [("a", 1), ("a", 2), ("b", 1)]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((OLD, NEW.replace("06-01", "05-31")), 'offers.1.valid_from: holds for calls that "a" version 1 holds for too'),
        ((OLD, NEW.replace("version: 2, ", "version: 1, ")), 'offers.1.version: a second version 1 of "a" (count up)'),
        (("  - {id: a, campaign: roofing, rate: {share_percent: 50}}\n",), "a share of revenue is paid to publishers"),
        (("  - {id: a, campaign: roofing, amount: 5, hold_days: 3}\n",), "payouts are held, revenue is not"),
        (("  - {id: a, campaign: roofing, amount: 5, rate: {fixed: 5}}\n",), "not amount and rate (keep one)"),
        (("  - {id: a, campaign: roofing}\n",), "an offer has an amount, a rate or rules, not none of them"),
        (("  - {id: a, campaign: roofing, rate: {fixed: 5, bid: accepted}}\n",), "not fixed, bid (keep one)"),
        (("  - {id: a, campaign: roofing, amount: 5, minimum: 9, maximum: 8}\n",), "9.00 is above the maximum 8.00"),
        (('  - {id: a, campaign: roofing, amount: 5, valid_to: "2026-06-01"}\n',), "is not an instant with its offset"),
        (("  - {id: a, campaign: roofing, amount: 5, when: {all: []}}\n",), "all of nothing (name a condition)"),
        (("  - {id: a, campaign: roofing, amount: 5, when: {revenue: required}}\n",), "revenue is asked for where"),
        (
            ("  - {id: a, campaign: roofing, amount: 5, when: {caller_list: {name: lists/x.txt}}}\n",),
            'no list "lists/x',
        ),
        (
            ("  - {id: a, campaign: roofing, rate: {tiers: [{ms_min: 9, amount: 1}, {ms_min: 9, amount: 2}]}}\n",),
            "tiers go from the shortest length to the longest",
        ),
        (
            ("  - {id: a, campaign: roofing, connected_ms_min: 5, rules: [{id: r, rate: {fixed: 1}}]}\n",),
            "connected_ms_min: an offer with rules says this in each of them",
        ),
    ],
)
def test_terms_that_cannot_hold(lines, problem):
    catalog, issues = offers(*lines)
    assert catalog is None
    assert any(problem in issue for issue in issues), issues


def test_a_campaigns_offers_are_its_own_and_pay_buyers_without_any():
    shared = "targets: [acme-la, acme-ny]\nrevenue_offers: [{id: all, campaign: %s, amount: 30}]\n"
    file, was = "campaigns/roofing.yaml", "targets: [acme-la, acme-ny]\n"
    catalog, issues = offers(shared % "roofing", file=file, was=was)
    assert (issues, catalog.campaigns["roofing"].revenue_offers[0].amount) == ([], 30_000_000)
    catalog, issues = offers(shared % "plumbing", file=file, was=was)
    assert (catalog, [issue for issue in issues if 'stands in "roofing" (write that)' in issue] != []) == (None, True)
