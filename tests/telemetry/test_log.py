"""Log lines: one a step, the call always named, nobody's number in full."""

import io
import json
import logging
import re

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.telemetry.log import STEP_LEVELS, Log, capture_standard_logging, mask_number

CALL_ID = "0b6f9a1e-11f0-4f7e-9d3a-123456789012"  # Its last group is all digits, as one in 300 is.


@pytest.fixture
def out():
    return io.BytesIO()


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_step_is_one_line_of_json(out):
    Log(stream=out)("call_ended", CALL_ID, outcome="connected", connected_ms=87_420)
    (line,) = lines(out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": "call_ended",
        "call_id": CALL_ID,
        "outcome": "connected",
        "connected_ms": 87420,
    }


def test_every_line_has_a_call_id_even_where_there_is_no_call(out):
    Log(stream=out)("switch_connected")
    assert lines(out)[0]["call_id"] == ""


def test_line_breaks_in_a_field_make_no_second_line(out):
    Log(stream=out)("bug", CALL_ID, traceback='a\nb\r\n{"event": "forged"}')
    assert [line["event"] for line in lines(out)] == ["bug"]


def test_steps_have_their_level_and_the_threshold_holds(out):
    log = Log(stream=out, level="warning")
    log("call_ended")
    log("claim_not_renewed")
    log("bug")
    assert [(line["event"], line["level"]) for line in lines(out)] == [
        ("claim_not_renewed", "warning"),
        ("bug", "error"),
    ]


def test_numbers_are_masked_wherever_they_stand(out):
    Log(stream=out)(
        "offered",
        CALL_ID,
        caller_number="+13105550123",
        header='"Bob" <sip:3105550123@10.0.0.1>',
        nested={"numbers": ["+442079460000", ("12125550100",)]},
        error=ValueError("no offer for +13105550123"),
    )
    (line,) = lines(out)
    assert line["caller_number"] == "+1310***0123"
    assert line["header"] == '"Bob" <sip:3105***0123@10.0.0.1>'
    assert line["nested"] == {"numbers": ["+4420***0000", ["1212***0100"]]}
    assert line["error"] == "no offer for +1310***0123"
    assert line["call_id"] == CALL_ID


def test_what_a_caller_keyed_is_hidden(out):
    Log(stream=out)("digits", CALL_ID, digits="90012")
    assert lines(out)[0]["digits"] == "*****"


def test_stamps_and_lengths_are_left_alone(out):
    Log(stream=out)("call_ended", CALL_ID, offered_at=1_795_000_000_123_456, test=True, gone=None)
    assert (lines(out)[0]["offered_at"], lines(out)[0]["test"], lines(out)[0]["gone"]) == (1795000000123456, True, None)


@given(st.from_regex(r"\+?[0-9]{10,15}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_no_number_survives_whatever_stands_around_it(number, before, after):
    masked = mask_number(f"{before} {number} {after}")
    assert number.lstrip("+") not in masked
    assert not re.search(r"[0-9]{10}", masked)


@given(st.text())
def test_any_text_is_one_line(text):
    out = io.BytesIO()
    Log(stream=out)("step", CALL_ID, text=text)
    assert len(lines(out)) == 1


def test_people_get_a_readable_line(out):
    Log(stream=out, form="console")("call_ended", CALL_ID, outcome="connected", caller_number="+13105550123")
    text = out.getvalue().decode()
    assert text.count("\n") == 1 and "call_ended" in text and "outcome=connected" in text and "+1310***0123" in text
    assert "\x1b" not in text  # no colours but on a terminal


def test_small_steps_wait_and_are_written_together(out):
    log = Log(stream=out, delay_s=0.01)
    log("call_ended", CALL_ID)
    log("call_ended", CALL_ID)
    assert out.getvalue() == b""
    with gevent.Timeout(10):
        while not out.getvalue():
            gevent.sleep(0.001)
    assert len(lines(out)) == 2


def test_what_is_worse_is_written_at_once_and_in_order(out):
    log = Log(stream=out, delay_s=3600)
    log("call_ended")
    log("claim_not_renewed")
    assert [line["event"] for line in lines(out)] == ["call_ended", "claim_not_renewed"]


def test_a_flush_leaves_nothing_to_the_timer(out):
    log = Log(stream=out, delay_s=3600)
    log("call_ended")
    log.flush()
    log.flush()
    log("started")
    log.flush()
    assert [line["event"] for line in lines(out)] == ["call_ended", "started"]


def test_a_log_that_cannot_be_written_ends_no_call():
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    Log(stream=FullDisk())("call_ended")


def test_the_levels_are_known_ones():
    assert set(STEP_LEVELS.values()) <= {"debug", "info", "warning", "error"}


@pytest.fixture
def standard_logging():
    """Puts the standard library's logging back as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield logging.getLogger("greenswitch.esl")
    root.handlers[:], root.level = before


def test_what_libraries_log_is_a_masked_line_of_ours(out, standard_logging, capsys):
    capture_standard_logging(Log(stream=out))
    standard_logging.warning("no channel for %s", "+13105550123")
    standard_logging.info("too small to tell")
    try:
        raise OSError("caller 3105550123")
    except OSError:
        standard_logging.critical("send failed", exc_info=True)
    told = lines(out)
    assert [(line["event"], line["level"], line["logger"]) for line in told] == [
        ("library", "warning", "greenswitch.esl"),
        ("library", "error", "greenswitch.esl"),
    ]
    assert told[0]["detail"] == "no channel for +1310***0123"
    assert "OSError: caller 3105***0123" in told[1]["traceback"]
    assert capsys.readouterr() == ("", "")
