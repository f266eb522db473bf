"""The first condition that holds decides; one without an answer leads to otherwise, and is told."""

import pytest
from pydantic import ValidationError

from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.branch import BranchNode
from tests.flows.node_views import example, view

NODE = example(BranchNode)


@pytest.mark.parametrize(
    ("tags", "history", "exit_name", "facts"),
    [
        ({"age": "70", "state": "FL"}, {}, "medicare", {"case": 1}),
        ({"age": "70", "state": "CA"}, {"bought": 2}, "known", {"case": 2}),
        ({"age": "40"}, {}, "otherwise", {}),
    ],
)
def test_first_condition_that_holds(
    tags: dict[str, str], history: dict[str, int], exit_name: str, facts: dict[str, int]
) -> None:
    assert NODE.enter(view(tags=tags, history=history)) == Leave(exit=exit_name, facts=facts)


def test_condition_without_an_answer_is_told_and_never_raises() -> None:
    step = NODE.enter(view(tags={"age": "old", "state": "FL"}, history={"bought": 2}))
    assert isinstance(step, Leave) and step.exit == "otherwise"
    assert step.facts["case"] == 1 and "cannot convert" in step.facts["error"]


def test_what_it_reads_is_known_to_the_checks() -> None:
    assert NODE.tags_read() == {"age"} and NODE.reads_history() and NODE.args_read() == frozenset()


def test_condition_is_checked_when_it_is_loaded() -> None:
    with pytest.raises(ValidationError) as refused:
        BranchNode.model_validate({"type": "branch", "cases": [{"if": "place.zip == ''", "exit": "x"}]})
    (error,) = refused.value.errors()
    assert error["loc"] == ("cases", 0, "if")
    assert 'column 1: nothing is called "place.zip" (did you mean "place.zip_code"?)' in error["msg"]
