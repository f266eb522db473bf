"""Builds what the switch says: an event is a flat mapping of header to text (or to a list, for a value of many parts).

The calling file, function and line of each kind are those of the recorded FreeSWITCH 1.11.1.
"""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, strftime

from ppc_engine.emulator.channel import Channel, Value
from ppc_engine.emulator.draws import draw_uuid

Event = dict[str, Value]

VERSION = "1.11.1-release~64bit"
HOST = "emulated"

_EXEC = ("switch_core_session.c", "switch_core_session_exec")
_RUN = ("switch_core_state_machine.c", "switch_core_session_run")
_BRIDGE = ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge")
_SOURCES = {
    "CHANNEL_CREATE": (*_RUN, "626"),
    "CHANNEL_ORIGINATE": (*_RUN, "632"),
    "CHANNEL_OUTGOING": ("switch_core_session.c", "switch_core_session_outgoing_channel", "768"),
    "CHANNEL_EXECUTE": (*_EXEC, "2949"),
    "CHANNEL_EXECUTE_COMPLETE": (*_EXEC, "2972"),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", "1002"),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", "1213"),
    "CHANNEL_PROGRESS": ("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", "3507"),
    "CHANNEL_PROGRESS_MEDIA": ("switch_channel.c", "switch_channel_perform_mark_pre_answered", "3565"),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", "3848"),
    "CHANNEL_BRIDGE": (*_BRIDGE, "1689"),
    "CHANNEL_UNBRIDGE": (*_BRIDGE, "1879"),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", "3447"),
    "CHANNEL_HANGUP_COMPLETE": ("switch_core_state_machine.c", "switch_core_session_reporting_state", "943"),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", "1588"),
    "CHANNEL_DATA": ("mod_commands.c", "uuid_dump_function", "6495"),
    "PLAYBACK_START": ("switch_ivr_play_say.c", "switch_ivr_play_file", "1649"),
    "PLAYBACK_STOP": ("switch_ivr_play_say.c", "switch_ivr_play_file", "2023"),
    "RECORD_START": ("switch_ivr_async.c", "record_callback", "1482"),
    "RECORD_STOP": ("switch_ivr_async.c", "send_record_stop_event", "1241"),
    "DTMF": ("switch_channel.c", "switch_channel_dequeue_dtmf", "678"),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", "95"),
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", "1569"),
    "ADD_SCHEDULE": ("switch_scheduler.c", "switch_scheduler_add_task_ex", "244"),
    "DEL_SCHEDULE": ("switch_scheduler.c", "task_thread_loop", "154"),
}

_UNITS = (
    ("year", 365 * 86_400_000_000),
    ("day", 86_400_000_000),
    ("hour", 3_600_000_000),
    ("minute", 60_000_000),
    ("second", 1_000_000),
    ("millisecond", 1_000),
    ("microsecond", 1),
)

EVENT_NAMES = frozenset(_SOURCES) | {
    "CHANNEL_STATE",
    "CHANNEL_CALLSTATE",
    "CHANNEL_UUID",
    "SESSION_HEARTBEAT",
    "SHUTDOWN",
    "SHUTDOWN_REQUESTED",
    "CUSTOM",
    "ALL",
}


@lru_cache(maxsize=8)
def _dates(second: int) -> tuple[str, str]:
    moment = gmtime(second)
    return strftime("%Y-%m-%d %H:%M:%S", moment), strftime("%a, %d %b %Y %H:%M:%S GMT", moment)


class EventSource:
    """Numbers and stamps the events of one running switch."""

    def __init__(self, core_uuid: str) -> None:
        self.core_uuid = core_uuid
        self.sequence = 0
        self._identity = {
            "Core-UUID": core_uuid,
            "FreeSWITCH-Hostname": HOST,
            "FreeSWITCH-Switchname": HOST,
            "FreeSWITCH-IPv4": "127.0.0.1",
            "FreeSWITCH-IPv6": "::1",
        }

    def event(self, name: str, at: int, extra: dict[str, str] | None = None) -> Event:
        """An event about the switch as a whole."""
        local, gmt = _dates(at // 1_000_000)
        file, function, line = _SOURCES[name]
        event: Event = {
            "Event-Name": name,
            **self._identity,
            "Event-Date-Local": local,
            "Event-Date-GMT": gmt,
            "Event-Date-Timestamp": str(at),
            "Event-Calling-File": file,
            "Event-Calling-Function": function,
            "Event-Calling-Line-Number": line,
            "Event-Sequence": str(self.sequence),
        }
        if extra:
            event.update(extra)
        return event

    def of_channel(self, name: str, at: int, channel: Channel, extra: dict[str, str] | None = None) -> Event:
        """An event about a leg, with all its variables; DTMF alone has none."""
        event = self.event(name, at)
        if name in ("CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE") and extra:
            event.update(extra)
            extra = None
        event.update(channel.headers())
        if name != "DTMF":
            event.update(channel.variables)
        if extra:
            event.update(extra)
        return event

    def fresh_uuid(self, *ids: object) -> str:
        """A UUID of this switch's own making, such as of an application that nobody gave one."""
        return draw_uuid(self.core_uuid, *ids)


def duration_in_words(microseconds: int) -> str:
    """A length as ``status`` and HEARTBEAT write it."""
    parts = []
    left = microseconds
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts.append(f"{count} {unit}" + ("" if count == 1 else "s"))
    return ", ".join(parts)
