"""Dial strings, taken apart as a switch does: variables for all, and the legs that ring at once, each with its own.

Source: switch_ivr_originate.c (reference freeswitch.md A12). Sequential (``|``) and enterprise (``:_:``) forms are not
emulated: the engine never writes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VARIABLES = re.compile(r"\s*([{\[])([^}\]]*)[}\]]")


@dataclass(slots=True)
class LegString:
    """``[for this leg]sofia/profile/user@host:port`` or ``.../gateway/name/number``."""

    own: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    gateway: str = ""
    user: str = ""
    host: str = ""

    @property
    def address(self) -> str:
        return f"{self.user}@{self.host}" if self.host else self.user


@dataclass(slots=True)
class DialString:
    """``fault`` is the cause with which a switch refuses a string that it cannot use."""

    shared: dict[str, str] = field(default_factory=dict)
    legs: list[LegString] = field(default_factory=list)
    fault: str = ""


def parse(text: str) -> DialString:
    """Take a dial string apart."""
    dial = DialString()
    rest = text
    while not dial.fault:
        leg = LegString()
        while found := _VARIABLES.match(rest):
            (dial.shared if found[1] == "{" else leg.own).update(_assignments(found[2]))
            rest = rest[found.end() :]
        where, comma, rest = rest.partition(",")
        parts = where.strip().split("/")
        if len(parts) == 4 and parts[:2] == ["sofia", "gateway"]:
            leg.gateway, leg.user = parts[2], parts[3]
        elif len(parts) == 3 and parts[0] == "sofia":
            leg.profile = parts[1]
            leg.user, _, leg.host = parts[2].partition("@")
        if not leg.user or "|" in where:
            dial.fault = "INVALID_URL"
        dial.legs.append(leg)
        if not comma:
            break
    return dial


def _assignments(inside: str) -> dict[str, str]:
    """A comma ends a value, whatever quotes stand around it (reference "Seen" 8)."""
    found = {}
    for assignment in inside.split(","):
        name, _, value = assignment.partition("=")
        found[name.strip()] = value.strip().strip("'")
    return found
