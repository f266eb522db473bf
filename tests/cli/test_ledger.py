"""``ppc ledger`` and ``ppc books``, as typed: what is told, what is refused, and the exit code."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from ppc_engine import cli
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database, writing
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.schema import entries
from tests.billing.traces import ACME, PEAK, Try, call, catalog


@pytest.fixture
def ppc(tmp_path, monkeypatch, capsys):
    """Runs a command line on a database with one good call and one that was too short."""
    url = f"sqlite:///{tmp_path}/books.sqlite"
    monkeypatch.setenv("PPC_DATABASE_URL", url)
    monkeypatch.setenv("PPC_CONFIG", str(tmp_path))
    (tmp_path / "engine.yaml").write_text("{}\n")
    engine = open_database(url)
    upgrade(engine)
    came = [
        call("good-1", "2026-11-02T10:00:00Z", Try("acme", "120.000"), caller="+13105550101"),
        call("short-1", "2026-11-02T11:00:00Z", Try("acme", "70.000"), caller="+13105550102"),
    ]
    SQLCDRStore(engine).write([(cdr, compress_facts([])) for cdr in came])
    qualify(SQLBillingStore(engine), lambda _: catalog(ACME, PEAK), lambda: 1_793_664_000_000_000)

    def run(*arguments):
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    run.engine = engine
    yield run
    engine.dispose()


def told(run, *arguments):
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_trial_balance_is_zero(ppc):
    found = told(ppc, "ledger", "balance")
    assert {one["account"]: one["micros"] for one in found["accounts"]} == {
        "buyer:acme": 40_000_000,
        "revenue": -40_000_000,
        "publisher:peak": -50_000_000,
        "payout": 50_000_000,
    }
    assert found["totals"] == {"USD": 0}
    code, out, _ = ppc("ledger", "balance", "--account", "buyer:")
    assert code == 0
    assert "buyer:acme" in out
    assert "40.00" in out
    assert "publisher" not in out


def test_a_call_and_an_account_are_shown(ppc):
    moved = [one["entries"] for one in told(ppc, "ledger", "show", "good")["transfers"]]
    assert {(one["account"], one["micros"]) for entries in moved for one in entries} == {
        ("buyer:acme", 40_000_000),
        ("revenue", -40_000_000),
        ("publisher:peak", -25_000_000),
        ("payout", 25_000_000),
    }
    found = told(ppc, "ledger", "show", "--account", "publisher:peak", "--since", "2026-11-01")
    assert len(found["transfers"]) == 2
    code, out, _ = ppc("ledger", "show", "--account", "publisher:peak")
    assert code == 0
    assert out.count("-25.00 USD") == 2
    assert ppc("ledger", "show")[0] == 2
    code, _, err = ppc("ledger", "show", "nothing")
    assert (code, err) == (1, 'ppc: no call "nothing"\n')


def test_a_month_of_postings(ppc):
    words = ("--why", "agreed", "--by", "Ann")
    wire = ("ledger", "post", "payment", "buyer:acme", "40.00", "--reference", "WIRE-1", *words)
    posted = told(ppc, *wire)
    assert posted["posted"] is True
    assert posted["transfers"][0]["who"].startswith("Ann (")
    assert told(ppc, *wire)["posted"] is False
    told(ppc, "ledger", "post", "payment", "publisher:peak", "25.00", "--reference", "ACH-9", *words)
    told(ppc, "ledger", "post", "waive", "short-1", "publisher:peak", *words)
    told(ppc, "ledger", "post", "bill", "short-1", "buyer:acme", "12.50", *words)
    note = told(ppc, "ledger", "post", "credit", "buyer:acme", "2.50", "--reference", "CN-1", *words)
    told(ppc, "ledger", "post", "reverse", note["transfers"][0]["id"], *words)
    found = {one["account"]: one["micros"] for one in told(ppc, "ledger", "balance")["accounts"]}
    # acme 40 - 40 + 12.50 - 2.50 + 2.50; peak -25 - 25 + 25 + 25; cash 40 - 25
    assert found == {
        "buyer:acme": 12_500_000,
        "publisher:peak": 0,
        "cash": 15_000_000,
        "credits": 0,
        "revenue": -52_500_000,
        "payout": 25_000_000,
    }
    code, out, _ = ppc("books", "verify")
    assert (code, out) == (0, "2 calls, 9 transfers: the books hold\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["payment", "buyer:acmee", "1.00", "--reference", "1"], "buyer:acmee never moved and is in no configuration"),
        (["payment", "cash", "1.00", "--reference", "1"], '"cash" is not buyer:SLUG or publisher:SLUG'),
        (["payment", "buyer:acme", "1.005", "--reference", "1"], "is not an amount above zero in whole cents"),
        (["payment", "buyer:acme", "-1.00x", "--reference", "1"], "No such option"),
        (["payment", "buyer:acme", "0", "--reference", "1"], "is not an amount above zero in whole cents"),
        (["payment", "buyer:acme", "1,00", "--reference", "1"], "is not an amount"),
        (["payment", "buyer:acme", "1.00", "--reference", " "], "--reference must be plain text"),
        (["payment", "buyer:acme", "1.00", "--reference", "1", "--currency", "EUR"], "is kept in USD, not in EUR"),
        (["bill", "good-1", "buyer:acme", "40.00"], "is worth 40.00 USD to buyer:acme already"),
        (["reverse", "0"], 'no transfer "0"'),
    ],
)
def test_what_cannot_be_posted_is_refused_in_a_line(ppc, arguments, told):
    code, out, err = ppc("ledger", "post", *arguments, "--why", "x")
    assert code in (1, 2)
    assert out == ""
    assert told in err
    assert "Traceback" not in err


def test_books_that_do_not_hold_are_listed(ppc):
    assert told(ppc, "books", "verify") == {
        "good": True, "calls": 2, "transfers": 3, "problems": 0, "by_code": {}, "listed": [],
    }  # fmt: skip
    with writing(ppc.engine) as connection:
        connection.execute(update(entries).where(entries.c.account == "buyer:acme").values(micros=39_000_000))
    code, out, _ = ppc("books", "verify")
    assert code == 1
    assert "good-1: ledger and records differ: buyer:acme lacks 1.00 USD (yes: offer acme-roofing) [differs]" in out
    assert out.endswith("2 calls, 3 transfers: 3 problems\n")
    code, out, _ = ppc("books", "verify", "--json")
    assert code == 1
    assert json.loads(out)["by_code"] == {"differs": 1, "sum": 1, "transfer": 1}
