"""Flows of one node, and what a dial held, for traces of rounds."""

from __future__ import annotations

from typing import Any

from tests.calls.call_traces import DIRECT, Trace


def flow(node: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A flow of this one node and an end; ``more`` are nodes before it, the first of them the start."""
    nodes = {**more, "sell": node, "bye": {"type": "hangup"}}
    return {"id": "direct", "start": next(iter(nodes)), "nodes": nodes}


ROUTE = DIRECT["nodes"]["sell"]
ANSWERED = {"hello": {"type": "answer", "exits": {"done": "sell"}}}


def the_dial(trace: Trace) -> dict[str, Any]:
    return next(c for fact in reversed(trace.facts) for c in fact.get("c", ()) if c["k"] == "Dial")


def busy(trace: Trace, number: int, at: float) -> list[str]:
    assert trace.leg_ended(at, "USER_BUSY", number, by="recv_refuse", sip=486) == []
    return trace.done(at + 0.01, answered=trace.call.state.answered_at > 0)
