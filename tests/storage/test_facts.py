"""Facts come back as they were, or not at all."""

from __future__ import annotations

import statistics

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc_engine.storage.facts import compress_facts, facts_size, read_facts
from ppc_engine.values.errors import BadValueError
from tests.storage.samples import make_facts

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(TEXT, PLAIN, max_size=5), max_size=8))
def test_facts_come_back_as_they_were(facts: list[dict[str, object]]) -> None:
    blob = compress_facts(facts)
    assert read_facts(blob) == facts
    assert compress_facts([orjson.dumps(fact) for fact in facts]) == blob
    assert facts_size(blob) == len(orjson.dumps(facts))


@given(st.integers(0, 700), st.integers(1, 255))
def test_a_damaged_byte_never_passes(place: int, change: int) -> None:
    blob = bytearray(compress_facts(make_facts(1)))
    blob[place] ^= change
    with pytest.raises(BadValueError):
        read_facts(bytes(blob))


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 100, -1])
def test_a_blob_that_was_cut_off_never_passes(length: int) -> None:
    with pytest.raises(BadValueError):
        read_facts(compress_facts(make_facts(1))[:length])


def test_a_later_format_is_named() -> None:
    with pytest.raises(BadValueError, match="format 2 is not known"):
        read_facts(b"\x02" + compress_facts([])[1:])


def test_a_call_takes_less_than_a_fifth_of_its_facts() -> None:
    """architecture.md, "Journal": 4 KiB or less in the median."""
    blobs = [compress_facts(make_facts(number)) for number in range(20)]
    assert statistics.median(map(len, blobs)) < min(1024, statistics.median(map(facts_size, blobs)) / 4)
