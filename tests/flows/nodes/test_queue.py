import pytest

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.queue import QUEUE_EXITS, QueueNode
from ppc_engine.flows.waits import QueueWait, Resume
from tests.flows.node_views import example, view


def test_waits_in_a_line_of_its_own_campaign_and_node() -> None:
    step = example(QueueNode).enter(view(where="roofing/hold"))
    assert isinstance(step, Pause) and isinstance(step.wait, QueueWait)
    assert (step.wait.queue, step.wait.callers_max, step.wait.wait_ms_max) == ("roofing/roofing/hold", 20, 180_000)
    assert (step.wait.music, step.wait.positions) == ("hold_music", ("you_are_next", "please_hold"))
    other = example(QueueNode).enter(view(where="roofing/hold", campaign="gutters"))
    assert other.wait.queue != step.wait.queue


def test_names_its_prompts_but_not_the_ring_tone() -> None:
    node = example(QueueNode)
    assert set(node.prompt_names().values()) == {"hold_music", "you_are_next", "please_hold"}
    assert node.model_copy(update={"music": "ringing", "positions": ()}).prompt_names() == {}


@pytest.mark.parametrize("way", sorted(QUEUE_EXITS))
def test_leaves_as_the_waiting_ended(way: str) -> None:
    step = example(QueueNode).resume(view(), {}, Resume(route_exit=way))
    assert isinstance(step, Leave) and step.exit == way
    expected = {"ended": "", "recovered_none": "", "full": "all_capped", "waited_too_long": "all_capped"}
    assert step.failure == expected.get(way, way)
