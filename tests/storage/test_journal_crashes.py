"""The journal's files after a crash or damage: what was whole comes back, the rest is told and never fatal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.storage.journal import FileJournal
from ppc_engine.storage.journal_lines import check_call_id, decode_line, encode_fact, encode_line
from tests.storage.journals import FACTS, calls_of, fill, newest, opened_again


def test_a_crash_at_any_byte_loses_only_what_was_not_whole(
    started: Callable[..., FileJournal], directory: Path, tmp_path: Path
) -> None:
    journal = started()
    fill(journal)
    whole = newest(directory).read_bytes()
    ends = [0]
    for line in whole.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    crashed = tmp_path / "crashed"
    for cut in range(len(whole) + 1):
        crashed.mkdir()
        (crashed / newest(directory).name).write_bytes(whole[:cut])
        kept = sum(end <= cut for end in ends[1:])
        calls, found = opened_again(crashed)
        assert calls == calls_of(FACTS[:kept])
        assert found.found.torn_bytes == cut - ends[kept]
        assert bool(found.found.problems) == (cut != ends[kept])
        calls, found = opened_again(crashed)
        assert calls == calls_of(FACTS[:kept])
        assert found.found.problems == []  # What was cut off is told once.
        shutil.rmtree(crashed)


def test_a_journal_goes_on_after_a_torn_end(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    with newest(directory).open("r+b") as file:
        file.truncate(newest(directory).stat().st_size - 3)
    journal = started()
    (problem,) = journal.found.problems
    assert problem.endswith("0000000001.journal: 20 bytes cut off, torn by a crash")
    assert journal.gauges()["journal_bytes"]() == newest(directory).with_name("0000000001.journal").stat().st_size
    assert journal.append("c", {"n": 9}) == 5  # The torn line's sequence was never durable.
    journal.stop()
    calls, again = opened_again(directory)
    assert calls == {**calls_of(FACTS[:4]), "c": [{"n": 9}]}
    assert again.found.missing_facts == 0


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\xff" * 100, b"deadbeef 1 6 a {}\n", b"\n\n", b"garbage"])
def test_what_a_crash_left_behind_the_last_line_is_cut_off(
    started: Callable[..., FileJournal], directory: Path, tail: bytes
) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    with newest(directory).open("ab") as file:
        file.write(tail)
    calls, found = opened_again(directory)
    assert calls == calls_of(FACTS)
    assert (found.found.torn_bytes, found.found.bad_lines) == (len(tail), 0)


def test_any_damaged_byte_costs_its_line_and_no_other(
    started: Callable[..., FileJournal], directory: Path, tmp_path: Path
) -> None:
    journal = started()
    fill(journal)
    whole = newest(directory).read_bytes()
    lines = whole.splitlines(keepends=True)
    start = len(lines[0]) + len(lines[1])
    damaged_dir = tmp_path / "damaged"
    for place in range(start, start + len(lines[2]) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 0x5A
        damaged_dir.mkdir()
        (damaged_dir / newest(directory).name).write_bytes(damaged)
        calls, found = opened_again(damaged_dir)
        assert calls == calls_of(FACTS[:2] + FACTS[3:])
        assert found.found.bad_lines in (1, 2)  # Two where the damage is a newline.
        assert found.found.missing_facts == 1
        assert ".journal:3: line skipped, " in found.found.problems[0]
        shutil.rmtree(damaged_dir)


def test_a_line_that_lost_its_newline_takes_the_next_with_it(
    started: Callable[..., FileJournal], directory: Path
) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    lines = newest(directory).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:-1]
    newest(directory).write_bytes(b"".join(lines))
    calls, found = opened_again(directory)
    assert calls == calls_of([FACTS[0], *FACTS[3:]])
    assert found.found.bad_lines == 1


def test_a_line_of_a_later_format_is_named(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    lines = newest(directory).read_bytes().splitlines(keepends=True)
    later = b"2" + lines[1][10:-1]
    lines[1] = b"%08x %b\n" % (crc32(later), later)
    newest(directory).write_bytes(b"".join(lines))
    _, found = opened_again(directory)
    assert "its format 2 is not known to this version" in found.found.problems[0]


def test_a_repeated_stretch_is_not_taken_twice(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal)
    journal.stop()
    lines = newest(directory).read_bytes().splitlines(keepends=True)
    newest(directory).write_bytes(b"".join(lines[:3] + lines[1:]))
    calls, found = opened_again(directory)
    assert calls == calls_of(FACTS)
    assert found.found.bad_lines == 2


def test_many_problems_are_counted_but_not_all_told(started: Callable[..., FileJournal], directory: Path) -> None:
    journal = started()
    fill(journal, [("a", {"n": n}) for n in range(60)])
    journal.stop()
    lines = newest(directory).read_bytes().splitlines(keepends=True)
    newest(directory).write_bytes(b"".join(b"x" + line for line in lines[:-1]) + lines[-1])
    calls, found = opened_again(directory)
    assert calls == {"a": [{"n": 59}]}
    assert found.found.bad_lines == 59
    assert len(found.found.problems) == 20


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        sequence, call, body = decode_line(data)
    except ValueError:
        return
    assert encode_line(sequence, call, body) == data


@given(st.integers(1, 2**63), st.from_regex(r"[0-9A-Za-z._:-]{1,128}", fullmatch=True), st.binary())
def test_a_line_comes_back(sequence: int, call: str, body: bytes) -> None:
    if b"\n" not in body:
        assert decode_line(encode_line(sequence, call, body)) == (sequence, call, body)


@pytest.mark.parametrize("call", ["", "a b", "a\n", "é", "x" * 129, "a/b"])
def test_a_call_id_that_would_break_a_line_is_refused(call: str) -> None:
    with pytest.raises(ValueError, match="not the id of a call"):
        check_call_id(call)


def test_text_that_is_not_unicode_is_kept_as_far_as_it_is() -> None:
    assert encode_fact({"name": "a\ud800b", "list": ["\udfff"], "n": 1}) == b'{"name":"a?b","list":["?"],"n":1}'
