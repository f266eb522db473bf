"""The answer to ReadUsage, for the engine and for rehearsals alike: from counters and from the call's own state."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_engine.calls.call import Call
from ppc_engine.calls.events import UsageRead
from ppc_engine.routing.usage import UsageBoard, paused_of


def read_usage(call: Call, board: UsageBoard, at: int, paused: Mapping[str, str]) -> UsageRead:
    """What is full, paused and due for the hunt that the call is in."""
    routes, pool = call.context.routes, call.pool()
    read = UsageRead(call_id=call.state.call_id, at=at, used=board.full(routes, pool, at))
    if paused:
        read.paused = paused_of(pool, paused)
    order = call.order()
    if order != "priority_weight":
        read.stats = board.stats(routes, pool, call.situation(read), order)
    return read
