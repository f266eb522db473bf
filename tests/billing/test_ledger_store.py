"""The ledger beside the qualifier: any order of arrival, any kill and any number of runs leave the same books."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from sqlalchemy import delete, update

from ppc_engine.billing.ledger import credit, payment
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.books import BooksCheck
from ppc_engine.storage.database import reading, writing
from ppc_engine.storage.ledger import add, read_transfers
from ppc_engine.storage.ledger_desk import SQLLedger
from ppc_engine.storage.schema import billable_records, calls, entries, qualified_calls, transfers
from ppc_engine.values.errors import BadValueError
from tests.billing.conftest import Books
from tests.billing.ledgers import balances, rows, worth
from tests.billing.test_batches import (
    CALLS,
    KILLED_RUN,
    MANY_TERMS,
    ROOT,
    RUN_AT_A_SIGN,
    START,
    TERMS,
    database,  # noqa: F401
    histories,
    many_calls,
)
from tests.billing.traces import Try, call, judge_all

MINUTE = 60_000_000


def problems(engine):
    return [(problem.code, problem.call_id) for problem in BooksCheck(engine).problems()]


@profile(max_examples=40)
@given(world=histories(), data=st.data())
def test_any_order_of_arrival_and_any_portions_leave_the_same_balances(world, data):
    terms, came = world
    network = Books(terms)
    left = data.draw(st.permutations(came))
    while left:
        portion, left = left[: (size := data.draw(st.integers(1, 3)))], left[size:]
        network.arrive(*portion)
        network.qualify(batch_calls=data.draw(st.integers(1, 3)))
    assert balances(network.engine) == worth(judge_all(terms, came).values())
    posted = rows(network.engine)
    network.qualify()
    assert rows(network.engine) == posted
    assert problems(network.engine) == []
    network.close()


def test_a_late_call_corrects_what_was_posted(books):
    network = books(TERMS)
    network.arrive(call("2", START + MINUTE, Try("acme", "120.000")))
    network.qualify()
    network.arrive(call("1", START, Try("acme", "120.000")))
    network.qualify()
    moved = sorted((name, kind, one.get("buyer:acme", 0)) for kind, name, one in rows(network.engine).values())
    assert moved == [
        ("1", "conversion", 0),
        ("1", "conversion", 40_000_000),
        ("2", "conversion", 0),
        ("2", "conversion", 40_000_000),
        ("2", "correction", -40_000_000),
        ("2", "correction", 0),
    ]
    # Money case M-53: 40 - 25 = 15, whichever CDR came first.
    assert balances(network.engine) == {
        "buyer:acme": 40_000_000,
        "revenue": -40_000_000,
        "publisher:peak": -25_000_000,
        "payout": 25_000_000,
    }


def test_a_rehearsal_posts_nothing(books):
    network = books(TERMS)
    network.arrive(call("1", START, Try("acme", "120.000")))
    network.qualify(dry_run=True)
    assert rows(network.engine) == {}


def forget_the_ledger(engine):
    """The tables as a database has them that was upgraded after calls had been judged."""
    with writing(engine) as connection:
        connection.execute(delete(entries))
        connection.execute(delete(transfers))
        connection.execute(update(qualified_calls).values(posted_version=0))


def test_calls_of_before_the_ledger_come_into_it_once(books):
    network = books(TERMS)
    network.arrive(*(call(f"{n}", START + n, Try("acme", "120.000"), caller=f"+1310555010{n}") for n in range(5)))
    network.qualify()
    posted = rows(network.engine)
    forget_the_ledger(network.engine)
    assert problems(network.engine) == [("not_posted", f"{n}") for n in range(5)]
    assert network.qualify(dry_run=True).posted == 0
    assert network.qualify(batch_calls=2).posted == 5
    assert rows(network.engine) == posted
    assert network.qualify().posted == 0
    assert rows(network.engine) == posted
    assert problems(network.engine) == []


def test_a_version_that_an_older_program_wrote_is_posted_as_a_correction(books):
    network = books(TERMS)
    network.arrive(call("1", START, Try("acme", "120.000")))
    network.qualify()
    with writing(network.engine) as connection:  # It knows records and versions, and nothing of a ledger.
        connection.execute(update(billable_records).values(version=2, amount_micros=30_000_000))
        amounts = {"revenue_micros": 30_000_000, "payout_micros": 30_000_000, "margin_micros": 0}
        connection.execute(update(qualified_calls).values(version=2, **amounts))
    assert network.qualify().posted == 1
    assert balances(network.engine)["buyer:acme"] == 30_000_000
    assert [kind for kind, _, _ in rows(network.engine).values()].count("correction") == 2
    assert problems(network.engine) == []


def test_two_processes_at_once_post_each_thing_once(database):  # noqa: F811
    url, engine = database
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN_AT_A_SIGN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(2)
    ]
    try:
        assert [run.stdout.readline() for run in runs] == [b"ready\n"] * 2
        for run in runs:
            run.stdin.write(b"go\n")
            run.stdin.flush()
        assert sum(int(run.communicate(timeout=50)[0]) for run in runs) == CALLS
    finally:
        for run in runs:
            run.kill()
            run.wait()
    assert balances(engine) == worth(judge_all(MANY_TERMS, many_calls()).values())
    assert problems(engine) == []


def test_a_run_killed_inside_a_batch_leaves_no_transfer_without_its_verdict(database):  # noqa: F811
    url, engine = database
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN, url, "2"], check=False, timeout=50, cwd=ROOT)
    assert killed.returncode == -9
    assert problems(engine) == []
    half = rows(engine)
    assert half
    qualify(SQLBillingStore(engine), lambda _: MANY_TERMS, lambda: 1)
    assert balances(engine) == worth(judge_all(MANY_TERMS, many_calls()).values())
    assert half.items() <= rows(engine).items()
    assert problems(engine) == []


KILLED_CATCHING_UP = """
import os, signal, sys
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage import billing
from ppc_engine.storage.database import open_database
from tests.billing.test_batches import MANY_TERMS

