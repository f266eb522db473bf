"""Another flow, and back."""

from ppc_engine.flows.model import Jump
from ppc_engine.flows.nodes.subflow import SubflowNode
from tests.flows.node_views import example, view

NODE = example(SubflowNode)


def test_calls_a_flow_with_arguments_and_comes_back() -> None:
    assert NODE.enter(view()) == Jump(flow="ask_place", args={"tries": "2"}, comes_back=True)
    assert NODE.flow_names() == {("flow",): "ask_place"}
    assert NODE.exit_names() == {"placed", "lost"}
