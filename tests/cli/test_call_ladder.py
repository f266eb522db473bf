"""The ladder: lanes, arrows and waits of whole calls, as a SIP engineer would draw them."""

from __future__ import annotations

import pytest

from ppc_engine.cli.call_ladder import CALLER, SWITCH, TARGET, WIDTH_CHARS, build_rows, ladder_lines, plain_row
from tests.calls.call_traces import T0
from tests.cli import call_stories


def picture(trace):
    return list(ladder_lines(build_rows(trace.facts), T0))


def arrows(trace):
    """The SIP messages and media of a call: (seconds, from, to, label), notes left out."""
    names = {CALLER: "caller", SWITCH: "switch", TARGET: "target"}
    return [
        ((row.at - T0) / 1_000_000, f"{names[row.source]}>{names[row.sink]}", row.label)
        for row in build_rows(trace.facts)
        if row.source != row.sink
    ]


def notes(trace):
    return [row.label for row in build_rows(trace.facts) if row.source == row.sink]


def test_a_recovered_call():
    assert "\n".join(picture(call_stories.recovered_call())) == RECOVERED.strip("\n")


RECOVERED = """
                 Caller                    FreeSWITCH + engine                   Target
                    |                               |                               |
    +0.000          |----- INVITE +18005550100 ---->|                               |
    +0.012          |<-------- 180 Ringing ---------|                               |
                    |                [parked: claimed by the engine]                |
                    |                           [answer]                            |
    +0.040          |<----------- 200 OK -----------|                               |
                    |                        [play welcome]                         |
                    :                               : 3.160 s pass                  :
    +3.200          |<== prompt welcome, 3.160 s ===|                               |
                    |          [play enter_zip, wait 6.000 s for 5 digits]          |
                    :                               : 6.600 s pass                  :
    +9.800          |=========== DTMF 90 ==========>|                               |
                    |           [play bad_zip, wait 6.000 s for 5 digits]           |
                    :                               : 9.000 s pass                  :
   +18.800          |========== DTMF 90210 ========>|                               |
                    |                       [chooses acme-la]                       |
                    |            [bridge acme-la, ring at most 25.000 s]            |
   +18.900          |                               |-------- INVITE acme-la ------>|
                    :                               : 5.100 s pass                  :
   +24.000          |                               |<------- 486 USER_BUSY --------|
   +24.010          |                      [chooses zenith-2]                       |
                    |           [bridge zenith-2, ring at most 25.000 s]            |
   +24.100          |                               |------- INVITE zenith-2 ------>|
                    :                               : 6.900 s pass                  :
   +31.000          |                               |<----------- 200 OK -----------|
                    |<====================== talking, 9.000 s =====================>|
                    :                               : 9.000 s pass                  :
   +40.000          |                               |<---- BYE NORMAL_CLEARING -----|
   +40.020          |                   [caller is back, parked]                    |
                    |                  [recovery: the next target]                  |
                    |                 [chooses nobody: all_capped]                  |
                    |                   [hang up NORMAL_CLEARING]                   |
   +40.120          |<---- BYE NORMAL_CLEARING -----|                               |
"""


def test_a_caller_who_gives_up_sends_the_last_message():
    told = arrows(call_stories.capped_call())
    assert told[-1] == (7.01, "caller>switch", "BYE NORMAL_CLEARING")
    assert not [line for line in told if "target" in line[1]]
    assert notes(call_stories.capped_call())[-3:] == [
        "no slot: target:acme-la",
        "chooses nobody: all_capped",
        "play sorry",
    ]


def test_a_refusal_before_the_answer_is_a_sip_status():
    assert arrows(call_stories.unknown_number()) == [
        (0.0, "caller>switch", "INVITE +18005559999"),
        (0.01, "switch>caller", "180 Ringing"),
        (0.03, "switch>caller", "404 UNALLOCATED_NUMBER"),
    ]


def test_a_leg_whose_end_was_never_seen_is_drawn_from_what_was():
    trace = call_stories.adopted_call()
    assert arrows(trace)[2:] == [(0.01, "switch>target", "INVITE acme-la"), (3.0, "target>caller", "talking")]
    assert notes(trace)[-2:] == ["engine restarted: call found in bridge", "gone; its end is an estimate"]


@pytest.mark.parametrize(
    ("disposition", "way", "label"),
    [
        ("recv_bye", "target>switch", "BYE NORMAL_CLEARING"),
        ("send_bye", "switch>target", "BYE NORMAL_CLEARING"),
        ("send_cancel", "switch>target", "CANCEL NORMAL_CLEARING"),
        ("recv_refuse", "target>switch", "503 NORMAL_CLEARING"),
    ],
)
def test_who_ended_a_leg_is_who_sent_the_message(disposition, way, label):
    trace = call_stories.adopted_call()
    fact = {
        "k": "LegEnded", "at": T0 + 5_000_000, "leg_id": trace.leg(1), "cause": "NORMAL_CLEARING", "sip_status": 503,
        "disposition": disposition, "created_at": T0, "ended_at": T0 + 5_000_000,
    }  # fmt: skip
    trace.facts.append({"e": fact})
    assert (5.0, way, label) in arrows(trace)
    times = [row.at for row in build_rows(trace.facts)]
    assert times == sorted(times)  # The leg's last event came after everything, with stamps from before.


def test_hostile_text_and_long_text_stay_within_their_lanes():
    trace = call_stories.recovered_call()
    trace.facts[0]["e"]["dialed_number"] = "\x1b[2J" + "9" * 500
    drawn = picture(trace)
    assert all(len(line) <= WIDTH_CHARS + 12 and line.isprintable() for line in drawn)


def test_rows_as_json_name_their_lanes():
    rows = [plain_row(row, T0) for row in build_rows(call_stories.recovered_call().facts)]
    assert rows[0] == {
        "at": T0, "offset_ms": 0, "from": "caller", "to": "switch", "label": "INVITE +18005550100", "media": False,
    }  # fmt: skip
    assert {"offset_ms": 31_000, "from": "target", "to": "caller", "media": True}.items() <= next(
        row for row in rows if row["label"].startswith("talking")
    ).items()


def test_kinds_of_a_later_version_are_left_out():
    assert build_rows([{"e": {"k": "Teleported", "at": T0}, "d": [["swept", {}]], "c": [{"k": "Beam"}]}]) == []
