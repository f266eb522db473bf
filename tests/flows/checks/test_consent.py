"""Recordings that somebody ought to have been told of."""

from ppc_engine.flows.checks.consent import recorded_untold
from tests.flows.checks.flow_texts import BYE, PLACES, SOLD, catalog_of, flow, told

HELLO = "hello: {type: answer, exits: {done: rec}}"
EXITS = "exits: {recording: sell, not_recorded: sell}"
SELL = f"sell: {{type: route, exits: {{{SOLD}}}}}"
ASK = "ask: {type: collect_zip, prompt: p, exits: {ok: by_state, zip_failed: bye}}"


def record(more: str = "") -> str:
    return f"rec: {{type: record{more}, {EXITS}}}"


def test_callers_of_a_state_that_demands_to_be_told():
    assert told(recorded_untold, flow("x", "hello", HELLO, record(), SELL, BYE)) == [
        "x.yaml:5:3: nodes.rec: records without consent: callers of AB, BC, CA, CT, DE and 21 more states "
        "must be told first (add consent_prompt)"
    ]
    assert told(recorded_untold, flow("x", "hello", HELLO, record(", consent_prompt: notice"), SELL, BYE)) == []


def test_only_states_that_the_flow_lets_through_count():
    def lines(states: str) -> list[str]:
        by_state = (
            f"by_state: {{type: match, on: state, cases: {{some: [{states}]}}, exits: {{some: rec, no_match: bye}}}}"
        )
        return told(
            recorded_untold, flow("x", "hello", HELLO.replace("rec", "ask"), ASK, by_state, record(), SELL, BYE)
        )

    assert lines("TX, AZ") == []
    assert lines("TX, WA, CA") == [
        "x.yaml:7:3: nodes.rec: records without consent: callers of CA, WA must be told first (add consent_prompt)"
    ]


def test_a_target_in_such_a_state_counts_where_no_caller_does():
    by_state = "by_state: {type: match, on: state, cases: {some: [TX]}, exits: {some: rec, no_match: bye}}"
    text = flow("x", "hello", HELLO.replace("rec", "ask"), ASK, by_state, record(), SELL, BYE)

    def lines(number: str) -> list[str]:
        target = f'{{id: t, destination: "{number}", gateway: carrier}}'
        texts = {
            "buyers/b.yaml": f"id: b\nname: B\nzone: UTC\ntargets: [{target}]\n",
            "campaigns/c.yaml": "id: c\nname: C\nflow: x\ntargets: [t]\n",
        }
        return told(recorded_untold, text, catalog=catalog_of(texts), places=PLACES)

    assert lines("+12125550100") == []
    assert lines("+13105550100") == [
        "x.yaml:7:3: nodes.rec: records without consent: targets in CA must be told first (add consent_prompt)"
    ]


def test_given_earlier_needs_a_prompt_on_every_way():
    given = record(", consent: given_earlier")
    assert told(recorded_untold, flow("x", "hello", HELLO, given, SELL, BYE)) == [
        "x.yaml:5:23: nodes.rec.consent: no prompt comes before it on every way, so nobody was told of the recording "
        "(play one first)"
    ]
    notice = "notice: {type: play, prompt: notice, exits: {done: rec}}"
    assert told(recorded_untold, flow("x", "hello", HELLO.replace("rec", "notice"), notice, given, SELL, BYE)) == []


def test_always_without_a_prompt_never_records():
    assert told(recorded_untold, flow("x", "hello", HELLO, record(", consent: always"), SELL, BYE)) == [
        "x.yaml:5:3: nodes.rec: never records: there is no prompt to ask with (add consent_prompt)"
    ]


def test_a_prompt_on_one_of_two_ways_is_not_enough():
    split = "split: {type: split, shares: {told: 1, not: 1}, exits: {told: notice, not: rec}}"
    notice = "notice: {type: play, prompt: notice, exits: {done: rec}}"
    given = record(", consent: given_earlier")
    assert (
        len(told(recorded_untold, flow("x", "hello", HELLO.replace("rec", "split"), split, notice, given, SELL, BYE)))
        == 1
    )
