"""One call as a SIP engineer draws it: a lane for the caller, one for the switch with its engine, one for the targets.

SIP messages are drawn from the stamps of the legs, which are the switch's own; what the engine commanded stands on the
switch's lane. The events of a leg arrive late, so everything is put in the order of its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.calls.commands import legs_of
from ppc_engine.cli.call_steps import Known, cause_told, keyed, printable, seconds
from ppc_engine.cli.call_text import offset
from ppc_engine.cli.call_words import FIXED

Data = Mapping[str, Any]

CALLER, SWITCH, TARGET = 0, 1, 2
LANE_NAMES = ("Caller", "FreeSWITCH + engine", "Target")
TIME_CHARS = 12
MARGIN_CHARS = 8  # Left of the first lane.
LANE_CHARS = 32  # From one lane to the next.
WIDTH_CHARS = MARGIN_CHARS + 2 * LANE_CHARS + MARGIN_CHARS
WAIT_US_MIN = 1_000_000  # Shorter pauses are not drawn.


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the ladder: an arrow from lane to lane, or a note on one lane when both are the same."""

    at: int
    source: int
    sink: int
    label: str
    media: bool = False


@dataclass(slots=True)
class _Drawing:
    rows: list[Row] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    answered_at: int = 0
    offered: bool = False
    ended_legs: set[str] = field(default_factory=set)

    def arrow(self, at: int, source: int, sink: int, label: str, *, media: bool = False) -> None:
        self.rows.append(Row(at=at, source=source, sink=sink, label=printable(label), media=media))

    def note(self, at: int, label: str) -> None:
        self.arrow(at, SWITCH, SWITCH, label)


def build_rows(facts: Iterable[Data]) -> list[Row]:
    """The rows of a call's ladder in the order of their time."""
    told = list(facts)
    drawing = _Drawing(ended_legs={f["e"]["leg_id"] for f in told if f["e"]["k"] == "LegEnded"})
    for fact in told:
        event = fact["e"]
        drawing.known.at = event["at"]
        _draw_answer(drawing, event)
        _EVENTS.get(event["k"], _draw_nothing)(drawing, event)
        for kind, data in fact.get("d", ()):
            _DECISIONS.get(kind, _draw_nothing)(drawing, data)
        for command in fact.get("c", ()):
            if "command_id" in command:
                drawing.known.commands[command["command_id"]] = (event["at"], command)
            _COMMANDS.get(command["k"], _draw_nothing)(drawing, command)
    return sorted(drawing.rows, key=lambda row: row.at)


_Draw = Callable[[_Drawing, Data], None]


def _draw_nothing(_drawing: _Drawing, _data: Data) -> None:
    pass


def _draw_answer(drawing: _Drawing, event: Data) -> None:
    """The caller's 200 OK is told by every later event of the leg; it is drawn once. A leg's own stamps are others."""
    answered_at = event.get("answered_at", 0) if event["k"] != "LegEnded" else 0
    if answered_at and not drawing.answered_at:
        drawing.answered_at = answered_at
        drawing.arrow(answered_at, SWITCH, CALLER, "200 OK")


# Events


def _draw_parked(drawing: _Drawing, event: Data) -> None:
    if drawing.offered:
        drawing.note(event["at"], "caller is back, parked")
        return
    drawing.offered = True
    drawing.arrow(event["offered_at"], CALLER, SWITCH, f"INVITE {event['dialed_number']}")
    # The dialplan rings before it parks (ring_ready), so by now this was sent.
    drawing.arrow(event["at"], SWITCH, CALLER, "180 Ringing")
    drawing.note(event["at"], "parked: claimed by the engine")


