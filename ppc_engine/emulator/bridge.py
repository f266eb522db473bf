"""Dialling targets and joining the first that answers to the caller: the ``bridge`` application.

Sources: switch_ivr_originate.c (timers compare whole seconds), switch_ivr_bridge.c (order of events, what happens to
the caller after), switch_channel.c switch_channel_handle_cause (continue_on_fail); orders as recorded (reference A6).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppc_engine.emulator import causes, confirming, running, sip
from ppc_engine.emulator.channel import Channel, Thread
from ppc_engine.emulator.dial_string import DialString, LegString, parse

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


@dataclass(slots=True)
class Ringing:
    """One leg that rings, with its limits in whole seconds from the start of the dial, 0 for none."""

    leg: Channel
    leg_s: int
    progress_s: int
    confirms: bool
    heard: bool = False


def bridge(model: SwitchModel, channel: Channel, data: str) -> Thread:
    """Dial, wait, join, and leave the caller as the variables say."""
    dial = parse(data)
    channel.set("sip_invite_failure_status", "")
    channel.set("sip_invite_failure_phrase", "")
    channel.set("originate_signal_bond", "")
    channel.update({"originate_disposition": "failure", "DIALSTATUS": "INVALIDARGS"})
    ringing, fault = _ring_all(model, channel, dial)
    if not ringing:
        _failed(model, channel, dial.fault or fault)
        return
    channel.dialing = True
    model.notice(channel, "ringing")
    winner, cause = yield from _wait_for(model, channel, ringing, dial)
    channel.dialing = False
    losers = [ring.leg for ring in ringing if ring.leg is not winner]
    for leg in losers:
        if winner is not None and leg.up:
            leg.set("group_dial_status", "loser")
            model.hang_up(leg, "LOSE_RACE")
        channel.push("originate_causes", f"{leg.uuid};{leg.cause}")
    if winner is None:
        model.notice(channel, "dialed")
        _failed(model, channel, cause)
        return
    yield from _join(model, channel, winner)


def _ring_all(model: SwitchModel, channel: Channel, dial: DialString) -> tuple[list[Ringing], str]:
    """A leg for every place that there is; an unknown gateway has none, and the others ring without it."""
    ringing, fault = [], ""
    for one in () if dial.fault else dial.legs:
        treatment = model.buyers.choose(one.profile, one.address, one.gateway, one.user)
        if treatment.fault:
            fault = fault or treatment.fault
            continue
        leg = _dial(model, channel, dial, one)
        model.buyers.take(leg.uuid, treatment)
        limits = _seconds(leg.get("leg_timeout")), _seconds(leg.get("leg_progress_timeout"))
        ringing.append(Ringing(leg, *limits, confirming.wanted(leg)))
    return ringing, fault


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


def _dial(model: SwitchModel, channel: Channel, dial: DialString, one: LegString) -> Channel:
    profile = one.profile or model.scenario.profile
    number = one.own.get("origination_caller_id_number") or channel.get("effective_caller_id_number")
    name = one.own.get("origination_caller_id_name") or channel.get("effective_caller_id_name")
    uuid = one.own.get("origination_uuid") or dial.shared.get("origination_uuid", "")
    if not uuid or uuid in model.channels:
        uuid = model.fresh_uuid()
    leg_name = f"sofia/{profile}/{one.address}"
    leg = Channel(
        uuid=uuid,
        name=leg_name,
        inbound=False,
        profile=_leg_profile(channel, uuid, leg_name, one.user, number, name),
        created_at=model.now,
        number=model.next_session_number(),
        state="CS_NONE",
        state_number=1,
        other=channel.as_other("originator", with_times=False),
    )
    model.emit("CHANNEL_OUTGOING", leg)
    leg.call_uuid = channel.uuid
    leg.enter("CS_INIT")
    leg.update(sip.dialed(leg, channel, user=one.user, host=one.host, gateway=one.gateway, profile=profile))
    if channel.get("sip_copy_custom_headers").lower() not in ("false", "no", "off", "0"):
        leg.variables.update((n, v) for n, v in channel.variables.items() if n.startswith("variable_sip_h_"))
    for exported in channel.get("export_vars").split(","):
        if exported:
            leg.set(exported.removeprefix("nolocal:"), channel.get(exported))
    early = dial.shared.get("ignore_early_media") or channel.get("ignore_early_media")
    leg.update({**one.own, **dial.shared, "ignore_early_media": early})
    if leg.is_true("ignore_early_media"):
        leg.set("originate_early_media", "false")
    channel.push("originated_legs", f"{uuid};Outbound Call;{one.user}")
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


def _wait_for(
    model: SwitchModel, channel: Channel, ringing: list[Ringing], dial: DialString
) -> Generator[int | None, None, tuple[Channel | None, str]]:
    """Wait for the first to answer (and confirm); returns it, or None and the cause of the failure."""
    start = model.now // SECOND_US
    total_s = _seconds(dial.shared.get("originate_timeout", "")) or _seconds(channel.get("call_timeout")) or DIAL_S_MAX
    told = False
    while True:
        elapsed = model.now // SECOND_US - start
        if not told and any(ring.leg.progress_at for ring in ringing):
            told = True
            running.ring_ready(model, channel)
        winner = next((ring.leg for ring in ringing if _has_won(ring, elapsed)), None)
        if winner is not None:
            return winner, ""
        living = [ring for ring in ringing if ring.leg.up]
        if not living:
            return None, ringing[0].leg.cause
        if not channel.ready:
            for ring in living:
                model.hang_up(ring.leg, "ORIGINATOR_CANCEL")
            return None, "ORIGINATOR_CANCEL"
        for ring in living:
            _hang_up_late(model, ring, elapsed, total_s)
        if not any(ring.leg.up for ring in living):
            yield from running.pause(model, running.FRAME_US)
            continue
        yield from running.serve_messages(model, channel)
        if channel.ready:
            yield (start + min(_limit(ring, total_s) for ring in ringing if ring.leg.up)) * SECOND_US


def _has_won(ring: Ringing, elapsed: int) -> bool:
    """Whether this leg is to be joined now. One that must confirm gets new limits from its answer on."""
    leg = ring.leg
    if not leg.up or not leg.answered_at:
        return False
    if not ring.confirms:
        return True
    if not ring.heard:
        ring.heard = True
        extended_s = _seconds(leg.get("group_confirm_timeout"))
        if extended_s:
            ring.leg_s = ring.progress_s = elapsed + extended_s
    return leg.winner


def _hang_up_late(model: SwitchModel, ring: Ringing, elapsed: int, total_s: int) -> None:
    """Limits are compared in whole seconds, each leg's by itself (switch_ivr_originate.c:278)."""
    leg = ring.leg
    if ring.progress_s and elapsed > ring.progress_s and not (leg.progress_at or leg.answered_at):
        model.hang_up(leg, "PROGRESS_TIMEOUT")
    elif ring.leg_s and elapsed > ring.leg_s:
        model.hang_up(leg, "ALLOTTED_TIMEOUT")
    elif elapsed >= total_s:
        model.hang_up(leg, "NO_ANSWER")


def _limit(ring: Ringing, total_s: int) -> int:
    limits = [total_s]
    limits += [ring.leg_s + 1] if ring.leg_s else []
    limits += [ring.progress_s + 1] if ring.progress_s and not (ring.leg.progress_at or ring.leg.answered_at) else []
    return min(limits)


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
