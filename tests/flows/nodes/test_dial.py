import pytest
from pydantic import ValidationError

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.dial import DialNode
from ppc_engine.flows.waits import DialWait, Resume
from tests.flows.node_views import example, view


def test_rings_its_one_destination() -> None:
    step = example(DialNode).enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, DialWait)
    assert (step.wait.destination, step.wait.gateway, step.wait.ring_ms_max) == ("+13105550177", "carrier-1", 30_000)
    assert (step.wait.whisper, step.wait.caller_id) == ("overflow_call", "")


@pytest.mark.parametrize(("way", "failure"), [("ended", ""), ("no_answer", "all_no_answer")])
def test_leaves_as_it_went(way: str, failure: str) -> None:
    step = example(DialNode).resume(view(), {}, Resume(route_exit=way))
    assert isinstance(step, Leave) and (step.exit, step.failure) == (way, failure)


@pytest.mark.parametrize("wrong", [{"gateway": None}, {"destination": "sip:office@127.0.0.1:5060"}])
def test_a_number_needs_a_gateway_and_an_address_none(wrong: dict[str, object]) -> None:
    fields = example(DialNode).model_dump() | wrong
    with pytest.raises(ValidationError, match="gateway"):
        DialNode.model_validate(fields)


@pytest.mark.parametrize("number", ["+19005550100", "+8821234567"])
def test_a_number_that_costs_a_fortune_is_refused(number: str) -> None:
    with pytest.raises(ValidationError, match="dialled"):
        DialNode.model_validate(example(DialNode).model_dump() | {"destination": number})
