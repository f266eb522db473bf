"""What is spoken to a caller and recorded of a call, as applications of the switch.

Seen on a real 1.11.1: ``speak`` with mod_flite speaks and stops at uuid_break, and without such a module, or with a
voice that it does not know, ends at once in silence; ``record`` into a directory that is not there hangs the caller
up, so the directory is made first; its silence counts in whole seconds, and its length holds the silence that ended
it; ``record_session`` goes on through a transfer, and tells a file that it cannot write by record_completion_cause
alone once it is told not to hang up for it.
"""

from __future__ import annotations

import re

from ppc_engine.calls.commands import RecordMessage, Say, StartRecording
from ppc_engine.switch.pieces import Site, execute, fits, seconds

BEEP = "tone_stream://%(300,0,640)"
SILENCE_LOUDNESS = 200  # Mean amplitude, of 32,768, below which nobody speaks: the switch's own example.
RECORD_SETTINGS = "RECORD_STEREO=true RECORD_MIN_SEC=0 RECORD_HANGUP_ON_ERROR=false"

_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,?!'-]{0,499}")
_RECORDING_ID = re.compile(r"[0-9a-f]{32}")


def say_frames(command: Say, site: Site) -> list[str]:
    """Speak the text with the voice of the site, or play the prompt where it has none."""
    text = fits(_TEXT, "text", command.text)
    prompt = site.prompt(command.prompt)
    if not site.voice:
        return [execute(command, "playback", prompt)]
    return [execute(command, "speak", f"{site.voice.replace(':', '|')}|{text}")]


def message_frames(command: RecordMessage, site: Site) -> list[str]:
    """A beep, then the caller's own side until silence."""
    file = _file(command.recording_id, site)
    limit_s, silence_s = (
        seconds("message_ms_max", command.message_ms_max),
        seconds("silence_ms_max", command.silence_ms_max),
    )
    return [
        execute(command, "mkdir", site.recordings_dir, named=False),
        execute(command, "playback", BEEP, named=False),
        execute(command, "record", f"{file} {limit_s} {SILENCE_LOUDNESS} {silence_s}"),
    ]


def recording_frames(command: StartRecording, site: Site) -> list[str]:
    """Both sides, the caller left and the target right, until the call ends."""
    return [
        execute(command, "multiset", RECORD_SETTINGS, named=False),
        execute(command, "record_session", _file(command.recording_id, site)),
    ]


def _file(recording_id: str, site: Site) -> str:
    return f"{site.recordings_dir}/{fits(_RECORDING_ID, 'recording_id', recording_id)}.wav"
