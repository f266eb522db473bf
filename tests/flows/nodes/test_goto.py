"""Another flow, for good."""

from ppc_engine.flows.model import Jump
from ppc_engine.flows.nodes.goto import GotoNode
from tests.flows.node_views import example, view

NODE = example(GotoNode)


def test_goes_to_the_start_or_to_a_node_of_another_flow() -> None:
    assert NODE.enter(view()) == Jump(flow="roofing_es", args={"language": "es"})
    assert NODE.model_copy(update={"node": "sell"}).enter(view()) == Jump(
        flow="roofing_es", node="sell", args={"language": "es"}
    )
    assert NODE.flow_names() == {("flow",): "roofing_es"} and NODE.exit_names() == frozenset()
