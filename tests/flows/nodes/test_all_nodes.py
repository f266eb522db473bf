"""What holds of every node type: a docstring whose example loads and names all exits, and a test file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppc_engine.flows.nodes import NODE_TYPES
from tests.flows.node_views import example


@pytest.mark.parametrize("name", NODE_TYPES)
def test_example_of_the_docstring_is_a_whole_node(name: str) -> None:
    node = example(NODE_TYPES[name])
    assert node.model_dump()["type"] == name
    assert set(node.exits) == node.exit_names()


@pytest.mark.parametrize("name", NODE_TYPES)
def test_every_type_has_a_test_file(name: str) -> None:
    module = NODE_TYPES[name].__module__.rpartition(".")[2]  # The type "return" cannot name a module.
    assert (Path(__file__).parent / f"test_{module}.py").exists()
