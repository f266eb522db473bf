"""A caller's earlier calls, with who talked and who owed for it; test calls and other callers are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ppc_engine.flows.history import EarlierCall
from ppc_engine.storage.caller_calls import CALLS_MAX, SQLCallerCalls
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database, writing
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.schema import billable_records, qualified_calls
from tests.storage.samples import call_id, make_attempt, make_cdr, offered_at

KEY = "+13105550123"


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    return engine


def keep(database: Engine, *numbers: int, **changes: object) -> None:
    records = [make_cdr(number, **{"caller_key": KEY, "attempts": (), **changes}) for number in numbers]
    SQLCDRStore(database).write([(record, compress_facts([])) for record in records])


def judge(database: Engine, number: int, verdict: str, *, version: int = 1, in_force: int = 1) -> None:
    """A verdict on the buyer's side of a call, as the qualifier keeps it."""
    place = {"offered_at": offered_at(number), "call_id": call_id(number)}
    of_call = {**place, "caller_key": KEY, "campaign": "roofing"}
    record = {
        **of_call, "version": version, "side": "buyer", "party": "acme", "offer": "o", "revision": "r",
        "verdict": verdict, "amount_micros": 0, "attempt_number": 1, "converted_at": 1, "connected_at": 1,
        "is_counted": 1, "target": "acme-west-1", "tracking_number": "", "reasons": "[]", "flags": "[]",
    }  # fmt: skip
    judged = {
        **of_call, "version": in_force, "qualified_at": 1, "publisher": "peak", "revenue_micros": 0,
        "payout_micros": 0, "margin_micros": 0, "currency": "USD",
    }  # fmt: skip
    with writing(database) as connection:
        connection.execute(billable_records.insert(), record)
        if version == in_force:
            connection.execute(qualified_calls.insert(), judged)


def test_calls_with_who_talked_and_who_owed(database: Engine) -> None:
    keep(database, 1, attempts=(make_attempt(1, 1, outcome="busy", connected_at=0), make_attempt(1, 2)))
    keep(database, 2)
    keep(database, 3, attempts=(make_attempt(3, 1),))
    judge(database, 3, "yes")
    judge(database, 1, "no")
    found = SQLCallerCalls(database).earlier_calls(KEY, 0)
    sample = make_cdr(1)
    of_all = {"campaign": sample.campaign, "publisher": sample.publisher, "dialed_number": sample.dialed_number}
    assert found == [
        EarlierCall(offered_at=offered_at(1), call_id=call_id(1), connected=True, target="acme-west-2", **of_all),
        EarlierCall(offered_at=offered_at(2), call_id=call_id(2), **of_all),
        EarlierCall(
            offered_at=offered_at(3), call_id=call_id(3), connected=True, target="acme-west-1",
            bought_target="acme-west-1", **of_all,
        ),
    ]  # fmt: skip


def test_verdict_that_is_no_more_in_force_owes_nothing(database: Engine) -> None:
    keep(database, 1, attempts=(make_attempt(1, 1),))
    judge(database, 1, "yes", version=1, in_force=2)
    judge(database, 1, "no", version=2, in_force=2)
    (found,) = SQLCallerCalls(database).earlier_calls(KEY, 0)
    assert found.bought_target == ""


def test_test_calls_other_callers_and_older_calls_are_left_out(database: Engine) -> None:
    keep(database, 1, test=True)
    keep(database, 2, caller_key="+13105550199")
    keep(database, 3, 4)
    reader = SQLCallerCalls(database)
    assert [call.call_id for call in reader.earlier_calls(KEY, offered_at(4))] == [call_id(4)]
    assert [call.call_id for call in reader.earlier_calls(KEY, 0)] == [call_id(3), call_id(4)]


def test_of_many_calls_the_latest_are_read(database: Engine) -> None:
    keep(database, *range(CALLS_MAX + 3))
    found = SQLCallerCalls(database).earlier_calls(KEY, 0)
    assert len(found) == CALLS_MAX and found[-1].call_id == call_id(CALLS_MAX + 2)


def test_an_index_is_read_and_no_table(database: Engine) -> None:
    plan = "EXPLAIN QUERY PLAN SELECT * FROM calls WHERE caller_key = 'x' AND offered_at >= 5 ORDER BY offered_at DESC"
    with database.connect() as connection:
        told = " ".join(row.detail for row in connection.execute(text(plan)))
    assert "ix_calls_caller_key" in told and "SCAN" not in told
