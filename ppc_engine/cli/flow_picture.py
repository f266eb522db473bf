"""A flow as boxes and arrows, whatever it is drawn with: what each node does in a few words, which way goes where.

Ways between the same two nodes are one arrow. A sub-flow is a group of its own, drawn once however often it is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from ppc_engine.flows.model import Flow, Node
from ppc_engine.values.schedule import DAYS

LINES_MAX = 5  # Of one box.
LINE_CHARS_MAX = 44
NAMES_SHOWN = 4  # Targets, places and other lists: the rest is a count.
WAY_CHARS_MAX = 60

KINDS = {
    "answer": "talk", "play": "talk", "say": "talk", "collect_zip": "talk", "collect_digits": "talk", "menu": "talk",
    "record": "talk", "voicemail": "talk", "route": "sell", "queue": "sell", "dial": "sell", "hangup": "end",
    "return": "end", "subflow": "jump", "goto": "jump",
}  # fmt: skip
"""What a node is about: talk to the caller, sell the call, end it, go elsewhere; all others decide."""

FAILURES = frozenset(
    {
        "zip_failed", "no_match", "all_closed", "all_capped", "all_no_answer", "closed", "no_answer", "busy", "failed",
        "timeout", "no_input", "invalid", "unavailable", "refused", "bad_answer", "blocked", "full",
        "waited_too_long", "lost", "empty", "not_recorded",
    }
)  # fmt: skip
"""Exits that one would rather not take: they are drawn in the colour of trouble."""

TABLES = ("cases", "choices", "shares", "when", "conditions", "digits", "keys")
"""Fields that say on which condition which exit is taken: they stand at the arrows."""

_DAY_NAMES = {day: day[:3].capitalize() for day in DAYS}
_HIDDEN = frozenset({"type", "exits"})


@dataclass(frozen=True, slots=True)
class Traffic:
    """How often calls went where, by flow: entries of nodes, exits taken, calls that ended in a node connected, and
    those that the caller gave up there. ``calls`` is how many there were."""

    calls: int = 0
    visits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    exits: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    connected: Mapping[tuple[str, str], int] = field(default_factory=dict)
    abandoned: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node. ``visits`` is None when no traffic is known."""

    flow: str
    name: str
    type: str
    kind: str
    lines: tuple[str, ...]
    is_start: bool = False
    reachable: bool = True
    visits: int | None = None
    connected: int = 0
    abandoned: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.flow, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A way from node to node by one or several exits; ``calls_flow``: into a sub-flow, which comes back."""

    source: tuple[str, str]
    target: tuple[str, str]
    labels: tuple[str, ...]
    count: int | None = None
    share: float = 0.0
    is_failure: bool = False
    reachable: bool = True
    is_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is drawn. ``groups`` are flows, the main one first."""

    flow: str
    title: str
    groups: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture(flows: Mapping[str, Flow], flow: str, *, title: str = "", traffic: Traffic | None = None) -> Picture:
    """The picture of a flow and of every flow that it goes to."""
    groups = _reached_flows(flows, flow)
    live = _reachable(flows, flow)
    boxes = [box for name in groups for box in _boxes(flows[name], live, traffic)]
    arrows = [arrow for name in groups for arrow in _arrows(flows, flows[name], live, traffic)]
    return Picture(flow=flow, title=title or flow, groups=tuple(groups), boxes=tuple(boxes), arrows=tuple(arrows))


def _reached_flows(flows: Mapping[str, Flow], flow: str) -> list[str]:
    found = [flow]
    for name in found:
        for node in flows[name].nodes.values():
            found += [other for other in node.flow_names().values() if other in flows and other not in found]
    return found


def _ways(flows: Mapping[str, Flow], flow: Flow, name: str) -> Iterator[tuple[str, str]]:
    """Where a call may go from a node: its exits, and the starts of flows that it goes to."""
    node = flow.nodes[name]
    for leads_to in node.exits.values():
        yield flow.id, leads_to
    for other in node.flow_names().values():
        if other in flows:
            yield other, str(getattr(node, "node", "") or flows[other].start)


def _reachable(flows: Mapping[str, Flow], flow: str) -> set[tuple[str, str]]:
    todo = [(flow, flows[flow].start)]
    seen = set(todo)
    while todo:
        name, node = todo.pop()
        if node not in flows[name].nodes:
            continue
        for way in _ways(flows, flows[name], node):
            if way not in seen:
                seen.add(way)
                todo.append(way)
    return seen


def _boxes(flow: Flow, live: set[tuple[str, str]], traffic: Traffic | None) -> Iterator[Box]:
    for name, node in flow.nodes.items():
        kind = str(getattr(node, "type", ""))
        yield Box(
            flow=flow.id,
            name=name,
            type=kind,
            kind=KINDS.get(kind, "decide"),
            lines=tuple(_cut(line) for line in list(node_lines(node))[:LINES_MAX]),
            is_start=name == flow.start,
            reachable=(flow.id, name) in live,
            visits=traffic.visits.get((flow.id, name), 0) if traffic else None,
            connected=traffic.connected.get((flow.id, name), 0) if traffic and kind != "hangup" else 0,
            abandoned=traffic.abandoned.get((flow.id, name), 0) if traffic else 0,
        )


