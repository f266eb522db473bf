"""Nodes that no call reaches, flows that nobody uses, loops that nothing leads out of."""

from ppc_engine.flows.checks.reach import dead_ends, unreachable, unused
from ppc_engine.flows.drafts import read_draft
from tests.flows.checks.flow_texts import BYE, SOLD, case_of, catalog_of, flow, read, told

HELLO = "hello: {type: answer, exits: {done: bye}}"


def test_a_node_that_no_way_leads_to():
    lost = "lost: {type: play, prompt: welcome, exits: {done: bye}}"
    assert told(unreachable, flow("a", "hello", HELLO, BYE, lost)) == [
        'a.yaml:6:3: warning: nodes.lost: no way leads to "lost" (lead an exit to it, or remove it)'
    ]


def test_a_node_that_leads_to_itself_alone_is_not_reached_by_that():
    lost = "lost: {type: play, prompt: welcome, exits: {done: lost}}"
    assert len(told(unreachable, flow("a", "hello", HELLO, BYE, lost))) == 1
    assert told(unreachable, flow("a", "hello", HELLO, BYE)) == []


def test_nothing_is_said_of_a_flow_with_a_part_missing():
    text = flow("a", "hello", "hello: {type: answer, exits: {done: byee}}", BYE)
    case = case_of(flow("b", "bye", BYE))
    case.drafts["a"] = read_draft(read(text, "a.yaml"))
    assert list(unreachable(case)) == []


def test_a_flow_that_no_campaign_uses():
    catalog = catalog_of({"campaigns/c.yaml": "id: c\nname: C\nflow: a\ntargets: [t]\n", "buyers/b.yaml": BUYER})
    flows = flow("a", "bye", BYE), flow("b", "bye", BYE)
    assert told(unused, *flows, catalog=catalog) == [
        "b.yaml:1:1: warning: id: no campaign and no other flow uses this flow "
        "(name it in a campaign, or remove the file)"
    ]
    assert told(unused, *flows) == []  # Whose campaigns are not known is not judged.


BUYER = "id: b\nname: B\nzone: UTC\ntargets: [{id: t, destination: sip:t@127.0.0.1}]\n"


def test_a_loop_that_no_way_leads_out_of():
    a = "a: {type: answer, exits: {done: b}}"
    b = "b: {type: play, prompt: welcome, exits: {done: c}}"
    c = "c: {type: play, prompt: welcome, exits: {done: b}}"
    assert told(dead_ends, flow("x", "a", a, b, c)) == [
        "x.yaml:5:3: nodes.b: no way from here ends the call: b > c > b (lead an exit to a hangup)"
    ]


def test_a_loop_with_a_way_out_is_none():
    again = "again: {type: collect_zip, prompt: enter_zip, exits: {ok: bye, zip_failed: again}}"
    assert told(dead_ends, flow("x", "hello", "hello: {type: answer, exits: {done: again}}", again, BYE)) == []


def test_every_knot_is_told_once():
    split = "split: {type: match, on: state, cases: {x: [CA]}, exits: {x: a, no_match: b}}"
    a = "a: {type: play, prompt: p, exits: {done: a}}"
    b = "b: {type: play, prompt: p, exits: {done: b}}"
    lines = told(dead_ends, flow("x", "hello", "hello: {type: answer, exits: {done: split}}", split, a, b))
    assert [line.split(": (")[0].split(" (")[0] for line in lines] == [
        "x.yaml:6:3: nodes.a: no way from here ends the call: a > a",
        "x.yaml:7:3: nodes.b: no way from here ends the call: b > b",
    ]


def test_a_hunt_that_ends_in_a_hangup_is_no_dead_end():
    assert told(dead_ends, flow("x", "sell", f"sell: {{type: route, exits: {{{SOLD}}}}}", BYE)) == []
