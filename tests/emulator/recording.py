"""Reads recorded conversations of a real FreeSWITCH, and holds the same conversation with the emulated one.

A recording is one JSON object a line: {"t": seconds, "dir": "<" from the switch or ">" to it, "data": text}.
"""

import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import yaml

from ppc_engine.emulator.model import SwitchModel
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.wire import EventSocket

RECORDINGS = Path(__file__).parent.parent / "data" / "esl-transcripts"
SPECIFICATIONS = Path(__file__).parent / "transcripts"
NAMES = sorted(path.name.removesuffix(".jsonl.xz") for path in RECORDINGS.glob("*.jsonl.xz"))
PASSWORD = "ClueCon"
# Here another connection sent the commands; they are rebuilt from the events.
REBUILT = ("engine_dies_during_bridge", "engine_dies_in_ivr", "engine_dies_while_ringing")

# Not emulated: states of a leg (they follow from the other events), and the heartbeat's own phase.
LEFT_OUT = {"CHANNEL_STATE", "HEARTBEAT"}


@dataclass(frozen=True)
class Said:
    """One thing that was said: an event, or a reply (then ``event`` is None)."""

    t: float
    headers: dict
    body: str
    event: dict | None


def load(name):
    """(commands sent as (t, text), what the switch said) of a recording."""
    sent, said, buffer = [], [], ""
    for line in lzma.decompress((RECORDINGS / f"{name}.jsonl.xz").read_bytes()).decode().splitlines():
        entry = json.loads(line)
        if entry["dir"] == ">":
            sent.append((entry["t"], entry["data"]))
        else:
            buffer += entry["data"]
            buffer = parse(buffer, entry["t"], said)
    assert not buffer.strip(), f"{name}: {buffer[:80]!r} is left over"
    return sent, said


def parse(buffer, t, said):
    """Parse what is whole. Lengths of plain events are not trusted: paths in recordings were shortened afterwards."""
    while True:
        buffer = buffer.lstrip("\n")
        head, found, rest = buffer.partition("\n\n")
        if not found:
            return buffer
        headers = dict(line.split(": ", 1) for line in head.split("\n"))
        kind, length = headers.get("Content-Type", ""), int(headers.get("Content-Length", 0))
        event, body = None, ""
        if kind == "text/event-plain":
            body, found, rest = rest.partition("\n\n")
            if not found:
                return buffer
            event = {n: unquote(v) for n, v in (line.split(": ", 1) for line in body.split("\n"))}
            if "Content-Length" in event:
                inner = int(event["Content-Length"])
                event["_body"], rest = rest[:inner], rest[inner:]
        else:
            if len(rest) < length:
                return buffer
            body, rest = rest[:length], rest[length:]
            if kind == "text/event-json":
                event = json.loads(body)
        said.append(Said(t, headers, body, event))
        buffer = rest


def events_of(said):
    return [one.event for one in said if one.event and one.event["Event-Name"] not in LEFT_OUT]


def replies_of(said):
    return [one for one in said if one.event is None]


class Cast:
    """Names the legs of a conversation A, B, C by their order of appearance."""

    def __init__(self, events):
        self.legs = {}
        for event in events:
            if "Unique-ID" in event:
                self.legs.setdefault(event["Unique-ID"], "ABCDEFGH"[len(self.legs)])

    def uuid(self, letter):
        return next(uuid for uuid, name in self.legs.items() if name == letter)

    def of(self, event):
        return self.legs.get(event.get("Unique-ID"), "-")

    def rename(self, text):
        """Every leg's UUID in a text replaced by its letter."""
        for uuid, letter in self.legs.items():
            text = text.replace(uuid, f"<{letter}>")
        return text


def specification(name):
    """The scenario that describes a recording, as plain data, with its dialplan filled in."""
    spec = yaml.load((SPECIFICATIONS / f"{name}.yaml").read_text(), Loader=yaml.BaseLoader)
    common = yaml.load((SPECIFICATIONS / "common.yaml").read_text(), Loader=yaml.BaseLoader)
    context = spec.pop("dialplan")
    scenario = {"context": context, "dialplan": {context: common["dialplans"][context]}, "buyers": common["buyers"]}
    spec["callers"] = [{**common["caller"], **caller} for caller in spec["callers"]]
    return {**scenario, **spec}


def commands_of(sent, events, created_t):
    """What the controller sent after it had subscribed: as recorded, or rebuilt from CHANNEL_EXECUTE events.

    Where the recording holds no command, another connection sent them: an application with current_loop came by
    sendmsg, a frame before it began, unless a hook of the dialplan ran it.
    """
    commands = [(t - created_t, text) for t, text in sent if not text.startswith(("auth", "event"))]
    if commands:
        return commands
    cast = Cast(events)
    for event in events:
        by_message = event["Event-Name"] == "CHANNEL_EXECUTE" and "variable_current_loop" in event
        if by_message and event["Application"] != event.get("variable_execute_on_pre_bridge"):
            at = (int(event["Event-Date-Timestamp"]) - created_of(events)) / 1e6 - 0.02
            lines = [
                f"sendmsg {cast.uuid('A')}",
                "call-command: execute",
                f"execute-app-name: {event['Application']}",
                *([f"execute-app-arg: {event['Application-Data']}"] if "Application-Data" in event else []),
                f"Event-UUID: {event['Application-UUID']}",
            ]
            commands.append((at, "\n".join(lines) + "\n\n"))
    return commands


def created_of(events):
    return int(events[0]["Event-Date-Timestamp"])


def converse(sent, commands, recorded_events, scenario, *, until_s, seed=1):
    """Hold the conversation with an emulated switch whose clock starts with the recorded call; returns what it said."""
    start = created_of(recorded_events)
    model = SwitchModel(Scenario.model_validate(scenario), seed=seed, start_us=start - 1000)
    socket = EventSocket(model, PASSWORD)
    connection = socket.open()
    for _, text in sent:
        if text.startswith(("auth", "event")):
            socket.feed(connection, text.encode(), start - 1000)
    taken = _Taker(connection)
    model.advance(start)
    model.open_lines()
    socket.step(start)
    taken.take(0.0)
    recorded = Cast(recorded_events)
    for at, text in sorted([*commands, (until_s, "")], key=lambda command: command[0]):
        moment = start + int(at * 1e6)
        while model.next_due_us < moment:
            socket.step(model.next_due_us)
            taken.take((model.now - start) / 1e6)
        socket.step(moment)
        taken.take(at)
        if text:
            mine = Cast(events_of(taken.said))
            for uuid, letter in recorded.legs.items():
                if letter in mine.legs.values():
                    text = text.replace(uuid, mine.uuid(letter))
            socket.feed(connection, text.encode(), moment)
            taken.take(at)
    return taken.said, model


class _Taker:
    """Reads what a connection has to say, as a client would."""

    def __init__(self, connection):
        self._connection = connection
        self._buffer = ""
        self.said = []

    def take(self, t):
        self._buffer += self._connection.out.decode()
        self._connection.out.clear()
        self._buffer = parse(self._buffer, t, self.said)
