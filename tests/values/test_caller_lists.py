"""A caller is listed by number or by a beginning of it; what is neither is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.values.caller_lists import entry_problem, is_listed

NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("number", "listed"),
    [("+13105550123", True), ("+13105550124", False), ("+19005551234", True), ("+1900", True), ("", False)],
)
def test_number_or_its_beginning(number: str, listed: bool) -> None:
    assert is_listed(number, frozenset({"+13105550123", "+1900*"})) is listed


@given(NUMBERS, st.lists(NUMBERS.map(lambda n: f"{n}*") | NUMBERS, max_size=5))
def test_listed_is_what_comparing_with_every_entry_says(number: str, entries: list[str]) -> None:
    expected = any(e == number or (e.endswith("*") and number.startswith(e[:-1])) for e in entries)
    assert is_listed(number, frozenset(entries)) is expected


@given(NUMBERS)
def test_numbers_and_their_beginnings_are_entries(number: str) -> None:
    assert entry_problem(number) == entry_problem(f"{number[:5]}*") == ""


@pytest.mark.parametrize(
    "entry", ["", "3105550123", "+0123456789", "*", "+", "+1310-555-0123", "+1310*55", "+13105550123\n"]
)
def test_anything_else_is_no_entry(entry: str) -> None:
    assert "write a number" in entry_problem(entry)
