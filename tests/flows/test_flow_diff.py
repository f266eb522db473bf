"""What a person reads when two sets of flows are compared: nodes and the ways between them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ppc_engine.flows.diff import flow_changes
from ppc_engine.flows.load import load_flows
from ppc_engine.flows.model import Flow
from ppc_engine.values.document import Document
from tests.calls.call_traces import FLOW


def flows(*documents: dict[str, Any]) -> dict[str, Flow]:
    loaded, issues = load_flows([Document(f"{d['id']}.yaml", d, {}) for d in documents], targets=[], prompts=None)
    assert not [issue for issue in issues if issue.severity == "error"], issues
    return dict(loaded)


def edited(edit: Callable[[dict[str, Any]], Any]) -> dict[str, Flow]:
    document = copy.deepcopy(FLOW)
    edit(document["nodes"])
    return flows(document)


def told(before: dict[str, Flow], after: dict[str, Flow]) -> list[str]:
    return [f"{change.topic}: {change}" for change in flow_changes(before, after)]


def test_equal_flows_have_no_changes() -> None:
    assert told(flows(FLOW), flows(copy.deepcopy(FLOW))) == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda nodes: nodes["sell"]["exits"].update(no_match="bye"),
            ["paths: node roofing/sell: exit no_match leads to bye now (was sorry)"],
        ),
        (
            lambda nodes: nodes["ask_zip"].update(tries="3", total_ms_max="61000"),
            [
                "paths: node roofing/ask_zip: tries is now 3 (was 2)",
                "paths: node roofing/ask_zip: total max is now 1 min 1 s (was 30 s)",
            ],
        ),
        (
            lambda nodes: nodes.update(
                welcome={**nodes["welcome"], "exits": {"done": "again"}},
                again={"type": "play", "prompt": "welcome", "exits": {"done": "ask_zip"}},
            ),
            [
                "paths: node roofing/again: is new: play (done to ask_zip)",
                "paths: node roofing/welcome: exit done leads to again now (was ask_zip)",
            ],
        ),
        (
            lambda nodes: nodes.update(sorry={"type": "hangup", "cause": "USER_BUSY"}),
            ["paths: node roofing/sorry: is a hangup now (was a play (done to bye))"],
        ),
    ],
)
def test_changes_within_a_flow(edit: Callable[[dict[str, Any]], Any], words: list[str]) -> None:
    assert told(flows(FLOW), edited(edit)) == words


def test_flows_and_nodes_that_came_are_gone_the_other_way_round() -> None:
    short = {"id": "short", "start": "bye", "nodes": {"bye": {"type": "hangup"}}}
    assert told(flows(FLOW), flows(FLOW, short)) == ["paths: flow short: is new: 1 node, begins at bye"]
    assert told(flows(FLOW, short), flows(FLOW)) == ["paths: flow short: is gone: 1 node, begins at bye"]


def test_a_new_beginning_is_told() -> None:
    other = {**copy.deepcopy(FLOW), "start": "ask_zip"}
    other["nodes"]["ask_zip"] = {"type": "answer", "exits": {"done": "welcome"}}
    del other["nodes"]["hello"]
    assert "paths: flow roofing: begins at ask_zip now (was hello)" in told(flows(FLOW), flows(other))
