"""The batch: any order of arrival, any portions, any number of runs and any kill give the same verdicts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from sqlalchemy import select

from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage.billing import SQLBillingStore, oldest_open_call
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database, reading
from ppc_engine.storage.schema import billable_records, metadata
from tests.billing.conftest import NO_FACTS, Books
from tests.billing.traces import (
    ACME,
    PEAK,
    ZENITH,
    Try,
    buyer,
    call,
    catalog,
    judge_all,
    money,
    offer,
    publisher,
    side,
    stored,
    told,
    unique,
    us,
)

ROOT = Path(__file__).parents[2]
START = us("2026-05-04T12:00:00Z")
MINUTE = 60_000_000
TERMS = catalog(ACME, PEAK)


def summed(found):
    return {name: (judgement.records, money(judgement)) for name, judgement in found.items()}


def paid(found):
    return sorted(name for name, judgement in found.items() if judgement.revenue_micros)


# Any order, any portions.

RULES = st.builds(
    unique,
    event=st.sampled_from(["connected", "counted", "converted"]),
    scope=st.sampled_from(["target", "buyer", "campaign", "publisher", "tracking_number"]),
    days=st.integers(1, 3),
)


@st.composite
def histories(draw):
    """A handful of calls of two callers within days, some overlapping, and terms under which they compete."""
    rules = [draw(RULES) for _ in range(3)]
    terms = catalog(
        buyer("acme", offer("acme", "40.00", "90", rules[0])),
        buyer("zenith", offer("zenith", "45.00", "30", rules[1])),
        publisher("peak", offer("peak", "25.00", "60", rules[2])),
        publisher("quinn", offer("quinn", "22.00", "0", rules[2])),
    )
    tries = st.builds(
        Try,
        buyer=st.sampled_from(["acme", "zenith"]),
        seconds=st.sampled_from([None, "45.000", "100.000", "7200.000"]),
    )
    calls = []
    for number in range(draw(st.integers(2, 7))):
        cdr = call(
            f"{number}",
            START + draw(st.sampled_from([0, 1, 30, 60, 1439, 1440, 1441, 1500, 2880, 2900])) * MINUTE,
            *draw(st.lists(tries, min_size=0, max_size=2)),
            caller=draw(st.sampled_from(["+13105550123", "+13105550124"])),
            publisher=draw(st.sampled_from(["peak", "quinn"])),
            dialed=draw(st.sampled_from(["+18005550100", "+18005550101"])),
            test=draw(st.integers(0, 9)) == 0,
        )
        calls.append(cdr)
    return terms, calls


@profile(max_examples=60)
@given(world=histories(), data=st.data())
def test_any_order_of_arrival_and_any_portions_give_the_same_verdicts(world, data):
    terms, calls = world
    network = Books(terms)
    left = data.draw(st.permutations(calls))
    while left:
        portion, left = left[: (size := data.draw(st.integers(1, 3)))], left[size:]
        network.arrive(*portion)
        network.qualify(batch_calls=data.draw(st.integers(1, 3)))
    assert summed(network.in_force()) == summed(judge_all(terms, calls))
    again = network.qualify()
    assert (again.judged, again.corrected) == (0, 0)
    network.close()


@profile(max_examples=30)
@given(world=histories(), data=st.data())
def test_a_rehearsal_says_what_a_run_does_and_writes_nothing(world, data):
    terms, calls = world
    network = Books(terms)
    late = data.draw(st.integers(1, len(calls)))
    network.arrive(*calls[late:])
    network.qualify()
    before = network.in_force()
    network.arrive(*calls[:late])
    rehearsed = network.qualify(dry_run=True, batch_calls=1)
    assert network.in_force() == before
    assert network.qualify(batch_calls=1) == rehearsed
    network.close()


def test_a_rehearsal_knows_over_batches_what_it_would_have_paid(books):
    network = books(TERMS)
    network.arrive(*(call(f"{n}", START + n * 10 * MINUTE, Try("acme", "120.000")) for n in range(3)))
    summary = network.qualify(dry_run=True, batch_calls=1)
    assert summary.money == {"USD": [40_000_000, 25_000_000]}
    assert (summary.judged, network.in_force()) == (3, {})


# Versions.


def test_a_chain_of_calls_is_judged_anew_from_the_late_one_on(books):
    rule = unique(days=1)
    network = books(catalog(buyer("acme", offer("acme", "40.00", "90", rule))))
    calls = [call(f"{n}", START + n * 20 * 60 * MINUTE, Try("acme", "120.000"), publisher="") for n in range(4)]
    network.arrive(*calls[1:])
    network.qualify()
    assert paid(network.in_force()) == ["1", "3"]
    network.arrive(calls[0])
    assert network.qualify().corrected == 3
    assert paid(network.in_force()) == ["0", "2"]
    assert {name: one.version for name, one in network.in_force().items()} == {"0": 1, "1": 2, "2": 2, "3": 2}
    with reading(network.engine) as connection:  # What was said first is still there, word for word.
        rows = connection.execute(select(billable_records).where(billable_records.c.version == 1)).all()
    assert sorted((row.call_id, row.verdict) for row in rows) == [("0", "yes"), ("1", "yes"), ("2", "no"), ("3", "yes")]


def every_twenty_hours(books, arrivals):
    """Calls of one caller, a new one every 20 hours and one a day paid for, as they arrive: each group, then a run."""
    network = books(catalog(buyer("acme", offer("acme", "40.00", "90", unique(days=1)))))
    for group in arrivals:
        network.arrive(
            *(call(f"{n}", START + n * 20 * 60 * MINUTE, Try("acme", "120.000"), publisher="") for n in group)
        )
        network.qualify()
    found = network.in_force()
    return paid(found), {name: one.version for name, one in found.items()}


def test_calls_judged_anew_stand_in_their_place_among_new_ones(books):
    assert every_twenty_hours(books, [[1], [0, 2, 3]]) == (["0", "2"], {"0": 1, "1": 2, "2": 1, "3": 1})


def test_a_conversion_that_was_corrected_away_binds_nobody(books):
    assert every_twenty_hours(books, [[1], [0], [2]]) == (["0", "2"], {"0": 1, "1": 2, "2": 1})


def test_a_call_judged_the_same_once_more_stays_at_its_version(books):
    network = books(TERMS)
    for number in (2, 1):  # The second corrects the first.
        network.arrive(call(f"{number}", START + number * MINUTE, Try("acme", "120.000")))
        network.qualify()
    network.arrive(call("0", START, Try("acme", "5.000")))
    assert network.qualify().corrected == 0
    assert {name: one.version for name, one in network.in_force().items()} == {"0": 1, "1": 1, "2": 2}


def test_a_late_call_that_changes_nothing_adds_no_version(books):
    network = books(TERMS)
    network.arrive(call("2", START + MINUTE, Try("acme", "120.000")))
    network.qualify()
    network.arrive(call("1", START, Try("acme", "5.000")))
    summary = network.qualify()
    assert (summary.judged, summary.corrected) == (1, 0)
    assert network.in_force()["2"].version == 1


def test_a_call_that_dialled_nobody_and_belongs_to_nobody_is_done_once(books):
    network = books(TERMS)
    network.arrive(call("1", START, campaign="", publisher="", outcome="unknown_number"))
    assert (network.qualify().judged, network.qualify().judged) == (1, 0)
    assert network.in_force()["1"].records == ()


# What waits.


def test_only_calls_offered_in_the_period_are_judged(books):
    network = books(TERMS)
    network.arrive(*(call(f"{n}", START + n * MINUTE, caller=f"+1310555010{n}") for n in range(4)))
    network.qualify(since=START + MINUTE, until=START + 3 * MINUTE, batch_calls=1)
    assert sorted(network.in_force()) == ["1", "2"]
    network.qualify()
    assert sorted(network.in_force()) == ["0", "1", "2", "3"]


def test_calls_after_the_oldest_open_one_wait_unless_its_engine_went_away(books):
    network = books(TERMS)
    hour = 60 * MINUTE
    cdrs = SQLCDRStore(network.engine)
    assert oldest_open_call(network.engine, START) is None
    cdrs.write([], oldest_open_at=START)
    assert oldest_open_call(network.engine, START + hour) == START
    assert oldest_open_call(network.engine, START + 7 * hour) is None
    cdrs.write([], oldest_open_at=0)
    assert oldest_open_call(network.engine, START + hour) is None


def test_a_call_whose_terms_are_not_stored_waits_and_is_counted(books):
    network = books(TERMS)
    network.arrive(
        call("1", START, Try("acme", "120.000"), revision="lost"),
        call("2", START + MINUTE, Try("acme", "120.000"), revision="kept"),
    )
    summary = qualify(network.store, {"kept": TERMS}.get, lambda: 1)
    assert (summary.judged, summary.without_terms) == (1, {"lost": 1})
    # It converts to nothing yet; once its terms are there it takes the place of the later call.
    assert paid(network.in_force()) == ["2"]
    qualify(network.store, {"kept": TERMS, "lost": TERMS}.get, lambda: 1)
    assert paid(network.in_force()) == ["1"]


def test_a_catalog_is_asked_for_by_the_calls_own_revision(books):
    network = books(TERMS)
    dearer = catalog(buyer("acme", offer("acme", "50.00", "90", unique())), PEAK)
    for n, revision in enumerate(["old", "new"]):
        network.arrive(call(revision, START + n, Try("acme", "120.000"), caller=f"+1310555010{n}", revision=revision))
    qualify(network.store, {"old": TERMS, "new": dearer}.get, lambda: 1)
    found = network.in_force()
    assert (money(found["old"])[0], money(found["new"])[0]) == ("40.00", "50.00")


def test_progress_is_told_after_every_batch(books):
    network = books(TERMS)
    network.arrive(*(call(f"{n}", START + n) for n in range(5)))
    steps = []
    network.qualify(batch_calls=2, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(2, 5), (4, 5), (5, 5)]


# Two at once, and killed.

CALLERS = 20
CALLS = 300


def many_calls():
    return [
        call(
            f"{n:04d}",
            START + (n * 7919 % CALLS) * MINUTE,
            *([Try("acme", "50.000"), Try("zenith", "95.000")] if n % 3 else [Try("acme", "91.000")]),
            caller=f"+131055501{n % CALLERS:02d}",
        )
        for n in range(CALLS)
    ]


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path}/books.sqlite"
    engine = open_database(url)
    metadata.create_all(engine)
    SQLCDRStore(engine).write([(cdr, NO_FACTS) for cdr in many_calls()])
    yield url, engine
    engine.dispose()


MANY_TERMS = catalog(ACME, ZENITH, PEAK)


def test_a_run_that_was_overtaken_by_another_says_nothing_twice(books):
    network = books(TERMS)
    network.arrive(*(call(f"{n}", START + n, Try("acme", "120.000")) for n in range(4)))

    class Overtaken(SQLBillingStore):
        def pending(self, *arguments):
            found = super().pending(*arguments)
            network.qualify()
            return found

    assert qualify(Overtaken(network.engine), lambda _: TERMS, lambda: 1).judged == 0
    assert paid(network.in_force()) == ["0"]


RUN_AT_A_SIGN = """
import sys
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.database import open_database
from tests.billing.test_batches import MANY_TERMS

