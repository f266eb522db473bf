"""What is looked at before anybody set it."""

from ppc_engine.flows.checks.unset import read_before_set
from tests.flows.checks.flow_texts import BYE, flow, told

HELLO = "hello: {type: answer, exits: {done: ask}}"
BY_STATE = "by_state: {type: match, on: state, cases: {west: [CA]}, exits: {west: bye, no_match: bye}}"


def test_a_tag_that_is_not_set_on_one_way():
    ask = "ask: {type: collect_zip, prompt: enter_zip, exits: {ok: by_state, zip_failed: by_state}}"
    assert told(read_before_set, flow("x", "hello", HELLO, ask, BY_STATE, BYE)) == [
        "x.yaml:6:3: warning: nodes.by_state: reads tags.state, which is not set on the way hello > ask > by_state "
        "(set it there, or ask has(tags.state))"
    ]


def test_a_tag_that_is_set_on_every_way():
    ask = "ask: {type: collect_zip, prompt: enter_zip, exits: {ok: by_state, zip_failed: bye}}"
    assert told(read_before_set, flow("x", "hello", HELLO, ask, BY_STATE, BYE)) == []


def test_a_tag_that_nobody_sets():
    assert told(read_before_set, flow("x", "by_state", BY_STATE, BYE)) == [
        "x.yaml:4:3: warning: nodes.by_state: reads tags.state, which no node sets "
        "(set it before, or be sure that a trusted trunk sends it)"
    ]
