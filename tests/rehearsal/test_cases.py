"""What a file of flow tests may say, and how its mistakes are told."""

import pytest

from ppc_engine.rehearsal.cases import Expect, Given, compares, parse_time
from ppc_engine.rehearsal.people import Phone, timed_keys
from tests.rehearsal.workshop import problems, stage


@pytest.fixture(scope="module")
def at():
    return stage()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23 10:00 America/Los_Angeles", "2026-11-23T18:00Z"),
        ("2026-07-01 10:00:30 America/Los_Angeles", "2026-07-01T17:00:30Z"),
        ("2026-11-01 01:30 America/Los_Angeles", "2026-11-01T01:30-07:00"),  # the first of two
        ("2026-11-23T18:00:00.5Z", "2026-11-23 18:00:00.500 UTC"),
        ("2026-11-23 10:00 Etc/GMT+8", "2026-11-23T18:00+00:00"),
    ],
)
def test_a_time_is_read_in_its_zone(text, utc):
    assert parse_time(text) == parse_time(utc)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-23 10:00", "with its zone"),
        ("2026-02-30 10:00 UTC", "no time of any calendar"),
        ("2026-03-08 02:30 America/Los_Angeles", "does not happen"),
        ("2026-11-23 10:00 Mars/Olympus", "not an IANA time zone"),
        ("tomorrow", "with its zone"),
    ],
)
def test_a_time_that_is_none_is_refused_with_a_cure(text, told):
    with pytest.raises(ValueError, match=told):
        parse_time(text)


def test_pauses_come_before_the_key_that_follows_them():
    assert list(timed_keys("9w0W#")) == [(1000, "9"), (800, "0"), (1300, "#")]


def test_what_a_test_is_given_lies_over_what_its_file_is_given():
    base = Given.model_validate({"digits": {"a": "1", "b": "2"}, "caller": "+13105550111", "calls": "3"})
    own = Given.model_validate({"digits": {"b": "3"}, "buyers": {"x": "busy"}})
    merged = own.over(base)
    assert merged.digits == {"a": ("1",), "b": ("3",)}
    assert (merged.caller, merged.calls, merged.buyers) == ("+13105550111", 3, {"x": (Phone(does="busy"),)})


@pytest.mark.parametrize(
    ("written", "value", "same"),
    [
        ("500", 500, True), ("<= 500", 500, True), ("< 500", 500, False), (">= 1", 0, False), ("> -2", -1, True),
        ("true", True, True), ("", "", True), ("CA", "CA", True), ("<= 5", "CA", False),
    ],
)  # fmt: skip
def test_a_field_is_compared_as_it_is_written(written, value, same):
    assert compares(written, value) is same


def test_targets_may_say_their_outcome():
    expect = Expect.model_validate({"targets": ["a", {"b": "busy"}]})
    assert expect.targets == (("a", ""), ("b", "busy"))


GOOD = """
given: {time: 2026-11-23 10:00 UTC, campaign: leads, publisher: peak}
tests:
  - name: one
    given: {digits: {ask: "90210"}}
    expect: {outcome: connected}
"""


def test_a_good_file_has_no_problems(at):
    assert problems(at, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{ask:", "{askk:", '5:22 tests.0.given.digits.askk: no node or prompt "askk" (did you mean "ask"?)'),
        ("outcome: c", "outcom: c", '6:14 tests.0.expect.outcom: unknown key "outcom" (did you mean "outcome"?)'),
        ("connected}", "connectd}", '"connectd" is not "connected"'),
        ("outcome: connected", "path: [hello, sell.endd]", '6:28 tests.0.expect.path.1: sell has no exit "endd"'),
        ("outcome: connected", "path: [helo]", '6:21 tests.0.expect.path.0: no node "helo" (did you mean "hello"?)'),
        ("outcome: connected", "targets: [acme-on]", 'no target "acme-on" (did you mean "acme-one"?)'),
        ("outcome: connected", "targets: [acme-one: bussy]", "tests.0.expect.targets.0"),
        ("outcome: connected", "cdr: {conected_ms: 5}", 'a CDR has no field "conected_ms"'),
        ("outcome: connected", "heard: [welcom]", 'no prompt "welcom" (did you mean "welcome"?)'),
        ("outcome: connected", "share: {acme-one: 70-60}", "is not a share"),
        ("outcome: connected", "billable: {acm: yes}", 'no buyer "acm" (did you mean "acme"?)'),
        ("expect: {outcome: connected}", "expect: {}", "expects nothing"),
        ("time: 2026-11-23 10:00 UTC, ", "", "tests.0.given: needs a time"),
        ("campaign: leads", "campaign: leds", '2:37 given.campaign: no campaign "leds" (did you mean "leads"?)'),
        ('digits: {ask: "90210"}', "buyers: {acme-one: bussy}", '5:22 tests.0.given.buyers.acme-one: "bussy" is not'),
        ('digits: {ask: "90210"}', "buyers: {acme-one: {does: busy, talks_ms: 5}}", "has no talks_ms"),
        ('digits: {ask: "90210"}', 'digits: {ask: "9O210"}', "9O210"),
        ('digits: {ask: "90210"}', 'counters: {"target:acme-tw": 1}', 'no target "acme-tw" (did you mean "acme-two"?)'),
        ('digits: {ask: "90210"}', 'counters: {"target:acme-one": many}', '"many" is not a count'),
        ('digits: {ask: "90210"}', 'counters: {"target:acme-one/connect/day": 1}', "no cap"),
        ('digits: {ask: "90210"}', 'frees: {"target:acme-one": 5}', "no counter of this test"),
        ('digits: {ask: "90210"}', "caller_hangs_up: {node: ask, on: ringing}", 'write "node:" or "on:"'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(at, old, new, told):
    found = problems(at, GOOD.replace(old, new, 1))
    assert len(found) == 1 and told in found[0], found


def test_every_mistake_of_a_file_is_told_at_once(at):
    text = GOOD.replace("ask:", "aks:").replace("outcome: connected", "path: [helo], targets: [nobody-else]")
    assert len(problems(at, text)) == 3


def test_two_tests_of_one_name_are_one_too_many(at):
    again = GOOD + '  - {name: one, given: {digits: "90210"}, expect: {outcome: connected}}\n'
    assert problems(at, again) == ['7:6 tests.1.name: a second test "one" (the first is on line 4)']


def test_a_file_is_of_the_flow_that_it_is_named_after(at):
    assert problems(at, GOOD, file="flows/shrt.test.yaml") == ['2:1 : no flow "shrt" (did you mean "short"?)']
    assert problems(at, "flow: short\n" + GOOD.lstrip(), file="elsewhere.yaml") == []


def test_money_is_owed_by_somebody(at):
    text = GOOD.replace(", publisher: peak", "").replace("outcome: connected", "payable: yes")
    assert problems(at, text) == [
        '6:14 tests.0.expect.payable: says nothing without a publisher (give "publisher: ...")'
    ]
