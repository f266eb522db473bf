"""A change is told once, when the files lie still, whatever writes them and however."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.storage.config_watch import ConfigWatch, Fingerprint, fingerprint


def looks(states: list[Fingerprint]) -> list[bool]:
    watch = ConfigWatch(states[0])
    return [watch.due(state) for state in states[1:]]


A: Fingerprint = (("a.yaml", 1, 10, 100),)
HALF: Fingerprint = (("a.yaml", 1, 5, 101),)
B: Fingerprint = (("a.yaml", 1, 20, 102),)


def test_nothing_changed_is_nothing_told() -> None:
    assert looks([A, A, A]) == [False, False]


def test_a_change_is_told_once_when_it_was_seen_twice() -> None:
    assert looks([A, B, B, B, B]) == [False, True, False, False]


def test_a_half_written_file_is_waited_for() -> None:
    assert looks([A, HALF, B, B, B]) == [False, False, True, False]


def test_a_change_taken_back_before_it_lay_still_is_none() -> None:
    assert looks([A, HALF, A, A]) == [False, False, False]


def test_a_change_while_it_was_read_is_read_again() -> None:
    watch = ConfigWatch(A)
    assert [watch.due(B), watch.due(B)] == [False, True]
    watch.again()
    assert watch.due(B) is True


@given(st.lists(st.sampled_from([A, HALF, B]), min_size=1, max_size=30))
def test_what_lies_still_in_the_end_has_been_read(seen: list[Fingerprint]) -> None:
    watch = ConfigWatch(A)
    taken = A
    for state in [*seen, seen[-1], seen[-1]]:
        if watch.due(state):
            assert state != taken
            taken = state
    assert taken == seen[-1]


def test_every_way_to_change_a_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    flow = tmp_path / "flows/roofing.yaml"
    seen = [fingerprint(tmp_path)]

    def looked() -> None:
        seen.append(fingerprint(tmp_path))
        assert seen[-1] != seen[-2]

    flow.write_text("id: roofing\n")
    looked()
    os.utime(flow, ns=(1, 1))
    looked()
    other = tmp_path / "flows/new"
    other.write_text("id: roofing\n")
    os.utime(other, ns=(1, 1))
    other.rename(flow)  # As editors do: another file of the same size and time takes its place.
    looked()
    flow.unlink()
    looked()


def test_files_of_editors_and_version_control_are_not_looked_at(tmp_path: Path) -> None:
    before = fingerprint(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in (".git/x.yaml", ".roofing.yaml.swp", "roofing.yaml~", "README.md", ".hidden.yaml"):
        (tmp_path / name).write_text("x")
    assert fingerprint(tmp_path) == before


def test_a_directory_that_vanished_looks_empty(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "nowhere") == ()