marked = 0
mark_posted = billing.mark_posted

def die_after_marking(connection, keys):
    global marked
    mark_posted(connection, keys)
    marked += 1
    if marked == 2:
        os.kill(os.getpid(), signal.SIGKILL)

billing.mark_posted = die_after_marking
qualify(billing.SQLBillingStore(open_database(sys.argv[1])), lambda _: MANY_TERMS, lambda: 1, batch_calls=100)
"""


def test_a_run_killed_while_it_catches_up_goes_on_where_it_was(database):  # noqa: F811
    url, engine = database
    qualify(SQLBillingStore(engine), lambda _: MANY_TERMS, lambda: 1)
    posted = rows(engine)
    forget_the_ledger(engine)
    killed = subprocess.run([sys.executable, "-c", KILLED_CATCHING_UP, url], check=False, timeout=50, cwd=ROOT)
    assert killed.returncode == -9
    assert qualify(SQLBillingStore(engine), lambda _: MANY_TERMS, lambda: 1).posted == CALLS - 100
    assert rows(engine) == posted
    assert problems(engine) == []


# What people post.

WORDS = {"who": "ann", "why": "they were right", "at": 5}


@pytest.fixture
def network(books):
    opened = books(TERMS)
    opened.arrive(
        call("good", START, Try("acme", "120.000"), caller="+13105550101"),
        call("short", START + 1, Try("acme", "70.000"), caller="+13105550102"),
        call("test", START + 2, Try("acme", "120.000"), caller="+13105550103", test=True),
        call("unseen", START + 3, Try("acme", "120.000", end_estimated=True), caller="+13105550104"),
    )
    opened.qualify()
    return opened


def test_a_call_is_waived_and_another_is_billed(network):
    desk = SQLLedger(network.engine)
    (waived,) = desk.decide("waive", "good", "buyer:acme", 0, **WORDS)
    (billed,) = desk.decide("bill", "sho", "buyer:acme", 20_000_000, **WORDS)
    assert (waived.who, waived.reason, billed.call_id) == ("ann", "they were right", "short")
    assert balances(network.engine)["buyer:acme"] == 20_000_000
    assert desk.of_call("good")[-1] == waived
    network.arrive(call("earlier", START - 1, Try("acme", "120.000"), caller="+13105550101"))
    network.qualify()  # "good" is a duplicate now, and has been waived: it is not taken back once more.
    # earlier 40 + short 20
    assert balances(network.engine)["buyer:acme"] == 60_000_000
    assert problems(network.engine) == []


@pytest.mark.parametrize(
    ("kind", "name", "account", "told"),
    [
        ("bill", "test", "buyer:acme", "test is a test call: it is never billed"),
        ("bill", "unseen", "buyer:acme", "unseen is review for buyer:acme: it is not billed before that is settled"),
        ("waive", "short", "buyer:acme", "short is worth 0.00 USD to buyer:acme already: nothing to post"),
        ("bill", "good", "buyer:zenith", "buyer:zenith is no party of good (it has: buyer:acme, publisher:peak)"),
        ("bill", "nobody", "buyer:acme", 'no call "nobody"'),
        ("bill", "", "buyer:acme", 'several calls begin with ""'),
    ],
)
def test_what_must_not_be_billed_is_refused(network, kind, name, account, told):
    before = rows(network.engine)
    with pytest.raises(BadValueError) as refused:
        SQLLedger(network.engine).decide(kind, name, account, 0 if kind == "waive" else 10_000_000, **WORDS)
    assert str(refused.value) == told
    assert rows(network.engine) == before


def test_a_call_that_waits_for_the_ledger_is_not_decided(network):
    forget_the_ledger(network.engine)
    with pytest.raises(BadValueError, match="good is not in the ledger yet"):
        SQLLedger(network.engine).decide("waive", "good", "buyer:acme", 0, **WORDS)


@pytest.mark.parametrize("words", [{"why": " "}, {"who": ""}, {"why": "x" * 501}, {"why": "a\nb"}])
def test_names_and_reasons_are_needed(network, words):
    with pytest.raises(BadValueError):
        SQLLedger(network.engine).decide("waive", "good", "buyer:acme", 0, **{**WORDS, **words})


def paid(amount, reference="WIRE-1", currency="USD"):
    return payment("buyer:acme", amount, currency, reference=reference, **WORDS)


def test_a_payment_is_booked_once_and_taken_back_once(network):
    desk = SQLLedger(network.engine)
    assert desk.book(paid(10_000_000))
    assert not desk.book(paid(10_000_000))
    with pytest.raises(BadValueError, match=r"WIRE-1 is booked already with 10\.00 USD"):
        desk.book(paid(11_000_000))
    with pytest.raises(BadValueError, match="buyer:acme is kept in USD, not in EUR"):
        desk.book(paid(10_000_000, "WIRE-2", "EUR"))
    assert balances(network.engine)["buyer:acme"] == 30_000_000
    desk.reverse(paid(1).id, **WORDS)
    with pytest.raises(BadValueError, match="is reversed already"):
        desk.reverse(paid(1).id, **WORDS)
    assert balances(network.engine)["buyer:acme"] == 40_000_000
    with pytest.raises(BadValueError, match="is of a call"):
        desk.reverse(desk.of_call("good")[0].id, **WORDS)
    with pytest.raises(BadValueError, match='no transfer "nothing"'):
        desk.reverse("nothing", **WORDS)
    assert problems(network.engine) == []


def test_balances_and_what_moved_an_account(network):
    desk = SQLLedger(network.engine)
    desk.book(paid(10_000_000))
    desk.book(credit("publisher:peak", 2_000_000, "USD", reference="CN-1", **WORDS))
    found = {one.account: (one.micros, one.entries) for one in desk.balances()}
    # Peak: good 25, short (60 s are enough) 25, credit 2.
    assert found["publisher:peak"] == (-52_000_000, 3)
    assert found["buyer:acme"] == (30_000_000, 2)
    assert sum(micros for micros, _ in found.values()) == 0
    assert [one.account for one in desk.balances("buyer:")] == ["buyer:acme"]
    assert [one.micros for one in desk.balances("buyer:acme", before=5)] == [40_000_000]
    assert [one.kind for one in desk.of_account("buyer:acme", 0, 6)] == ["conversion", "payment"]
    assert [one.kind for one in desk.of_account("buyer:acme", 5, 6)] == ["payment"]
    assert desk.of_account("buyer:acme", 0, 5)[0].entries == (("buyer:acme", 40_000_000), ("revenue", -40_000_000))


# Broken books.


def change(engine, statement):
    with writing(engine) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        (update(entries).where(entries.c.account == "buyer:acme").values(micros=1), {"transfer", "differs", "sum"}),
        (delete(entries).where(entries.c.account == "revenue"), {"transfer", "sum"}),
        (update(entries).where(entries.c.account == "revenue").values(at=9), {"entry"}),
        (update(qualified_calls).where(qualified_calls.c.call_id == "good").values(margin_micros=1), {"totals"}),
        (update(qualified_calls).where(qualified_calls.c.call_id == "good").values(currency=""),
         {"no_currency", "differs"}),
        (update(transfers).where(transfers.c.call_id == "good").values(call_id="other"),
         {"differs", "stray"}),
        (update(transfers).where(transfers.c.call_id == "good").values(call_id="short", offered_at=START + 1),
         {"chain", "differs"}),
        (update(billable_records).where(billable_records.c.call_id == "short", billable_records.c.side == "buyer")
         .values(amount_micros=1), {"not_final", "totals"}),
        (update(calls).where(calls.c.call_id == "good").values(test=True), {"test_call"}),
        (update(billable_records).where(billable_records.c.call_id == "good", billable_records.c.side == "buyer")
         .values(verdict="review"), {"not_final", "differs"}),
        (update(billable_records).where(billable_records.c.call_id == "good", billable_records.c.side == "buyer")
         .values(returned_micros=41_000_000), {"returned", "differs", "totals"}),
    ],
)  # fmt: skip
def test_books_that_were_tampered_with_do_not_hold(network, statement, codes):
    assert problems(network.engine) == []
    change(network.engine, statement)
    assert {code for code, _ in problems(network.engine)} == codes


def test_a_payment_with_a_false_id_is_found(network):
    SQLLedger(network.engine).book(paid(10_000_000))
    change(network.engine, update(transfers).where(transfers.c.kind == "payment").values(cause="payment of somebody"))
    assert problems(network.engine) == [("transfer", "")]


def test_a_transfer_that_is_not_whole_is_not_written(network):
    with reading(network.engine) as connection:
        (first, *_) = read_transfers(connection)
    with pytest.raises(ValueError, match="do not sum to zero"), writing(network.engine) as connection:
        add(connection, [type(first)(**{**{name: getattr(first, name) for name in first.__slots__}, "entries": (
            ("cash", 1), ("credits", 1))})])  # fmt: skip
