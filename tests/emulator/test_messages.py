"""sendmsg, digits and prompts: what waits, what runs inside, what is broken off (reference A1, A10)."""

import pytest

from ppc_engine.emulator.model import MESSAGES_MAX, QueueFull
from tests.emulator.driving import Drive, answers

ASK = r"5 5 1 5000 # /p/ask.wav silence_stream://10 ppc_d3 \d+ 3000"
PROMPTS = {"ask": 2000, "long": 60_000}


def ask(data=ASK, keys=(), **more):
    drive = Drive(callers=[{"keys": list(keys), **more}], prompts=PROMPTS).run(1).hold()
    drive.execute("answer")
    return drive.execute("play_and_get_digits", data, uuid="ask")


def result(drive):
    done = next(
        event for event in drive.events if event.get("Application-UUID") == "ask" and "Application-Response" in event
    )
    return (
        done.get("variable_ppc_d3", ""),
        done["variable_read_result"],
        (int(done["Event-Date-Timestamp"]) // 1000) % 100_000 / 1000,
    )


def test_enough_digits_end_the_reading_with_the_last_key():
    drive = ask(keys=[{"digits": "90210", "after_ms": 3000, "gap_ms": 500}]).run(20)
    assert result(drive) == ("90210", "success", pytest.approx(1.02 + 3 + 2, abs=0.01))


def test_a_key_during_the_prompt_ends_the_prompt_and_counts():
    drive = ask(keys=[{"digits": "90210", "after_ms": 500, "gap_ms": 500}]).run(20)
    stopped = next(event for event in drive.events if event["Event-Name"] == "PLAYBACK_STOP")
    assert stopped["Playback-Status"] == "break"
    assert result(drive)[:2] == ("90210", "success")


def test_too_few_digits_leave_what_there_is_and_a_failure():
    drive = ask(keys=[{"digits": "902", "after_ms": 2500, "gap_ms": 500}]).run(20)
    assert result(drive) == ("902", "failure", pytest.approx(1.02 + 2.5 + 1 + 3 + 0.01, abs=0.01))


def test_too_few_digits_are_no_success_even_when_they_match():
    drive = ask(keys=[{"digits": "902", "after_ms": 2500, "gap_ms": 500}]).run(20)
    played = [event["Playback-File-Path"] for event in drive.events if event["Event-Name"] == "PLAYBACK_START"]
    assert played == ["/p/ask.wav", "silence_stream://10"]


def test_nothing_keyed_ends_with_the_first_time_limit():
    assert result(ask().run(20)) == ("", "failure", pytest.approx(1.02 + 2 + 5 + 0.01, abs=0.01))


def test_a_terminator_ends_the_reading_and_is_no_digit():
    drive = ask(ASK.replace("5 5", "1 5", 1), keys=[{"digits": "90#", "after_ms": 2500, "gap_ms": 500}]).run(20)
    assert result(drive)[:2] == ("90", "success")
    assert drive.variable("read_terminator_used") == "#"


def test_a_shorter_minimum_takes_what_came_before_the_time_limit():
    drive = ask(ASK.replace("5 5", "1 5", 1), keys=[{"digits": "90", "after_ms": 2500}]).run(20)
    assert result(drive)[:2] == ("90", "timeout")


def test_what_does_not_match_is_moved_aside():
    drive = ask(ASK.replace(r"\d+", "^9$"), keys=[{"digits": "12345", "after_ms": 2500}]).run(20)
    assert result(drive)[0] == ""
    assert drive.variable("ppc_d3_invalid") == "12345"


def test_a_second_try_plays_the_bad_file_and_the_prompt_again():
    drive = ask(ASK.replace("5 5 1", "5 5 2"), keys=[{"digits": ""}]).run(30)
    played = [event["Playback-File-Path"] for event in drive.events if event["Event-Name"] == "PLAYBACK_START"]
    assert played == ["/p/ask.wav", "silence_stream://10"] * 2


def test_a_break_ends_the_prompt_but_not_the_waiting_for_digits():
    drive = ask().run(2)
    drive.api(f"uuid_break {drive.uuid()}")
    drive.run(2.1)
    assert drive.model.channels[drive.uuid()].collecting
    drive.api(f"uuid_break {drive.uuid()}")
    drive.run(7)
    assert drive.model.channels[drive.uuid()].collecting
    drive.run(7.1)
    assert not drive.model.channels[drive.uuid()].collecting


def test_a_terminator_sent_by_api_ends_the_waiting_for_digits():
    drive = ask().run(4)
    assert drive.api(f"uuid_recv_dtmf {drive.uuid()} #") == f"+OK {drive.uuid()} received DTMF #.\n"
    drive.run(4.1)
    assert result(drive)[:2] == ("", "failure")


def test_digits_that_nobody_asked_for_are_lost():
    drive = Drive(callers=[{"keys": [{"digits": "1"}]}], prompts=PROMPTS).run(1)
    drive.execute("answer").run(2)
    drive.model.key(drive.model.channels[drive.uuid()], "7")
    drive.run(3).execute("play_and_get_digits", ASK, uuid="ask").run(20)
    assert drive.trace("DTMF") == ["A DTMF 7", "A DTMF 1"]
    assert result(drive)[0] == "1"


def test_a_hangup_during_the_prompt_comes_before_its_completion():
    drive = ask(hang_up={"on": "prompt", "after_ms": 700}).run(10)
    said = drive.trace("HANGUP", "EXECUTE_COMPLETE")
    assert said.index("A HANGUP NORMAL_CLEARING") < said.index(
        f"A EXECUTE_COMPLETE play_and_get_digits {ASK} NORMAL_CLEARING"
    )


def test_a_locked_message_waits_for_the_one_before_and_an_unlocked_one_runs_inside():
    for locked in (True, False):
        drive = Drive(prompts=PROMPTS).run(1)
        drive.execute("answer").execute("playback", "/p/ask.wav", locked=locked).execute("set", "x=1").run(5)
        said = [line.split(" ", 2)[2] for line in drive.trace("EXECUTE", "EXECUTE_COMPLETE")]
        inside = said.index("set x=1") < len(said) - 1 - said[::-1].index("playback /p/ask.wav")
        assert inside is not locked


def test_a_hangup_by_message_waits_behind_a_locked_bridge_but_uuid_kill_does_not():
    drive = Drive(buyers=[answers()]).run(1)
    drive.bridge("trunks/b@127.0.0.1:6001").run(3)
    drive.model.queue_message(drive.uuid(), {"call-command": "hangup"}, "")
    drive.run(20)
    assert drive.trace("HANGUP") == []
    drive.api(f"uuid_kill {drive.uuid()}")
    assert drive.run(21).trace("HANGUP") == ["A HANGUP NORMAL_CLEARING", "B HANGUP NORMAL_CLEARING"]


def test_a_message_to_a_leg_that_is_gone_runs_nothing():
    drive = Drive(callers=[{"hang_up": {"on": "offered", "after_ms": 1005}}]).run(1)
    drive.execute("set", "x=1", uuid="late").run(3)
    assert not [event for event in drive.events if event.get("Application-UUID") == "late"]


def test_one_message_more_than_the_queue_holds_is_a_broken_connection():
    drive = Drive(prompts=PROMPTS).run(1)
    drive.execute("playback", "/p/long.wav").run(2)
    for _ in range(MESSAGES_MAX):
        drive.execute("set", "x=1")
    with pytest.raises(QueueFull):
        drive.execute("set", "x=1")


def test_an_unknown_application_hangs_the_leg_up():
    drive = Drive().run(1)
    drive.execute("no_such_app").run(2)
    assert drive.last("HANGUP")["Hangup-Cause"] == "DESTINATION_OUT_OF_ORDER"


def test_a_prompt_to_a_caller_who_was_not_answered_sends_183_first():
    drive = Drive(prompts=PROMPTS).run(1)
    drive.execute("playback", "/p/ask.wav").run(2)
    assert drive.trace("PROGRESS_MEDIA") == ["A PROGRESS_MEDIA"]
    assert drive.last("PROGRESS_MEDIA")["Answer-State"] == "early"


def test_loops_stop_after_a_round_that_took_no_time():
    drive = Drive(prompts=PROMPTS).run(1)
    message = {"call-command": "execute", "execute-app-name": "playback", "execute-app-arg": "/p/ask.wav", "loops": "2"}
    drive.model.queue_message(drive.uuid(), message, "")
    drive.run(10)
    assert len(drive.trace("PLAYBACK_START")) == 2
    drive.model.queue_message(drive.uuid(), {**message, "execute-app-arg": "silence_stream://100"}, "")
    drive.run(12)
    assert len(drive.trace("PLAYBACK_START")) == 3


def test_app_disable_expand_variables_leaves_dollars_alone():
    drive = Drive(dialplan={"ppc": [{"name": "all", "actions": [["set", "a=${destination_number}"], "park"]}]}).run(1)
    assert drive.variable("a") == "+18005550100"
    drive.execute("set", "app_disable_expand_variables=true").execute("set", "b=${a}").run(2)
    assert drive.variable("b") == "${a}"
