"""Loops that take neither time nor input."""

from ppc_engine.flows.checks.loops import endless_loops
from tests.flows.checks.flow_texts import BYE, SOLD, flow, told

A = "a: {type: match, on: state, cases: {west: [CA]}, exits: {west: b, no_match: bye}}"
B = "b: {type: match, on: area_code, cases: {home: [310]}, exits: {home: a, no_match: bye}}"


def test_two_branches_that_lead_to_each_other():
    assert told(endless_loops, flow("x", "a", A, B, BYE)) == [
        "x.yaml:4:3: nodes.a: a loop that takes neither time nor input: a > b > a "
        "(put a play, a question or a hangup into it)"
    ]


def test_a_question_in_the_loop_makes_it_a_lawful_one():
    ask = "a: {type: collect_zip, prompt: enter_zip, exits: {ok: b, zip_failed: bye}}"
    assert told(endless_loops, flow("x", "hello", "hello: {type: answer, exits: {done: a}}", ask, B, BYE)) == []


def test_a_hunt_that_found_nobody_took_no_time():
    sell = f"sell: {{type: route, exits: {{{SOLD.replace('all_capped: bye', 'all_capped: sell')}}}}}"
    assert len(told(endless_loops, flow("x", "sell", sell, BYE))) == 1
    rung = f"sell: {{type: route, exits: {{{SOLD.replace('all_no_answer: bye', 'all_no_answer: sell')}}}}}"
    assert told(endless_loops, flow("x", "sell", rung, BYE)) == []


def test_an_answer_in_the_loop_takes_time_only_once():
    answer = "a: {type: answer, exits: {done: b}}"
    assert len(told(endless_loops, flow("x", "a", answer, B, BYE))) == 1
