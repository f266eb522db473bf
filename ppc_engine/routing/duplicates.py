"""Whether a target may not have a call because its caller was here before.

Source: semantics.md, "Duplicates": only an earlier call counts, by (offered_at, call_id); a live earlier call that may
still count blocks this one too, unless the rule says ``pending: allow``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ppc_engine.catalog.model import RoutedUniqueCaller
from ppc_engine.values.schedule import MINUTE_US

DAY_US = 1440 * MINUTE_US  # Absolute: a day of a duplicate window is 86,400 s whatever the clocks do.


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCall:
    """One attempt that connected, of an earlier call of the same caller. ``converted_at`` is 0 when it did not convert
    on the buyer's side; ``live``: it goes on, or its verdict is not in yet, and it may still convert."""

    call_id: str
    offered_at: int
    connected_at: int
    converted_at: int = 0
    live: bool = False
    campaign: str = ""
    publisher: str = ""
    tracking_number: str = ""
    buyer: str = ""
    target: str = ""


class _Asked(Protocol):
    """The part of a situation that the rule looks at."""

    @property
    def call_id(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def caller_key(self) -> str: ...
    @property
    def history(self) -> tuple[EarlierCall, ...] | None: ...


def routed_duplicate(rule: RoutedUniqueCaller, place: str, asked: _Asked) -> tuple[str, str] | None:
    """(measured, limit) when this call is a duplicate under the rule; None when it may be sent.

    ``place`` is what the call would have in the rule's scope. A history that could not be had makes no duplicate.
    """
    limit = f"no call {rule.event} in {rule.window_days} d (scope {rule.scope})"
    if not asked.caller_key:
        return ("no number", limit) if rule.no_number != "unique" else None
    earlier = [call for call in asked.history or () if call.call_id != asked.call_id]
    own = [call for call in earlier if getattr(call, rule.scope) == place]
    events = _events(rule, own)
    window_us = rule.window_days * DAY_US
    blocking = [event for event in events if event[0] <= asked.at < event[0] + window_us]
    if not blocking:
        return None
    at, call_id = max(blocking)
    return f"call {call_id}, {(asked.at - at) // 1_000_000} s ago", limit


def _events(rule: RoutedUniqueCaller, own: Iterable[EarlierCall]) -> list[tuple[int, str]]:
    events = []
    counted_at = 0
    for call in sorted(own, key=lambda call: (call.offered_at, call.call_id)):
        if rule.event == "converted":
            if call.converted_at:
                events.append((call.converted_at, call.call_id))
            elif call.live and rule.pending == "block":
                events.append((call.offered_at, call.call_id))
        elif rule.event == "connected" or call.offered_at >= counted_at:
            events.append((call.connected_at, call.call_id))
            counted_at = call.connected_at + rule.window_days * DAY_US
    return events


def plain_talk(talk: EarlierCall) -> dict[str, Any]:
    """As a look-up answers it: plain JSON, without what is not known."""
    return {name: value for name, value in asdict(talk).items() if value}


def earlier_calls(plain: Iterable[Mapping[str, Any]]) -> tuple[EarlierCall, ...]:
    """Earlier calls as a look-up answered them: plain JSON, one block an attempt that connected."""
    return tuple(EarlierCall(**call) for call in plain)
