"""The longest that a caller may wait before anybody talks to them."""

from ppc_engine.flows.checks.patience import too_long
from tests.flows.checks.flow_texts import BYE, SOLD, catalog_of, flow, told

BUYER = """\
id: b
name: B
zone: UTC
targets:
  - {id: t1, destination: sip:t1@127.0.0.1, ring_ms_max: 60000}
  - {id: t2, destination: sip:t2@127.0.0.1, ring_ms_max: 50000, redial: {busy: 1, after_s: 5}}
  - {id: t3, destination: sip:t3@127.0.0.1, ring_ms_max: 20000}
"""
CAMPAIGN = "id: c\nname: C\nflow: x\ntargets: [t1, t2, t3]\nattempts_max: 2\n"
CATALOG = catalog_of({"buyers/b.yaml": BUYER, "campaigns/c.yaml": CAMPAIGN})
HELLO = "hello: {type: answer, exits: {done: ask}}"
ASK = "ask: {type: collect_zip, prompt: p, total_ms_max: 90000, exits: {ok: play, zip_failed: ask}}"
PLAY = "play: {type: play, prompt: menu, exits: {done: sell}}"
SELL = f"sell: {{type: route, exits: {{{SOLD}}}}}"


def test_the_longest_way_is_added_up_with_the_targets_that_may_ring():
    # answer 5 + ask 90 (however often) + the prompt's own 12 + two attempts: 2 x 50 with 5 between, and 60
    text = flow("x", "hello", HELLO, ASK, PLAY, SELL, BYE) + "patience_ms_max: 271999\n"
    assert told(too_long, text, catalog=CATALOG, prompt_ms={"menu": 12_000}) == [
        'x.yaml:9:1: warning: patience_ms_max: a caller of "c" may wait 272 s before anybody talks to them, more than '
        "271.999 s (longest: sell 165 s, ask 90 s, play 12 s; shorten them, or raise patience_ms_max)"
    ]
    enough = text.replace("271999", "272000")
    assert told(too_long, enough, catalog=CATALOG, prompt_ms={"menu": 12_000}) == []


def test_without_a_word_of_its_own_a_flow_has_five_minutes():
    text = flow("x", "hello", HELLO, ASK, PLAY, SELL, BYE)
    assert told(too_long, text, catalog=CATALOG) == []
    slow = text.replace("90000", "140000")
    assert "x.yaml:2:1: warning: start: a caller" in told(too_long, slow, catalog=CATALOG)[0]


def test_what_comes_after_a_talk_is_no_waiting():
    again = SELL.replace("ended: bye", "ended: bye2")
    late = "bye2: {type: play, prompt: long, exits: {done: bye}}"
    text = flow("x", "sell", again, late, BYE) + "patience_ms_max: 165000\n"
    assert told(too_long, text, catalog=CATALOG, prompt_ms={"long": 100_000}) == []
    assert len(told(too_long, text.replace("165000", "164000"), catalog=CATALOG)) == 1


def test_targets_that_ring_together_take_the_time_of_the_slowest():
    # Two attempts of the three: t2 (2 x 50 + 5) and t1 (60); together as long as the slower of them.
    text = flow("x", "sell", SELL.replace("route,", "route, together: 2,"), BYE) + "patience_ms_max: 104999\n"
    assert len(told(too_long, text, catalog=CATALOG)) == 1
    assert told(too_long, text.replace("104999", "105000"), catalog=CATALOG) == []


def test_waiting_in_a_queue_comes_before_the_ringing():
    exits = f"{SOLD}, full: bye, waited_too_long: bye"
    hold = f"hold: {{type: queue, wait_ms_max: 60000, exits: {{{exits}}}}}"
    hello = "hello: {type: answer, exits: {done: hold}}"
    text = flow("x", "hello", hello, hold, BYE) + "patience_ms_max: 229999\n"
    assert "(longest: hold 225 s, hello 5 s;" in told(too_long, text, catalog=CATALOG)[0]
    assert told(too_long, text.replace("229999", "230000"), catalog=CATALOG) == []


def test_of_two_ways_the_longer_counts():
    split = "split: {type: split, shares: {short: 1, long: 1}, exits: {short: sell, long: play}}"
    text = flow("x", "hello", HELLO.replace("ask", "split"), split, PLAY, SELL, BYE) + "patience_ms_max: 181999\n"
    assert len(told(too_long, text, catalog=CATALOG, prompt_ms={"menu": 12_000})) == 1
    assert told(too_long, text.replace("181999", "182000"), catalog=CATALOG, prompt_ms={"menu": 12_000}) == []
