"""What callers do and what they experience, as their results tell it; and that everything comes from the seed."""

import pytest

from tests.emulator.driving import Drive, answers

THERE = "trunks/b@127.0.0.1:6001"
PROMPTS = {"welcome": 1500}


def only(drive):
    (result,) = drive.model.results
    return result


def test_a_connected_call_counts_its_talk_and_its_silence():
    drive = Drive(callers=[{"talk_ms": 30_000}], buyers=[answers(rings_ms=2000)], prompts=PROMPTS).run(2)
    drive.execute("answer").execute("playback", "/p/welcome.wav").bridge(THERE).run(60)
    told = only(drive)
    assert told.connected_ms == (30_000,)
    assert (told.answered, told.cause, told.status, told.hung_up_by) == (True, "NORMAL_CLEARING", 200, "caller")
    # 180 at first, then the welcome, then ringing again by transfer_ringback; only frames between them are silent.
    assert told.silent_ms < 60


def test_an_answered_caller_without_ringback_hears_nothing_while_it_rings():
    drive = Drive(callers=[{"talk_ms": 5000}], buyers=[answers(rings_ms=2000)]).run(1)
    drive.execute("answer").execute("unset", "transfer_ringback").bridge(THERE).run(60)
    assert only(drive).silent_ms == pytest.approx(2000, abs=50)


def test_waiting_for_digits_is_silence_too_and_told_apart():
    drive = Drive(callers=[{"hang_up": {"on": "keys", "after_ms": 4000}}], prompts={"ask": 1000}).run(1)
    drive.execute("answer").execute("play_and_get_digits", r"5 5 1 9000 # /p/ask.wav silence_stream://10 d \d+ 3000")
    told = only(drive.run(10))
    assert told.keying_ms == pytest.approx(3000, abs=30)
    assert told.silent_ms - told.keying_ms < 60


