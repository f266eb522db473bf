import pytest
from pydantic import ValidationError

from ppc_engine.flows.nodes.hangup import HangupNode
from ppc_engine.flows.waits import End
from tests.flows.node_views import example, view


def test_ends_the_call_with_its_cause() -> None:
    assert example(HangupNode).enter(view()) == End(cause="NORMAL_CLEARING", outcome="no_match")


def test_says_nothing_of_the_outcome_unless_told() -> None:
    node = HangupNode.model_validate({"type": "hangup"})
    assert node.enter(view()) == End(cause="NORMAL_CLEARING", outcome="")


def test_cause_that_the_carrier_would_not_understand_is_refused() -> None:
    with pytest.raises(ValidationError):
        HangupNode.model_validate({"type": "hangup", "cause": "BECAUSE"})
