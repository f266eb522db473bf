"""What is kept are digits of the right number, and of the right ones where those are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.collect_digits import CollectDigitsNode
from ppc_engine.flows.waits import Resume
from tests.flows.node_views import MONDAY_0713_LOS_ANGELES, example, view

NODE = example(CollectDigitsNode)
FIRST = {"try": 1, "began_at": MONDAY_0713_LOS_ANGELES}


@given(st.text(alphabet="0123456789*#A\u0661", max_size=6))
def test_only_digits_of_the_right_number_are_kept(digits: str) -> None:
    step = NODE.resume(view(), FIRST, Resume(digits=digits))
    right = 1 <= len(digits) <= 3 and all(digit in "0123456789" for digit in digits)
    assert isinstance(step, Leave if right else Pause)
    if isinstance(step, Leave):
        assert (step.exit, step.tags) == ("ok", {"age": digits})


def test_only_the_named_ones_are_right() -> None:
    node = NODE.model_copy(update={"one_of": frozenset({"1", "22"})})
    assert isinstance(node.resume(view(), FIRST, Resume(digits="22")), Leave)
    step = node.resume(view(), FIRST, Resume(digits="21"))
    assert isinstance(step, Pause) and step.facts["verdict"] == "not_one_of"


def test_tries_are_bounded() -> None:
    step = NODE.resume(view(), {**FIRST, "try": 3}, Resume())
    assert isinstance(step, Leave) and (step.exit, step.facts["verdict"]) == ("failed", "no_input")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"digits_min": "4"}, "digits_min 4 is more than digits_max 3"),
        ({"one_of": ["1234"]}, '"1234" of one_of has not 1 to 3 digits'),
        ({"tag": "zip_code"}, "is set by collect_zip, lookup or caller_history alone"),
    ],
)
def test_node_that_nobody_could_satisfy_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        CollectDigitsNode.model_validate({**NODE.model_dump(), **wrong})
