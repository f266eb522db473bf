"""What callers say and what is said to them: record and speak, as a real 1.11.1 with mod_flite was seen to do them.

A caller who is recorded talks for a while and then is silent. The length that ``record`` tells holds the silence that
ended it; a directory that nobody made hangs the caller up; uuid_break ends either at once.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from ppc_engine.emulator import causes, running
from ppc_engine.emulator.channel import Channel, Thread

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

SPEECH_MS = 6_000  # What every caller has to say.
SPOKEN_MS_A_LETTER = 90  # "Thank you. Please hold." took 2.09 s.
SILENCE_S_DEFAULT = 3
SAMPLES_PER_MS = 8


def mkdir(model: SwitchModel, channel: Channel, data: str) -> None:
    model.directories.add(data.strip())


def record(model: SwitchModel, channel: Channel, data: str) -> Thread:
    """path [limit_s [loudness [silence_s]]]."""
    file, *numbers = data.split()
    if file.rpartition("/")[0] not in model.directories:
        model.hang_up(channel, causes.by_name("DESTINATION_OUT_OF_ORDER"))
        return
    limit_s, _, silence_s = [int(word) for word in [*numbers, "0", "0", "0"][:3]]
    quiet_ms = SPEECH_MS + (silence_s or SILENCE_S_DEFAULT) * 1000
    length_ms = min(limit_s * 1000 or quiet_ms, quiet_ms)
    model.emit("RECORD_START", channel, {"Record-File-Path": file})
    started = model.now
    broken = yield from _last(model, channel, length_ms)
    took_ms = (model.now - started) // 1000
    channel.update(
        {
            "silence_hits_exhausted": "true" if not broken and length_ms == quiet_ms else "false",
            "record_seconds": str(took_ms // 1000),
            "record_ms": str(took_ms),
            "record_samples": str(took_ms * SAMPLES_PER_MS),
        }
    )
    model.emit("RECORD_STOP", channel, {"Record-File-Path": file})


def speak(model: SwitchModel, channel: Channel, data: str) -> Thread:
    """engine|voice|text."""
    text = data.split("|", 2)[-1]
    yield from _last(model, channel, len(text) * SPOKEN_MS_A_LETTER)


def _last(model: SwitchModel, channel: Channel, length_ms: int) -> Generator[int | None, None, bool]:
    """Let so much time pass; True when a break ended it. Keys are heard by nobody."""
    ends = model.now + length_ms * 1000
    while channel.ready and model.now < ends:
        yield from running.serve_messages(model, channel)
        running.swallow_digits(model, channel)
        if channel.broken:
            channel.broken = False
            return True
        if channel.ready and model.now < ends:
            yield ends
    return False
