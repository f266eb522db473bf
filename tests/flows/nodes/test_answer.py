from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.answer import AnswerNode
from ppc_engine.flows.waits import AnswerWait, Resume
from tests.flows.node_views import example, view


def test_waits_for_the_answer_and_goes_on() -> None:
    node = example(AnswerNode)
    step = node.enter(view(answered=False))
    assert isinstance(step, Pause) and isinstance(step.wait, AnswerWait)
    assert node.resume(view(), {}, Resume()) == Leave(exit="done")


def test_answered_call_goes_straight_on() -> None:
    assert example(AnswerNode).enter(view(answered=True)) == Leave(exit="done")