def _arrows(
    flows: Mapping[str, Flow], flow: Flow, live: set[tuple[str, str]], traffic: Traffic | None
) -> Iterator[Arrow]:
    for name, node in flow.nodes.items():
        source = flow.id, name
        ways: dict[str, list[str]] = {}
        for exit_name, leads_to in node.exits.items():
            ways.setdefault(leads_to, []).append(exit_name)
        for leads_to, exits in ways.items():
            count = sum(traffic.exits.get((flow.id, name, e), 0) for e in exits) if traffic else None
            visits = traffic.visits.get(source, 0) if traffic else 0
            yield Arrow(
                source=source,
                target=(flow.id, leads_to),
                labels=_labels(node, exits),
                count=count,
                share=count / visits if count and visits else 0.0,
                is_failure=all(_is_failure(node, e) for e in exits),
                reachable=source in live,
            )
        for other in node.flow_names().values():
            if other in flows:
                start = str(getattr(node, "node", "") or flows[other].start)
                yield Arrow(
                    source=source, target=(other, start), labels=("calls",) if node.exits else (),
                    count=traffic.visits.get(source, 0) if traffic else None, reachable=source in live, is_call=True,
                )  # fmt: skip


def _is_failure(node: Node, exit_name: str) -> bool:
    """Whether one would rather not leave so. Where exits have names of the writer's own, a name says nothing."""
    kind = getattr(node, "type", "")
    if kind in ("match", "menu"):
        return exit_name in ("no_match", "no_choice")
    return exit_name in FAILURES and kind not in ("branch", "split", "subflow", "caller_history")


def _labels(node: Node, exits: Sequence[str]) -> tuple[str, ...]:
    """What stands at an arrow: nothing where there is no choice."""
    if len(node.exits) == 1 and exits[0] in ("done", "ok"):
        return ()
    if len(exits) == len(node.exits) > 1:
        return ("always",)
    return tuple(_cut(exit_told(node, name)) for name in exits)


def _cut(text: str) -> str:
    return text if len(text) <= WAY_CHARS_MAX else text[: WAY_CHARS_MAX - 3] + "..."


def exit_told(node: Node, exit_name: str) -> str:
    """An exit with the condition on it, where the node has one in a table by exit: "california: CA"."""
    for name in ("cases", "choices", "when", "shares", "conditions", "digits", "keys"):
        table = getattr(node, name, None)
        if name == "shares" and isinstance(table, Mapping) and exit_name in table:
            return f"{exit_name}: {100 * table[exit_name] / sum(table.values()):.3g} %"
        if isinstance(table, Mapping):
            told = _condition(table, exit_name)
            if told:
                return f"{exit_name}: {told}"
        elif isinstance(table, (list, tuple)):
            for entry in table:
                if getattr(entry, "exit", None) == exit_name:
                    return f"{exit_name}: {_condition_of(entry)}"
    return exit_name


def _condition(table: Mapping[Any, Any], exit_name: str) -> str:
    if exit_name in table:
        value = table[exit_name]
        return _listed(sorted(value)) if isinstance(value, (frozenset, set, tuple, list)) else str(value)
    return _listed([str(key) for key, leaves in table.items() if leaves == exit_name])


def _condition_of(entry: Any) -> str:
    fields = entry.model_dump(exclude={"exit"}, exclude_defaults=True)
    return ", ".join(str(value) for value in fields.values())


def _listed(names: Iterable[Any]) -> str:
    words = [str(name) for name in names]
    more = f" +{len(words) - NAMES_SHOWN}" if len(words) > NAMES_SHOWN else ""
    return ", ".join(words[:NAMES_SHOWN]) + more


def node_lines(node: Node) -> Iterator[str]:
    """What a node does, a fact a line."""
    if getattr(node, "type", "") in ("route", "queue") and not getattr(node, "targets", ()):
        yield "all targets of the campaign"
    for name, value in node:
        if name in _HIDDEN or name in TABLES or not _worth_telling(node, name, value):
            continue
        if name == "hours":
            yield from hours_lines(value)
        elif name in ("prompt", "cause", "on", "text", "flow"):
            yield f'"{value}"' if name == "text" else str(value)
        else:
            yield name.replace("_", " ") + ("" if value is True else f" {_value(value)}")


def _worth_telling(node: Node, name: str, value: Any) -> bool:
    """Limits in ms are left to the file, and what is as it is by default goes without saying."""
    default = type(node).model_fields[name].default
    return value not in (None, "", (), {}) and value != default and not name.endswith("_ms_max")


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return ", ".join(f"{n.replace('_', ' ')} {v}" for n, v in value.model_dump(exclude_defaults=True).items())
    if isinstance(value, Mapping):
        return _listed(f"{key} = {held}" for key, held in value.items())
    if isinstance(value, (frozenset, set)):
        return _listed(sorted(map(str, value)))
    if isinstance(value, (list, tuple)):
        return _listed(value)
    return str(value)


def hours_lines(hours: Any) -> Iterator[str]:
    """ "Mon-Fri 08:00-18:00", days with the same hours together."""
    spans = [_spans(getattr(hours, day)) for day in DAYS]
    start = 0
    for day in range(1, 8):
        if day == 7 or spans[day] != spans[start]:
            days = _DAY_NAMES[DAYS[start]] + (f"-{_DAY_NAMES[DAYS[day - 1]]}" if day - 1 > start else "")
            yield f"{days} {spans[start]}"
            start = day
    yield str(hours.zone)


def _spans(spans: Iterable[tuple[int, int]]) -> str:
    told = ", ".join(f"{s // 60:02d}:{s % 60:02d}-{e // 60:02d}:{e % 60:02d}" for s, e in spans)
    return told.replace("00:00-24:00", "all day") or "closed"
