"""How a leg lives: the states it goes through, the applications it runs one after another, and its end.

Each function here that yields is part of a leg's thread: it gives the moment until which it waits (None: until poked)
and goes on when that comes or something pokes it. Source: switch_core_state_machine.c, switch_ivr.c, as recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppc_engine.emulator import causes, confirming, finals, sip
from ppc_engine.emulator.channel import Channel, Message, Thread
from ppc_engine.emulator.dialplan import actions_of, expand

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

SECOND_US = 1_000_000
FRAME_US = 20_000  # A session looks at its messages between audio frames (recorded: 20 ms from +OK to EXECUTE).
MINIMUM_LOOP_US = 500_000  # ``loops`` of a sendmsg stop after a round that took less (switch_ivr.c:640).
DESTROY_US = 20_000
ACK_US = 1_000


# --- applications


def execute(model: SwitchModel, channel: Channel, name: str, data: str, uuid: str = "") -> Thread:
    """Run one application between its EXECUTE and EXECUTE_COMPLETE; on a leg that is down nothing happens at all."""
    if not channel.up:
        return
    application = model.applications.get(name)
    if application is None:
        model.hang_up(channel, "DESTINATION_OUT_OF_ORDER")
        return
    if application.needs_media and channel.inbound:
        pre_answer(model, channel)
    if not channel.is_true("app_disable_expand_variables"):
        data = expand(data, lambda wanted: model.lookup(channel, wanted))
    said = {"Application": name}
    if data:
        said["Application-Data"] = data
    channel.set("current_application_data", data)
    channel.set("current_application", name)
    channel.last_app = (name, data)
    uuid = uuid or model.fresh_uuid()
    model.emit("CHANNEL_EXECUTE", channel, {**said, "Application-UUID": uuid})
    channel.broken = False
    thread = application.run(model, channel, data)
    if thread is not None:
        yield from thread
    model.emit(
        "CHANNEL_EXECUTE_COMPLETE", channel, {**said, "Application-Response": "_none_", "Application-UUID": uuid}
    )


def run_hook(model: SwitchModel, channel: Channel, variable: str) -> Thread:
    """Run the application that a variable such as execute_on_answer names ("app argument")."""
    hook = channel.get(variable)
    if hook:
        name, _, data = hook.partition(" ")
        yield from execute(model, channel, name, data)


def serve_messages(model: SwitchModel, channel: Channel) -> Thread:
    """Obey the messages that wait. While one that locks runs, nothing else is taken from the queue."""
    while channel.messages and not channel.locked and channel.ready:
        message = channel.messages.popleft()
        channel.locked = message.locks
        if message.headers.get("call-command") == "execute":
            yield from _execute_message(model, channel, message)
        elif message.headers.get("call-command") == "hangup":
            model.hang_up(channel, causes.by_name(message.headers.get("hangup-cause", "")))
        if message.locks:
            channel.locked = False


def _execute_message(model: SwitchModel, channel: Channel, message: Message) -> Thread:
    headers = message.headers
    name, data = headers.get("execute-app-name", ""), headers.get("execute-app-arg", "")
    if not data and headers.get("content-type") == "text/plain":
        data = message.body
    loops = int(headers["loops"]) if headers.get("loops", "").isdigit() else 1
    if not name:
        return
    for loop in range(1, loops + 1):
        started = model.now
        channel.update({"current_loop": str(loop), "total_loops": str(loops)})
        yield from execute(model, channel, name, data, headers.get("event-uuid", ""))
        if not channel.ready or model.now - started < MINIMUM_LOOP_US:
            break
    channel.set("current_loop", "")
    channel.set("total_loops", "")


def park(model: SwitchModel, channel: Channel) -> Thread:
    """Wait for messages. park_timeout is read once, and looked at after whatever ran inside (reference, finding 6)."""
    if channel.controlled:
        return
    timeout, _, cause = channel.get("park_timeout").partition(":")
    expires = 0
    if timeout.isdigit():
        expires = (model.now // SECOND_US + int(timeout)) * SECOND_US
        channel.set("park_timeout", "")
        channel.set("park_after_bridge", "")
    channel.controlled = True
    model.emit("CHANNEL_PARK", channel)
    while channel.ready:
        if expires and model.now >= expires:
            model.hang_up(channel, causes.by_name(cause))
            break
        yield from serve_messages(model, channel)
        if not channel.ready:
            break
        swallow_digits(model, channel)
        if not (expires and model.now >= expires):
            yield expires or None
    channel.controlled = False
    model.emit("CHANNEL_UNPARK", channel)


def pause(model: SwitchModel, length_us: int) -> Thread:
    """Wait for so long, whatever pokes."""
    until = model.now + length_us
    while model.now < until:
        yield until


def swallow_digits(model: SwitchModel, channel: Channel) -> None:
    """Keys that nobody asked for."""
    while channel.dtmf:
        take_digit(model, channel)


def take_digit(model: SwitchModel, channel: Channel) -> str:
    """Read one key; only now is it an event."""
    digit = channel.dtmf.popleft()
    channel.keyed += digit
    model.emit("DTMF", channel, {"DTMF-Digit": digit, "DTMF-Duration": "800", "DTMF-Source": "RTP"})
    return digit


# --- what the caller's telephone is told


def ring_ready(model: SwitchModel, channel: Channel) -> None:
    """180, once, and not to a caller who has been answered."""
    if channel.rung or channel.answered_at or not channel.up:
        return
    channel.rung = True
    channel.progress_at = channel.progress_at or model.now
    sip.put_our_tag(channel)
    model.emit("CHANNEL_PROGRESS", channel)
    model.notice(channel, "rings")


def pre_answer(model: SwitchModel, channel: Channel) -> None:
    """183: media before the answer."""
    if channel.answered_at or channel.progress_media_at or not channel.up:
        return
    channel.progress_media_at = model.now
    sip.put_our_tag(channel)
    channel.update(sip.media_opened(channel))
    channel.set("endpoint_disposition", "EARLY MEDIA")
    model.emit("CHANNEL_PROGRESS_MEDIA", channel)


def answer(model: SwitchModel, channel: Channel) -> Thread:
    """200, once."""
    if channel.answered_at or not channel.up:
        return
    channel.answered_at = model.now
    channel.update(sip.media_opened(channel))
    model.emit("CHANNEL_ANSWER", channel)
    channel.set("endpoint_disposition", "ANSWER")
    channel.call_state = "ACTIVE"
    model.notice(channel, "answered")
    model.at(model.now + ACK_US, sip.acknowledged, channel)
    yield from run_hook(model, channel, "execute_on_answer")


# --- transfers and ends


def transfer(model: SwitchModel, channel: Channel, extension: str, dialplan: str, context: str) -> None:
    """Send a leg to an extension: it gets a new caller profile, and what runs on it ends (switch_ivr_session_transfer).

    It also works on a leg that has hung up meanwhile, as transfer_after_bridge shows; then nothing runs any more.
    """
    forwards = int(channel.get("max_forwards") or 70) - 1
    if forwards <= 0:
        model.hang_up(channel, "EXCHANGE_ROUTING_ERROR")
        return
    channel.set("max_forwards", str(forwards))
    channel.set("signal_bond", "")
    channel.dtmf.clear()
    context = context or channel.profile["Context"]
    dialplan = dialplan or "XML"
    number = channel.profile["Destination-Number"]
    second = model.now // SECOND_US
    source = f"{second}:{model.fresh_uuid()}:bl_xfer:{extension}/{context}/{dialplan}"
    channel.profile = {
        **channel.profile,
        "Dialplan": dialplan,
        "Destination-Number": extension,
        "Context": context,
        "Transfer-Source": source,
        "RDNIS": number,
    }
    channel.profile_index += 1
    channel.profile_at = model.now
    channel.bridged_at = 0
    channel.other = {}
    channel.push("transfer_history", source)
    channel.set("transfer_source", source)
    if channel.up:
        channel.transfer = (extension, dialplan, context)
        channel.state_number = 2


def run_inbound(model: SwitchModel, channel: Channel) -> Thread:
    """A caller's leg from its INVITE to its end."""
    model.emit("CHANNEL_CREATE", channel)
    while channel.up:
        channel.transfer = None
        channel.enter("CS_EXECUTE")
        channel.call_state = "ACTIVE" if channel.answered_at else "RINGING"
        actions = _route(model, channel)
        if not actions:
            model.hang_up(channel, "NO_ROUTE_DESTINATION")
        for name, data in actions:
            if not channel.ready:
                break
            yield from execute(model, channel, name, data)
        if channel.up and channel.park_again:
            channel.park_again = False
            channel.enter("CS_PARK")
            yield from park(model, channel)
        elif channel.up and channel.transfer is None:
            model.hang_up(channel, "NORMAL_CLEARING")
    yield from report(model, channel)


