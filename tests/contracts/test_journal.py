"""What every call journal must do. Adding an adapter to JOURNALS runs the suite on it.

A journal is opened again on what an earlier one left: stopped in order, or copied away while it ran as a crash would.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ppc_engine.storage.journal import FileJournal
from ppc_engine.values.errors import OutsideError
from tests.storage.samples import call_id, make_facts

JOURNALS: list[Callable[..., Any]] = [lambda directory: FileJournal(directory, fsync_ms=1)]
DEADLINE_S = 5.0

Opener = Callable[[Path], Any]


@pytest.fixture(params=JOURNALS, ids=["file"])
def open_journal(request: pytest.FixtureRequest) -> Iterator[Opener]:
    opened = []

    def opener(directory: Path) -> Any:
        journal = request.param(directory)
        journal.start()
        opened.append(journal)
        return journal

    yield opener
    for journal in opened:
        journal.stop()


def test_sequences_grow_by_one(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    first = journal.append("a", {"n": 1})
    assert [journal.append("b", {"n": 2}), journal.append("a", {"n": 3})] == [first + 1, first + 2]
    assert journal.wait_durable(first + 2, DEADLINE_S)
    assert journal.durable_sequence == first + 2


def test_what_is_not_written_yet_is_not_durable(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    last = journal.append("a", {"n": 1})
    assert not journal.wait_durable(last + 1, 0.02)


def test_a_stopped_journal_gives_every_open_call_back(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    expected = [(call_id(n), make_facts(n)) for n in range(3)]
    for facts in zip(*(facts for _, facts in expected), strict=True):  # The calls interleave.
        for (call, _), fact in zip(expected, facts, strict=True):
            journal.append(call, fact)
    assert journal.stop()
    assert list(open_journal(tmp_path).open_calls()) == expected


def test_a_new_journal_is_empty(open_journal: Opener, tmp_path: Path) -> None:
    assert list(open_journal(tmp_path / "var" / "journal").open_calls()) == []


def test_a_closed_call_does_not_come_back(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for call in "abc":
        journal.append(call, {"n": 1})
    journal.close_call("b")
    journal.stop()
    journal = open_journal(tmp_path)
    assert [call for call, _ in journal.open_calls()] == ["a", "c"]
    journal.append("c", {"n": 2})
    journal.close_call("a")
    journal.stop()
    assert open_journal(tmp_path).open_calls() == [("c", [{"n": 1}, {"n": 2}])]


def test_a_late_fact_does_not_open_a_closed_call_again(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append("a", {"n": 1})
    journal.close_call("a")
    journal.append("a", {"n": 2})
    journal.stop()
    assert open_journal(tmp_path).open_calls() == []


def test_what_was_durable_survives_a_crash(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "run")
    for n in range(20):
        last = journal.append(f"call-{n % 3}", {"n": n})
    assert journal.wait_durable(last, DEADLINE_S)
    shutil.copytree(tmp_path / "run", tmp_path / "crashed")
    found = dict(open_journal(tmp_path / "crashed").open_calls())
    assert found == {f"call-{k}": [{"n": n} for n in range(20) if n % 3 == k] for k in range(3)}


def test_there_is_one_writer(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with pytest.raises(OutsideError, match="another engine writes it") as refused:
        open_journal(tmp_path)
    assert "\n" not in str(refused.value)
    journal.stop()
    open_journal(tmp_path)


def test_nothing_is_taken_before_the_start_or_after_the_stop(open_journal: Opener, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    assert journal.stop()
    assert journal.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        journal.append("a", {})


STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "append", "append", "close", "restart"]), st.sampled_from("abcd")),
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_history_replays_to_the_same_calls(
    open_journal: Opener, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    expected: dict[str, list[dict[str, Any]]] = {}
    generation = dict.fromkeys("abcd", 0)
    journal = open_journal(directory)
    for number, (step, letter) in enumerate(steps):
        call = f"{letter}{generation[letter]}"
        if step == "append":
            fact = {"n": number, "text": 'é\n\u2028"\\'}
            journal.append(call, fact)
            expected.setdefault(call, []).append(fact)
        elif step == "close":
            journal.close_call(call)
            expected.pop(call, None)
            generation[letter] += 1  # An id is never used again.
        else:
            assert journal.stop()
            journal = open_journal(directory)
            assert journal.open_calls() == list(expected.items())
    assert journal.stop()
    assert open_journal(directory).open_calls() == list(expected.items())
