"""Several legs by one bridge, whispers, questions and music, as a real FreeSWITCH 1.11.1 was seen to do them."""

from __future__ import annotations

import pytest

from ppc_engine.emulator.dial_string import parse
from tests.emulator.driving import Drive, answers, behaves

ONE, TWO, THREE = (f"{name}@127.0.0.1:600{n}" for n, name in enumerate(("one", "two", "three"), 1))
PROMPTS = {"hello": 1500, "press": 4500, "music": 3000}


def people(*buyers):
    return [{**buyer, "id": f"b{number}"} for number, buyer in enumerate(buyers)]


def ring(*legs, prompts=None):
    """``legs`` are (address, variables); rung at 1.0 s by one bridge."""
    return "bridge", ",".join(f"[leg_timeout=25,{more}]sofia/trunks/{where}" for where, more in legs)


def drive_of(buyers, *legs, callers=({},)):
    drive = Drive(buyers=people(*buyers), prompts=PROMPTS, callers=callers).run(1)
    drive.hold().execute(*ring(*legs), uuid="dial")
    return drive


def ends(drive):
    """How each leg but the caller's ended: (cause, disposition, ever answered, ever bridged)."""
    said = {}
    for event in drive.events:
        if event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE" and drive.letters.of(event) != "A":
            said[event["Caller-Destination-Number"]] = (
                event["Hangup-Cause"],
                event["variable_sip_hangup_disposition"],
                event["variable_answer_uepoch"] != "0",
                event["variable_bridge_uepoch"] != "0",
            )
    return said


def test_the_first_answer_wins_and_the_others_lose_the_race():
    buyers = answers(ONE, rings_ms=1500), answers(TWO, rings_ms=4000), behaves("busy", THREE)
    drive = drive_of(buyers, (ONE, "a=1"), (TWO, "a=2"), (THREE, "a=3")).run(4)
    assert ends(drive) == {
        "two": ("LOSE_RACE", "send_cancel", False, False),
        "three": ("USER_BUSY", "recv_refuse", False, False),
    }
    assert len(drive.trace("BRIDGE")) == 1
    assert drive.at("BRIDGE") == pytest.approx(2.5, abs=0.06)
    drive.api(f"uuid_kill {drive.uuid()}")
    drive.run(5)
    assert ends(drive)["one"] == ("NORMAL_CLEARING", "send_bye", True, True)
    assert drive.last("EXECUTE_COMPLETE", "A")["variable_originate_disposition"] == "SUCCESS"


def test_each_leg_rings_as_long_as_it_may():
    buyers = behaves("no_answer", ONE), behaves("no_answer", TWO)
    drive = Drive(buyers=people(*buyers)).run(0.98)
    drive.hold().execute("bridge", f"[leg_timeout=3]sofia/trunks/{ONE},[leg_timeout=6]sofia/trunks/{TWO}", uuid="dial")
    drive.run(20)
    ended = [
        (event["Caller-Destination-Number"], round((int(event["variable_end_uepoch"]) - 1_795_000_000_000_000) / 1e6))
        for event in drive.events
        if event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE"
    ]
    assert ended == [("one", 5), ("two", 8)]
    assert drive.last("EXECUTE_COMPLETE")["variable_originate_disposition"] == "ALLOTTED_TIMEOUT"


def test_a_gateway_that_is_none_among_others_never_was_a_leg():
    drive = Drive(buyers=people(answers(TWO, rings_ms=500))).run(1)
    drive.hold().execute("bridge", f"sofia/gateway/nosuch/+18005550199,sofia/trunks/{TWO}", uuid="dial").run(3)
    assert len(drive.trace("OUTGOING")) == 1
    assert len(drive.trace("BRIDGE")) == 1


def test_a_caller_who_cancels_ends_them_all():
    callers = ({"hang_up": {"on": "ringing", "after_ms": 2000}},)
    drive = drive_of(
        (behaves("no_answer", ONE), behaves("no_answer", TWO)), (ONE, "a=1"), (TWO, "a=2"), callers=callers
    )
    drive.run(5)
    assert set(ends(drive).values()) == {("ORIGINATOR_CANCEL", "send_cancel", False, False)}


WHISPER = "group_confirm_key=exec,group_confirm_file=playback /p/hello.wav,group_confirm_timeout=12"


def test_a_whisper_is_heard_before_the_bridge():
    drive = drive_of((answers(ONE, rings_ms=500),), (ONE, WHISPER)).run(4)
    assert drive.trace("ANSWER", "BRIDGE", "EXECUTE", leg="B")[-2:] == [
        "B ANSWER", "B EXECUTE playback /p/hello.wav",
    ]  # fmt: skip
    assert drive.at("BRIDGE") - drive.at("ANSWER", "B") == pytest.approx(1.5, abs=0.05)
    assert drive.trace("ANSWER", "BRIDGE", leg="A") == ["A ANSWER", "A BRIDGE"]


def test_who_hangs_up_on_the_whisper_was_never_bridged():
    drive = drive_of((answers(ONE, rings_ms=500, hangs_up_after_ms=700),), (ONE, WHISPER)).run(6)
    assert ends(drive) == {"one": ("NORMAL_CLEARING", "recv_bye", True, False)}
    assert drive.trace("BRIDGE") == []
    assert drive.last("EXECUTE_COMPLETE")["variable_originate_disposition"] == "NORMAL_CLEARING"


