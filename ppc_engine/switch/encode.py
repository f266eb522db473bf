"""The only builder of ESL commands and dial strings, from the commands of calls/commands.py.

Rule (freeswitch.md A12): nothing is escaped, everything is whitelisted. ``]`` and ``}`` cannot be escaped in a dial
string, ``${...}`` runs APIs, and a newline is a second command; so only UUIDs, numbers, slugs, SIP addresses of a
narrow form and integers may enter, and all else raises ForbiddenTextError before anything is sent. The spellings are
those that a real FreeSWITCH 1.11.1 was seen to take.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CollectDigits,
    Command,
    Dial,
    Hangup,
    HangupLeg,
    Play,
    RecordMessage,
    Say,
    StartRecording,
    TakeBack,
)
from ppc_engine.flows.waits import RINGING
from ppc_engine.switch.encode_dial import dial_frames
from ppc_engine.switch.encode_refusal import reason_lines
from ppc_engine.switch.encode_voice import message_frames, recording_frames, say_frames
from ppc_engine.switch.errors import ForbiddenTextError
from ppc_engine.switch.pieces import SECONDS_MAX, UUID, Site, command_number, execute, fits, whole

__all__ = ["Site", "api_line", "api_lines", "arm_timer", "checked_frame", "delete_timer", "dump", "messages"]

FALLBACK = "ppc_fallback XML ppc"
TAKEN_BACK = "ppc_reclaim XML ppc"

MS_MAX = 600_000
DIGITS_MAX = 32
RING_TONE = "tone_stream://%(2000,4000,440,480);loops=-1"
FILE_ROUNDS = 8  # So often is a file repeated by one playback: no application of the switch repeats without end and
# yet stops at a break (endless_playback and loop_playback play on), so at its end the core asks for it again.

_CAUSE = re.compile(r"[A-Z][A-Z0-9_]{2,47}")
_TASK_ID = re.compile(r"[0-9]{1,10}")
_TERMINATOR = re.compile(r"[#*]|none")

_LINE = re.compile(r"[\x20-\x7e]+(?:\n[\x20-\x7e]+)*")
# The switch replaces any command that holds this word and "reload" or "unload" by a restart of its event socket.
_FORBIDDEN_WORD = "mod_event_socket"


def checked_frame(frame: str) -> str:
    """The last look at what goes to the switch, by the connection: lines of printable ASCII, none empty, no word of
    power."""
    if not _LINE.fullmatch(frame):
        raise ForbiddenTextError("a command holds an empty line or a byte outside 0x20-0x7e; it was not sent")
    if _FORBIDDEN_WORD in frame.lower():
        raise ForbiddenTextError(f"a command holds the word {_FORBIDDEN_WORD}; it was not sent")
    return frame


def messages(command: Command, site: Site, *, returns_now: bool) -> list[str]:
    """The sendmsg frames of a command that runs applications on the caller's leg.

    ``returns_now`` is whether an earlier Dial of this call left transfer_after_bridge set: it stays until it is used.
    """
    if isinstance(command, Dial):
        return dial_frames(command, site, returns_now=returns_now)
    if isinstance(command, Answer):
        return [execute(command, "answer")]
    if isinstance(command, Play):
        return [execute(command, "playback", _played(command, site))]
    if isinstance(command, Say):
        return say_frames(command, site)
    if isinstance(command, RecordMessage):
        return message_frames(command, site)
    if isinstance(command, StartRecording):
        return recording_frames(command, site)
    if isinstance(command, CollectDigits):
        return [execute(command, "play_and_get_digits", _collect(command, site))]
    raise ForbiddenTextError(f"{type(command).__name__} runs no application on a switch")


def api_lines(command: Command) -> list[str]:
    """All api commands of what must act at once, in order; the last one is the act itself."""
    return [*(reason_lines(command) if isinstance(command, Hangup) else []), api_line(command)]


def api_line(command: Command) -> str:
    """The api command of what must act at once. A sendmsg would wait behind the application that now runs."""
    builder = _API_LINES.get(type(command))
    if builder is None:
        raise ForbiddenTextError(f"{type(command).__name__} is no api command of a switch")
    return builder(command)


def arm_timer(call_id: str, claim_s: int) -> str:
    """A new dead-man's timer in the call's own task group. By sched_api, because it alone tells the task's id."""
    uuid = fits(UUID, "call_id", call_id)
    return f"api sched_api +{whole('claim_s', claim_s, 1, SECONDS_MAX)} {uuid} uuid_transfer {uuid} {FALLBACK}"


def delete_timer(timer_id: str) -> str:
    """Delete one task by its id, never by its group: that would take the newer timer too."""
    return f"api sched_del {fits(_TASK_ID, 'timer_id', timer_id)}"


def dump(call_id: str) -> str:
    """Everything that the switch knows of a channel, from the session table."""
    return f"api uuid_dump {fits(UUID, 'call_id', call_id)} json"


def _played(command: Play, site: Site) -> str:
    if not command.loops:
        return site.prompt(command.prompt)
    if command.prompt == RINGING:
        return RING_TONE
    return f"file_string://{'!'.join([site.prompt(command.prompt)] * FILE_ROUNDS)}"


def _collect(command: CollectDigits, site: Site) -> str:
    digits_min = whole("digits_min", command.digits_min, 1, DIGITS_MAX)
    digits_max = whole("digits_max", command.digits_max, digits_min, DIGITS_MAX)
    first_ms = whole("first_digit_ms_max", command.first_digit_ms_max, 1, MS_MAX)
    next_ms = whole("next_digit_ms_max", command.next_digit_ms_max, 1, MS_MAX)
    terminator = fits(_TERMINATOR, "terminator", command.terminator)
    # One try and a silent "invalid" prompt: trying again, with which words, is for the flow to say. The variable ends
    # in the command's number, so that digits of an earlier try are never read as this one's.
    variable = f"ppc_d{command_number(command)}"
    prompt = site.prompt(command.prompt)
    return rf"{digits_min} {digits_max} 1 {first_ms} {terminator} {prompt} silence_stream://10 {variable} \d+ {next_ms}"


def _break_app(command: BreakApp) -> str:
    uuid = fits(UUID, "call_id", command.call_id)
    # While digits are awaited the switch looks at no break, but a terminator ends it, prompt included. Plain break,
    # not "all": that would also swallow queued commands, whose completion then never comes.
    return f"api uuid_recv_dtmf {uuid} #" if command.gathering else f"api uuid_break {uuid}"


def _kill(uuid: str, cause: str) -> str:
    return f"api uuid_kill {fits(UUID, 'leg', uuid)} {fits(_CAUSE, 'cause', cause)}"


_API_LINES: dict[type[Command], Callable[[Any], str]] = {
    BreakApp: _break_app,
    Hangup: lambda command: _kill(command.call_id, command.cause),
    HangupLeg: lambda command: _kill(command.leg_id, command.cause),
    TakeBack: lambda command: f"api uuid_transfer {fits(UUID, 'call_id', command.call_id)} {TAKEN_BACK}",
}
