"""One leg: its variables, its caller profile and its clocks, and the headers with which every event describes it.

Header names and their values are those of a recorded FreeSWITCH 1.11.1. Nothing here acts; the model does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

Value = str | list[str]
Thread = Generator[int | None, None, None]

STATE_NUMBERS = {
    "CS_NEW": 0,
    "CS_INIT": 1,
    "CS_ROUTING": 2,
    "CS_EXECUTE": 4,
    "CS_EXCHANGE_MEDIA": 5,
    "CS_PARK": 6,
    "CS_CONSUME_MEDIA": 7,
    "CS_HANGUP": 10,
    "CS_REPORTING": 11,
    "CS_DESTROY": 12,
}

_CODECS = {
    "Channel-Read-Codec-Name": "PCMU",
    "Channel-Read-Codec-Rate": "8000",
    "Channel-Read-Codec-Bit-Rate": "64000",
    "Channel-Write-Codec-Name": "PCMU",
    "Channel-Write-Codec-Rate": "8000",
    "Channel-Write-Codec-Bit-Rate": "64000",
}
_TRAILER = {
    "Channel-Last-Hold": "0",
    "Channel-Hold-Accum": "0",
    "Screen-Bit": "true",
    "Privacy-Hide-Name": "false",
    "Privacy-Hide-Number": "false",
}


@dataclass(slots=True)
class Message:
    """A sendmsg that waits in a channel's private queue."""

    headers: dict[str, str]
    body: str = ""

    @property
    def locks(self) -> bool:
        return self.headers.get("event-lock", "").lower() in ("true", "yes", "1", "on")


@dataclass(slots=True, eq=False)
class Channel:
    """A leg of a call. All times are UTC microseconds, 0 for what has not happened."""

    uuid: str
    name: str
    inbound: bool
    profile: dict[str, str]
    created_at: int
    number: int
    variables: dict[str, Value] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    call_uuid: str = ""
    answered_at: int = 0
    progress_at: int = 0
    progress_media_at: int = 0
    bridged_at: int = 0
    hung_up_at: int = 0
    profile_at: int = 0
    profile_index: int = 1
    state: str = "CS_INIT"
    state_number: int = 2
    call_state: str = "DOWN"
    cause: str = ""
    remote_ended: str = ""
    private: bool = False
    media: bool = False
    rung: bool = False
    winner: bool = False
    reported: bool = False
    transfer: tuple[str, str, str] | None = None
    park_again: bool = False
    controlled: bool = False
    locked: bool = False
    broken: bool = False
    playing: bool = False
    collecting: bool = False
    asking: str = ""
    dialing: bool = False
    talking: bool = False
    parted_cause: str | None = None
    last_app: tuple[str, str] = ("", "")
    messages: deque[Message] = field(default_factory=deque)
    dtmf: deque[str] = field(default_factory=deque)
    keyed: str = ""
    recordings: dict[str, int] = field(default_factory=dict)
    thread: Thread | None = None
    wakes: int = 0

    def __post_init__(self) -> None:
        self.call_uuid = self.call_uuid or self.uuid
        self.profile_at = self.created_at

    @property
    def up(self) -> bool:
        return not self.hung_up_at

    @property
    def ready(self) -> bool:
        """Whether the application that runs may go on: neither hung up nor sent elsewhere."""
        return not self.hung_up_at and self.transfer is None and not self.park_again

    def get(self, name: str) -> str:
        """A variable as text, "" when it is not set."""
        value = self.variables.get("variable_" + name, "")
        return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)

    def set(self, name: str, value: str) -> None:
        """Set a variable; an empty value removes it, as on the real switch."""
        if value:
            self.variables["variable_" + name] = value
        else:
            self.variables.pop("variable_" + name, None)

    def update(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def push(self, name: str, value: str) -> None:
        """Add a value to a variable that may become a list."""
        held = self.variables.get("variable_" + name)
        if held is None:
            self.variables["variable_" + name] = value
        else:
            self.variables["variable_" + name] = [*([held] if isinstance(held, str) else held), value]

    def is_true(self, name: str) -> bool:
        return self.get(name).lower() in ("true", "yes", "on", "enable", "enabled", "active", "1")

    @property
    def answer_state(self) -> str:
        if self.hung_up_at:
            return "hangup"
        if self.answered_at:
            return "answered"
        return "early" if self.progress_media_at else "ringing"

    def enter(self, state: str) -> None:
        self.state, self.state_number = state, STATE_NUMBERS[state]

    def times(self, prefix: str, *, bridged: bool = True) -> dict[str, str]:
        """The clocks of the profile, as headers."""
        return {
            f"{prefix}-Profile-Created-Time": str(self.profile_at),
            f"{prefix}-Channel-Created-Time": str(self.created_at),
            f"{prefix}-Channel-Answered-Time": str(self.answered_at),
            f"{prefix}-Channel-Progress-Time": str(self.progress_at),
            f"{prefix}-Channel-Progress-Media-Time": str(self.progress_media_at),
            f"{prefix}-Channel-Hangup-Time": str(self.hung_up_at if self.reported else 0),
            f"{prefix}-Channel-Transfer-Time": "0",
            f"{prefix}-Channel-Resurrect-Time": "0",
            f"{prefix}-Channel-Bridged-Time": str(self.bridged_at if bridged else 0),
        }

    def as_other(self, kind: str, *, with_times: bool) -> dict[str, str]:
        """How the other leg of a pair describes this one. ``kind`` is originator or originatee."""
        said = {"Other-Type": kind}
        said.update((f"Other-Leg-{name}", value) for name, value in self.profile.items())
        times = self.times("Other-Leg", bridged=False)
        said.update(times if with_times else dict.fromkeys(times, "0"))
        said.update((f"Other-Leg-{name}", value) for name, value in _TRAILER.items())
        return said

    def headers(self) -> dict[str, str]:
        """Everything about the leg but its variables."""
        direction = "inbound" if self.inbound else "outbound"
        said = {
            "Channel-State": self.state,
            "Channel-Call-State": self.call_state,
            "Channel-State-Number": str(self.state_number),
            "Channel-Name": self.name,
            "Unique-ID": self.uuid,
            "Call-Direction": direction,
            "Presence-Call-Direction": direction,
            "Channel-HIT-Dialplan": "true" if self.inbound else "false",
            "Channel-Call-UUID": self.call_uuid,
            "Answer-State": self.answer_state,
        }
        if self.cause:
            said["Hangup-Cause"] = self.cause
        if self.media:
            said.update(_CODECS)
        said.update((f"Caller-{name}", value) for name, value in self.profile.items())
        said["Caller-Profile-Index"] = str(self.profile_index)
        said.update(self.times("Caller"))
        said.update((f"Caller-{name}", value) for name, value in _TRAILER.items())
        if self.private:
            said["Caller-Privacy-Hide-Name"] = said["Caller-Privacy-Hide-Number"] = "true"
        said.update(self.other)
        return said
