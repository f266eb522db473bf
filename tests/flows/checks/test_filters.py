"""Filters that let nobody through, or take what another took before."""

from ppc_engine.catalog.references import BAD_LINES_MAX
from ppc_engine.flows.checks.filters import caller_lists, dials_ourselves, match_cases, never_allowed, opening_hours
from ppc_engine.storage.list_files import parse_list
from tests.flows.checks.flow_texts import BYE, flow, told


def match(cases: str, exits: str) -> str:
    return f"m: {{type: match, on: state, cases: {{{cases}}}, exits: {{{exits}, no_match: bye}}}}"


def test_a_value_in_two_cases_goes_to_the_first():
    text = flow("x", "m", match("west: [CA, OR], all: [TX, OR, CA]", "west: bye, all: bye"), BYE)
    assert told(match_cases, text) == [
        'x.yaml:4:55: warning: nodes.m.cases.all: "west" takes CA, OR before this case does (keep one)'
    ]
    assert told(match_cases, flow("x", "m", match("west: [CA], south: [TX]", "west: bye, south: bye"), BYE)) == []


def test_a_case_that_lists_nothing():
    text = flow("x", "m", match("west: []", "west: bye"), BYE)
    assert told(match_cases, text) == [
        "x.yaml:4:39: warning: nodes.m.cases.west: an empty case is never taken (list a value)"
    ]


def test_a_dial_that_rings_ourselves():
    dial = 'd: {type: dial, destination: "+13105550177", gateway: c, exits: {ended: bye, no_answer: bye}}'
    assert told(dials_ourselves, flow("x", "d", dial, BYE), own_numbers={"+13105550177"}) == [
        "x.yaml:4:19: nodes.d.destination: +13105550177 is a tracking number of ours: calls would go in circles "
        "(dial another)"
    ]
    assert told(dials_ourselves, flow("x", "d", dial, BYE)) == []


def test_a_server_that_may_not_be_asked():
    exits = "ok: bye, timeout: bye, refused: bye, failed: bye, bad_answer: bye"
    look = f"l: {{type: lookup, url: https://Api.example.com:8443/v1, exits: {{{exits}}}}}"
    text = flow("x", "l", look, BYE)
    assert told(never_allowed, text, lookup_hosts=["api.exmple.com:8443"]) == [
        'x.yaml:4:21: warning: nodes.l.url: "Api.example.com:8443" may not be asked, so every look-up is refused '
        '(did you mean "api.exmple.com:8443"?)'
    ]
    assert told(never_allowed, text, lookup_hosts=[])[0].endswith("(add it to engine.yaml: lookup_hosts)")
    assert told(never_allowed, text, lookup_hosts=["api.example.com:8443"]) == []
    assert told(never_allowed, text) == []


def test_hours_that_are_never_open():
    hours = "h: {type: open_hours, hours: {zone: UTC}, exits: {open: bye, closed: bye}}"
    assert told(opening_hours, flow("x", "h", hours, BYE)) == [
        'x.yaml:4:25: warning: nodes.h.hours: never open, so nobody gets past it (name a day: monday: ["09:00-17:00"])'
    ]
    once = hours.replace("zone: UTC", 'zone: UTC, open_dates: {"2026-12-24": ["09:00-12:00"]}')
    assert told(opening_hours, flow("x", "h", once, BYE)) == []


def test_lines_of_a_caller_list_that_are_no_callers():
    screen = "s: {type: block, lists: [lists/spam.txt], exits: {pass: bye, blocked: bye}}"

    def lines(text: str) -> list[str]:
        document, _ = parse_list("lists/spam.txt", text.encode())
        return told(caller_lists, flow("x", "s", screen, BYE), lists={"lists/spam.txt": document})

    assert lines("# spam\n+13105550100\n+1900*\n") == []
    assert lines("# spam\n3105550100\n") == [
        'lists/spam.txt:2:1: "3105550100" is no caller (write a number "+13105550123" '
        'or the beginning of one "+1310555*")'
    ]
    many = lines("".join(f"{n}\n" for n in range(BAD_LINES_MAX + 5)))
    assert len(many) == BAD_LINES_MAX + 1
    assert "lists/spam.txt:1:1: and 5 more lines that are no callers (is this the right list?)" in many
    assert told(caller_lists, flow("x", "bye", BYE), lists={}) == []
