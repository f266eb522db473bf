"""The explanation: every step of a call, with every reason, in words."""

from __future__ import annotations

import pytest

from ppc_engine.calls.commands import Command
from ppc_engine.calls.events import EVENTS as EVENT_TYPES
from ppc_engine.calls.retelling import retell
from ppc_engine.cli import call_steps, call_text
from ppc_engine.cli.call_steps import build_steps, keyed, printable, reason_told
from tests.calls.call_traces import CALL_ID, T0
from tests.cli import call_stories


def told(trace, **options):
    steps = build_steps(trace.facts, retell(trace.context, CALL_ID, trace.facts))
    return [line.strip() for line in call_text.step_lines(steps, T0, **options)]


def test_a_recovered_call_is_told_in_order():
    lines = told(call_stories.recovered_call())
    wanted = [
        '+0.012  offered: +13105550123 "Bob\\x1b[31m\\x0d\\x0aX: y" dials +18005550100 on trunk carrier_a',
        "attributed: campaign roofing, publisher peak; caller valid, area code 310 (CA); revision r1, code test",
        "answer the caller",
        "+0.040  answered after 0.028 s",
        "type collect_zip: prompt enter_zip, retry_prompt bad_zip, tries 2, total_ms_max 30000",
        "+9.800  the caller keyed 90 after 6.600 s",
        "node ask_zip waits: digits (try 1, digits 90, verdict partial)",
        "+18.800  the caller keyed 90210 after 9.000 s",
        "node ask_zip leaves by ok (try 2, digits 90210, verdict ok, state CA)",
        "selection for attempt 1: acme-la, draw 14 of 100",
        "the caller: ZIP 90210 (ivr), CA",
        "acme-la (priority 1, weight 100, draws 0-99): chosen",
        "zenith-1 (priority 1, weight 100): paused: the target",
        "zenith-2 (priority 2, weight 100): eligible",
        "slot taken for attempt 1: target:acme-la (limit 2)",
        "dial acme-la: sip:acme-la@127.0.0.1:6001, rings at most 25.000 s, the caller comes back",
        "+24.000  leg to acme-la ended: USER_BUSY (SIP 486), recv_refuse",
        "slot given back for attempt 1: target:acme-la (limit 2)",
        "attempt 1 is over: busy, USER_BUSY (SIP 486)",
        "acme-la (priority 1, weight 100): already_tried: this target, once a call",
        "dial zenith-2: sip:zenith-2@127.0.0.1:6001 by gateway carrier, rings at most 25.000 s, the caller comes back",
        "+31.000  connected to zenith-2",
        "+40.020  the caller is back, parked",
        "recovery after attempt 2: the next target is tried",
        "selection for attempt 3: nobody is eligible: all_capped",
        "hunting is over: recovered_none",
        "hang up: NORMAL_CLEARING",
        "+40.120  the caller's leg ended: NORMAL_CLEARING, send_bye",
        "outcome: connected",
    ]
    position = 0
    for line in wanted:
        assert line in lines[position:], f"{line!r} not after {lines[position - 1]!r}"
        position = lines.index(line, position) + 1


def test_inner_steps_are_told_on_request_only():
    brief, everything = told(call_stories.capped_call()), told(call_stories.capped_call(), everything=True)
    assert set(brief) < set(everything)
    assert "reserve a slot: target:acme-la (limit 1)" in everything
    assert "attempt 1 gets no slot: target:acme-la has 1 of 1 in use" in brief


def test_a_full_cap_is_told_with_measured_value_and_limit():
    assert "acme-la (priority 1, weight 100): concurrency_cap: target:acme-la has 1 of 1 in use" in told(
        call_stories.capped_call()
    )


def test_a_call_found_again_and_lost():
    lines = told(call_stories.adopted_call())
    assert "+9.000  found again: the engine was started anew; the call talks to acme-la" in lines
    assert lines[-3:] == [
        "+60.000  lost: gone",
        "its end was not seen: gone",
        "outcome: connected (end estimated)",
    ]


