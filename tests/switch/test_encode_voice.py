"""What is spoken and recorded, letter by letter, and that nothing else can be."""

from __future__ import annotations

import dataclasses

import pytest

from ppc_engine.calls.commands import Command
from ppc_engine.switch.encode import messages
from ppc_engine.switch.errors import ForbiddenTextError
from tests.switch.test_encode import CALL, MESSAGE, RECORDING, RECORDING_ID, SAY, SITE, written


def unnamed(app: str, argument: str) -> str:
    return (
        f"sendmsg {CALL}\ncall-command: execute\nexecute-app-name: {app}\nexecute-app-arg: {argument}\nevent-lock: true"
    )


def test_text_is_spoken_where_there_is_a_voice_and_played_where_there_is_none() -> None:
    (frame,) = messages(SAY, dataclasses.replace(SITE, voice="flite:slt"), returns_now=False)
    assert "execute-app-name: speak\nexecute-app-arg: flite|slt|It's 5 o'clock, please hold.\n" in frame
    (frame,) = written(SAY)
    assert (
        f"execute-app-name: playback\nexecute-app-arg: {SITE.prompts_dir}/connecting.wav\nEvent-UUID: {CALL}.4" in frame
    )


def test_message_is_taken_after_a_beep_into_a_directory_that_is_there() -> None:
    mkdir, beep, record = messages(MESSAGE, SITE, returns_now=False)
    assert mkdir == unnamed("mkdir", "/var/lib/freeswitch/recordings/ppc")
    assert beep == unnamed("playback", "tone_stream://%(300,0,640)")
    assert (
        f"execute-app-arg: /var/lib/freeswitch/recordings/ppc/{RECORDING_ID}.wav 61 200 4\nEvent-UUID: {CALL}.5"
        in record
    )


def test_recording_of_both_sides_never_hangs_the_caller_up() -> None:
    settings, record = messages(RECORDING, SITE, returns_now=False)
    assert settings == unnamed("multiset", "RECORD_STEREO=true RECORD_MIN_SEC=0 RECORD_HANGUP_ON_ERROR=false")
    assert "execute-app-name: record_session" in record and f"/{RECORDING_ID}.wav\nEvent-UUID: {CALL}.6" in record


@pytest.mark.parametrize(
    "wrong",
    [
        dataclasses.replace(SAY, text="${system ls}"), dataclasses.replace(SAY, text="a|b"),
        dataclasses.replace(SAY, text="a\nb"), dataclasses.replace(SAY, text=""),
        dataclasses.replace(MESSAGE, recording_id="../../etc/x"), dataclasses.replace(MESSAGE, silence_ms_max=0),
        dataclasses.replace(RECORDING, recording_id=CALL),
    ],
)  # fmt: skip
def test_nothing_else_is_spoken_and_no_other_file_is_written(wrong: Command) -> None:
    for site in (SITE, dataclasses.replace(SITE, voice="flite:slt")):
        with pytest.raises(ForbiddenTextError):
            messages(wrong, site, returns_now=False)
