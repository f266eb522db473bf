"""What was expected, held against what happened: nothing that differs is passed over."""

import pytest

from ppc_engine.rehearsal.coverage import Coverage, cover, total_percent
from ppc_engine.rehearsal.expecting import align
from ppc_engine.rehearsal.told import Visit, visits
from tests.rehearsal.workshop import differing, play, play_all, stage


@pytest.fixture(scope="module")
def at():
    return stage()


@pytest.fixture(scope="module")
def sold(at):
    return play(at, digits="90210")


def aligned(expected, happened):
    rows = align(
        expected.split(), [(*word.split("."), "") if "." in word else (word, "", "") for word in happened.split()]
    )
    return [(row.expected, row.happened, row.same) for row in rows]


@pytest.mark.parametrize(
    ("expected", "happened"),
    [
        ("a b c", "a b c"), ("a.x b", "a.x b.y"), ("... c", "a b c"), ("a ...", "a b c"), ("...", "a b"), ("...", ""),
        ("a ... c", "a c"), ("... b ... d", "a b b c d"), ("", ""),
    ],
)  # fmt: skip
def test_paths_that_are_the_same(expected, happened):
    assert all(same for _, _, same in aligned(expected, happened))


@pytest.mark.parametrize(
    ("expected", "happened", "rows"),
    [
        ("a b", "a c", [("a", "a", True), ("b", "", False), ("", "c", False)]),
        ("a.x", "a.y", [("a.x", "a.y", False)]),
        ("a", "", [("a", "", False)]),
        ("", "a", [("", "a", False)]),
        ("... b.x", "a b.y", [("...", "a", True), ("b.x", "b.y", False)]),
        ("a ... d", "a b c", [("a", "a", True), ("...", "b", True), ("...", "c", True), ("d", "", False)]),
    ],
)
def test_paths_that_part_are_told_side_by_side(expected, happened, rows):
    assert aligned(expected, happened) == rows


@pytest.mark.parametrize(
    "expect",
    [
        {"path": ["hello", "ask.ok", "sell", "bye"]},
        {"path": ["...", "sell.ended", "bye"]},
        {"heard": ["enter_zip"]},
        {"targets": ["acme-one"]},
        {"targets": [{"acme-one": "answered"}]},
        {"outcome": "connected"},
        {"billable": "yes"},
        {"billable": "40.00"},
        {"billable": {"acme": "40"}},
        {"payable": "25.00"},
        {"rejected": {}},
        {"tags": {"state": "CA"}},
        {"cdr": {"connected_ms": "180000", "silent_ms": "<= 0", "end_estimated": "false"}},
        {"share": {"acme-one": "100 %", "sell.ended": "90-100"}},
        {"reasons": {"acme": []}},
    ],
)
def test_what_is_as_expected_is_not_told(sold, expect):
    assert differing([sold], **expect) == []


@pytest.mark.parametrize(
    ("expect", "what", "expected", "happened"),
    [
        ({"path": ["hello", "ask.zip_failed", "bye"]}, "path (left the expected one after hello.done)", None, None),
        ({"path": ["ask"]}, "path (left the expected one at the start)", None, None),
        ({"heard": []}, "heard", "", "enter_zip"),
        ({"targets": []}, "targets tried", "none", "acme-one answered"),
        ({"targets": [{"acme-one": "busy"}]}, "targets tried", "acme-one busy", "acme-one answered"),
        ({"targets": ["acme-one", "acme-two"]}, "targets tried", "acme-one, acme-two", "acme-one answered"),
        ({"outcome": "all_capped"}, "outcome", "all_capped", "connected"),
        ({"billable": "no"}, "billable", "no", "yes, 40.00"),
        ({"billable": "39.99"}, "billable", "39.99", "yes, 40.00"),
        ({"billable": {"acme": "0"}}, "billable to acme", "0.00", "yes, 40.00"),
        ({"payable": "no"}, "payable", "no", "yes, 25.00"),
        ({"rejected": {"acme-one": ["closed"]}}, "acme-one rejected for", "closed", "nothing"),
        ({"rejected": {"acme-half": ["closed"]}}, "acme-half rejected for", "closed", "not a candidate"),
        ({"reasons": {"acme": ["too_short"]}}, "reasons against acme", "too_short", "none"),
        ({"tags": {"state": "NY"}}, "tag state", "NY", "CA"),
        ({"tags": {"mood": "good"}}, "tag mood", "good", "not set"),
        ({"cdr": {"connected_ms": "<= 179999"}}, "cdr connected_ms", "<= 179999", "180000"),
        ({"share": {"acme-one": "40-60"}}, "share of acme-one", "40-60 %", "100.0 % (1 of 1 calls)"),
    ],
)
def test_what_differs_is_told(sold, expect, what, expected, happened):
    found = differing([sold], **expect)
    assert [difference.what for difference in found] == [what]
    if expected is not None:
        assert (found[0].expected, found[0].happened) == (expected, happened)