def test_a_number_that_nobody_owns():
    assert any(
        line.startswith("attributed: nobody owns the number; caller valid")
        for line in told(call_stories.unknown_number())
    )


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ({"code": "closed", "measured": "sunday 22:10 UTC", "limit": "sunday closed"},
         "closed: sunday 22:10 UTC, hours sunday closed"),
        ({"code": "out_of_area", "measured": "ZIP 90210 (CA)", "limit": "states NY"},
         "out_of_area: ZIP 90210 (CA), takes states NY"),
        ({"code": "concurrency_cap", "measured": 2, "limit": 2, "cap": "buyer:acme"},
         "concurrency_cap: buyer:acme has 2 of 2 in use"),
        ({"code": "pace", "measured": 3, "limit": 5}, "pace: 3, limit 5"),
    ],
)  # fmt: skip
def test_every_reason_has_its_measured_value_and_limit(reason, text):
    assert reason_told(reason) == text


def test_facts_of_an_earlier_version_tell_the_candidates_that_they_hold():
    trace = call_stories.capped_call()
    (selection,) = (data for fact in trace.facts[-3:] for kind, data in fact.get("d", ()) if kind == "selection")
    full = {"code": "concurrency_cap", "measured": 1, "limit": 1, "cap": "target:acme-la"}
    paused = {"code": "paused", "measured": "buyer", "limit": "running"}
    selection["candidates"] = [{"target": "acme-la", "priority": 1, "weight": 100, "reasons": [full, paused]}]
    assert any(line.endswith("1 of 1 in use; paused: the buyer") for line in told(trace))


def test_no_reason_is_cut_off_however_long_the_line():
    reasons = [{"code": f"rule_{n}", "measured": n, "limit": n + 1} for n in range(40)]
    candidate = {"target": "acme-la", "priority": 1, "weight": 100, "reasons": reasons}
    fact = {
        "e": {"k": "UsageRead", "at": T0, "used": {}},
        "d": [["selection", {"number": 1, "candidates": [candidate]}]],
    }
    (line,) = build_steps([fact])[1].lines
    assert all(f"rule_{n}: {n}, limit {n + 1}" in line for n in range(40))


def test_foreign_text_is_cut_off_where_it_stands():
    trace = call_stories.unknown_number()
    trace.facts[0]["e"]["caller_name"] = "x" * 5_000
    (offered, *_) = told(trace)
    assert len(offered) < 400 and offered.endswith("dials +18005559999")


def test_kinds_of_a_later_version_are_told_by_their_fields():
    fact = {"e": {"k": "Teleported", "at": T0, "to": "Mars"}, "d": [["swept", {"dust": 3}]], "c": [{"k": "Beam"}]}
    assert [step.text for step in build_steps([fact])] == [
        "Teleported: at 1790000000000000, to Mars",
        "swept: dust 3",
        "Beam: no more is known",
    ]


def test_every_kind_of_event_and_command_has_its_wording():
    assert set(EVENT_TYPES) <= set(call_steps.EVENTS)
    own = [kind for kind in Command.__subclasses__() if kind.__module__ == Command.__module__]  # Tests make more.
    assert len(own) > 10
    assert {kind.__name__ for kind in own} <= set(call_steps.COMMANDS)


def test_more_digits_than_a_zip_are_not_shown():
    assert keyed("90210") == "the caller keyed 90210"
    assert keyed("4111111111111111") == "the caller keyed " + "*" * 16
    assert keyed("") == "the caller keyed nothing"


def test_foreign_text_cannot_reach_the_terminal():
    assert printable("a\x1b]0;x\x07\u202eb\n") == "a\\x1b]0;x\\x07\\x202eb\\x0a"
    assert len(printable("x" * 10_000)) < 300


def test_a_leg_that_belongs_to_no_target_has_a_name_too():
    leg = {"attempt_id": "c:1", "leg_id": "l", "destination": "+18005550111", "ring_ms_max": 20_000}
    dialed = {"number": 1, "target": "", "buyer": "", "leg_id": "l", "ring_ms_max": 20_000, "returns": False}
    facts = [
        {
            "e": {"k": "TimerFired", "at": T0, "name": "x"},
            "d": [["dialed", dialed]],
            "c": [{"k": "Dial", "command_id": "c.1", "legs": [leg]}],
        },
        {"e": {"k": "LegBridged", "at": T0 + 1_000_000, "leg_id": "l"}},
    ]
    assert [step.text for step in build_steps(facts)] == [
        "timer x fired",
        "attempt 1 dials the fixed destination",
        "dial the fixed destination: +18005550111, rings at most 20.000 s",
        "connected to the fixed destination",
    ]