def _draw_completed(drawing: _Drawing, event: Data) -> None:
    started_at, command = drawing.known.commands.get(event["command_id"], (event["at"], {"k": ""}))
    took = seconds(max(0, event["at"] - started_at) // 1000)
    if command["k"] == "Play":
        drawing.arrow(event["at"], SWITCH, CALLER, f"prompt {command['prompt']}, {took}", media=True)
    elif command["k"] == "CollectDigits":
        digits = event.get("digits", "")
        if digits:
            drawing.arrow(event["at"], CALLER, SWITCH, f"DTMF {keyed(digits).rpartition(' ')[2]}", media=True)
        else:
            drawing.note(event["at"], f"no digits in {took}")


def _draw_bridged(drawing: _Drawing, event: Data) -> None:
    if event["leg_id"] not in drawing.ended_legs:  # Otherwise the leg's own stamps say it better.
        drawing.arrow(event["at"], TARGET, CALLER, "talking", media=True)


def _draw_leg(drawing: _Drawing, event: Data) -> None:
    target = drawing.known.leg(event["leg_id"])
    drawing.arrow(event["created_at"], SWITCH, TARGET, f"INVITE {target}")
    if event.get("ringing_at"):
        drawing.arrow(event["ringing_at"], TARGET, SWITCH, "180 Ringing")
    if event.get("answered_at"):
        drawing.arrow(event["answered_at"], TARGET, SWITCH, "200 OK")
    if event.get("bridged_at"):
        talked = seconds((event["ended_at"] - event["bridged_at"]) // 1000)
        drawing.arrow(event["bridged_at"], TARGET, CALLER, f"talking, {talked}", media=True)
    _draw_end(drawing, event, event["ended_at"], TARGET, bool(event.get("answered_at")))


def _draw_end(drawing: _Drawing, event: Data, at: int, lane: int, answered: bool) -> None:
    """How a leg ended, by its sip_hangup_disposition: who sent the last request or answer."""
    disposition = event.get("disposition", "")
    message = {"bye": "BYE", "cancel": "CANCEL"}.get(disposition.partition("_")[2], "")
    if not message:
        message = "BYE" if answered else str(event.get("sip_status") or "refused")
    label = f"{message} {cause_told({'cause': event['cause']})}"
    if disposition.startswith("recv_"):
        drawing.arrow(at, lane, SWITCH, label)
    elif disposition.startswith("send_"):
        drawing.arrow(at, SWITCH, lane, label)
    else:
        side = "caller's" if lane == CALLER else "target's"
        drawing.note(at, f"{side} leg ends: {cause_told(event)}")


def _draw_call_end(drawing: _Drawing, event: Data) -> None:
    _draw_end(drawing, event, event["ended_at"], CALLER, bool(drawing.answered_at))


def _draw_adopted(drawing: _Drawing, event: Data) -> None:
    why = "engine restarted" if event.get("restarted") else "connection back"
    drawing.note(event["at"], f"{why}: call found in {event['app'] or 'park'}")


_EVENTS: Mapping[str, _Draw] = {
    "CallParked": _draw_parked,
    "AppCompleted": _draw_completed,
    "LegBridged": _draw_bridged,
    "LegEnded": _draw_leg,
    "CallEnded": _draw_call_end,
    "CallAdopted": _draw_adopted,
    "CommandFailed": lambda drawing, event: drawing.note(event["at"], f"refused: {event['reason']}"),
    "CallVanished": lambda drawing, event: drawing.note(event["at"], "gone; its end is an estimate"),
}


# Decisions


def _draw_selection(drawing: _Drawing, data: Data) -> None:
    why = f": {data['nobody']}" if data.get("nobody") else ""
    drawing.note(drawing.known.at, f"chooses {data.get('target') or f'nobody{why}'}")


def _draw_dialed(drawing: _Drawing, data: Data) -> None:
    drawing.known.legs[data["leg_id"]] = data["target"] or FIXED
    if data["leg_id"] not in drawing.ended_legs:
        drawing.arrow(drawing.known.at, SWITCH, TARGET, f"INVITE {data['target']}")


def _draw_recovery(drawing: _Drawing, data: Data) -> None:
    drawing.note(drawing.known.at, "recovery: the next target" if data["try_next"] else "no recovery")


_DECISIONS: Mapping[str, _Draw] = {
    "selection": _draw_selection,
    "dialed": _draw_dialed,
    "recovery": _draw_recovery,
    "slot_refused": lambda drawing, data: drawing.note(drawing.known.at, f"no slot: {', '.join(data['full'])}"),
    "call_refused": lambda drawing, data: drawing.note(drawing.known.at, f"call refused: {', '.join(data['full'])}"),
    "deadline": lambda drawing, data: drawing.note(drawing.known.at, f"deadline: {data['timer']}"),
    "bug": lambda drawing, data: drawing.note(drawing.known.at, "a bug ended this call"),
}


# Commands


def _draw_collect(drawing: _Drawing, command: Data) -> None:
    waits = seconds(command["first_digit_ms_max"])
    drawing.note(drawing.known.at, f"play {command['prompt']}, wait {waits} for {command['digits_max']} digits")


def _draw_dial(drawing: _Drawing, command: Data) -> None:
    legs = legs_of(command)
    targets = " or ".join(drawing.known.leg(leg["leg_id"]) for leg in legs)
    ring_ms_max = max(leg["ring_ms_max"] for leg in legs)
    drawing.note(drawing.known.at, f"bridge {targets}, ring at most {seconds(ring_ms_max)}")


_COMMANDS: Mapping[str, _Draw] = {
    "Answer": lambda drawing, command: drawing.note(drawing.known.at, "answer"),
    "Play": lambda drawing, command: drawing.note(drawing.known.at, f"play {command['prompt']}"),
    "CollectDigits": _draw_collect,
    "Dial": _draw_dial,
    "BreakApp": lambda drawing, command: drawing.note(drawing.known.at, "break"),
    "Hangup": lambda drawing, command: drawing.note(drawing.known.at, f"hang up {command['cause']}"),
    "HangupLeg": lambda drawing, command: drawing.note(drawing.known.at, f"hang up the target {command['cause']}"),
}


def plain_row(row: Row, start_us: int) -> dict[str, Any]:
    """A row as JSON; lanes are "caller", "switch" and "target"."""
    lanes = ("caller", "switch", "target")
    return {
        "at": row.at,
        "offset_ms": (row.at - start_us) // 1000,
        "from": lanes[row.source],
        "to": lanes[row.sink],
        "label": row.label,
        "media": row.media,
    }


# The picture


def ladder_lines(rows: list[Row], start_us: int) -> Iterator[str]:
    """The picture, with time offsets from ``start_us``; a pause of a second or more is a line of its own."""
    names = [" "] * WIDTH_CHARS
    for lane, name in enumerate(LANE_NAMES):
        _write(names, _column(lane) - len(name) // 2, name)
    yield _line("", names)
    yield _line("", _lanes())
    last_at, last = start_us, ""
    for row in rows:
        if row.at - last_at >= WAIT_US_MIN:
            waited = _lanes(":")
            _write(waited, _column(SWITCH) + 2, f"{seconds((row.at - last_at) // 1000)} pass")
            yield _line("", waited)
        at = offset(row.at, start_us)
        yield _line(at if at != last else "", _drawn(row))
        last_at, last = max(last_at, row.at), at


def _line(time: str, cells: list[str]) -> str:
    return (time.rjust(TIME_CHARS - 2) + "  " + "".join(cells)).rstrip()


def _column(lane: int) -> int:
    return MARGIN_CHARS + lane * LANE_CHARS


def _lanes(mark: str = "|") -> list[str]:
    cells = [" "] * WIDTH_CHARS
    for lane in range(len(LANE_NAMES)):
        cells[_column(lane)] = mark
    return cells


def _write(cells: list[str], at: int, text: str) -> None:
    cells[at : at + len(text)] = list(text)


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: chars_max - 3] + "..."


def _drawn(row: Row) -> list[str]:
    cells = _lanes()
    if row.source == row.sink:
        text = f"[{_cut(row.label, 2 * LANE_CHARS - 6)}]"
        _write(cells, _column(row.source) - len(text) // 2, text)
        return cells
    left, right = _column(min(row.source, row.sink)), _column(max(row.source, row.sink))
    width = right - left - 1
    shaft = f" {_cut(row.label, width - 6)} ".center(width - 2, "=" if row.media else "-")
    if row.media and {row.source, row.sink} == {CALLER, TARGET}:
        arrow = f"<{shaft}>"
    elif row.source < row.sink:
        arrow = f"{shaft[:1]}{shaft}>"
    else:
        arrow = f"<{shaft}{shaft[-1:]}"
    _write(cells, left + 1, arrow)
    return cells
