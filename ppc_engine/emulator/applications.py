"""The dialplan applications that the emulated switch knows. An unknown one hangs the leg up, as on the real switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppc_engine.emulator import bridge, causes, playing, running, voices
from ppc_engine.emulator.channel import Channel, Thread
from ppc_engine.emulator.dialplan import expand

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

RECORD_START_US = 20_000


@dataclass(frozen=True, slots=True)
class Application:
    """``run`` gives a thread when the application takes time. ``needs_media`` sends 183 first, if nothing was sent."""

    run: Callable[[SwitchModel, Channel, str], Thread | None]
    needs_media: bool = False


def _set(model: SwitchModel, channel: Channel, data: str) -> None:
    name, _, value = data.partition("=")
    if not channel.is_true("app_disable_expand_variables"):
        value = expand(value, lambda wanted: model.lookup(channel, wanted))
    channel.set(name.strip(), value)


def _multiset(model: SwitchModel, channel: Channel, data: str) -> None:
    """``a=b c=d``, or ``^^,a=b,c=d`` with a separator of one's own."""
    separator = " "
    if data.startswith("^^") and len(data) > 2:
        separator, data = data[2], data[3:]
    for assignment in data.split(separator):
        if assignment:
            _set(model, channel, assignment)


def _unset(model: SwitchModel, channel: Channel, data: str) -> None:
    channel.set(data.strip(), "")


def _export(model: SwitchModel, channel: Channel, data: str) -> None:
    """Set here, or only on the legs to come (``nolocal:``), and copied to each leg that is dialled."""
    name = data.partition("=")[0].strip()
    _set(model, channel, data)
    exported = [known for known in channel.get("export_vars").split(",") if known]
    channel.set("export_vars", ",".join(dict.fromkeys([*exported, name])))


def _ring_ready(model: SwitchModel, channel: Channel, data: str) -> None:
    running.ring_ready(model, channel)


def _pre_answer(model: SwitchModel, channel: Channel, data: str) -> None:
    running.pre_answer(model, channel)


def _answer(model: SwitchModel, channel: Channel, data: str) -> Thread:
    return running.answer(model, channel)


def _hangup(model: SwitchModel, channel: Channel, data: str) -> None:
    model.hang_up(channel, causes.by_name(data))


def _park(model: SwitchModel, channel: Channel, data: str) -> Thread:
    return running.park(model, channel)


def _sleep(model: SwitchModel, channel: Channel, data: str) -> Thread:
    until = model.now + (int(data) if data.isdigit() else 0) * 1000
    while channel.ready and not channel.broken and model.now < until:
        yield from running.serve_messages(model, channel)
        if model.now < until:
            yield until


def _transfer(model: SwitchModel, channel: Channel, data: str) -> None:
    words = [*data.split(), "", "", ""]
    running.transfer(model, channel, words[0], words[1], words[2])


def _sched_transfer(model: SwitchModel, channel: Channel, data: str) -> None:
    when, *target = data.split()
    if target:
        extension, dialplan, context = [*target, "", ""][:3]
        task = model.tasks.add_transfer(when, channel.uuid, extension, dialplan, context)
        channel.set("last_sched_id", str(task))


def _sched_hangup(model: SwitchModel, channel: Channel, data: str) -> None:
    words = data.split()
    if words:
        model.tasks.add_hangup(words[0], channel.uuid, words[1] if len(words) > 1 else "ALLOTTED_TIMEOUT")


def _sched_cancel(model: SwitchModel, channel: Channel, data: str) -> None:
    model.tasks.delete(data.strip() or channel.uuid)


def _record_session(model: SwitchModel, channel: Channel, data: str) -> Thread:
    yield from running.pause(model, RECORD_START_US)
    if channel.up and data not in channel.recordings:
        channel.recordings[data] = model.now
        model.emit("RECORD_START", channel, {"Record-File-Path": data})


def _flush_dtmf(model: SwitchModel, channel: Channel, data: str) -> None:
    channel.dtmf.clear()


def _nothing(model: SwitchModel, channel: Channel, data: str) -> None:
    """For applications whose effect nobody here can see."""


APPLICATIONS: dict[str, Application] = {
    "answer": Application(_answer),
    "bridge": Application(bridge.bridge),
    "export": Application(_export),
    "flush_dtmf": Application(_flush_dtmf),
    "hangup": Application(_hangup),
    "info": Application(_nothing),
    "log": Application(_nothing),
    "mkdir": Application(voices.mkdir),
    "multiset": Application(_multiset),
    "park": Application(_park),
    "play_and_get_digits": Application(playing.play_and_get_digits, needs_media=True),
    "playback": Application(playing.playback, needs_media=True),
    "pre_answer": Application(_pre_answer),
    "record": Application(voices.record, needs_media=True),
    "record_session": Application(_record_session, needs_media=True),
    "ring_ready": Application(_ring_ready),
    "sched_cancel": Application(_sched_cancel),
    "sched_hangup": Application(_sched_hangup),
    "sched_transfer": Application(_sched_transfer),
    "set": Application(_set),
    "sleep": Application(_sleep),
    "speak": Application(voices.speak, needs_media=True),
    "transfer": Application(_transfer),
    "unset": Application(_unset),
}