def _route(model: SwitchModel, channel: Channel) -> list[tuple[str, str]]:
    def field(name: str) -> str:
        return model.lookup(channel, name[2:-1] if name.startswith("${") else name)

    context = channel.profile["Context"]
    return actions_of(model.scenario.dialplan, context, field, lambda name: model.globals.get(name, ""))


def run_outbound(model: SwitchModel, channel: Channel) -> Thread:
    """A target's leg from its INVITE to its end."""
    channel.state_number = 2
    model.emit("CHANNEL_CREATE", channel)
    model.emit("CHANNEL_ORIGINATE", channel)
    channel.enter("CS_CONSUME_MEDIA")
    model.buyers.ring(model, channel)
    answered = False
    while channel.up:
        if channel.answered_at and not answered:
            answered = True
            yield from run_hook(model, channel, "execute_on_answer")
            if confirming.wanted(channel):
                yield from confirming.confirm(model, channel)
        yield from serve_messages(model, channel)
        if channel.up:
            yield None
    yield from pause(model, model.reporting_delay_us(channel))
    yield from report(model, channel)


def report(model: SwitchModel, channel: Channel) -> Thread:
    """The end of a leg: its final variables, its last events."""
    if not channel.remote_ended:
        channel.update(_own_ending(channel))
    for path, started in channel.recordings.items():
        _end_recording(model, channel, path, started)
    channel.set("bridge_to", "")
    finals.finish(channel)
    channel.reported = True
    channel.enter("CS_REPORTING")
    channel.call_state = "HANGUP"
    channel.set("current_loop", "")
    channel.set("total_loops", "")
    model.emit("CHANNEL_HANGUP_COMPLETE", channel)
    if not channel.inbound:
        yield from pause(model, DESTROY_US)
    if channel.parted_cause is not None:
        channel.call_uuid = channel.uuid
        channel.set("call_uuid", channel.uuid)
        channel.set("bridge_hangup_cause", channel.parted_cause)
    channel.state_number = 12
    model.emit("CHANNEL_DESTROY", channel)
    model.tasks.delete(channel.uuid)
    model.forget(channel)


