"""Messages and speech last as long as on the real switch, end at a break, and tell the same lengths."""

import pytest

from tests.emulator.driving import Drive

DIRECTORY = "/r"


def caller(*, made=True):
    drive = Drive().run(1).hold()
    drive.execute("answer")
    if made:
        drive.execute("mkdir", DIRECTORY)
    return drive.run(1.5)


def recorded(drive):
    done = [e for e in drive.events if e["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and e["Application"] == "record"]
    event = done[-1]
    return event["variable_record_ms"], event["variable_silence_hits_exhausted"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("20 200 3", ("9000", "true")),  # Six seconds of speech, three of silence: as a real 1.11.1 counts them.
        ("4 200 3", ("4000", "false")),
        ("20", ("9000", "true")),
    ],
)
def test_message_ends_by_silence_or_at_its_longest_length(words, told):
    drive = caller().execute("record", f"{DIRECTORY}/a.wav {words}", uuid="m").run(15)
    assert recorded(drive) == told
    assert drive.trace("RECORD_START", "RECORD_STOP") == ["A RECORD_START", "A RECORD_STOP"]


def test_break_ends_a_message_and_speech():
    drive = caller().execute("record", f"{DIRECTORY}/a.wav 20 200 3", uuid="m").run(3.5)
    drive.api(f"uuid_break {drive.uuid()}")
    drive.run(3.6)
    assert recorded(drive) == ("2000", "false")
    drive.execute("speak", "flite|slt|" + "a" * 100, uuid="s").run(5)
    drive.api(f"uuid_break {drive.uuid()}")
    drive.run(5.1)
    assert drive.last("EXECUTE_COMPLETE")["Application"] == "speak"


def test_keys_do_not_end_a_message():
    drive = caller().execute("record", f"{DIRECTORY}/a.wav 4 200 3", uuid="m").run(2)
    drive.api(f"uuid_recv_dtmf {drive.uuid()} 5")
    assert recorded(drive.run(7)) == ("4000", "false")


def test_directory_that_nobody_made_hangs_the_caller_up():
    drive = caller(made=False).execute("record", f"{DIRECTORY}/a.wav 4 200 3", uuid="m").run(3)
    assert drive.last("HANGUP_COMPLETE")["Hangup-Cause"] == "DESTINATION_OUT_OF_ORDER"


def test_speech_takes_its_time():
    drive = caller().execute("speak", "flite|slt|Thank you. Please hold.", uuid="s").run(3)
    assert drive.trace("EXECUTE_COMPLETE")[-1].split()[2] != "speak"
    drive.run(4)
    assert drive.last("EXECUTE_COMPLETE")["Application"] == "speak"
