"""What every wording of ``ppc call`` shares: foreign text made printable, lengths, causes, caps, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.values.money import format_micros

Data = Mapping[str, Any]
Wording = Callable[[Data, "Known"], str]

FOREIGN_CHARS_MAX = 200  # Of one foreign text.
LINE_CHARS_MAX = 4_000  # Of a line of ours: every reason is told, however many there are.
FIXED = "the fixed destination"  # Of a dial node: no target of any buyer.
ZIP_DIGITS = 5  # More digits than these may be a card or a number, and are not shown.


@dataclass(slots=True)
class Known:
    """What the wording of a step may look up: what earlier steps of the call were about.

    ``leases`` are what each lease asked for, ``gives`` what of other leases goes back with it, ``gone`` what of a lease
    has gone back.
    """

    at: int = 0
    parked: bool = False
    commands: dict[str, tuple[int, Data]] = field(default_factory=dict)
    legs: dict[str, str] = field(default_factory=dict)
    leases: dict[str, Data] = field(default_factory=dict)
    gives: dict[str, Data] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)

    def leg(self, leg_id: str) -> str:
        """The target that a leg belongs to."""
        return self.legs.get(leg_id, "an unknown leg")


def printable(text: object, chars_max: int = FOREIGN_CHARS_MAX) -> str:
    """Foreign text without anything that a terminal acts on, cut to a bearable length."""
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in str(text)[:chars_max])
    return shown if len(str(text)) <= chars_max else shown + "..."


def seconds(ms: int) -> str:
    """87420 -> "87.420 s"."""
    return f"{ms // 1000}.{ms % 1000:03d} s"


def span(start: int, end: int) -> str:
    """The time between two instants in microseconds, "" unless both happened."""
    return seconds(max(0, end - start) // 1000) if start and end else ""


def listed(data: Data) -> str:
    return ", ".join(f"{name} {value}" for name, value in data.items())


def keyed(digits: str) -> str:
    """What a caller keyed, in words; more than a ZIP's worth is not shown."""
    if not digits:
        return "the caller keyed nothing"
    return f"the caller keyed {digits if len(digits) <= ZIP_DIGITS else '*' * len(digits)}"


def cause_told(data: Data) -> str:
    """ "USER_BUSY (SIP 486)", of an event that holds a cause."""
    sip = f" (SIP {data['sip_status']})" if data.get("sip_status") else ""
    return f"{data.get('cause') or 'no cause'}{sip}"


def amount_told(cap: str, amount: int) -> str:
    """An amount of a cap's counter: calls as they are, money as 40.00. Its name says which (routing/caps.py)."""
    measure = cap.split("/")[1] if "/" in cap else ""
    return format_micros(amount) if measure in ("revenue", "payout") else str(amount)


def caps_told(caps: Data) -> str:
    """What is taken: caps with their limit, or with [amount, limit]."""
    return ", ".join(_cap_told(cap, held) for cap, held in caps.items()) or "no cap"


def _cap_told(cap: str, held: Any) -> str:
    amount, limit = held if isinstance(held, (list, tuple)) else (1, held)
    taken = "" if amount == 1 else f"{amount_told(cap, amount)} of "
    return f"{cap} ({taken}limit {amount_told(cap, limit)})"


def lease_told(lease_id: str) -> str:
    """Whose lease it is."""
    number = lease_id.partition(":")[2]
    return f"attempt {number}" if number else "the call"


def taken_told(lease_id: str, known: Known) -> str:
    """What a lease took: slots until its attempt or call ends, units until the call is judged."""
    slots, units = _parted(known.leases.get(lease_id, {}))
    whose = lease_told(lease_id)
    told = [f"slot taken for {whose}: {caps_told(slots)}"] if slots or not units else []
    if units:
        told.append(f"units held for {whose}: {caps_told(units)}")
    for other, amounts in known.gives.get(lease_id, {}).items():
        told.append(f"moved along from {lease_told(other)}: {_amounts(amounts)}")
    return "; ".join(told)


def given_back_told(lease_id: str, units: Data, known: Known) -> str:
    """What a lease gave back: its slots, and those of its units that certainly do not count."""
    slots, held = _parted(known.leases.get(lease_id, {}))
    gone = known.gone.get(lease_id, set())
    whose = lease_told(lease_id)
    told = [f"slot given back for {whose}: {caps_told(slots)}"] if slots and not gone >= set(slots) else []
    if units:
        told.append(f"units given back for {whose}: {_amounts(units)}")
    stay = {cap: held for cap, held in held.items() if cap not in units and cap not in gone}
    if stay:
        told.append(f"held until the call is judged: {', '.join(stay)}")
    return "; ".join(told) or f"given back for {whose}: nothing"


def _parted(caps: Data) -> tuple[Data, Data]:
    """Slots, which have no period in their name, and units."""
    return {c: held for c, held in caps.items() if "/" not in c}, {c: held for c, held in caps.items() if "/" in c}


def _amounts(amounts: Data) -> str:
    return ", ".join(f"{cap} {amount_told(cap, amount)}" for cap, amount in amounts.items())


def full_told(full: Data) -> str:
    """What was full, of {cap: [used, limit]}."""
    return ", ".join(
        f"{cap} has {amount_told(cap, used)} of {amount_told(cap, limit)} in use" for cap, (used, limit) in full.items()
    )