def _own_ending(channel: Channel) -> dict[str, str]:
    """How SIP was told by us: BYE, CANCEL, or a refusal (mod_sofia.c:539-639)."""
    if channel.answered_at:
        return {"sip_hangup_disposition": "send_bye"}
    if channel.inbound:
        return {"sip_hangup_disposition": "send_refuse"}
    return {
        "sip_hangup_disposition": "send_cancel",
        "sip_invite_failure_status": "487",
        "sip_invite_failure_phrase": "CANCEL",
    }


def _end_recording(model: SwitchModel, channel: Channel, path: str, started: int) -> None:
    length_ms = (channel.hung_up_at - started) // 1000
    channel.state, channel.reported = "CS_HANGUP", True
    channel.update(
        {
            "record_file_size": str(length_ms * 32 + 44),
            "record_samples": str(length_ms * 8),
            "record_seconds": str(length_ms // 1000),
            "record_ms": str(length_ms),
            "record_completion_cause": "success-silence",
        }
    )
    said = {"Record-File-Path": path, "Record-Completion-Cause": "success-silence"}
    model.emit("RECORD_STOP", channel, said)


def mark_terminated(model: SwitchModel, channel: Channel, status: int) -> None:
    """SIP said that the far end is gone: on this leg, and on the other one how it was put."""
    channel.update(sip.terminated(status))
    partner = model.partner_of(channel)
    if partner is not None:
        partner.set("sip_hangup_phrase", "OK" if status == 200 else causes.phrase(status))
