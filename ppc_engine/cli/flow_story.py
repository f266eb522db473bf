"""What happens in a rehearsed call, told while it happens: what the caller hears, and what is done with the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ppc_engine.calls.commands import Turn
from ppc_engine.cli.call_steps import seconds

PROMPTS_FILE = "prompts.txt"

Prompts = Mapping[str, str]


def read_prompts(config_dir: Path) -> dict[str, str]:
    """What the prompts say, by name, from the list they were made from; {} when it is not at hand."""
    for directory in (config_dir / "prompts", config_dir.parent / "freeswitch" / "prompts"):
        path = directory / PROMPTS_FILE
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            pairs = (line.partition(":") for line in lines if not line.startswith("#"))
            return {name.strip(): text.strip() for name, _, text in pairs if text}
    return {}


def heard_lines(turn: Turn, prompts: Prompts) -> Iterator[str]:
    """A turn in the words of somebody who stands beside the caller."""
    event = turn.event
    told = _HAPPENED.get(event["k"])
    if told is not None:
        yield told(event)
    for decision in turn.decisions:
        worded = _DECIDED.get(decision.kind)
        line = worded(decision.data) if worded is not None else ""
        if line:
            yield line
    for command in turn.commands:
        kind = type(command).__name__
        if kind in ("Play", "Say", "CollectDigits"):
            yield _prompt(command, prompts)
        elif kind == "Hangup":
            yield f"we hang up: {getattr(command, 'cause', '')}"


def _prompt(command: Any, prompts: Prompts) -> str:
    text = getattr(command, "text", "") or prompts.get(command.prompt, "")
    verb = "hears, and is asked to key" if type(command).__name__ == "CollectDigits" else "hears"
    return f'the caller {verb}: "{text}" ({command.prompt})' if text else f"the caller {verb}: {command.prompt}"


def _left(data: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in data.get("facts", {}).items() if value not in ("", None))
    where = f"{data['flow']}/{data['node']}" if data.get("flow") else data["node"]
    told = f" ({facts})" if facts else ""
    if "exit" in data:
        return f"[{where}] leaves by {data['exit']}{told}"
    if "hangs_up" in data:
        return f"[{where}] ends the call"
    if "calls" in data or "goes_to" in data:
        return f"[{where}] goes to {data.get('calls') or data.get('goes_to')}"
    return f"[{where}]{told}" if told else ""


def _attempt(data: Mapping[str, Any]) -> str:
    talked = f" after {seconds(data['connected_ms'])}" if data.get("connected_ms") else ""
    return f"attempt {data['number']} is over: {data['outcome']}{talked}"


_HAPPENED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "LegBridged": lambda _event: "the caller talks to the target",
    "CallEnded": lambda event: f"the caller's leg is over: {event['cause']}, {event.get('disposition', '')}",
    "SlotRefused": lambda event: f"no slot: {', '.join(event['full'])}",
}
_DECIDED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "node": _left,
    "dialed": lambda data: f"dials {data.get('target') or data.get('destination', '')}",
    "attempt": _attempt,
    "outcome": lambda data: f"outcome: {data['outcome']}",
}
