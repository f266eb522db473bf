"""Reports: totals are the sum of their rows to the micro, whichever way calls are grouped."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ppc_engine.billing.report import DIMENSIONS, ReportedCall, ReportedRecord, summarise
from ppc_engine.cli import run
from ppc_engine.cli.tables import print_report
from ppc_engine.engine.qualify_batch import FOREVER
from ppc_engine.storage import billing_report
from ppc_engine.storage.billing_report import judged_calls
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.revisions import save_revision
from tests.billing.conftest import NO_FACTS
from tests.billing.traces import ACME, PEAK, ZENITH, Try, call, catalog, offer, publisher, us

DAY = us("2026-05-04T12:00:00Z")
MINUTE = 60_000_000
QUINN = publisher("quinn", offer("quinn", "22.00", "60"))


def day_of_calls():
    """Eight calls: paid, recovered, short, busy, a repeat, a wrong number, an unseen end, and a test."""
    tries = [
        (Try("acme", "120.000"),),
        (Try("acme", "50.000"), Try("zenith", "100.000")),
        (Try("acme", "70.000"),),
        (Try("acme"), Try("zenith")),
        (Try("acme", "120.000"),),
        (),
        (Try("acme", "120.000"),),
        (Try("acme", "120.000"),),
    ]
    details = [
        {},
        {"publisher": "quinn"},
        {},
        {"outcome": "all_no_answer"},
        {"caller": "+13105550200"},  # As the first.
        {"campaign": "", "publisher": "", "outcome": "unknown_number"},
        {"end_estimated": True},
        {"test": True},
    ]
    return [
        call(f"{n}", DAY + n * MINUTE, *tries[n], **{"caller": f"+131055502{0 if n == 4 else n:02d}", **details[n]})
        for n in range(8)
    ]


def figures(rows):
    return {
        row.name: (row.calls, row.connected, row.billable, row.payable, row.revenue_micros, row.payout_micros)
        for row in rows
    }


@pytest.fixture
def reports(books):
    network = books(catalog(ACME, ZENITH, PEAK, QUINN))
    network.arrive(*day_of_calls())
    network.qualify()
    return {report.by: report for report in summarise(judged_calls(network.engine, 0, FOREVER), DIMENSIONS)}


def test_by_publisher(reports):
    assert figures(reports["publisher"].rows) == {
        "peak": (5, 4, 1, 2, 40_000_000, 50_000_000),
        "quinn": (1, 1, 1, 1, 45_000_000, 22_000_000),
        "": (1, 0, 0, 0, 0, 0),
    }
    assert figures(reports["publisher"].totals) == {"": (7, 5, 2, 3, 85_000_000, 72_000_000)}
    assert reports["publisher"].totals[0].margin_micros == 13_000_000


def test_by_campaign(reports):
    assert figures(reports["campaign"].rows) == {
        "roofing": (6, 5, 2, 3, 85_000_000, 72_000_000),
        "": (1, 0, 0, 0, 0, 0),
    }


def test_by_buyer_a_payout_stands_with_the_buyer_whose_attempt_earned_it(reports):
    assert figures(reports["buyer"].rows) == {
        "acme": (6, 5, 1, 2, 40_000_000, 50_000_000),
        "zenith": (2, 1, 1, 1, 45_000_000, 22_000_000),
        "": (1, 0, 0, 0, 0, 0),
    }
    assert reports["buyer"].calls == 7  # Two of them were sent to two buyers.


def test_a_buyer_that_rang_in_vain_was_not_connected(books):
    network = books(catalog(ACME, ZENITH, PEAK))
    network.arrive(call("1", DAY, Try("acme"), Try("zenith", "20.000")))
    network.qualify()
    (report,) = summarise(judged_calls(network.engine, 0, FOREVER), ["buyer"])
    assert figures(report.rows) == {"acme": (1, 0, 0, 0, 0, 0), "zenith": (1, 1, 0, 0, 0, 0)}
    # The busy buyer is no reason of a call that was connected to the next.
    assert [(reason.code, reason.not_billable) for reason in report.reasons] == [("too_short", 1)]


def test_reasons_count_each_call_once(reports):
    report = reports["publisher"]
    assert (report.not_billable, report.not_payable) == (5, 4)
    assert {(r.code, r.detail): (r.not_billable, r.not_payable) for r in report.reasons} == {
        ("too_short", ""): (1, 0),
        ("duplicate", ""): (1, 1),
        ("end_estimated", ""): (1, 1),
        ("not_connected", "all_no_answer"): (1, 1),
        ("not_connected", "unknown_number"): (1, 1),
    }


def test_pages_of_any_size_make_the_same_report(books, monkeypatch):
    network = books(catalog(ACME, ZENITH, PEAK, QUINN))
    network.arrive(*day_of_calls())
    network.qualify()
    whole = list(judged_calls(network.engine, 0, FOREVER))
    monkeypatch.setattr(billing_report, "PAGE_CALLS", 2)
    assert list(judged_calls(network.engine, 0, FOREVER)) == whole
    assert list(judged_calls(network.engine, DAY + MINUTE, DAY + 3 * MINUTE)) == whole[1:3]


def test_a_report_reads_the_version_in_force(books):
    network = books(catalog(ACME, PEAK))
    network.arrive(call("2", DAY + MINUTE, Try("acme", "120.000")))
    network.qualify()
    network.arrive(call("1", DAY, Try("acme", "120.000")))
    network.qualify()
    (report,) = summarise(judged_calls(network.engine, 0, FOREVER), ["publisher"])
    assert figures(report.rows) == {"peak": (2, 2, 1, 1, 40_000_000, 25_000_000)}


RECORDS = st.builds(
    ReportedRecord,
    side=st.just("buyer"),
    party=st.sampled_from(["acme", "zenith", "apex"]),
    verdict=st.just("yes"),
    amount_micros=st.integers(0, 10**12).map(lambda cents: cents * 10_000),
    connected=st.booleans(),
)


@st.composite
def reported_calls(draw):
    buyers = draw(st.lists(RECORDS, max_size=3, unique_by=lambda record: record.party))
    payout = draw(st.integers(0, 10**12))
    own = ReportedRecord(side="publisher", party="peak", verdict="yes", amount_micros=payout, connected=True)
    return ReportedCall(
        publisher=draw(st.sampled_from(["peak", "quinn"])),
        campaign=draw(st.sampled_from(["roofing", "plumbing"])),
        currency=draw(st.sampled_from(["USD", "EUR", ""])),
        outcome="connected",
        connected=True,
        records=(*buyers, replace(own, paying_buyer=buyers[0].party)) if buyers else (),
    )


@given(calls=st.lists(reported_calls(), max_size=30))
def test_totals_are_the_sum_of_rows_and_of_calls_to_the_micro(calls):
    amounts = {
        side: sum(r.amount_micros for c in calls for r in c.records if r.side == side)
        for side in ("buyer", "publisher")
    }
    for report in summarise(calls, DIMENSIONS):
        assert sum(total.revenue_micros for total in report.totals) == amounts["buyer"]
        assert sum(total.payout_micros for total in report.totals) == amounts["publisher"]
        assert sum(total.margin_micros for total in report.totals) == amounts["buyer"] - amounts["publisher"]
        for total in report.totals:
            rows = [row for row in report.rows if row.currency == total.currency]
            for name in (
                "calls",
                "connected",
                "billable",
                "payable",
                "revenue_micros",
                "payout_micros",
                "margin_micros",
            ):
                assert getattr(total, name) == sum(getattr(row, name) for row in rows)


def test_currencies_are_never_added_up(books):
    calls = [
        ReportedCall(
            publisher="peak",
            campaign=currency.lower(),
            currency=currency,
            outcome="connected",
            connected=True,
            records=(ReportedRecord(side="buyer", party="acme", verdict="yes", amount_micros=10_000, connected=True),),
        )
        for currency in ("USD", "EUR", "USD")
    ]
    (report,) = summarise(calls, ["publisher"])
    assert [(row.name, row.currency, row.revenue_micros) for row in report.rows] == [
        ("peak", "EUR", 10_000),
        ("peak", "USD", 20_000),
    ]
    assert [(total.currency, total.revenue_micros) for total in report.totals] == [("EUR", 10_000), ("USD", 20_000)]


# What a person sees.

TABLE = """\
By publisher
┏━━━━━━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━┓
┃ publisher        ┃ calls ┃ connected ┃ billable ┃ payable ┃ revenue USD ┃ payout USD ┃ margin USD ┃
┡━━━━━━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━┩
│ peak             │     5 │         4 │        1 │       2 │       40.00 │      50.00 │     -10.00 │
│ quinn            │     1 │         1 │        1 │       1 │       45.00 │      22.00 │      23.00 │
│ (unknown number) │     1 │         0 │        0 │       0 │        0.00 │       0.00 │       0.00 │
├──────────────────┼───────┼───────────┼──────────┼─────────┼─────────────┼────────────┼────────────┤
│ total            │     7 │         5 │        2 │       3 │       85.00 │      72.00 │      13.00 │
└──────────────────┴───────┴───────────┴──────────┴─────────┴─────────────┴────────────┴────────────┘
Why calls were not paid for (a call may have several reasons)
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━┓
┃ reason                        ┃ not billable ┃ not payable ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━┩
│ duplicate                     │            1 │           1 │
│ end_estimated                 │            1 │           1 │
│ not_connected: all_no_answer  │            1 │           1 │
│ not_connected: unknown_number │            1 │           1 │
│ too_short                     │            1 │           0 │
├───────────────────────────────┼──────────────┼─────────────┤
│ calls                         │            5 │           4 │
└───────────────────────────────┴──────────────┴─────────────┘
"""


def test_the_table_that_a_person_reads(reports):
    page = io.StringIO()
    print_report(Console(file=page, width=120), reports["publisher"])
    assert "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n" == TABLE


def test_the_table_by_buyer_says_that_calls_may_be_in_two_rows(reports):
    page = io.StringIO()
    print_report(Console(file=page, width=120), reports["buyer"])
    assert "7 calls; one that was sent to several buyers is in the row of each." in page.getvalue()


# The commands, on a database as the engine leaves it.

BODY = json.dumps(
    {
        "format": 1,
        "buyers": {
            "acme": {
                "id": "acme",
                "name": "Acme",
                "zone": "America/New_York",
                "targets": [{"id": "acme-1", "destination": "+12125550100", "gateway": "west"}],
                "offers": [
                    {"id": "acme-roofing", "campaign": "roofing", "amount": "40.00", "connected_ms_min": "90000"}
                ],
            }
        },
        "publishers": {
            "peak": {
                "id": "peak",
                "name": "Peak",
                "zone": "UTC",
                "offers": [
                    {"id": "peak-roofing", "campaign": "roofing", "amount": "25.00", "connected_ms_min": "60000"}
                ],
            }
        },
        "campaigns": {
            "roofing": {"id": "roofing", "name": "Roofing", "currency": "USD", "flow": "main", "targets": ["acme-1"]}
        },
        "flows": {},
    }
).encode()


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration directory and a database with three calls that wait."""
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PPC_DATABASE_URL", url)
    engine = open_database(url)
    upgrade(engine)
    save_revision(engine, "r1", BODY, 1)
    calls = [
        call("1", DAY, Try("acme", "120.000"), caller="+13105550201"),
        call("2", DAY + MINUTE, Try("acme", "70.000"), caller="+13105550202"),
        call("3", DAY + 2 * MINUTE, caller="+13105550203", outcome="zip_failed"),
    ]
    SQLCDRStore(engine).write([(cdr, NO_FACTS) for cdr in calls])
    yield engine
    engine.dispose()


