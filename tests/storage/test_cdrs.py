"""Finished calls go in once and come out as they were."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from ppc_engine.calls.record import ATTEMPT_OUTCOMES, CALL_OUTCOMES, CDR
from ppc_engine.storage import cdrs
from ppc_engine.storage.cdrs import CallFilter, SQLCDRStore
from ppc_engine.storage.database import open_database, reading
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.schema import metadata
from ppc_engine.values.errors import BadValueError, OutsideError
from tests.storage.samples import call_id, make_attempt, make_cdr, make_facts, offered_at


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    return engine


@pytest.fixture
def store(database: Engine) -> SQLCDRStore:
    return SQLCDRStore(database)


def finished(*records: CDR) -> list[tuple[CDR, bytes]]:
    return [(record, compress_facts([{"e": record.call_id}])) for record in records]


def counts(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {
            name: connection.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one()
            for name in ("calls", "attempts", "call_facts")
        }


def test_a_call_comes_out_as_it_went_in(store: SQLCDRStore) -> None:
    two = make_cdr(1, attempts=(make_attempt(1, 1, outcome="busy", connected_at=0), make_attempt(1, 2)))
    none = make_cdr(2, attempts=(), outcome="abandoned_in_ivr", test=True, end_estimated=True, sub_ids={})
    store.write([(two, compress_facts(make_facts(1))), (none, compress_facts([]))])
    assert store.read_call(call_id(1)) == two
    assert store.read_call(call_id(2)) == none
    assert store.read_facts(call_id(1)) == make_facts(1)
    assert store.read_facts(call_id(2)) == []
    assert store.read_call("nobody") is None
    assert store.read_facts("nobody") == []


def test_types_come_back_too(store: SQLCDRStore) -> None:
    store.write(finished(make_cdr(1)))
    read = store.read_call(call_id(1))
    assert read is not None
    assert {name: type(value) for name, value in dataclasses.asdict(read).items()} == {
        name: type(value) for name, value in dataclasses.asdict(make_cdr(1)).items()
    }
    assert type(read.attempts[0].end_estimated) is bool


def test_writing_twice_is_harmless(store: SQLCDRStore, database: Engine) -> None:
    first = make_cdr(1)
    store.write(finished(first))
    before = counts(database)
    later = dataclasses.replace(first, outcome="failed", offered_at=first.offered_at + 1, attempts=())
    store.write(finished(first))
    store.write(finished(later, later))
    assert counts(database) == before
    assert store.read_call(call_id(1)) == first


def test_a_call_twice_in_one_batch_is_one_call(store: SQLCDRStore, database: Engine) -> None:
    """After a restart the same call may be folded again, and an estimate may not even have the same beginning."""
    first = make_cdr(1)
    store.write(finished(first, dataclasses.replace(first, offered_at=first.offered_at + 1)))
    assert counts(database) == {"calls": 1, "attempts": 1, "call_facts": 1}
    assert store.read_call(call_id(1)) == first


def test_new_calls_of_a_batch_are_written_beside_known_ones(store: SQLCDRStore, database: Engine) -> None:
    store.write(finished(make_cdr(1), make_cdr(2)))
    store.write(finished(make_cdr(2), make_cdr(3), make_cdr(3)))
    assert counts(database) == {"calls": 3, "attempts": 3, "call_facts": 3}


@pytest.mark.parametrize(
    "bad",
    [
        make_cdr(2, outcome="vanished"),
        make_cdr(2, sub_ids={"n": 1}, total_ms=2**63),
        make_cdr(2, attempts=(make_attempt(2, outcome="maybe"),)),
        make_cdr(2, caller_number=None),
    ],
    ids=["outcome", "too large", "attempt", "null"],
)
def test_a_batch_is_written_whole_or_not_at_all(store: SQLCDRStore, database: Engine, bad: CDR) -> None:
    with pytest.raises((BadValueError, OverflowError)):
        store.write(finished(make_cdr(1), bad), oldest_open_at=7)
    assert counts(database) == {"calls": 0, "attempts": 0, "call_facts": 0}
    assert store.watermark() == 0
    store.write(finished(make_cdr(1)))
    assert counts(database)["calls"] == 1


def test_every_outcome_fits_its_column(store: SQLCDRStore) -> None:
    store.write(finished(*(make_cdr(n, outcome=outcome) for n, outcome in enumerate(CALL_OUTCOMES))))
    tries = tuple(make_attempt(99, n, outcome=outcome) for n, outcome in enumerate(ATTEMPT_OUTCOMES, 1))
    store.write(finished(make_cdr(99, attempts=tries)))
    assert [call.outcome for call in store.list_calls()][::-1] == [*CALL_OUTCOMES, "connected"]


def test_listing_goes_from_the_newest_page_by_page(store: SQLCDRStore) -> None:
    store.write(finished(*(make_cdr(n) for n in range(7))))
    pages, after = [], None
    while page := store.list_calls(CallFilter(after=after), limit=3):
        pages.append([call.call_id for call in page])
        after = (page[-1].offered_at, page[-1].call_id)
    assert pages == [[call_id(n) for n in numbers] for numbers in ((6, 5, 4), (3, 2, 1), (0,))]


def test_calls_of_the_same_microsecond_are_listed_once_each(store: SQLCDRStore) -> None:
    same = [make_cdr(n, offered_at=offered_at(0)) for n in range(5)]
    store.write(finished(*same))
    first = store.list_calls(limit=2)
    rest = store.list_calls(CallFilter(after=(first[-1].offered_at, first[-1].call_id)))
    assert sorted(call.call_id for call in first + rest) == sorted(call.call_id for call in same)


@pytest.mark.parametrize(
    ("only", "numbers"),
    [
        (CallFilter(since=offered_at(2)), [3, 2]),
        (CallFilter(until=offered_at(2)), [1, 0]),
        (CallFilter(since=offered_at(1), until=offered_at(3)), [2, 1]),
        (CallFilter(campaign="gutters"), [1]),
        (CallFilter(publisher="quinn"), [2]),
        (CallFilter(outcome="zip_failed"), [3]),
        (CallFilter(caller="+12135550001"), [1]),
        (CallFilter(caller="(213) 555-0001"), [1]),
        (CallFilter(caller="anonymous"), [3]),
        (CallFilter(campaign="gutters", publisher="quinn"), []),
    ],
)
def test_filters(store: SQLCDRStore, only: CallFilter, numbers: list[int]) -> None:
    unlike = [
        {},
        {"campaign": "gutters"},
        {"publisher": "quinn"},
        {"outcome": "zip_failed", "caller_number": "anonymous", "caller_kind": "anonymous", "caller_key": ""},
    ]
    store.write(finished(*(make_cdr(n, **changes) for n, changes in enumerate(unlike))))
    assert [call.call_id for call in store.list_calls(only)] == [call_id(n) for n in numbers]


def test_a_call_is_found_by_the_beginning_of_its_id_or_token(store: SQLCDRStore) -> None:
    store.write(finished(*(make_cdr(n) for n in range(50))))
    wanted = make_cdr(7)
    assert [call.call_id for call in store.find_calls(wanted.call_id[:8])] == [wanted.call_id]
    assert [call.call_id for call in store.find_calls(wanted.call_token[:9])] == [wanted.call_id]
    assert store.find_calls("") == []
    assert store.find_calls("%") == store.find_calls("_" * 8) == []


def test_the_watermark_is_written_with_the_calls(store: SQLCDRStore, database: Engine) -> None:
    assert store.watermark() == 0
    store.write(finished(make_cdr(1)), oldest_open_at=offered_at(0))
    assert store.watermark() == offered_at(0)
    SQLCDRStore(database, "second").write([], oldest_open_at=offered_at(5))
    assert store.watermark() == offered_at(0)
    store.write([], oldest_open_at=0)
    assert store.watermark() == offered_at(5)
    store.write(finished(make_cdr(2)))
    assert store.watermark() == offered_at(5)


def test_long_listings_read_every_attempt(store: SQLCDRStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdrs, "ATTEMPT_KEYS_MAX", 3)
    records = [make_cdr(n, attempts=(make_attempt(n, 1), make_attempt(n, 2))) for n in range(8)]
    store.write(finished(*records))
    assert store.list_calls() == records[::-1]


def test_a_database_without_tables_names_the_cure(tmp_path: Path) -> None:
    empty = SQLCDRStore(open_database(f"sqlite:///{tmp_path}/empty.sqlite"))
    with pytest.raises(OutsideError, match="ppc db upgrade"):
        empty.write(finished(make_cdr(1)))
