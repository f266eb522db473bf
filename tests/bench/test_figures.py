"""What scripts/bench makes of what it sees. A wrong rule here would be a wrong figure that nobody notices."""

from __future__ import annotations

from typing import Any

import pytest

from bench.load import Answered
from bench.report import summarise, table, wanted
from bench.rounds import ARMS, RAMP_START, RAMP_STEP, WAIT_MS_MAX, in_turn, percentile, sustained
from bench.tap import Frames

IN_TIME_MS, LATE_MS = 50.0, WAIT_MS_MAX + 1


def second(number: int, late: int = 0, missing: int = 0) -> list[Answered]:
    """All calls that began in one second of the ramp; so many of them answered late, or never."""
    calls = RAMP_START + RAMP_STEP * number
    waits = [LATE_MS] * late + [IN_TIME_MS] * (calls - late - missing)
    return [Answered(number + 0.1 + waited / 1000, waited) for waited in waits]


def ramp(seconds: int, **bad: dict[str, int]) -> list[Answered]:
    return [answer for number in range(seconds) for answer in second(number, **bad.get(f"s{number}", {}))]


def test_a_load_that_was_always_answered_is_sustained_to_its_last_second() -> None:
    assert sustained(ramp(10)) == RAMP_START + RAMP_STEP * 9


@pytest.mark.parametrize("bad", [{"late": 10}, {"missing": 10}])
def test_two_bad_seconds_in_a_row_end_it_before_the_first(bad: dict[str, int]) -> None:
    assert sustained(ramp(12, s5=bad, s6=bad)) == RAMP_START + RAMP_STEP * 4


def test_one_bad_second_is_no_end_and_neither_is_a_tenth_that_is_late() -> None:
    assert sustained(ramp(12, s5={"late": 20})) == RAMP_START + RAMP_STEP * 11
    assert sustained(ramp(12, s7={"late": 3}, s8={"late": 3})) == RAMP_START + RAMP_STEP * 11


def test_no_answer_at_all_is_no_more_than_the_start() -> None:
    assert sustained([]) == RAMP_START


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(value) for value in range(1, 151)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (75.0, 149.0, 150.0)
    assert percentile([], 99) == 0.0


def test_every_second_round_goes_backwards() -> None:
    arms = list(ARMS.values())
    assert list(in_turn(arms, 0)) == arms == list(in_turn(arms, 1))[::-1]


ROUNDS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "cost": {
        "dialplan": [{"controller_ms": 0.0, "switch_ms": value} for value in (40.0, 30.0, 50.0)],
        "greenswitch": [{"controller_ms": value, "switch_ms": 45.0} for value in (2.0, 1.0, 9.0)],
        "direct": [{"controller_ms": value, "switch_ms": 46.0} for value in (3.0, 9.0, 1.0)],
    },
    "reaction": {"direct": [{"reaction_ms": [1.0] * 99}, {"reaction_ms": [1.0] * 99 + [30.0, 40.0]}]},
    "capacity": {"dialplan": [{"calls_per_s": 40.0}], "direct": [{"calls_per_s": 34.0}]},
}


def test_figures_are_medians_of_rounds_and_reactions_are_pooled() -> None:
    medians = summarise(ROUNDS, 25.0)["medians"]
    assert medians["cost"]["direct"] == {"controller_ms": 3.0, "switch_ms": 46.0}
    assert medians["reaction"]["direct"] == {"p50_ms": 1.0, "p99_ms": 1.0}


def test_ours_is_held_against_theirs_and_never_the_other_way_round() -> None:
    found = {want.what.split(",")[0]: (want.value, want.met) for want in wanted(summarise(ROUNDS, 33.0))}
    assert found == {
        "controller CPU": (1.5, False),
        "switch CPU": (1.15, True),
        "sustained calls/s": (0.85, True),
        "park event to first command": (1.0, True),
        "memory of a live call": (33.0, False),
    }


def test_what_was_not_measured_is_neither_met_nor_in_the_table() -> None:
    summary = summarise({"cost": {"direct": [], "greenswitch": ROUNDS["cost"]["greenswitch"]}}, None)
    assert wanted(summary) == []
    assert [line.split("  ")[0] for line in table(summary).splitlines()[2:]] == ["bare greenswitch"]


def test_the_tap_cuts_frames_wherever_the_bytes_break() -> None:
    head, body = b"Content-Length: 5\nContent-Type: text/event-json\n", b"{...}"
    stream = (head + b"\n" + body) * 3 + b"Content-Type: command/reply\nReply-Text: +OK\n\n"
    for size in (1, 7, len(stream)):
        frames = Frames()
        found = [frame for at in range(0, len(stream), size) for frame in frames.feed(stream[at : at + size])]
        assert [found_body for _, found_body in found] == [body, body, body, b""]
