"""The pieces that may enter a line for the switch: each is whitelisted here, and nothing is ever escaped.

Rule (freeswitch.md A12): ``]`` and ``}`` cannot be escaped in a dial string, ``${...}`` runs APIs, and a newline is a
second command; so only UUIDs, numbers, slugs, SIP addresses of a narrow form and integers may enter, and all else
raises ForbiddenTextError before anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ppc_engine.switch.errors import ForbiddenTextError

SECONDS_MAX = 24 * 3600

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMMAND_ID = re.compile(UUID.pattern + r"\.([0-9]{1,6})")
NUMBER = re.compile(r"\+?[0-9]{3,15}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RECORDINGS_DIR = "/var/lib/freeswitch/recordings/ppc"
_VOICE = re.compile(r"(?:[a-z0-9_]{1,32}:[A-Za-z0-9_-]{1,64})?")
_DIRECTORY = re.compile(r"(?:/[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}){1,16}")


@dataclass(frozen=True, slots=True)
class Site:
    """What commands need to know of a switch: its outbound SIP profile, and where its prompts and recordings lie (paths
    there). ``voice`` is its speech engine and that one's voice ("flite:slt"), "" when it has none."""

    profile: str
    prompts_dir: str
    recordings_dir: str = RECORDINGS_DIR
    voice: str = ""

    def __post_init__(self) -> None:
        fits(NAME, "profile", self.profile)
        fits(_DIRECTORY, "prompts_dir", self.prompts_dir)
        fits(_DIRECTORY, "recordings_dir", self.recordings_dir)
        fits(_VOICE, "voice", self.voice)

    def prompt(self, name: str) -> str:
        """The path of a prompt's file on the switch."""
        return f"{self.prompts_dir}/{fits(NAME, 'prompt', name)}.wav"


def fits(pattern: re.Pattern[str], name: str, value: str) -> str:
    """The value, when it is of this form from end to end. Raises ForbiddenTextError."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ForbiddenTextError(f"{name} cannot be {str(value)[:60]!r}")
    return value


def whole(name: str, value: int, least: int, most: int) -> int:
    """The value, when it is a whole number between these. Raises ForbiddenTextError."""
    if type(value) is not int or not least <= value <= most:
        raise ForbiddenTextError(f"{name} cannot be {str(value)[:60]!r}: it must be from {least} to {most}")
    return value


def seconds(name: str, value_ms: int) -> int:
    """Whole seconds, upwards: the switch counts no finer, and a limit must not come early."""
    return -(-whole(name, value_ms, 1, SECONDS_MAX * 1000) // 1000)


def command_number(command: Any) -> str:
    """The n of "<call_id>.<n>", of this very call."""
    match = COMMAND_ID.fullmatch(command.command_id)
    if match is None or not command.command_id.startswith(f"{command.call_id}."):
        raise ForbiddenTextError(f"command_id cannot be {command.command_id[:60]!r}")
    return match[1]


def execute(command: Any, app: str, argument: str = "", *, named: bool = True) -> str:
    """One application on the caller's leg. Locked: it waits for the one before instead of running inside it."""
    command_number(command)
    lines = [f"sendmsg {command.call_id}", "call-command: execute", f"execute-app-name: {app}"]
    if argument:
        lines.append(f"execute-app-arg: {argument}")
    if named:
        lines.append(f"Event-UUID: {command.command_id}")
    lines.append("event-lock: true")
    return "\n".join(lines)
