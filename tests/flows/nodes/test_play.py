from ppc_engine.flows.model import PROMPT_MS_MAX, Leave, Pause
from ppc_engine.flows.nodes.play import PlayNode
from ppc_engine.flows.waits import PlayWait, Resume
from tests.flows.node_views import example, view


def test_plays_once_and_leaves() -> None:
    node = example(PlayNode)
    assert node.enter(view()) == Pause(wait=PlayWait(ms_max=PROMPT_MS_MAX, prompt="welcome"))
    assert node.resume(view(), {}, Resume()) == Leave(exit="done")


def test_prompt_that_had_to_be_cut_is_told() -> None:
    assert example(PlayNode).resume(view(), {}, Resume(timed_out=True)) == Leave(exit="done", facts={"timed_out": True})
