"""A call that happened, as the test that makes it happen again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc_engine.cli.call_capture import case_text, file_text
from ppc_engine.rehearsal.capturing import capture, masked
from ppc_engine.rehearsal.cases import CaseFile
from ppc_engine.rehearsal.expecting import differences
from ppc_engine.rehearsal.playing import history_of, offer_of
from ppc_engine.values.errors import BadValueError
from tests.rehearsal.test_rehearse import CALLS
from tests.rehearsal.workshop import BASE, as_text, document, play, problems, stage

STAGE = stage()


def captured(call, told_of_it=None, **more):
    given_ = CaseFile.model_validate(
        {
            "given": BASE,
            "tests": [{"name": "x", "given": as_text(told_of_it or {}), "expect": {"outcome": "connected"}}],
        }
    )
    whole = given_.tests[0].given.over(given_.given)
    number = STAGE.number_of("short", whole)
    history = history_of(whole, offer_of(whole, number.number, "x"), number, STAGE.context.catalog)
    return capture(call.facts, call.cdr, call.judgement.records, history, keep_caller=more.get("keep_caller", True))


def happens_again(case, flow):
    """What differs when the captured test is played."""
    test = CaseFile.model_validate({"tests": [case]}).tests[0]
    return differences(test.expect, STAGE.play(flow, test.name, test.given))


def test_a_captured_call_says_what_was_given_and_what_it_came_to():
    call = play(STAGE, digits={"ask": ["9", "90210"]}, buyers={"acme-one": {"does": "busy", "rings_ms": 700}})
    case = captured(call)
    assert case == {
        "name": f"as call {call.cdr.call_id[:8]} went: connected",
        "given": {
            "number": "+18005550100",
            "campaign": "leads",
            "publisher": "peak",
            "caller": "+13105550100",
            "time": "2026-11-23T18:00:00.000000Z",
            "call_id": call.cdr.call_id,
            "digits": {"ask": ["9", "90210"]},
            "buyers": {
                "acme-one": {"does": "busy", "rings_ms": "700"},
                "acme-two": {"does": "answer", "rings_ms": "3000", "talks_ms": "180000"},
            },
        },
        "expect": {
            "path": ["hello.done", "ask.ok", "sell.ended", "bye"],
            "targets": [{"acme-one": "busy"}, {"acme-two": "answered"}],
            "outcome": "connected",
            "billable": {"acme": "40.00"},
            "payable": "25.00",
            "cdr": {"connected_ms": "180000", "state": "CA", "zip_source": "ivr"},
        },
    }
    assert happens_again(case, "short") == []


def test_a_captured_call_that_differs_is_noticed():
    case = captured(play(STAGE, digits="90210"))
    case["given"]["buyers"]["acme-one"]["talks_ms"] = "29999"
    assert {difference.what for difference in happens_again(case, "short")} >= {"billable to acme", "cdr connected_ms"}


@given(CALLS, st.sampled_from(["short", "long", "both"]))
@settings(max_examples=150, deadline=None)
def test_every_call_happens_again_as_it_was_captured(told_of_it, flow):
    if "frees" in told_of_it:
        told_of_it = {**told_of_it, "counters": {"target:acme-one": 1}}
    found = {"http": {"data": {"result": {"score": "7"}}}}
    call = play(STAGE, flow, lookups=found, **told_of_it)
    case = captured(call, told_of_it)
    assert problems(STAGE, file_text(flow, case_text(case))) == []
    assert happens_again(case, flow) == [], case


def test_caps_and_pauses_are_captured():
    capped = {"counters": {"target:acme-one": 1, "target:acme-two/connect/day": 5}}
    call = play(STAGE, digits="90210", **capped)
    case = captured(call)
    assert case["given"]["counters"] == {"target:acme-one": "1", "target:acme-two/connect/day": "5"}
    assert happens_again(case, "short") == []
    call = play(STAGE, digits="90210", paused={"target:acme-one": "ann: noisy"})
    case = captured(call)
    assert case["given"]["paused"] == {"target:acme-one": "ann: noisy"}
    assert happens_again(case, "short") == []


def test_others_who_came_and_went_are_captured():
    full = {"target:acme-two/connect/day": 5}
    call = play(STAGE, digits="90210", buyers={"acme-one": "busy"}, changes=[{"at_choice": 2, "counters": full}])
    case = captured(call)
    assert case["given"]["changes"] == [{"at_choice": "2", "counters": {"target:acme-two/connect/day": "5"}}]
    assert happens_again(case, "short") == []
    call = play(
        STAGE, digits="90210", buyers={"acme-one": "busy"}, counters=full,
        changes=[{"at_choice": 2, "counters": {"target:acme-two/connect/day": 0}}],
    )  # fmt: skip
    assert [attempt.target for attempt in call.cdr.attempts] == ["acme-one", "acme-two"]
    assert happens_again(captured(call), "short") == []


def test_the_callers_own_counter_is_that_of_the_masked_number():
    busy = {"counters": {"caller:+13107771234": 1}, "caller": "+13107771234"}
    call = play(STAGE, digits="90210", campaign="once", **busy)
    assert call.cdr.outcome == "all_capped"
    case = captured(call, keep_caller=False)
    assert list(case["given"]["counters"]) == [f"caller:{case['given']['caller']}"]
    assert happens_again(case, "short") == []


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+13107771234", "+131055501"), ("13107771234", "+131055501"), ("3107771234", "+131055501"),
     ("anonymous", "anonymous"), ("+447911123456", "+447911123456"), ("+18007771234", "+180055501")],
)  # fmt: skip
def test_a_caller_is_masked_with_the_same_area_code(number, shown):
    assert masked(number).startswith(shown)
    assert len(masked(number)) == (12 if shown.endswith("55501") else len(number))
    assert masked(number) == masked(number)


def test_the_caller_is_not_kept_unless_wanted():
    call = play(STAGE, caller="+13107771234", digits="90210")
    assert captured(call, keep_caller=False)["given"]["caller"].startswith("+131055501")
    assert captured(call, keep_caller=True)["given"]["caller"] == "+13107771234"


@pytest.mark.parametrize("kind", ["OperatorHangup", "OperatorRedirect", "CallAdopted", "CallVanished"])
def test_what_no_test_can_do_is_refused(kind):
    call = play(STAGE, digits="90210")
    call.facts.append({"e": {"k": kind, "at": 0}})
    with pytest.raises(BadValueError, match="cannot be a test"):
        captured(call)


def test_a_call_to_nobodys_number_is_no_test():
    call = play(STAGE, digits="90210")
    call.facts[0]["d"][0][1]["number"] = None
    with pytest.raises(BadValueError, match="nobody owned the number"):
        captured(call)


def test_a_test_file_can_hold_it():
    case = captured(play(STAGE, digits="90210", lookups={"history": {"data": '{"calls": 3}'}}))
    text = file_text("short", case_text(case))
    assert document("x.yaml", text).data["tests"] == [as_text(case)]
