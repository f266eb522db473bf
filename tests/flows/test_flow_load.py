"""A bad flow is refused with every problem at once, each with its place and a cure."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ppc_engine.flows.load import load_flows
from ppc_engine.values.document import Document

GOOD: dict[str, Any] = {
    "id": "roofing",
    "start": "hello",
    "nodes": {
        "hello": {"type": "answer", "exits": {"done": "welcome"}},
        "welcome": {"type": "play", "prompt": "welcome", "exits": {"done": "sell"}},
        "sell": {
            "type": "route",
            "targets": ["acme-la"],
            "exits": {
                "ended": "bye",
                "no_match": "bye",
                "all_closed": "bye",
                "all_capped": "bye",
                "all_no_answer": "bye",
                "recovered_none": "bye",
            },
        },
        "bye": {"type": "hangup"},
    },
}


def load(data: Any) -> tuple[set[str], list[str]]:
    flows, issues = load_flows([Document("roofing.yaml", data, {})], targets={"acme-la"}, prompts={"welcome"})
    return set(flows), [f"{issue.path}: {issue.message}" for issue in issues]


def test_good_flow_loads() -> None:
    assert load(GOOD) == ({"roofing"}, [])


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("start",), "helo", 'start: no node "helo" (did you mean "hello"?)'),
        (("nodes", "hello", "exits", "done"), "welcom", 'no node "welcom" (did you mean "welcome"?)'),
        (("nodes", "hello", "type"), "anwser", '(did you mean "answer"?)'),
        (("nodes", "welcome", "prompt"), "welcme", 'no prompt "welcme" (did you mean "welcome"?)'),
        (("nodes", "welcome", "exits"), {"don": "sell"}, 'nodes.welcome.exits: exit "done" leads nowhere'),
        (("nodes", "welcome", "exits"), {"don": "sell"}, 'there is no exit "don" (did you mean "done"?)'),
        (
            ("nodes", "sell", "targets"),
            ["acme-al"],
            'targets.0: no target "acme-al" (did you mean "acme-la"?)',
        ),
        (("nodes", "welcome", "promt"), "x", '(did you mean "prompt"?)'),
        (("strat",), "x", 'unknown key "strat" (did you mean "start"?)'),
        (("nodes",), {}, "nodes: needs a block of nodes"),
        (("id",), "Roofing!", "id: "),
        (("start",), "welcome", 'nodes.welcome: play needs an answered call, but "welcome" can be reached before'),
    ],
)
def test_every_mistake_is_told_with_its_place(path: tuple[str, ...], value: Any, told: str) -> None:
    data = copy.deepcopy(GOOD)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    flows, issues = load(data)
    assert flows == set()
    assert any(told in issue for issue in issues), issues


def test_one_slip_of_the_finger_is_one_issue() -> None:
    data = copy.deepcopy(GOOD)
    data["strat"] = data.pop("start")
    assert load(data) == (set(), ['strat: unknown key "strat" (did you mean "start"?)'])
    del data["strat"]
    assert load(data) == (set(), [': a flow needs "start:"'])


def test_all_mistakes_come_at_once_and_spare_the_other_flows() -> None:
    bad = {**copy.deepcopy(GOOD), "start": "nowhere"}
    bad["nodes"]["welcome"]["prompt"] = "gone"
    good = {**GOOD, "id": "plumbing"}
    flows, issues = load_flows(
        [Document("bad.yaml", bad, {}), Document("good.yaml", good, {})], targets={"acme-la"}, prompts={"welcome"}
    )
    assert set(flows) == {"plumbing"}
    assert len(issues) == 2


@pytest.mark.parametrize("data", ["text", [], {"id": "x"}, {"id": "x", "start": "a", "nodes": {"a": "b"}}])
def test_what_is_no_flow_at_all_is_an_issue_and_no_crash(data: Any) -> None:
    flows, issues = load(data)
    assert not flows and issues


def test_loop_without_a_wait_ends_the_call_at_a_limit() -> None:
    from ppc_engine.flows import interpreter
    from ppc_engine.flows.model import NODE_VISITS_MAX
    from ppc_engine.flows.waits import End
    from tests.flows.node_views import view

    cases = {"type": "match", "on": "publisher", "cases": {"x": ["y"]}, "exits": {"x": "a", "no_match": "a"}}
    flows, issues = load_flows(
        [Document("loop.yaml", {"id": "loop", "start": "a", "nodes": {"a": cases}}, {})], targets=(), prompts=None
    )
    assert not issues
    told: list[str] = []
    run = interpreter.FlowRun(flow="loop")
    step = interpreter.start(flows, run, view(), lambda kind, data: told.append(kind))
    assert step == End(cause=interpreter.LOOP_CAUSE)
    assert told[-1] == "flow_loops" and run.visits == NODE_VISITS_MAX
