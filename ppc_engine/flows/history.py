"""What a caller's earlier calls came to, for ``caller_history`` and ``block``: pure sums over calls that are given.

Only an earlier call counts, earlier by (offered_at, call_id); test calls are left out by whoever reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.routing.duplicates import EarlierCall as Talk
from ppc_engine.routing.duplicates import plain_talk

TALKS_MAX = 50  # They stand in the facts of the call that asked.


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCall:
    """A finished call. ``target`` is the last that talked to the caller, ``bought_target`` one whose buyer owed for it,
    "" for none. ``talks`` are all that talked, for rules against duplicates."""

    offered_at: int
    call_id: str
    campaign: str
    publisher: str
    dialed_number: str
    connected: bool = False
    target: str = ""
    bought_target: str = ""
    talks: tuple[Talk, ...] = field(default=(), compare=False)


def summary(calls: Iterable[EarlierCall], params: Mapping[str, Any], call_id: str) -> dict[str, Any]:
    """What ``LookedUp`` of the kind history holds. ``params``: since and before (us), campaign or publisher.

    With ``talks`` among them, the latest talks are told one by one.
    """
    now = (int(params["before"]), call_id)
    places = [(name, params[name]) for name in ("campaign", "publisher") if name in params]
    earlier = sorted(
        (
            call
            for call in calls
            if call.offered_at >= params["since"]
            and (call.offered_at, call.call_id) < now
            and all(getattr(call, name) == value for name, value in places)
        ),
        key=lambda call: (call.offered_at, call.call_id),
    )
    if not earlier:
        return {"calls": 0}
    told = {
        "calls": len(earlier),
        "connected": sum(call.connected for call in earlier),
        "bought": sum(bool(call.bought_target) for call in earlier),
        "last_at": earlier[-1].offered_at,
        "last_target": next((call.target for call in reversed(earlier) if call.target), ""),
        "bought_target": next((call.bought_target for call in reversed(earlier) if call.bought_target), ""),
    }
    if params.get("talks"):
        told["talks"] = [plain_talk(talk) for call in earlier for talk in call.talks][-TALKS_MAX:]
    return {name: value for name, value in told.items() if value}
