"""The variables that a leg has only when it is over: clocks, lengths and causes, computed as switch_channel.c does.

Source: switch_channel_set_timestamps; seconds are differences of truncated seconds, milliseconds of truncated
milliseconds, microseconds are exact. Stamps are UTC here, as on a switch whose zone is UTC.
"""

from __future__ import annotations

from time import gmtime, strftime

from ppc_engine.emulator import causes, sip
from ppc_engine.emulator.channel import Channel

_NEVER_HAPPENED = """
    last_hold_epoch last_hold_uepoch hold_accum_seconds hold_accum_usec hold_accum_ms resurrect_epoch resurrect_uepoch
"""
_ZERO = {f"variable_{name}": "0" for name in _NEVER_HAPPENED.split()}


def finish(channel: Channel) -> None:
    """Set every final variable of a leg that has hung up."""
    said = channel.variables
    said["variable_hangup_cause"] = channel.cause
    said["variable_hangup_cause_q850"] = str(causes.q850(channel.cause))
    said["variable_digits_dialed"] = channel.keyed or "none"
    clocks = {
        "start": channel.created_at,
        "profile_start": channel.profile_at,
        "answer": channel.answered_at,
        "bridge": channel.bridged_at,
        "progress": channel.progress_at,
        "progress_media": channel.progress_media_at,
        "end": channel.hung_up_at,
    }
    for name, at in clocks.items():
        if at:
            said[f"variable_{name}_stamp"] = strftime("%Y-%m-%d %H:%M:%S", gmtime(at // 1_000_000))
        said[f"variable_{name}_epoch"] = str(at // 1_000_000)
        said[f"variable_{name}_uepoch"] = str(at)
    said.update(_ZERO)
    app, argument = channel.last_app
    channel.set("last_app", app)
    channel.set("last_arg", argument)
    name, number = channel.profile["Caller-ID-Name"], channel.profile["Caller-ID-Number"]
    channel.set("caller_id", f'"{name}" <{number}>' if name else number)
    said.update(_lengths(channel))
    if channel.answered_at:
        said.update(sip.media_statistics(channel))


def _lengths(channel: Channel) -> dict[str, str]:
    created, ended, answered = channel.created_at, channel.hung_up_at, channel.answered_at
    spans = {
        "duration": (created, ended),
        "bill": (answered, ended if answered else 0),
        "progress": (created, channel.progress_at),
        "answer": (created, answered),
        "wait": (created, channel.bridged_at),
        "progress_media": (created, channel.progress_media_at),
        "flow_bill": (created if answered else 0, ended if answered else 0),
    }
    said = {}
    for unit, divisor in (("sec", 1_000_000), ("msec", 1_000), ("usec", 1)):
        for name, (start, end) in spans.items():
            length = end // divisor - start // divisor if start and end else 0
            said[f"variable_{_length_name(name, unit)}"] = str(length)
    return said


def _length_name(name: str, unit: str) -> str:
    if name != "duration":
        return name + unit
    return {"sec": "duration", "msec": "mduration", "usec": "uduration"}[unit]
