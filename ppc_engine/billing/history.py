"""Whether a call repeats an earlier call of the same caller.

Source: semantics.md, "Duplicates". Only a call earlier by (offered_at, call_id) can make a call a duplicate, so two
calls never disqualify each other and attempts of one call never compete. The order in which records arrived plays no
part: the same calls give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from ppc_engine.catalog.policies import DAY_US as DAY_US
from ppc_engine.catalog.policies import UniqueCaller

GROUPS = {"target_group": "target", "campaign_group": "campaign"}  # Their members are what an event has of them.


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something that happened at ``at`` in one call of a caller, with all that a scope can ask about it."""

    offered_at: int
    call_id: str
    ended_at: int
    at: int
    campaign: str
    publisher: str
    tracking_number: str
    buyer: str
    target: str

    @property
    def key(self) -> tuple[int, str]:
        """The order of calls."""
        return self.offered_at, self.call_id


@dataclass(frozen=True, slots=True)
class Conversion:
    """A yes of one side; ``occasion.at`` is the moment the last leaf was met, ``reversed_at`` when all of it was given
    back, 0 if never."""

    side: Literal["buyer", "publisher"]
    occasion: Occasion
    reversed_at: int = 0


@dataclass(slots=True)
class History:
    """What one caller's calls came to: every connection (billed or not, test calls left out) and every conversion."""

    connections: list[Occasion] = field(default_factory=list)
    conversions: list[Conversion] = field(default_factory=list)

    def replace(self, key: tuple[int, str], conversions: Iterable[Conversion]) -> None:
        """Forget what a call converted to before, and remember this instead."""
        self.conversions = [kept for kept in self.conversions if kept.occasion.key != key]
        self.conversions.extend(conversions)


def find_duplicate(
    rule: UniqueCaller,
    side: Literal["buyer", "publisher"],
    call: tuple[int, str],
    place: str | frozenset[str],
    history: History,
) -> Occasion | None:
    """The latest earlier event that makes a call a duplicate under the rule, None when it is unique.

    ``call`` is (offered_at, call_id) of the call in question, ``place`` what it has in the rule's scope: the campaign's
    id, say, or all targets of its target's groups. A conversion reversed before this call was offered does not count.
    """
    if rule.event == "converted":
        events = [c.occasion for c in history.conversions if c.side == side and not 0 < c.reversed_at <= call[0]]
    else:
        events = history.connections
    places = place if isinstance(place, frozenset) else (place,)
    field_name = GROUPS.get(rule.scope, rule.scope)
    earlier = [event for event in events if event.key < call and getattr(event, field_name) in places]
    if rule.event == "counted":
        earlier = _counted(earlier, rule)
    blocking = [event for event in earlier if _blocks(event, call[0], rule)]
    return max(blocking, key=lambda event: (event.at, event.key), default=None)


def _blocks(event: Occasion, offered_at: int, rule: UniqueCaller) -> bool:
    """Half-open window forward from the event; an event still to come counts when its call is live now."""
    if event.at <= offered_at:
        return offered_at < rule.window_end(event.at)
    return offered_at < event.ended_at and rule.window != "never"


def _counted(events: Iterable[Occasion], rule: UniqueCaller) -> list[Occasion]:
    """Connections of calls that were not duplicates of a counted one themselves: repeats do not renew the window."""
    counted: list[Occasion] = []
    for (offered_at, _), own in groupby(sorted(events, key=lambda e: (e.key, e.at)), key=lambda e: e.key):
        if not any(_blocks(event, offered_at, rule) for event in reversed(counted)):
            counted.extend(own)
    return counted
