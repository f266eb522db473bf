"""Calls that went through the real core, as facts and records, for the commands that tell of them."""

from __future__ import annotations

from tests.calls.call_traces import DIRECT, Trace, buyer, context, target


def recovered_call() -> Trace:
    """Partial ZIP, then a good one; busy, then a target that hangs up too soon; nobody is left."""
    trace = Trace(
        context(
            buyer("acme", target("acme-la", concurrency_cap=2)),
            buyer("zenith", target("zenith-1", paused=True), target("zenith-2", priority=2, gateway="carrier")),
            recovery={"connected_ms_max": 20_000},
        )
    )
    trace.park(0.012, caller_name="Bob\x1b[31m\r\nX: y", trunk="carrier_a", sub_ids={"click": "=1+1"})
    trace.done(0.04)
    trace.done(3.2)
    trace.done(9.8, digits="90")
    trace.done(18.8, digits="90210")
    trace.usage()
    trace.slot()
    trace.leg_ended(24, "USER_BUSY", 1, dialed=18.9, by="recv_refuse", sip=486)
    trace.done(24.01)
    trace.usage()
    trace.bridged(31, 2)
    trace.leg_ended(40, "NORMAL_CLEARING", 2, dialed=24.1, bridged=31, by="recv_bye", sip=200)
    trace.done(40.0)
    trace.park(40.02, answered_at=trace.call.state.answered_at)
    trace.usage()
    trace.hung_up(40.1)
    trace.ended(40.12, by="send_bye")
    return trace


def capped_call() -> Trace:
    """The only target is full, then taken by another call in between; the caller gives up in the apology."""
    trace = Trace(context(buyer("acme", target("acme-la", concurrency_cap=1))))
    trace.park(0.01, caller_number="anonymous")
    trace.done(0.05)
    trace.done(2)
    trace.done(6, digits="10001")
    trace.usage()
    trace.full(**{"target:acme-la": [1, 1]})
    trace.usage(target__acme_la=1)
    trace.hung_up(7)
    trace.ended(7.01)
    return trace


def adopted_call() -> Trace:
    """The engine is killed while two people talk, comes back, and never sees the end."""
    trace = Trace(context(buyer("acme", target("acme-la")), flow=DIRECT))
    trace.park(0.01)
    trace.bridged(3)
    trace.adopted(9, "bridge", bridged=1)
    trace.vanished(60)
    return trace


def unknown_number() -> Trace:
    """Nobody owns the number: a refusal before any answer."""
    trace = Trace(context(buyer("acme", target("acme-la"))))
    trace.park(0.01, dialed_number="+18005559999")
    trace.hung_up(0.02, cause="UNALLOCATED_NUMBER")
    trace.ended(0.03, by="send_refuse", cause="UNALLOCATED_NUMBER", sip_status=404)
    return trace