def test_qualify_then_report(config, capsys):
    assert run(["report"]) == 0
    assert capsys.readouterr().out == "no judged calls in this period\ncalls not judged yet: 3 (ppc qualify)\n"
    assert run(["qualify", "--dry-run"]) == 0
    would = "3 calls would be judged, 0 would be corrected\nbillable: 1 yes, 1 no\npayable: 2 yes, 1 no\n"
    sums = "USD: revenue 40.00, payout 50.00, margin -10.00\n"
    assert capsys.readouterr() == (would + sums, "")
    assert run(["qualify"]) == 0
    assert capsys.readouterr() == ((would + sums).replace(" would be", ""), "")
    assert run(["qualify"]) == 0
    assert capsys.readouterr() == ("0 calls judged, 0 corrected\n", "")

    assert run(["report", "--csv"]) == 0
    assert capsys.readouterr().out == (
        "publisher,currency,calls,connected,billable,payable,revenue,payout,margin\n"
        "peak,USD,3,2,1,2,40.00,50.00,-10.00\n"
    )
    assert run(["report", "--by", "buyer", "--json", "--until", "2026-05-04T12:02:00"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["calls"], told["not_billable"], told["waiting"]) == (2, 1, 0)
    assert told["rows"] == [
        {
            "name": "acme", "currency": "USD", "calls": 2, "connected": 2, "billable": 1, "payable": 2,
            "revenue_micros": 40_000_000, "payout_micros": 50_000_000, "margin_micros": -10_000_000,
        }
    ]  # fmt: skip
    assert told["reasons"] == [{"code": "too_short", "detail": "", "not_billable": 1, "not_payable": 0}]
    assert run(["report"]) == 0
    out, err = capsys.readouterr()
    assert ("peak" in out, "not_connected: zip_failed" in out, err) == (True, True, "")


def test_qualify_says_what_waits(config, capsys):
    SQLCDRStore(config).write([], oldest_open_at=9 * 10**18)  # Far ahead, so that its age does not matter.
    SQLCDRStore(config).write([(call("4", DAY, revision="lost"), NO_FACTS)])
    assert run(["qualify", "--json", "--since", "2026-05-04"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["judged"], told["without_terms"], told["waiting"]) == (3, {"lost": 1}, 0)
    assert told["money"] == {
        "USD": {"revenue_micros": 40_000_000, "payout_micros": 50_000_000, "margin_micros": -10_000_000}
    }
    assert err == (
        "ppc: 1 call without terms: catalog revision lost is not in this database "
        "(qualify on the database that the engine writes to)\n"
    )


def test_calls_behind_a_live_one_wait(config, capsys, monkeypatch):
    monkeypatch.setattr("ppc_engine.cli.qualify._now_us", lambda: DAY + 10 * MINUTE)
    SQLCDRStore(config).write([], oldest_open_at=DAY + MINUTE)
    assert run(["qualify"]) == 0
    assert capsys.readouterr().out.endswith("2 calls waiting for an older call that is still live\n")


@pytest.mark.parametrize(
    "arguments", [["report", "--by", "moon"], ["report", "--json", "--csv"], ["qualify", "--since", "soon"]]
)
def test_wrong_usage_is_told(config, capsys, arguments):
    assert run(arguments) == 2
    assert capsys.readouterr().err.startswith("Usage: ppc ")


def test_a_database_without_tables_is_one_line_with_a_cure(tmp_path, config, capsys, monkeypatch):
    monkeypatch.setenv("PPC_DATABASE_URL", f"sqlite:///{tmp_path}/empty.sqlite")
    for command in (["qualify"], ["report"]):
        assert run(command) == 3
        err = capsys.readouterr().err
        assert err.endswith("has no tables yet (run: ppc db upgrade)\n")
        assert len(err.splitlines()) == 1