def test_a_difference_says_why(at):
    capped = play(at, digits="90210", counters={"target:acme-one": "1"}, buyers={"acme-two": "busy"})
    (found,) = differing([capped], outcome="connected")
    assert any(line.startswith("acme-one: concurrency_cap (1, limit 1)") for line in found.why), found.why
    assert "acme-two: tried, busy (USER_BUSY)" in found.why
    short = play(at, digits="90210", buyers={"acme-one": {"talks_ms": 29_999}})
    (found,) = differing([short], billable="yes")
    assert found.why == ("acme: connected 29.999 s, needs 30 s, short by 0.001 s",)


def test_every_call_of_a_test_must_be_as_expected(at):
    calls = play_all(at, "shares", calls=40)
    (found,) = differing(calls, path=["cut.many", "busy"])
    assert found.call == next(n for n, call in enumerate(calls, 1) if call.path[0].exit == "few")
    assert differing(calls, share={"cut.few": "5-40 %"}) == []


def test_a_stay_is_one_visit_however_often_it_waits():
    facts = [
        {"d": [["node", {"node": "a", "waits": "DigitsWait"}]]},
        {"d": [["node", {"node": "a", "waits": "DigitsWait", "facts": {"try": 1}}]]},
        {"d": [["node", {"node": "a", "exit": "ok"}], ["node", {"node": "a", "exit": "ok"}]]},
        {"d": [["node", {"node": "b", "waits": "RouteWait"}]]},
    ]
    assert visits(facts) == (Visit("a", "ok"), Visit("a", "ok"), Visit("b"))


def test_all_reasons_of_a_target_are_expected_or_none(at):
    call = play(at, digits="90210", counters={"target:acme-one": "1"}, paused=["target:acme-one"])
    assert differing([call], rejected={"acme-one": ["paused", "concurrency_cap"]}) == []
    (found,) = differing([call], rejected={"acme-one": ["paused"]})
    assert found.happened == "concurrency_cap, paused"


def test_a_sub_flow_that_is_left_for_good_does_not_come_back():
    facts = [
        {"d": [["node", {"node": "a", "calls": "sub"}], ["node", {"flow": "sub", "node": "x", "goes_to": "main"}]]},
        {"d": [["node", {"node": "a", "exit": "ok"}]]},
    ]
    assert visits(facts) == (Visit("a"), Visit("x", flow="sub"), Visit("a", "ok"))
    came_back = [{"d": [["node", {"node": "a", "calls": "sub"}], ["node", {"flow": "sub", "node": "x", "exit": "y"}],
                        ["node", {"node": "a", "exit": "y"}]]}]  # fmt: skip
    assert visits(came_back) == (Visit("a", "y"), Visit("x", "y", flow="sub"))


def test_coverage_counts_nodes_and_exits_of_all_flows(at, sold):
    coverage = Coverage()
    coverage.add("short", sold.path)
    short = cover(at.context.flows["short"], coverage)
    assert short.nodes_missed == ("full",)
    assert (short.nodes, short.exits) == (5, 10)
    assert "ask.zip_failed" in short.exits_missed and "ask.ok" not in short.exits_missed
    assert round(short.percent) == round(100 * (15 - 1 - 7) / 15)
    coverage.add("long", play(at, "long", digits={"ask_place/ask": "90210"}).path)
    sub = cover(at.context.flows["ask_place"], coverage)
    assert sub.nodes_missed == ("gave_up",)
    assert total_percent([short, sub]) < 100
    assert total_percent([]) == 100
