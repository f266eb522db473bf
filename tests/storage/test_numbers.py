"""Tracking numbers: taken whole or not at all, never taken from somebody by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.storage import number_files, numbers
from ppc_engine.storage.database import open_database, writing
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.number_files import read_numbers
from ppc_engine.storage.numbers import ImportResult, OwnedNumber, assign, list_numbers, load_all, release
from ppc_engine.values.errors import BadValueError, ConfigError, OutsideError

CAMPAIGNS = ("roofing", "solar")
PUBLISHERS = ("peak", "quinn")


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path}/ppc.sqlite")
    upgrade(engine)
    return engine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "numbers.csv"


def number(text: str = "+18005550100", campaign: str = "roofing", publisher: str = "peak", test: bool = False):  # type: ignore[no-untyped-def]
    return TrackingNumber(number=text, campaign=campaign, publisher=publisher, test=test)


def take(database: Engine, file: Path, *lines: str, now_us: int = 5, move: bool = False) -> ImportResult:
    file.write_text("\n".join(lines))
    return numbers.import_file(database, file, now_us, campaigns=CAMPAIGNS, publishers=PUBLISHERS, move=move)


def refusal(database: Engine, file: Path, *lines: str) -> list[str]:
    before = list_numbers(database)
    with pytest.raises(ConfigError) as refused:
        take(database, file, *lines)
    assert list_numbers(database) == before
    return [str(issue).removeprefix(f"{file}:") for issue in refused.value.issues]


HEADER = "number,campaign,publisher,test"


def test_an_import_assigns_every_number(database: Engine, file: Path) -> None:
    done = take(database, file, HEADER, "+18005550100,roofing,peak,no", "", "(800) 555-0101,solar,quinn,YES")
    assert done == ImportResult(added=2, changed=0, unchanged=0)
    assert load_all(database) == {
        "+18005550100": number(),
        "+18005550101": number("+18005550101", "solar", "quinn", test=True),
    }


def test_columns_come_in_any_order_and_test_may_be_missing(database: Engine, file: Path) -> None:
    take(database, file, "\ufeffPublisher, Number,campaign", 'peak,"+18005550100",roofing')
    assert load_all(database) == {"+18005550100": number()}


def test_every_line_that_is_wrong_is_named_and_nothing_is_taken(database: Engine, file: Path) -> None:
    assert refusal(
        database,
        file,
        HEADER,
        "+18005550100,roofing,peak,no",
        "+1800555,roofin,peak,maybe",
        "1.80E+10,solar,nobody,no",
        "+18005550101,solar",
        "8005550100,solar,quinn,no",
    ) == [
        '3:1: number: "+1800555" is not a telephone number (write +18005550100)',
        '3:10: campaign: no campaign "roofin" in the catalog (did you mean "roofing"?)',
        '3:22: test: "maybe" is neither yes nor no',
        '4:1: number: "1.80E+10" is not a telephone number (write +18005550100)',
        '4:16: publisher: no publisher "nobody" in the catalog',
        "5:1: 2 cells, but the first line names 4 columns",
        "6:1: number: +18005550100 is on line 2 already",
    ]


@pytest.mark.parametrize("header", ["", "a,b,c", "number,campaign", "number,campaign,publisher,zip", "number,number"])
def test_a_first_line_that_names_other_columns(database: Engine, file: Path, header: str) -> None:
    assert refusal(database, file, header, "+18005550100,roofing,peak,no") == [f"1:1: {number_files.COLUMNS_TOLD}"]


def test_a_file_that_is_no_text(database: Engine, file: Path) -> None:
    file.write_bytes(f"{HEADER}\n+18005550100,roofing,p\xe9ak,no\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="2:1: not UTF-8 text"):
        numbers.import_file(database, file, 1, campaigns=CAMPAIGNS, publishers=PUBLISHERS)


def test_a_file_that_is_not_there(database: Engine, file: Path) -> None:
    with pytest.raises(OutsideError, match="No such file"):
        numbers.import_file(database, file, 1, campaigns=CAMPAIGNS, publishers=PUBLISHERS)


def test_a_file_that_is_too_large(database: Engine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_files, "FILE_BYTES_MAX", 1 << 20)
    assert "larger than 1 MiB" in refusal(database, file, HEADER, "x" * (1 << 20))[0]


def test_another_file_altogether_does_not_flood_the_screen(
    database: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "ISSUES_MAX", 5)
    told = refusal(database, file, HEADER, *(f"{n},roofing,peak,no" for n in range(9)))
    assert len(told) == 6
    assert "and 4 more problems" in told[-1]


def test_an_import_twice_changes_nothing(database: Engine, file: Path) -> None:
    lines = (HEADER, "+18005550100,roofing,peak,no")
    take(database, file, *lines)
    before = list_numbers(database)
    assert take(database, file, *lines, now_us=9) == ImportResult(added=0, changed=0, unchanged=1)
    assert list_numbers(database) == before


def test_a_number_in_use_is_moved_only_when_asked(database: Engine, file: Path) -> None:
    take(database, file, HEADER, "+18005550100,roofing,peak,no")
    lines = (HEADER, "+18005550100,solar,peak,no", "+18005550101,solar,peak,no")
    assert refusal(database, file, *lines) == [
        "2:1: number: +18005550100 belongs to campaign roofing, publisher peak (release it first, or say --move)"
    ]
    assert take(database, file, *lines, now_us=9, move=True) == ImportResult(added=1, changed=1, unchanged=0)
    moved, _ = list_numbers(database)
    assert moved == OwnedNumber("+18005550100", "solar", "peak", False, created_at=5, assigned_at=9, released_at=0)


def test_a_large_import_tells_its_progress(database: Engine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[int, int]] = []
    monkeypatch.setattr(number_files, "PORTION", 100)
    file.write_text("\n".join([HEADER, *(f"+1800555{n:04d},roofing,peak,no" for n in range(1_200))]))
    numbers.import_file(
        database, file, 5, campaigns=CAMPAIGNS, publishers=PUBLISHERS, progress=lambda *step: steps.append(step)
    )
    assert steps == [(done, 1_200) for done in range(100, 1_300, 100)]
    assert len(load_all(database)) == 1_200


def test_assign_and_release(database: Engine) -> None:
    assert assign(database, number(), 1)
    assert not assign(database, number(), 2)
    with pytest.raises(BadValueError, match="belongs to campaign roofing, publisher peak"):
        assign(database, number(publisher="quinn"), 3)
    assert assign(database, number(test=True), 4)  # The owner stays: nobody else is billed.
    assert release(database, "+18005550100", 5)
    assert not release(database, "+18005550100", 6)
    assert load_all(database) == {}
    assert list_numbers(database, free=True) == [OwnedNumber("+18005550100", "", "", False, 1, 0, 5)]
    assert assign(database, number(publisher="quinn"), 7)
    assert list_numbers(database) == [OwnedNumber("+18005550100", "roofing", "quinn", False, 1, 7, 5)]
    with pytest.raises(BadValueError, match="not a number of ours"):
        release(database, "+18005550199", 8)


def test_list_restricts(database: Engine) -> None:
    assign(database, number("+18005550101", "roofing", "peak"), 1)
    assign(database, number("+18005550100", "solar", "peak"), 1)
    assign(database, number("+18005550102", "solar", "quinn"), 1)

    def listed(**only: str) -> list[str]:
        return [owned.number[-1] for owned in list_numbers(database, **only)]

    assert listed() == ["0", "1", "2"]
    assert listed(campaign="solar") == ["0", "2"]
    assert listed(publisher="peak") == ["0", "1"]
    assert listed(campaign="solar", publisher="quinn") == ["2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from('+18005,"\n\r\t roofingpeak\x00é;'), max_size=200))
def test_no_text_breaks_the_reader(file: Path, text: str) -> None:
    file.write_text(HEADER + "\n" + text, newline="")
    good, lines, issues = read_numbers(file, CAMPAIGNS, PUBLISHERS)
    assert set(good) == set(lines)
    assert good or issues or not text.strip(' \t\r\n,"')


def test_a_number_is_assigned_whole_or_free(database: Engine) -> None:
    half = {"number": "+1", "campaign": "roofing", "publisher": "", "test": False}
    times = {"created_at": 0, "assigned_at": 0, "released_at": 0}
    with pytest.raises(BadValueError, match="assigned_whole"), writing(database) as connection:
        connection.execute(numbers.insert(numbers.tracking_numbers), {**half, **times})
