"""What no target covers: minutes of the week, ZIPs, and callers who were not asked theirs."""

from ppc_engine.flows.checks.coverage import uncovered
from tests.flows.checks.flow_texts import BYE, PLACES, SOLD, catalog_of, flow, told

HELLO = "hello: {type: answer, exits: {done: ask}}"
ASK = "ask: {type: collect_zip, prompt: p, exits: {ok: sell, zip_failed: bye}}"
SELL = f"sell: {{type: route, exits: {{{SOLD}}}}}"
ASKED = flow("x", "hello", HELLO, ASK, SELL, BYE)
DIRECT = flow("x", "sell", SELL, BYE)
WEEKDAYS = ", ".join(f'{day}: ["09:00-17:00"]' for day in ("monday", "tuesday", "wednesday", "thursday", "friday"))


def missed(text: str, *targets: str, **known) -> list[str]:
    """What is said of a flow whose campaign has these targets, the place left out."""
    block = "".join(f"  - {{id: t{n}, destination: sip:t{n}@127.0.0.1{more}}}\n" for n, more in enumerate(targets))
    names = ", ".join(f"t{n}" for n in range(len(targets)))
    catalog = catalog_of(
        {
            "buyers/b.yaml": f"id: b\nname: B\nzone: UTC\ntargets:\n{block}",
            "campaigns/c.yaml": f"id: c\nname: C\nflow: x\ntargets: [{names}]\n",
            **known,
        }
    )
    place = 'x.yaml:6:3: warning: nodes.sell: campaign "c": '
    return [
        line.removeprefix(place).replace('x.yaml:4:3: warning: nodes.sell: campaign "c": ', "")
        for line in told(uncovered, text, catalog=catalog, places=PLACES)
    ]


def test_minutes_that_no_target_covers_in_the_zone_of_their_hours():
    la = f", hours: {{zone: America/Los_Angeles, {WEEKDAYS}}}"
    night = ', hours: {zone: America/Los_Angeles, monday: ["00:00-09:00", "17:00-24:00"]}'
    assert missed(DIRECT, la, night) == [
        "no target is open Tue-Fri 00:00-09:00 17:00-24:00, Sat-Sun (America/Los_Angeles); "
        "widen the hours of one, or send those callers elsewhere with open_hours"
    ]
    assert missed(DIRECT, la, "") == []


def test_hours_that_meet_in_winter_but_not_in_summer():
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    day = ", ".join(f'{name}: ["06:00-20:00"]' for name in days)
    night = ", ".join(f'{name}: ["00:00-04:00", "14:00-24:00"]' for name in days)
    phoenix = ", ".join(f'{name}: ["04:00-07:00"]' for name in days)
    targets = [
        f", hours: {{zone: America/Denver, {day}}}",
        f", hours: {{zone: America/Denver, {night}}}",
        f", hours: {{zone: America/Phoenix, {phoenix}}}",
    ]
    # Denver 04-06 is Phoenix 04-06 in winter and 03-05 in summer, when nobody is there from 04 to 05 of Denver.
    assert [line.split(";")[0] for line in missed(DIRECT, *targets)] == [
        "no target is open Mon-Sun 04:00-05:00 (America/Denver, in summer time)"
    ]


def test_minutes_in_which_the_flow_is_closed_are_not_missed():
    hours = f"hours: {{type: open_hours, hours: {{zone: UTC, {WEEKDAYS}}}, exits: {{open: sell, closed: bye}}}}"
    text = flow("x", "hours", hours, SELL, BYE)
    assert missed(text, f", hours: {{zone: UTC, {WEEKDAYS}}}") == []
    late = f", hours: {{zone: UTC, {WEEKDAYS.replace('17:00', '16:00')}}}"
    assert len(missed(text, late)) == 1 and "Mon-Fri 16:00-17:00 (UTC)" in missed(text, late)[0]


def test_zips_of_a_state_that_is_served_in_part():
    assert missed(ASKED, ", area: {zips: [90001]}", ", area: {states: [TX]}") == [
        "no target takes 2 ZIPs of CA (add a target for them, or send those callers elsewhere)"
    ]
    assert missed(ASKED, ", area: {zips: [90001]}", ", area: {states: [CA]}") == []
    assert missed(ASKED, ", area: {zips: [90001]}", "") == []


def test_states_that_the_flow_sends_here_but_nobody_serves():
    ask = ASK.replace("sell", "by_state")
    by_state = "by_state: {type: match, on: state, cases: {west: [CA, NV]}, exits: {west: sell, no_match: bye}}"
    text = flow("x", "hello", HELLO, ask, by_state, SELL, BYE).replace("by_state", "by_state")
    lines = missed(text, ", area: {states: [CA]}")
    assert [line.split(": ", 4)[-1] for line in lines] == [
        "no target takes all 2 ZIPs of NV (add a target for them, or send those callers elsewhere)"
    ]


def test_an_area_that_needs_a_zip_nobody_was_asked_for():
    assert missed(DIRECT, ", area: {zips: [90001]}", ", area: {states: [CA]}") == [
        'never sold to "t0": such an area needs a ZIP, and no way here asks for one (add a collect_zip)'
    ]
    keyed = ", area: {states: [CA], require_zip_source: keyed}"
    assert len(missed(DIRECT, keyed)) == 1
    assert missed(DIRECT, ", area: {zips: [90001], area_codes: [310]}") == []


def test_a_trusted_trunk_may_bring_the_zip():
    trunk = {"trunks/carrier.yaml": "id: carrier\ntrusted: true\n"}
    assert missed(DIRECT, ", area: {zips: [90001]}", **trunk) == []


def test_a_node_whose_targets_are_all_paused():
    assert missed(DIRECT, ", paused: true") == ["every target here is paused (resume one)"]


def test_who_comes_when_the_flow_is_closed_needs_a_target_of_the_night():
    hours = f"hours: {{type: open_hours, hours: {{zone: UTC, {WEEKDAYS}}}, exits: {{open: day, closed: night}}}}"
    day = f"day: {{type: route, targets: [t0], exits: {{{SOLD}}}}}"
    night = f"night: {{type: route, targets: [t1], exits: {{{SOLD}}}}}"
    nights = WEEKDAYS.replace('"09:00-17:00"', '"00:00-09:00", "17:00-24:00"')
    weekend = 'saturday: ["00:00-24:00"], sunday: ["00:00-24:00"]'
    text = flow("x", "hours", hours, day, night, BYE)
    open_by_day = f", hours: {{zone: UTC, {WEEKDAYS}}}"
    assert missed(text, open_by_day, f", hours: {{zone: UTC, {nights}, {weekend}}}") == []
    assert "Sat-Sun" in missed(text, open_by_day, f", hours: {{zone: UTC, {nights}}}")[0]


def test_callers_of_two_ways_are_both_looked_for():
    cases = "cases: {west: [CA], south: [TX]}, exits: {west: sell, south: sell, no_match: bye}"
    by_state = f"by_state: {{type: match, on: state, {cases}}}"
    text = flow("x", "hello", HELLO, ASK.replace("sell", "by_state"), by_state, SELL, BYE)
    assert "all 1 ZIP of TX (" in missed(text, ", area: {states: [CA]}")[0]
    assert missed(text, ", area: {states: [CA]}", ", area: {states: [TX]}") == []
