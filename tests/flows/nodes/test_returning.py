"""Back to the flow that called."""

from ppc_engine.flows.model import Back
from ppc_engine.flows.nodes.returning import ReturnNode
from tests.flows.node_views import example, view

NODE = example(ReturnNode)


def test_names_the_exit_of_its_caller() -> None:
    assert NODE.enter(view()) == Back(exit="placed")
