"""What a decision was made from, in lines: the settings and tags of a node, the caller and the candidates of a choice.

A node's settings are told when the call first comes there, and tags when they have changed, so that nothing is said
twice; the JSON of a step holds all of it every time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ppc_engine.cli.call_wordings import candidate_told, node_name
from ppc_engine.cli.call_words import LINE_CHARS_MAX, Data, listed, printable

SETTING_CHARS_MAX = 200  # A list of 40,000 ZIPs is in the configuration, not in an explanation.


class SeenLines:
    """The lines of one call's decisions, in their order."""

    def __init__(self) -> None:
        self._nodes: set[str] = set()
        self._tags: Mapping[str, str] = {}

    def lines(self, kind: str, data: Data, seen: Data) -> tuple[str, ...]:
        """What this decision was made from; nothing when that is not known."""
        if not seen:
            return ()
        found = self._choice(data, seen) if kind == "selection" else self._node(data, seen)
        return tuple(printable(line, LINE_CHARS_MAX) for line in found)

    def _node(self, data: Data, seen: Data) -> Iterator[str]:
        name = node_name(data)
        if name not in self._nodes and seen.get("settings"):
            settings = ", ".join(f"{key} {_setting(value)}" for key, value in seen["settings"].items())
            yield f"type {seen['type']}: {settings}"
        self._nodes.add(name)
        if seen.get("tags") and seen["tags"] != self._tags:
            yield f"knows {listed(seen['tags'])}"
        self._tags = seen.get("tags", {})
        for what in ("args", "history"):
            if seen.get(what):
                yield f"{what} {listed(seen[what])}"

    def _choice(self, data: Data, seen: Data) -> Iterator[str]:
        if "place" in seen:
            yield f"the caller: {_place(seen['place'])}"
        if seen.get("used"):
            yield f"in use: {listed(seen['used'])}"
        for candidate in with_draws(seen.get("candidates", ()), data):
            yield candidate_told(candidate, data)


def _setting(value: Any) -> str:
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return told if len(told) <= SETTING_CHARS_MAX else told[:SETTING_CHARS_MAX] + "..."


def _place(place: Data) -> str:
    if place.get("zip_code"):
        where = f"ZIP {place['zip_code']} ({place.get('zip_source') or 'unknown source'})"
    else:
        where = f"area code {place['area_code']}" if place.get("area_code") else "nowhere known"
    return f"{where}, {place['state']}" if place.get("state") else where


def with_draws(candidates: Sequence[Data], selection: Data) -> list[Data]:
    """Candidates with the draws that would have chosen them, where a weighted draw decided among some of them.

    Those of the winner's level that the order found equal to it share the draws, the heaviest first
    (routing/selection.py). Where the sum is not that of the choice, nothing is said of draws.
    """
    told: list[dict[str, Any]] = [dict(candidate) for candidate in candidates]
    winner = next((one for one in told if one["target"] == selection.get("target")), None)
    if winner is None or winner.get("reasons"):
        return list(told)
    level = [
        one
        for one in told
        if not one.get("reasons") and (one["priority"], one.get("value")) == (winner["priority"], winner.get("value"))
    ]
    if sum(one["weight"] for one in level) != selection.get("weight_total"):
        return list(told)
    first = 0
    for one in sorted(level, key=lambda one: -one["weight"]):
        one["draws"] = [first, first + one["weight"] - 1]
        first += one["weight"]
    return list(told)
