"""The only builder of ESL commands and dial strings, from the commands of calls/commands.py.

Rule (freeswitch.md A12): nothing is escaped, everything is whitelisted. ``]`` and ``}`` cannot be escaped in a dial
string, ``${...}`` runs APIs, and a newline is a second command; so only UUIDs, numbers, slugs, SIP addresses of a
narrow form and integers may enter, and all else raises ForbiddenTextError before anything is sent. The spellings are
those that a real FreeSWITCH 1.11.1 was seen to take.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ppc_engine.calls.commands import Answer, BreakApp, CollectDigits, Command, Dial, Hangup, HangupLeg, Play
from ppc_engine.switch.errors import ForbiddenTextError

FALLBACK = "ppc_fallback XML ppc"
RECLAIM = "ppc_reclaim:XML:ppc"  # transfer_after_bridge takes colons; blanks would become part of the number.

SECONDS_MAX = 24 * 3600
MS_MAX = 600_000
DIGITS_MAX = 32
TIMER_SLACK_S = 1  # sched_* counts whole epoch seconds: +4 fired 3.5 s later, and must never cut a call short.

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COMMAND_ID = re.compile(_UUID.pattern + r"\.([0-9]{1,6})")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ADDRESS = re.compile(r"(?:sip:)?([a-zA-Z0-9_+.-]{1,64}@[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(?::[0-9]{1,5})?)")
_CAUSE = re.compile(r"[A-Z][A-Z0-9_]{2,47}")
_DIRECTORY = re.compile(r"(?:/[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}){1,16}")
_TASK_ID = re.compile(r"[0-9]{1,10}")
_TERMINATOR = re.compile(r"[#*]|none")

_LINE = re.compile(r"[\x20-\x7e]+(?:\n[\x20-\x7e]+)*")
# The switch replaces any command that holds this word and "reload" or "unload" by a restart of its event socket.
_FORBIDDEN_WORD = "mod_event_socket"


@dataclass(frozen=True, slots=True)
class Site:
    """What commands need to know of a switch: its outbound SIP profile and where its prompts lie (a path there)."""

    profile: str
    prompts_dir: str

    def __post_init__(self) -> None:
        _fits(_NAME, "profile", self.profile)
        _fits(_DIRECTORY, "prompts_dir", self.prompts_dir)


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
        return _dial(command, site, returns_now)
    if isinstance(command, Answer):
        return [_execute(command, "answer")]
    if isinstance(command, Play):
        return [_execute(command, "playback", _prompt(site, command.prompt))]
    if isinstance(command, CollectDigits):
        return [_execute(command, "play_and_get_digits", _collect(command, site))]
    raise ForbiddenTextError(f"{type(command).__name__} runs no application on a switch")


def api_line(command: Command) -> str:
    """The api command of what must act at once. A sendmsg would wait behind the application that now runs."""
    builder = _API_LINES.get(type(command))
    if builder is None:
        raise ForbiddenTextError(f"{type(command).__name__} is no api command of a switch")
    return builder(command)


def arm_timer(call_id: str, claim_s: int) -> str:
    """A new dead-man's timer in the call's own task group. By sched_api, because it alone tells the task's id."""
    uuid = _fits(_UUID, "call_id", call_id)
    return f"api sched_api +{_whole('claim_s', claim_s, 1, SECONDS_MAX)} {uuid} uuid_transfer {uuid} {FALLBACK}"


def delete_timer(timer_id: str) -> str:
    """Delete one task by its id, never by its group: that would take the newer timer too."""
    return f"api sched_del {_fits(_TASK_ID, 'timer_id', timer_id)}"


def dump(call_id: str) -> str:
    """Everything that the switch knows of a channel, from the session table."""
    return f"api uuid_dump {_fits(_UUID, 'call_id', call_id)} json"


def _dial(command: Dial, site: Site, returns_now: bool) -> list[str]:
    after_bridge = ""
    if command.returns:
        after_bridge = f"hangup_after_bridge=false transfer_after_bridge={RECLAIM}"
    elif returns_now:
        after_bridge = "hangup_after_bridge=true transfer_after_bridge="
    frames = [_execute(command, "multiset", after_bridge, named=False)] if after_bridge else []
    return [*frames, _execute(command, "bridge", _dial_string(command, site))]


