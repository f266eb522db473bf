"""Sub-flows and gotos: what the loader refuses, and that every check looks through them."""

import pytest

from ppc_engine.flows.checks.coverage import uncovered
from ppc_engine.flows.checks.loops import endless_loops
from ppc_engine.flows.checks.patience import too_long
from ppc_engine.flows.checks.reach import dead_ends, stray_returns, unreachable
from ppc_engine.flows.checks.unset import read_before_set
from ppc_engine.flows.load import read_flows
from tests.flows.checks.flow_texts import BYE, SOLD, catalog_of, flow, read, told

CALL = "call: {type: subflow, flow: sub, exits: {ok: bye}}"
OK = "ok: {type: return, exit: ok}"
PLAY = "play: {type: play, prompt: p, exits: {done: ok}}"


def refused(*flows: str) -> list[str]:
    documents = [read(text, f"{text.split()[1]}.yaml") for text in flows]
    return [str(issue) for draft in read_flows(documents, targets=(), prompts=None) for issue in draft.issues]


REFUSED = [
    (
        [flow("a", "call", CALL, BYE), flow("sub", "ok", "ok: {type: return, exit: okay}")],
        [
            'a.yaml:4:36: nodes.call.exits: flow "sub" returns by "okay", which leads nowhere; add "okay: <node>"',
            'a.yaml:4:44: nodes.call.exits.ok: flow "sub" never returns by "ok" (did you mean "okay"?)',
        ],
    ),
    (
        [flow("a", "call", CALL.replace("sub,", "sup,"), BYE), flow("sub", "ok", OK)],
        ['a.yaml:4:25: nodes.call.flow: no flow "sup" (did you mean "sub"?)'],
    ),
    (
        [flow("a", "go", "go: {type: goto, flow: b, node: byee}"), flow("b", "bye", BYE)],
        ['a.yaml:4:29: nodes.go.node: flow "b" has no node "byee" (did you mean "bye"?)'],
    ),
    (
        [
            flow("a", "call", CALL, BYE),
            flow("sub", "deeper", "deeper: {type: subflow, flow: sub2, exits: {ok: ok}}", OK),
            flow("sub2", "again", "again: {type: subflow, flow: sub, exits: {ok: ok}}", OK),
        ],
        [
            "sub.yaml:4:3: nodes.deeper: a sub-flow that calls itself never ends: sub > sub2 > sub "
            "(use goto, or a loop in one flow)"
        ],
    ),
    (
        [flow("a", "call", CALL, BYE), flow("sub", "play", PLAY, OK)],
        ['sub.yaml:4:3: nodes.play: play needs an answered call, but "play" can be reached before an answer'],
    ),
]


@pytest.mark.parametrize(("flows", "lines"), REFUSED, ids=[lines[0] for _, lines in REFUSED])
def test_what_a_call_would_stumble_over_is_refused(flows, lines):
    assert refused(*flows) == lines


def test_an_answer_in_one_caller_is_none_for_another():
    hello = "hello: {type: answer, exits: {done: call}}"
    answered, sub = flow("a", "hello", hello, CALL, BYE), flow("sub", "play", PLAY, OK)
    assert refused(answered, sub) == []
    assert len(refused(answered, sub, flow("b", "call", CALL, BYE))) == 1
    # A sub-flow that answers does so for what follows it.
    answers = flow("sub", "hello", "hello: {type: answer, exits: {done: ok}}", OK)
    after = "after: {type: play, prompt: p, exits: {done: bye}}"
    assert refused(flow("a", "call", CALL.replace("bye", "after"), after, BYE), answers) == []


def test_a_node_is_reached_only_by_an_exit_that_the_sub_flow_takes():
    sub = flow("sub", "ok", OK, "no: {type: return, exit: no}")
    call = "call: {type: subflow, flow: sub, exits: {ok: bye, no: lost}}"
    lost = "lost: {type: play, prompt: p, exits: {done: bye}}"
    assert [line.split(": ")[0] for line in told(unreachable, flow("a", "call", call, lost, BYE), sub)] == [
        "a.yaml:5:3",
        "sub.yaml:5:3",
    ]