def test_keys_for_one_prompt_wait_for_it():
    keys = [{"digits": "90012", "prompts": ["zip"]}, {"digits": "1", "prompts": ["menu"]}, {"digits": "7"}]
    drive = Drive(callers=[{"keys": keys}], prompts={"zip": 500, "menu": 500, "cars": 500}).run(1).execute("answer")
    for number, prompt in enumerate(("menu", "zip", "cars", "menu")):
        collect = rf"1 5 1 3000 # /p/{prompt}.wav silence_stream://10 d{number} \d+ 3000"
        drive.execute("play_and_get_digits", collect)
    drive.run(60)
    ended = next(event for event in drive.events if event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE")
    assert [ended.get(f"variable_d{number}", "") for number in range(4)] == ["1", "90012", "7", ""]


def test_every_connection_of_a_call_is_told():
    drive = Drive(callers=[{"patience_ms": 9000}], buyers=[answers(hangs_up_after_ms=4000)]).run(1)
    drive.execute("multiset", "hangup_after_bridge=false").bridge(THERE).bridge(THERE).run(30)
    assert only(drive).connected_ms == (pytest.approx(4000, abs=30), pytest.approx(4000, abs=30))


@pytest.mark.parametrize(
    ("on", "after_ms", "expected"),
    [("offered", 500, 0.5), ("answered", 500, 1.52), ("ringing", 500, 1.52), ("connected", 700, 3.24)],
)
def test_a_caller_may_hang_up_in_any_phase(on, after_ms, expected):
    drive = Drive(callers=[{"hang_up": {"on": on, "after_ms": after_ms}}], buyers=[answers(rings_ms=1500)]).run(0.3)
    if on != "offered":
        drive.run(1).execute("answer").bridge(THERE)
    drive.run(10)
    assert drive.at("HANGUP") == pytest.approx(expected, abs=0.001)


def test_patience_ends_while_waiting_and_not_while_talking():
    drive = Drive(callers=[{"patience_ms": 5000}]).run(6)
    assert drive.at("HANGUP") == pytest.approx(5)
    drive = Drive(callers=[{"patience_ms": 5000}], buyers=[answers()]).run(1)
    drive.execute("answer").bridge(THERE).run(30)
    assert drive.trace("HANGUP") == []


def test_calls_of_one_caller_come_one_after_the_other_with_numbers_of_their_own():
    drive = Drive(callers=[{"number": "+1310555####", "calls": 3, "first_ms": 1000, "every_ms": 2000}]).run(30)
    offered = [event for event in drive.events if event["Event-Name"] == "CHANNEL_CREATE"]
    assert [event["Caller-Caller-ID-Number"] for event in offered] == [f"+1310555000{n}" for n in range(3)]
    assert [(told.offered_at // 1000) % 100_000 for told in drive.model.results] == [1000, 3000, 5000]
    assert drive.model.calls_offered == drive.model.calls_finished == drive.model.calls_planned == 3


def spoken(seed, span=(0, 9000)):
    drive = Drive(
        callers=[{"calls": 5, "every_ms": list(span), "hang_up": {"on": "offered", "after_ms": [100, 5000]}}], seed=seed
    )
    return [
        (event["Event-Name"], event["Event-Date-Timestamp"], event.get("Unique-ID")) for event in drive.run(90).events
    ]


def test_the_same_seed_says_the_same_and_another_seed_something_else():
    assert spoken(1) == spoken(1)
    assert spoken(1) != spoken(2)


def test_an_anonymous_caller_has_no_number():
    created = Drive(callers=[{"number": "anonymous"}]).last("CREATE")
    assert created["Caller-Caller-ID-Number"] == created["variable_sip_from_user"] == "anonymous"


def test_a_number_that_is_none_is_refused_by_the_dialplan():
    told = only(Drive(callers=[{"dials": ["operator"]}]).run(1))
    assert (told.cause, told.status) == ("UNALLOCATED_NUMBER", 404)


def test_hundreds_of_live_calls_are_held_at_once_and_nothing_is_left_of_them():
    drive = Drive(
        callers=[{"number": "+1310555####", "calls": 500, "every_ms": 2, "talk_ms": 60_000}],
        buyers=[answers()],
        wanted=["CHANNEL_PARK"],
    )
    drive.run(5)
    for uuid in list(drive.model.channels):
        message = {"call-command": "execute", "execute-app-name": "bridge", "execute-app-arg": f"sofia/{THERE}"}
        assert drive.model.queue_message(uuid, message, "")
    drive.run(10)
    assert len(drive.model.channels) == 1000
    assert len(drive.events) == 500
    drive.run(80)
    assert [told.connected_ms for told in drive.model.results] == [(60_000,)] * 500
    assert drive.model.channels == {}
    assert drive.model.tasks.waiting == {}


ALL_CAPPED = 'Q.850;cause=17;text="all_capped"'


def refused(cause, reason=""):
    drive = Drive().run(1)
    if reason:
        drive.api(f"uuid_setvar {drive.uuid()} sip_reason {reason}")
    drive.api(f"uuid_kill {drive.uuid()} {cause}")
    return only(drive.run(2))


def test_a_refused_caller_is_told_the_reason_that_was_set_else_the_cause():
    told = refused("USER_BUSY", ALL_CAPPED)
    assert (told.status, told.reason) == (486, ALL_CAPPED)
    assert refused("USER_BUSY").reason == 'Q.850;cause=17;text="USER_BUSY"'
    assert refused("PROGRESS_TIMEOUT").reason == 'SIP;cause=807;text="PROGRESS_TIMEOUT"'


def test_an_unclaimed_caller_is_told_that_no_engine_was_there():
    told = only(Drive().run(20))
    assert (told.status, told.reason) == (503, 'Q.850;cause=41;text="engine_fallback"')


def test_a_caller_who_gave_up_or_was_answered_is_told_no_reason():
    assert only(Drive(callers=[{"patience_ms": 5000}]).run(6)).reason == ""
    drive = Drive().run(1).execute("answer").run(2)
    drive.api(f"uuid_kill {drive.uuid()} USER_BUSY")
    assert only(drive.run(3)).reason == ""
