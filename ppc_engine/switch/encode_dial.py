"""Dial strings: one ``bridge`` for all targets that are to ring, each with its own variables between ``[`` and ``]``.

Rules of the switch that this file obeys, each seen on a real FreeSWITCH 1.11.1: a comma or a bracket within a value
ends it, whatever quotes stand around it, so no value holds one; commas between legs ring them at once; what is not said
for a leg is taken from the caller's leg.
"""

from __future__ import annotations

import re

from ppc_engine.calls.commands import WITHHELD, Dial, Leg
from ppc_engine.switch.errors import ForbiddenTextError
from ppc_engine.switch.pieces import NAME, NUMBER, UUID, Site, execute, fits, seconds

RECLAIM = "ppc_reclaim:XML:ppc"  # transfer_after_bridge takes colons; blanks would become part of the number.
TIMER_SLACK_S = 1  # sched_* counts whole epoch seconds: +4 fired 3.5 s later, and must never cut a call short.
LEGS_MAX = 5

_ADDRESS = re.compile(r"(?:sip:)?([a-zA-Z0-9_+.-]{1,64}@[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(?::[0-9]{1,5})?)")
_DIGIT = re.compile(r"[0-9*#]")
_HEADER = re.compile(r"X-[A-Za-z][A-Za-z0-9-]{0,40}")
_HEADER_VALUE = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_EARLY_MEDIA = {"ignore": "", "bridge": "{bridge_early_media=true}"}


def dial_frames(command: Dial, site: Site, *, returns_now: bool) -> list[str]:
    """The frames of a Dial; ``returns_now`` is whether an earlier one left transfer_after_bridge set."""
    after_bridge = ""
    if command.returns:
        after_bridge = f"hangup_after_bridge=false transfer_after_bridge={RECLAIM}"
    elif returns_now:
        after_bridge = "hangup_after_bridge=true transfer_after_bridge="
    frames = [execute(command, "multiset", after_bridge, named=False)] if after_bridge else []
    return [*frames, execute(command, "bridge", dial_string(command, site))]


def dial_string(command: Dial, site: Site) -> str:
    """``{for all}[for one]where,[for another]where``."""
    early_media = _EARLY_MEDIA.get(command.early_media)
    if early_media is None:
        raise ForbiddenTextError(f"early_media cannot be {command.early_media[:40]!r}")
    if not 1 <= len(command.legs) <= LEGS_MAX:
        raise ForbiddenTextError(f"{len(command.legs)} legs cannot ring at once: 1 to {LEGS_MAX}")
    return early_media + ",".join(
        f"[{','.join(_variables(command.call_id, leg, site))}]sofia/{_way(leg, site)}" for leg in command.legs
    )


def _variables(call_id: str, leg: Leg, site: Site) -> list[str]:
    accept_s = seconds("accept_ms_max", leg.accept_ms_max) if leg.accept_ms_max else 0
    connected_s = seconds("connected_ms_max", leg.connected_ms_max) + TIMER_SLACK_S + accept_s
    variables = [
        f"origination_uuid={fits(UUID, 'leg_id', leg.leg_id)}",
        f"ppc_call={fits(UUID, 'call_id', call_id)}",
        f"leg_timeout={seconds('ring_ms_max', leg.ring_ms_max)}",
        f"leg_progress_timeout={seconds('progress_ms_max', leg.progress_ms_max)}",
        f"execute_on_answer=sched_hangup +{connected_s} allotted_timeout",
    ]
    variables += _caller_id(leg)
    for name, value in leg.headers.items():
        variables.append(f"sip_h_{fits(_HEADER, 'header', name)}={fits(_HEADER_VALUE, 'header value', value)}")
    return variables + _confirmation(leg, site, accept_s)


def _caller_id(leg: Leg) -> list[str]:
    if not leg.caller_id:
        return []
    if leg.caller_id == WITHHELD:
        # No P-Asserted-Identity either; its only user would be "anonymous", but it is nobody's business.
        return ["origination_caller_id_number=anonymous", "sip_cid_type=none"]
    return [f"origination_caller_id_number={fits(NUMBER, 'caller_id', leg.caller_id)}"]


def _confirmation(leg: Leg, site: Site, accept_s: int) -> list[str]:
    """What the target hears before the caller does: a whisper, a question that a key answers, or both.

    The key "exec" runs an application and takes its end for a yes; another key is waited for while the file is played
    again and again. Past group_confirm_timeout, from the answer on, the leg is hung up: ALLOTTED_TIMEOUT.
    """
    if leg.accept_prompt:
        files = [site.prompt(name) for name in (leg.whisper, leg.accept_prompt) if name]
        heard = files[0] if len(files) == 1 else f"file_string://{'!'.join(files)}"
        key = fits(_DIGIT, "accept_digit", leg.accept_digit)
    elif leg.whisper:
        heard, key = f"playback {site.prompt(leg.whisper)}", "exec"
    else:
        return []
    return [f"group_confirm_key={key}", f"group_confirm_file={heard}", f"group_confirm_timeout={accept_s}"]


def _way(leg: Leg, site: Site) -> str:
    if leg.gateway:
        return f"gateway/{fits(NAME, 'gateway', leg.gateway)}/{fits(NUMBER, 'destination', leg.destination)}"
    return f"{site.profile}/{fits(_ADDRESS, 'destination', leg.destination).removeprefix('sip:')}"