def test_a_flow_that_only_an_unreached_node_leads_to():
    flows = flow("a", "bye", BYE, "go: {type: goto, flow: b}"), flow("b", "bye", BYE)
    assert told(unreachable, *flows) == [
        'a.yaml:5:3: warning: nodes.go: no way leads to "go" (lead an exit to it, or remove it)',
        "b.yaml:1:1: warning: id: no call ever comes to this flow (lead to it, or remove it)",
    ]


def test_a_return_that_nobody_called():
    assert told(stray_returns, flow("a", "ok", OK)) == [
        "a.yaml:4:3: warning: nodes.ok: nothing called this flow, so a return ends the call (write a hangup)"
    ]
    assert told(stray_returns, flow("a", "call", CALL, BYE), flow("sub", "ok", OK)) == []


def test_a_loop_through_a_sub_flow_that_takes_no_time():
    again = flow("a", "call", CALL.replace("ok: bye", "ok: call"))
    assert told(endless_loops, again, flow("sub", "ok", OK)) == [
        "a.yaml:4:3: nodes.call: a loop that takes neither time nor input: call > call "
        "(put a play, a question or a hangup into it)"
    ]
    hello = flow("a", "hello", "hello: {type: answer, exits: {done: call}}", CALL.replace("ok: bye", "ok: call"))
    assert told(endless_loops, hello, flow("sub", "play", PLAY, OK)) == []


def test_gotos_that_lead_to_each_other():
    flows = flow("a", "go", "go: {type: goto, flow: b}"), flow("b", "back", "back: {type: goto, flow: a}")
    campaign = {
        "buyers/b.yaml": "id: b\nname: B\nzone: UTC\ntargets: [{id: t, destination: sip:t@127.0.0.1}]\n",
        "campaigns/c.yaml": "id: c\nname: C\nflow: a\ntargets: [t]\n",
    }
    assert [line.split(" (")[0] for line in told(endless_loops, *flows, catalog=catalog_of(campaign))] == [
        "a.yaml:4:3: nodes.go: a loop that takes neither time nor input: go > b/back > go"
    ]
    assert told(dead_ends, *flows) == []  # One finding is enough.


def test_a_sub_flow_that_hangs_up_ends_a_call():
    call = "call: {type: subflow, flow: sub, exits: {ok: call}}"
    asks = "ask: {type: collect_zip, prompt: p, exits: {ok: ok, zip_failed: bye}}"
    hello = "hello: {type: answer, exits: {done: call}}"
    assert told(dead_ends, flow("a", "hello", hello, call), flow("sub", "ask", asks, OK, BYE)) == []
    never = flow("sub", "play", PLAY, OK)
    assert len(told(dead_ends, flow("a", "hello", hello, call), never)) == 1


def test_tags_and_arguments_through_a_sub_flow():
    hello = "hello: {type: answer, exits: {done: call}}"
    call = "call: {type: subflow, flow: sub, args: {tries: two}, exits: {ok: by_state, lost: bye}}"
    by_state = "by_state: {type: match, on: state, cases: {west: [CA]}, exits: {west: bye, no_match: bye}}"
    ask = "ask: {type: collect_zip, prompt: p, exits: {ok: branch, zip_failed: lost}}"
    branch = "branch: {type: branch, cases: [{if: \"args.tries == 'two'\", exit: a}], exits: {a: ok, otherwise: ok}}"
    sub = flow("sub", "ask", ask, branch, OK, "lost: {type: return, exit: lost}")
    assert told(read_before_set, flow("a", "hello", hello, call, by_state, BYE), sub) == []
    bare = call.replace(", args: {tries: two}", "")
    assert told(read_before_set, flow("a", "hello", hello, bare, by_state, BYE), sub) == [
        'sub.yaml:5:3: nodes.branch: reads args.tries, which not every node that leads to "sub" gives (add it)'
    ]
    # The caller's own arguments are its own again afterwards.
    tail = branch.replace("a: ok, otherwise: ok", "a: bye, otherwise: bye")
    after = flow("a", "hello", hello, call.replace("by_state", "branch"), tail, BYE)
    assert len(told(read_before_set, after, sub)) == 1


