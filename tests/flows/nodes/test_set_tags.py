"""Tags get texts, or what expressions come to."""

import pytest
from pydantic import ValidationError

from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.set_tags import SetTagsNode
from tests.flows.node_views import example, view

NODE = example(SetTagsNode)


def test_texts_and_what_expressions_come_to() -> None:
    step = NODE.enter(view(tags={"state": "NV"}))
    assert step == Leave(exit="done", tags={"language": "es", "route_key": "310-NV"}, facts={"route_key": "310-NV"})
    assert NODE.tags_set("done") == {"language", "route_key"} and NODE.tags_set("otherwise") == {"language"}


def test_expression_sees_the_texts_and_its_failure_is_an_exit() -> None:
    node = SetTagsNode.model_validate(
        {"type": "set_tags", "tags": {"age": "x"}, "computed": {"next": "string(int(tags.age) + 1)"}}
    )
    assert node.tags_read() == frozenset()
    step = node.enter(view())
    assert isinstance(step, Leave) and (step.exit, step.tags) == ("otherwise", {"age": "x"})
    assert "cannot convert" in step.facts["error"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "sets no tag"),
        ({"tags": {"a": "1"}, "computed": {"a": "'2'"}}, '"a" is set twice'),
        ({"tags": {"zip_code": "90210"}}, "collect_zip, lookup or caller_history alone"),
        ({"computed": {"a": "1 + 1"}}, "this gives a number, not a text"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SetTagsNode.model_validate({"type": "set_tags", **wrong})
