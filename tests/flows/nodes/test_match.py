import pytest

from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.match import MatchNode
from tests.flows.node_views import example, view


@pytest.mark.parametrize(("state", "way"), [("CA", "west"), ("OR", "west"), ("NY", "no_match"), ("", "no_match")])
def test_first_case_that_lists_the_value(state: str, way: str) -> None:
    step = example(MatchNode).enter(view(tags={"state": state}))
    assert isinstance(step, Leave)
    assert (step.exit, step.facts) == (way, {"on": "state", "value": state})
    assert step.failure == ("no_match" if way == "no_match" else "")


@pytest.mark.parametrize(
    ("on", "value"), [("area_code", "310"), ("publisher", "peak"), ("dialed_number", "+18005550100")]
)
def test_what_is_known_without_tags(on: str, value: str) -> None:
    node = MatchNode.model_validate({"type": "match", "on": on, "cases": {"hit": [value]}, "exits": {}})
    step = node.enter(view())
    assert isinstance(step, Leave) and step.exit == "hit"