def test_what_look_ups_may_not_have_found_and_histories_that_nobody_asked_for():
    exits = "timeout: branch, refused: branch, failed: branch, bad_answer: branch"
    lookup = f"look: {{type: lookup, url: https://x.example/, take: {{score: s}}, exits: {{ok: branch, {exits}}}}}"
    branch = 'branch: {type: branch, cases: [{if: "IF", exit: a}], exits: {a: bye, otherwise: bye}}'

    def lines(condition: str) -> list[str]:
        return told(read_before_set, flow("x", "look", lookup, branch.replace("IF", condition), BYE))

    assert lines("tags.score == '1'") == [
        "x.yaml:5:3: warning: nodes.branch: reads tags.score, which a look-up may not have found "
        "(ask has(tags.score) first)"
    ]
    assert lines("has(tags.score) && tags.score == '1'") == []
    assert lines("history.bought > 0") == [
        "x.yaml:5:3: warning: nodes.branch: looks at history, which was not asked for on every way "
        "(put a caller_history before it)"
    ]
    asks = "ask: {type: caller_history, exits: {new: branch, seen: branch, bought: branch, unknown: branch}}"
    assert told(read_before_set, flow("x", "ask", asks, branch.replace("IF", "history.bought > 0"), BYE)) == []


TARGET = "{id: t, destination: sip:t@127.0.0.1, ring_ms_max: 20000, area: {zips: [90001]}}"
BUYER = f"id: b\nname: B\nzone: UTC\ntargets: [{TARGET}]\n"
CAMPAIGN = {"buyers/b.yaml": BUYER, "campaigns/c.yaml": "id: c\nname: C\nflow: a\ntargets: [t]\n"}


def test_patience_and_coverage_look_into_sub_flows_and_behind_gotos():
    hello = "hello: {type: answer, exits: {done: call}}"
    call = "call: {type: subflow, flow: sub, exits: {ok: go}}"
    ask = "ask: {type: collect_zip, prompt: p, total_ms_max: 60000, exits: {ok: ok, zip_failed: ok}}"
    sell = f"sell: {{type: route, exits: {{{SOLD}}}}}"
    flows = (
        flow("a", "hello", hello, call, "go: {type: goto, flow: sale}") + "patience_ms_max: 80000\n",
        flow("sub", "ask", ask, OK),
        flow("sale", "sell", sell, BYE),
    )
    catalog = catalog_of(CAMPAIGN)
    assert [line.split("(")[1].split(";")[0] for line in told(too_long, *flows, catalog=catalog)] == [
        "longest: ask 60 s, sell 20 s, hello 5 s"
    ]
    assert told(uncovered, *flows, catalog=catalog) == []
    silent = (flows[0], flow("sub", "ok", OK), flows[2])
    assert [line.split(": ")[0] for line in told(uncovered, *silent, catalog=catalog)] == ["sale.yaml:4:3"]


def test_an_answer_on_one_of_two_ways_is_not_enough():
    split = "split: {type: split, shares: {first: 1, second: 1}, exits: {first: hello, second: play}}"
    hello = "hello: {type: answer, exits: {done: play}}"
    play = "play: {type: play, prompt: p, exits: {done: bye}}"
    assert [line.split(": ")[0] for line in refused(flow("x", "split", split, hello, play, BYE))] == ["x.yaml:6:3"]


def test_a_loop_of_a_sub_flow_that_can_return_is_no_dead_end():
    hello = "hello: {type: answer, exits: {done: call}}"
    ask = "ask: {type: collect_zip, prompt: p, exits: {ok: ok, zip_failed: ask}}"
    assert told(dead_ends, flow("a", "hello", hello, CALL, BYE), flow("sub", "ask", ask, OK)) == []