def _dial_string(command: Dial, site: Site) -> str:
    early_media = {"ignore": "", "bridge": "{bridge_early_media=true}"}.get(command.early_media)
    if early_media is None:
        raise ForbiddenTextError(f"early_media cannot be {command.early_media[:40]!r}")
    connected_s = _seconds("connected_ms_max", command.connected_ms_max) + TIMER_SLACK_S
    leg = ",".join(
        (
            f"origination_uuid={_fits(_UUID, 'leg_id', command.leg_id)}",
            f"ppc_call={_fits(_UUID, 'call_id', command.call_id)}",
            f"leg_timeout={_seconds('ring_ms_max', command.ring_ms_max)}",
            f"leg_progress_timeout={_seconds('progress_ms_max', command.progress_ms_max)}",
            f"execute_on_answer=sched_hangup +{connected_s} allotted_timeout",
        )
    )
    if command.gateway:
        gateway = _fits(_NAME, "gateway", command.gateway)
        way = f"gateway/{gateway}/{_fits(_NUMBER, 'destination', command.destination)}"
    else:
        way = f"{site.profile}/{_fits(_ADDRESS, 'destination', command.destination).removeprefix('sip:')}"
    return f"{early_media}[{leg}]sofia/{way}"


def _collect(command: CollectDigits, site: Site) -> str:
    digits_min = _whole("digits_min", command.digits_min, 1, DIGITS_MAX)
    digits_max = _whole("digits_max", command.digits_max, digits_min, DIGITS_MAX)
    first_ms = _whole("first_digit_ms_max", command.first_digit_ms_max, 1, MS_MAX)
    next_ms = _whole("next_digit_ms_max", command.next_digit_ms_max, 1, MS_MAX)
    terminator = _fits(_TERMINATOR, "terminator", command.terminator)
    # One try and a silent "invalid" prompt: trying again, with which words, is for the flow to say. The variable ends
    # in the command's number, so that digits of an earlier try are never read as this one's.
    variable = f"ppc_d{_command_number(command)}"
    prompt = _prompt(site, command.prompt)
    return rf"{digits_min} {digits_max} 1 {first_ms} {terminator} {prompt} silence_stream://10 {variable} \d+ {next_ms}"


def _prompt(site: Site, prompt: str) -> str:
    return f"{site.prompts_dir}/{_fits(_NAME, 'prompt', prompt)}.wav"


def _execute(command: Any, app: str, argument: str = "", *, named: bool = True) -> str:
    """One application on the caller's leg. Locked: it waits for the one before instead of running inside it."""
    _command_number(command)
    lines = [f"sendmsg {command.call_id}", "call-command: execute", f"execute-app-name: {app}"]
    if argument:
        lines.append(f"execute-app-arg: {argument}")
    if named:
        lines.append(f"Event-UUID: {command.command_id}")
    lines.append("event-lock: true")
    return "\n".join(lines)


def _command_number(command: Any) -> str:
    """The n of "<call_id>.<n>", of this very call."""
    match = _COMMAND_ID.fullmatch(command.command_id)
    if match is None or not command.command_id.startswith(f"{command.call_id}."):
        raise ForbiddenTextError(f"command_id cannot be {command.command_id[:60]!r}")
    return match[1]


def _break_app(command: BreakApp) -> str:
    uuid = _fits(_UUID, "call_id", command.call_id)
    # While digits are awaited the switch looks at no break, but a terminator ends it, prompt included. Plain break,
    # not "all": that would also swallow queued commands, whose completion then never comes.
    return f"api uuid_recv_dtmf {uuid} #" if command.gathering else f"api uuid_break {uuid}"


def _kill(uuid: str, cause: str) -> str:
    return f"api uuid_kill {_fits(_UUID, 'leg', uuid)} {_fits(_CAUSE, 'cause', cause)}"


_API_LINES: dict[type[Command], Callable[[Any], str]] = {
    BreakApp: _break_app,
    Hangup: lambda command: _kill(command.call_id, command.cause),
    HangupLeg: lambda command: _kill(command.leg_id, command.cause),
}


def _fits(pattern: re.Pattern[str], name: str, value: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ForbiddenTextError(f"{name} cannot be {str(value)[:60]!r}")
    return value


def _whole(name: str, value: int, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ForbiddenTextError(f"{name} cannot be {str(value)[:60]!r}: it must be from {least} to {most}")
    return value


def _seconds(name: str, value_ms: int) -> int:
    """Whole seconds, upwards: the switch counts no finer, and a limit must not come early."""
    return -(-_whole(name, value_ms, 1, SECONDS_MAX * 1000) // 1000)
