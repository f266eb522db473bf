"""Lists in files: one entry a line, comments and blank lines left out, every bad line told with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.storage.list_files import ISSUES_MAX, LIST_BYTES_MAX, parse_list, read_list


def entries(content: bytes) -> list[str]:
    document, issues = parse_list("lists/l.txt", content)
    assert document is not None, issues
    return document.data


def test_entries_in_order_without_comments_blanks_doubles_and_line_ends_of_other_systems():
    assert entries(b"\xef\xbb\xbf# west\r\n02134  # Allston\r\n\r\n  90001\r\n02134\n+13105550123") == [
        "02134", "90001", "+13105550123",
    ]  # fmt: skip
    assert entries(b"") == []


def test_an_entry_has_its_line():
    document, _ = parse_list("l.txt", b"# a\n90001\n\n90002\n")
    assert str(document.issue((1,), "no such ZIP")) == "l.txt:4:1: 1: no such ZIP"
    assert str(document.issue((9,), "x")) == "l.txt:1:1: 9: x"
    assert dict(document.places) == {(): (1, 1), (0,): (2, 1), (1,): (4, 1)} and len(document.places) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"90001\n90002,90003\n", 'l.txt:2:1: "90002,90003" is not one entry (write one ZIP or number a line)'),
        (b"90001 90002\n", 'l.txt:1:1: "90001 90002" is not one entry (write one ZIP or number a line)'),
        (b"90001\n\xff\n", "l.txt:2:1: not UTF-8 text (save the file as UTF-8)"),
        (b"x" * 101, f'l.txt:1:1: "{60 * "x"}..." is not one entry (write one ZIP or number a line)'),
        (b"1" * (LIST_BYTES_MAX + 1), f"l.txt: larger than {LIST_BYTES_MAX} bytes (split it)"),
    ],
)
def test_what_is_no_list_is_told_with_its_line(content, told):
    document, issues = parse_list("l.txt", content)
    assert (document, [str(issue) for issue in issues]) == (None, [told])


def test_a_file_that_is_wrong_in_every_line_is_told_up_to_a_limit():
    assert len(parse_list("l.txt", b"".join(b"%d,\n" % n for n in range(ISSUES_MAX + 9)))[1]) == ISSUES_MAX


def test_a_directory_and_a_missing_file_are_told_and_not_opened(tmp_path):
    (tmp_path / "d.txt").mkdir()
    for name in ("d.txt", "gone.txt"):
        document, issues = read_list(tmp_path / name)
        assert document is None and "not a file" in issues[0].message


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_list_or_issues_of_one_line(content):
    document, issues = parse_list("l.txt", content)
    assert (document is None) == bool(issues)
    assert all(str(issue).isprintable() for issue in issues)
    assert document is None or all(document.places[(index,)][0] >= 1 for index in range(len(document.data)))
