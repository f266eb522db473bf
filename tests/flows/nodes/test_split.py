"""Shares hold over many calls, one call always goes the same way, and two nodes draw apart from each other."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.flows.model import Leave
from ppc_engine.flows.nodes.split import SplitNode
from tests.flows.node_views import example, view

NODE = example(SplitNode)


def drawn(node: SplitNode, call_id: str, where: str = "roofing/here") -> str:
    step = node.enter(view(call_id=call_id, where=where))
    assert isinstance(step, Leave)
    return step.exit


def test_shares_hold_over_many_calls() -> None:
    counted = Counter(drawn(NODE, f"call-{number}") for number in range(10_000))
    assert set(counted) == {"new", "old"} and 900 < counted["new"] < 1_100


def test_two_nodes_draw_apart_from_each_other() -> None:
    both = Counter((drawn(NODE, f"call-{n}", "f/a"), drawn(NODE, f"call-{n}", "f/b")) for n in range(10_000))
    assert 50 < both["new", "new"] < 150  # 1 % of them; 10 % if they drew as one.


@given(st.text(max_size=40), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10_000), min_size=2))
def test_every_call_has_one_way_that_never_changes(call_id: str, shares: dict[str, int]) -> None:
    node = SplitNode.model_construct(type="split", shares=shares)
    assert drawn(node, call_id) == drawn(node, call_id) in shares
