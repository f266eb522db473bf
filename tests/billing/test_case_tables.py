"""Every case of the tables in cases/: the shared money cases by their ids, and those of our own."""

from __future__ import annotations

import pytest

from ppc_engine.billing.evidence import NO_EVIDENCE
from ppc_engine.catalog.bounds import amount_max
from ppc_engine.values.money import format_micros, parse_micros
from ppc_engine.values.schedule import local_time
from tests.billing.case_tables import calls_of, check, judge_case, read_cases, terms_of

TABLES = {**read_cases("money_cases.yaml"), **read_cases("own_cases.yaml")}
WITHOUT_EVIDENCE = [
    name for name, case in TABLES.items() if all(evidence == NO_EVIDENCE for _, _, evidence in calls_of(case))
]
PAGE = {f"M-{n:02d}" for n in range(1, 54, 2)}  # The page numbers its cases with odd numbers.


@pytest.mark.parametrize("name", TABLES)
def test_case(name):
    judged = judge_case(TABLES[name])
    for given, found in judged:
        check(given, found)
    for what, total in TABLES[name].get("total", {}).items():
        assert format_micros(sum(getattr(found, f"{what}_micros") for _, found in judged)) == _plain(total)


@pytest.mark.parametrize("name", WITHOUT_EVIDENCE)
def test_case_through_the_database(books, name):
    case = TABLES[name]
    made = calls_of(case)
    if any("judged" in given for given, _, _ in made):
        return  # Deadlines that have passed: the clock of these books stands still.
    network = books(terms_of(case))
    network.arrive(*(cdr for _, cdr, _ in made))
    network.qualify()
    stored = network.in_force()
    for given, cdr, _ in made:
        check(given, stored[cdr.call_id])


def test_the_tables_are_whole():
    names = {name.split()[0] for name in TABLES}
    assert names >= PAGE
    assert len([name for name in TABLES if name.startswith("own-")]) >= 60


def test_m35_one_call_in_two_months():
    case = TABLES["M-35 across midnight and month end, one period"]
    ((_, cdr, _),) = calls_of(case)
    found = {zone: local_time(cdr.offered_at, zone).strftime("%Y-%m") for zone in case["months"]}
    assert found == case["months"]


@pytest.mark.parametrize("name", [name for name, case in TABLES.items() if "amount_max" in case])
def test_the_most_that_a_call_can_cost(name):
    case = TABLES[name]
    offer = terms_of(case).buyers["acme"].offers[0]
    most = amount_max(offer, 3_600_000)
    assert (None if most is None else format_micros(most)) == (
        _plain(case["amount_max"]) if case["amount_max"] else None
    )


def _plain(text):
    return format_micros(parse_micros(text))
