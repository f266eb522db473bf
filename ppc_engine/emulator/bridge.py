"""Dialling one target and joining it to the caller: the ``bridge`` application.

Sources: switch_ivr_originate.c (timers compare whole seconds), switch_ivr_bridge.c (order of events, what happens to
the caller after), switch_channel.c switch_channel_handle_cause (continue_on_fail); orders as recorded (reference A6).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ppc_engine.emulator import causes, running, sip
from ppc_engine.emulator.channel import Channel, Thread

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

SECOND_US = 1_000_000
LEAD_FRAMES_US = (
    200_000  # A bridge looks at hooks and messages after ten frames of the caller (switch_ivr_bridge.c:611).
)
DIAL_S_MAX = 60  # SWITCH_DEFAULT_TIMEOUT.

_FREE_CAUSES = ("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL")  # Never a reason to hang the caller up.
_DIALSTATUS = {
    "ORIGINATOR_CANCEL": "CANCEL",
    "USER_BUSY": "BUSY",
    "NO_ANSWER": "NOANSWER",
    "DESTINATION_OUT_OF_ORDER": "INVALIDARGS",
    "INVALID_PROFILE": "INVALIDARGS",
    "CALL_REJECTED": "DONTCALL",
}
_BRACKETS = re.compile(r"\s*([{\[])([^}\]]*)[}\]]")


@dataclass(slots=True)
class DialString:
    """``{for all}[for this leg]sofia/profile/user@host:port`` or ``.../gateway/name/number``, taken apart."""

    shared: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    gateway: str = ""
    user: str = ""
    host: str = ""
    fault: str = ""

    @property
    def address(self) -> str:
        return f"{self.user}@{self.host}" if self.host else self.user


def parse(text: str) -> DialString:
    """Take a dial string apart; ``fault`` is the cause with which a switch refuses one that it cannot use."""
    dial = DialString()
    rest = text
    while found := _BRACKETS.match(rest):
        variables = dial.shared if found[1] == "{" else dial.own
        for assignment in found[2].split(","):
            name, _, value = assignment.partition("=")
            variables[name.strip()] = value.strip().strip("'")
        rest = rest[found.end() :]
    parts = rest.strip().split("/")
    if len(parts) == 4 and parts[:2] == ["sofia", "gateway"]:
        dial.gateway, dial.user = parts[2], parts[3]
    elif len(parts) == 3 and parts[0] == "sofia":
        dial.profile = parts[1]
        dial.user, _, dial.host = parts[2].partition("@")
    if not dial.user or re.search(r"[,|]", rest):
        dial.fault = "INVALID_URL"
    return dial


def bridge(model: SwitchModel, channel: Channel, data: str) -> Thread:
    """Dial, wait, join, and leave the caller as the variables say."""
    dial = parse(data)
    channel.set("sip_invite_failure_status", "")
    channel.set("sip_invite_failure_phrase", "")
    channel.set("originate_signal_bond", "")
    channel.update({"originate_disposition": "failure", "DIALSTATUS": "INVALIDARGS"})
    if dial.fault:
        _failed(model, channel, dial.fault)
        return
    treatment = model.buyers.choose(dial.profile, dial.address, dial.gateway, dial.user)
    if treatment.fault:
        _failed(model, channel, treatment.fault)
        return
    leg = _dial(model, channel, dial)
    model.buyers.take(leg.uuid, treatment)
    channel.dialing = True
    model.notice(channel, "ringing")
    cause = yield from _wait_for(model, channel, leg, dial)
    channel.dialing = False
    if cause:
        channel.push("originate_causes", f"{leg.uuid};{leg.cause}")
        model.notice(channel, "dialed")
        _failed(model, channel, cause)
        return
    yield from _join(model, channel, leg)


def _failed(model: SwitchModel, channel: Channel, cause: str) -> None:
    channel.update(
        {
            "originate_disposition": cause,
            "DIALSTATUS": _DIALSTATUS.get(cause, cause),
            "originate_failed_cause": cause,
        }
    )
    if channel.up and channel.transfer is None and not _goes_on(channel, cause):
        model.hang_up(channel, cause)


def _goes_on(channel: Channel, cause: str) -> bool:
    wanted = channel.get("continue_on_fail")
    if not wanted:
        return cause in _FREE_CAUSES
    if channel.is_true("continue_on_fail"):
        return True
    names = [name.strip().upper() for name in wanted.split(",")]
    return cause in names or str(causes.NUMBERS[cause]) in names


def _dial(model: SwitchModel, channel: Channel, dial: DialString) -> Channel:
    profile = dial.profile or model.scenario.profile
    number = dial.own.get("origination_caller_id_number") or channel.get("effective_caller_id_number")
    name = dial.own.get("origination_caller_id_name") or channel.get("effective_caller_id_name")
    uuid = dial.own.get("origination_uuid") or dial.shared.get("origination_uuid", "")
    if not uuid or uuid in model.channels:
        uuid = model.fresh_uuid()
    leg_name = f"sofia/{profile}/{dial.address}"
    leg = Channel(
        uuid=uuid,
        name=leg_name,
        inbound=False,
        profile=_leg_profile(channel, uuid, leg_name, dial.user, number, name),
        created_at=model.now,
        number=model.next_session_number(),
        state="CS_NONE",
        state_number=1,
        other=channel.as_other("originator", with_times=False),
    )
    model.emit("CHANNEL_OUTGOING", leg)
    leg.call_uuid = channel.uuid
    leg.enter("CS_INIT")
    leg.update(sip.dialed(leg, channel, user=dial.user, host=dial.host, gateway=dial.gateway, profile=profile))
    if channel.get("sip_copy_custom_headers").lower() not in ("false", "no", "off", "0"):
        leg.variables.update((n, v) for n, v in channel.variables.items() if n.startswith("variable_sip_h_"))
    for exported in channel.get("export_vars").split(","):
        if exported:
            leg.set(exported.removeprefix("nolocal:"), channel.get(exported))
    early = dial.shared.get("ignore_early_media") or channel.get("ignore_early_media")
    leg.update({**dial.own, **dial.shared, "ignore_early_media": early})
    if leg.is_true("ignore_early_media"):
        leg.set("originate_early_media", "false")
    channel.push("originated_legs", f"{uuid};Outbound Call;{dial.user}")
    channel.set("originate_signal_bond", uuid)
    model.register(leg, running.run_outbound)
    return leg


def _leg_profile(channel: Channel, uuid: str, name: str, user: str, number: str, caller: str) -> dict[str, str]:
    theirs = channel.profile
    return {
        "Direction": "outbound",
        "Logical-Direction": "outbound",
        "Username": theirs["Username"],
        "Dialplan": theirs["Dialplan"],
        "Caller-ID-Name": caller or theirs["Caller-ID-Name"],
        "Caller-ID-Number": number or theirs["Caller-ID-Number"],
        "Orig-Caller-ID-Name": theirs["Orig-Caller-ID-Name"],
        "Orig-Caller-ID-Number": theirs["Orig-Caller-ID-Number"],
        "Callee-ID-Name": "Outbound Call",
        "Callee-ID-Number": user,
        "Network-Addr": theirs["Network-Addr"],
        "ANI": theirs["ANI"],
        "Destination-Number": user,
        "Unique-ID": uuid,
        "Source": "mod_sofia",
        "Context": theirs["Context"],
        "Channel-Name": name,
    }


def _seconds(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _wait_for(model: SwitchModel, channel: Channel, leg: Channel, dial: DialString) -> Generator[int | None, None, str]:
    """Wait for the answer; returns the cause of the failure, "" when answered."""
    start = model.now // SECOND_US
    leg_s, progress_s = _seconds(leg.get("leg_timeout")), _seconds(leg.get("leg_progress_timeout"))
    total_s = _seconds(dial.shared.get("originate_timeout", "")) or _seconds(channel.get("call_timeout")) or DIAL_S_MAX
    told = False
    while True:
        if leg.progress_at and not told:
            told = True
            running.ring_ready(model, channel)
        if not leg.up:
            return leg.cause
        if leg.answered_at:
            return ""
        if not channel.ready:
            model.hang_up(leg, "ORIGINATOR_CANCEL")
            return "ORIGINATOR_CANCEL"
        elapsed = model.now // SECOND_US - start
        if progress_s and elapsed > progress_s and not leg.progress_at:
            model.hang_up(leg, "PROGRESS_TIMEOUT")
        elif leg_s and elapsed > leg_s:
            model.hang_up(leg, "ALLOTTED_TIMEOUT")
        elif elapsed >= total_s:
            model.hang_up(leg, "NO_ANSWER")
        if not leg.up:
            yield from running.pause(model, running.FRAME_US)
            continue
        yield from running.serve_messages(model, channel)
        limits = [total_s]
        limits += [leg_s + 1] if leg_s else []
        limits += [progress_s + 1] if progress_s and not leg.progress_at else []
        if channel.ready:
            yield (start + min(limits)) * SECOND_US


def _join(model: SwitchModel, channel: Channel, leg: Channel) -> Thread:
    channel.set("switch_m_sdp", leg.get("switch_r_sdp"))
    channel.update({"video_media_flow": "inactive", "text_media_flow": "inactive"})
    yield from running.answer(model, channel)
    _mark_joined(model, channel, leg)
    look_at = model.now + LEAD_FRAMES_US
    hooked = False
    while channel.ready and leg.up:
        if model.now >= look_at:
            if not hooked:
                hooked = True
                yield from running.run_hook(model, channel, "execute_on_pre_bridge")
            yield from running.serve_messages(model, channel)
            running.swallow_digits(model, channel)
            if not (channel.ready and leg.up):
                break
        yield None if hooked else look_at
    transferred = channel.up and channel.transfer is not None
    _mark_parted(channel, leg, before_hangup=leg.up)
    model.hang_up(leg, "NORMAL_CLEARING")
    leg.set("bridge_to", "")
    channel.set("bridge_hangup_cause", leg.cause)
    leg.parted_cause = channel.cause
    channel.dtmf.clear()
    model.emit("CHANNEL_UNBRIDGE", channel, _pair(channel, leg))
    model.notice(channel, "parted")
    if not transferred:
        _after(model, channel, leg)


def _pair(channel: Channel, leg: Channel) -> dict[str, str]:
    return {"Bridge-A-Unique-ID": channel.uuid, "Bridge-B-Unique-ID": leg.uuid}


def _mark_joined(model: SwitchModel, channel: Channel, leg: Channel) -> None:
    channel.bridged_at = leg.bridged_at = model.now
    channel.talking = leg.talking = True
    channel.other = {**leg.as_other("originatee", with_times=True), "Other-Leg-Logical-Direction": "inbound"}
    channel.set("originate_signal_bond", "")
    channel.update(
        {
            "originate_disposition": "SUCCESS",
            "DIALSTATUS": "SUCCESS",
            "signal_bond": leg.uuid,
        }
    )
    channel.push("originate_causes", f"{leg.uuid};NONE")
    model.emit("CHANNEL_BRIDGE", channel, _pair(channel, leg))
    for one, other in ((channel, leg), (leg, channel)):
        callee = other.profile if one is channel else channel.profile
        one.update(
            {
                "bridge_to": other.uuid,
                "last_bridge_to": other.uuid,
                "bridge_channel": other.name,
                "bridge_uuid": other.uuid,
                "last_sent_callee_id_name": callee["Callee-ID-Name" if one is channel else "Caller-ID-Name"],
                "last_sent_callee_id_number": callee["Callee-ID-Number" if one is channel else "Caller-ID-Number"],
            }
        )
    leg.enter("CS_EXCHANGE_MEDIA")
    leg.call_state = "ACTIVE"
    model.notice(channel, "connected")


def _mark_parted(channel: Channel, leg: Channel, *, before_hangup: bool) -> None:
    channel.set("bridge_to", "")
    if before_hangup:
        leg.set("bridge_to", "")
    channel.talking = leg.talking = False


def _after(model: SwitchModel, channel: Channel, leg: Channel) -> None:
    """What becomes of the caller: park_after_bridge, then transfer_after_bridge, then hangup_after_bridge.

    transfer_after_bridge acts also when the caller has hung up (reference "Seen" 1): it moves the number and the clock.
    """
    if channel.up and channel.is_true("park_after_bridge"):
        channel.park_again = True
        channel.state_number = 6
        return
    target = channel.get("transfer_after_bridge")
    if target:
        channel.set("transfer_after_bridge", "")
        extension, dialplan, context = [*target.split(":"), "", ""][:3]
        running.transfer(model, channel, extension, dialplan, context)
    elif channel.up and (channel.is_true("hangup_after_bridge") or channel.get("hangup_after_bridge") == "explicit"):
        model.hang_up(channel, leg.cause)
