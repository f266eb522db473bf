"""Prompts and digits: playback and play_and_get_digits, with the corners that reference freeswitch.md A10 names.

Source: switch_ivr_play_say.c (switch_ivr_read, switch_play_and_get_digits), switch_ivr.c
(switch_ivr_collect_digits_count): a key during the prompt ends it; too few digits leave the partial ones in the
variable; the bad-input file is played after every failed try, the last one too; uuid_break ends what is played, and
does nothing while digits are awaited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ppc_engine.emulator import running
from ppc_engine.emulator.channel import Channel, Thread

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

SAMPLES_PER_MS = 8
FIRST_DIGIT_MS_MIN = 1000
DEFAULT_TERMINATORS = "#"
ENDLESS_MS = 24 * 60 * 60 * 1000

_TONE = re.compile(r"%\((\d+),(\d+)")
_LOOPS = re.compile(r"(?:;|^)loops=(-?\d+)")


def length_ms(model: SwitchModel, file: str) -> int:
    """How long a file plays: tones and silence by their own words, prompts by the scenario, by name."""
    kind, _, words = file.partition("://")
    if kind == "silence_stream":
        head = words.split(",")[0]
        return int(head) or ENDLESS_MS if head.isdigit() else ENDLESS_MS
    if kind == "tone_stream":
        loops = _LOOPS.search(words)
        once = sum(int(on) + int(off) for on, off in _TONE.findall(words))
        times = int(loops[1]) if loops else 1
        return once * times if times > 0 else ENDLESS_MS
    if kind == "file_string":
        return sum(length_ms(model, part) for part in words.split("!"))
    name = file.rpartition("/")[2].rpartition(".")[0] or file
    return model.scenario.prompts.get(name, model.scenario.prompt_ms)


@dataclass(slots=True)
class Heard:
    """Keys read so far; ``terminator`` is the one that ended the reading, ``complete`` whether all were there."""

    digits: str = ""
    terminator: str = ""
    complete: bool = False


def play(model: SwitchModel, channel: Channel, file: str, *, into: Heard | None = None, stop_on: str = "") -> Thread:
    """Play a file. The first key ends it and is kept in ``into``; without that, a key of ``stop_on`` ends it."""
    kind = file.partition("://")[0]
    said = {"Playback-File-Type": kind} if kind == "tone_stream" else {}
    said["Playback-File-Path"] = file
    model.emit("PLAYBACK_START", channel, said)
    channel.playing = True
    model.notice(channel, "prompt")
    started, ends = model.now, model.now + length_ms(model, file) * 1000
    status = "done"
    while channel.ready and model.now < ends:
        yield from running.serve_messages(model, channel)
        if channel.broken:
            channel.broken, status = False, "break"
            break
        if channel.dtmf:
            digit = running.take_digit(model, channel)
            if into is not None:
                into.digits = digit
            if into is not None or digit in stop_on:
                status = "break"
                break
            continue
        if channel.ready and model.now < ends:
            yield ends
    channel.playing = False
    played_ms = (model.now - started) // 1000
    channel.update(
        {
            "playback_last_offset_pos": str(played_ms * SAMPLES_PER_MS),
            "playback_seconds": str(played_ms // 1000),
            "playback_ms": str(played_ms),
            "playback_samples": str(played_ms * SAMPLES_PER_MS),
        }
    )
    model.notice(channel, "prompt over")
    model.emit("PLAYBACK_STOP", channel, {**said, "Playback-Status": status})


def playback(model: SwitchModel, channel: Channel, data: str) -> Thread:
    terminators = channel.get("playback_terminators") or "*"
    yield from play(model, channel, data, stop_on="" if terminators == "none" else terminators)


def collect(
    model: SwitchModel, channel: Channel, heard: Heard, digits_max: int, terminators: str, first_ms: int, next_ms: int
) -> Thread:
    """Read keys until there are enough, one terminates, or none comes in time."""
    if heard.digits and heard.digits in terminators:
        heard.terminator, heard.digits, heard.complete = heard.digits, "", True
        return
    deadline = model.now + (next_ms if heard.digits else first_ms) * 1000
    while channel.ready:
        yield from running.serve_messages(model, channel)
        if not channel.ready or model.now >= deadline:
            return
        if not channel.dtmf:
            yield deadline
            continue
        deadline = model.now + next_ms * 1000
        while channel.dtmf:
            digit = running.take_digit(model, channel)
            if digit in terminators:
                heard.terminator, heard.complete = digit, True
                return
            heard.digits += digit
            if len(heard.digits) >= digits_max:
                heard.complete = True
                return


def play_and_get_digits(model: SwitchModel, channel: Channel, data: str) -> Thread:
    """min max tries first_ms terminators file bad_file variable regex [next_ms]."""
    words = data.split()
    if len(words) < 9:
        return
    digits_min, tries = int(words[0]), int(words[2])
    digits_max = max(digits_min, int(words[1]))
    first_ms = max(FIRST_DIGIT_MS_MIN, int(words[3]))
    next_ms = int(words[9]) if len(words) > 9 and words[9].isdigit() else first_ms
    terminators = words[4] or DEFAULT_TERMINATORS
    prompt, bad_prompt, variable, regex = words[5:9]
    channel.set(f"{variable}_invalid", "")
    channel.asking = PurePosixPath(prompt).stem
    model.notice(channel, "keys")
    channel.collecting = True
    while channel.ready and tries > 0:
        heard = Heard()
        channel.set("read_result", "")
        channel.set("read_terminator_used", "")
        channel.set(variable, "")
        yield from play(model, channel, prompt, into=heard)
        if not channel.ready:
            channel.set(variable, heard.digits)
            break
        if len(heard.digits) < digits_max:
            yield from collect(model, channel, heard, digits_max, terminators, first_ms, next_ms)
        else:
            heard.complete = True
        channel.set("read_terminator_used", heard.terminator)
        enough = channel.ready and len(heard.digits) >= digits_min
        channel.set("read_result", ("success" if heard.complete else "timeout") if enough else "failure")
        channel.set(variable, heard.digits)
        if not channel.ready or (enough and not heard.digits and heard.terminator):
            break
        if enough and heard.digits:
            if re.search(regex, heard.digits):
                break
            channel.set(variable, "")
            channel.set(f"{variable}_invalid", heard.digits)
        yield from play(model, channel, bad_prompt)
        tries -= 1
    channel.collecting = False
    model.notice(channel, "keys over")