def test_a_caller_who_leaves_during_the_whisper():
    drive = drive_of((answers(ONE, rings_ms=500),), (ONE, WHISPER), callers=({"patience_ms": 2200},)).run(6)
    assert ends(drive) == {"one": ("ORIGINATOR_CANCEL", "send_bye", True, False)}


QUESTION = "group_confirm_key=1,group_confirm_file=/p/press.wav,group_confirm_timeout=8"


def test_the_right_key_connects_at_once():
    drive = drive_of((answers(ONE, rings_ms=300, presses="1", presses_after_ms=4000),), (ONE, QUESTION)).run(8)
    assert drive.at("BRIDGE") - drive.at("ANSWER", "B") == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("keys", [{}, {"presses": "2", "presses_after_ms": 3000}])
def test_without_the_right_key_the_time_runs_out_from_the_answer_on(keys):
    drive = drive_of((answers(ONE, rings_ms=500, **keys),), (ONE, QUESTION)).run(15)
    assert ends(drive) == {"one": ("ALLOTTED_TIMEOUT", "send_bye", True, False)}
    assert 8.0 < drive.at("HANGUP", "B") - drive.at("ANSWER", "B") < 9.6
    assert drive.last("EXECUTE_COMPLETE")["variable_originate_disposition"] == "ALLOTTED_TIMEOUT"


def test_of_two_who_answer_the_one_who_accepts_talks():
    buyers = answers(ONE, rings_ms=1500), answers(TWO, rings_ms=300, presses="1", presses_after_ms=4000)
    drive = drive_of(buyers, (ONE, QUESTION), (TWO, QUESTION)).run(7)
    assert ends(drive) == {"one": ("LOSE_RACE", "send_bye", True, False)}
    assert len(drive.trace("BRIDGE")) == 1


def test_a_whisper_and_a_question_in_one():
    both = QUESTION.replace("/p/press.wav", "file_string:///p/hello.wav!/p/press.wav")
    drive = drive_of((answers(ONE, rings_ms=300, presses="1", presses_after_ms=2000),), (ONE, both)).run(8)
    assert drive.at("BRIDGE") - drive.at("ANSWER", "B") == pytest.approx(2.0, abs=0.05)


def test_the_caller_hears_ringing_until_the_target_has_accepted():
    drive = Drive(buyers=people(answers(ONE, rings_ms=300, presses="1", presses_after_ms=4000)), prompts=PROMPTS)
    drive.run(1).hold().execute("answer")
    drive.execute(*ring((ONE, QUESTION)), uuid="dial").run(9)
    drive.api(f"uuid_kill {drive.uuid()}")
    drive.run(10)
    (result,) = drive.model.results
    assert result.silent_ms < 100


@pytest.mark.parametrize(
    "music", ["file_string:///p/music.wav!/p/music.wav!/p/music.wav", "tone_stream://%(2000,4000,440,480);loops=-1"]
)
def test_music_stops_at_a_break_and_a_bridge_follows(music):
    drive = Drive(buyers=people(answers(ONE)), prompts=PROMPTS).run(1)
    drive.hold().execute("answer").execute("playback", music, uuid="music").run(6)
    assert drive.last("EXECUTE", "A")["Application-UUID"] == "music"
    drive.api(f"uuid_break {drive.uuid()}")
    drive.run(6.1)
    assert drive.last("EXECUTE_COMPLETE", "A")["Application-UUID"] == "music"
    drive.bridge(f"trunks/{ONE}").run(8)
    assert len(drive.trace("BRIDGE")) == 1


def test_three_files_end_by_themselves_when_all_were_played():
    drive = Drive(prompts=PROMPTS).run(1)
    drive.hold().execute("answer").execute("playback", "file_string:///p/music.wav!/p/music.wav!/p/music.wav", uuid="m")
    drive.run(12)
    assert drive.at("EXECUTE_COMPLETE") - drive.at("EXECUTE") == pytest.approx(9.0, abs=0.1)


def test_what_a_leg_is_told_stays_its_own():
    legs = (ONE, "origination_caller_id_number=anonymous,sip_h_X-Zip=90210"), (TWO, "a=1")
    drive = drive_of((behaves("no_answer", ONE), behaves("no_answer", TWO)), *legs).run(2)
    first, second = (drive.last("OUTGOING", letter) for letter in "BC")
    assert (first["Caller-Caller-ID-Number"], second["Caller-Caller-ID-Number"]) == ("anonymous", "+13105550123")
    assert drive.variable("sip_h_X-Zip", "B") == "90210" and drive.variable("sip_h_X-Zip", "C") == ""


def test_a_comma_ends_a_value_whatever_quotes_stand_around_it():
    dial = parse("{x=1}[a='b,c=d']sofia/trunks/u@h:1,[e=f]sofia/gateway/g/+1800")
    assert (dial.shared, dial.fault) == ({"x": "1"}, "")
    assert [leg.own for leg in dial.legs] == [{"a": "b", "c": "d"}, {"e": "f"}]
    assert [(leg.address, leg.gateway, leg.user) for leg in dial.legs] == [("u@h:1", "", "u"), ("+1800", "g", "+1800")]