store = SQLBillingStore(open_database(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(qualify(store, lambda _: MANY_TERMS, lambda: 1, batch_calls=7).judged)
"""


def test_two_processes_at_once_say_each_thing_once(database):
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
        judged = [int(run.communicate(timeout=50)[0]) for run in runs]
    finally:
        for run in runs:
            run.kill()
            run.wait()
    assert sum(judged) == CALLS
    assert summed(stored(engine)) == summed(judge_all(MANY_TERMS, many_calls()))


KILLED_RUN = """
import os, signal, sys
from ppc_engine.engine.qualify_batch import qualify
from ppc_engine.storage import billing
from ppc_engine.storage.database import open_database
from tests.billing.test_batches import MANY_TERMS

url, after_writes = sys.argv[1], int(sys.argv[2])
writes = 0
write = billing._SQLBatch.write

def die_after_writing(batch, judgements, qualified_at):
    global writes
    write(batch, judgements, qualified_at)
    writes += 1
    if writes == after_writes:
        os.kill(os.getpid(), signal.SIGKILL)

billing._SQLBatch.write = die_after_writing
qualify(billing.SQLBillingStore(open_database(url)), lambda _: MANY_TERMS, lambda: 1, batch_calls=100)
"""


@pytest.mark.parametrize("after_writes", [1, 2])
def test_a_run_killed_inside_a_batch_is_taken_up_where_it_was(database, after_writes):
    url, engine = database
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, url, str(after_writes)], check=False, timeout=50, cwd=ROOT
    )
    assert killed.returncode == -9
    assert len(stored(engine)) == (after_writes - 1) * 100  # The batch it died in left nothing.
    qualify(SQLBillingStore(engine), lambda _: MANY_TERMS, lambda: 1)
    assert summed(stored(engine)) == summed(judge_all(MANY_TERMS, many_calls()))


def test_reasons_flags_and_numbers_are_stored_as_they_were_judged(books):
    network = books(MANY_TERMS)
    network.arrive(call("1", START, Try("acme", "70.000"), outcome="connected"))
    network.qualify()
    with reading(network.engine) as connection:
        rows = {row.side: row for row in connection.execute(select(billable_records))}
    assert rows["buyer"].reasons == (
        '[{"code":"too_short","text":"connected 70.000 s, needs 90 s, short by 20.000 s",'
        '"measured":70000,"limit":90000,"attempt":1}]'
    )
    assert (rows["publisher"].flags, rows["publisher"].attempt_number) == ('["payout_without_revenue"]', 1)
    assert rows["publisher"].converted_at == START + 70_000_000  # Ten seconds to answer, sixty to the last leaf.
    assert (rows["buyer"].offer, rows["buyer"].revision, rows["buyer"].is_counted) == ("acme-roofing", "r1", 1)
    assert told(side(network.in_force()["1"], "publisher")) == "yes"
