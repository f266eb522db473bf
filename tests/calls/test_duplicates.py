"""A target that takes no caller twice: the caller's earlier calls are asked for once, before the first choice."""

from __future__ import annotations

from typing import Any

from ppc_engine.calls.events import LookedUp
from tests.calls.call_traces import CALL_ID, DIRECT, T0, Trace, buyer, context, target

HOUR_US = 3_600_000_000


def trace_of(**rule: Any) -> Trace:
    acme = buyer("acme", target("acme-la", duplicates={"scope": "buyer", "event": "converted", **rule}))
    zenith = buyer("zenith", target("zenith-1", priority=2, destination="sip:zenith-1@127.0.0.1"))
    return Trace(context(acme, zenith, flow=DIRECT))


def earlier(**more: Any) -> dict[str, Any]:
    return {"call_id": "earlier", "offered_at": T0 - HOUR_US, "connected_at": T0 - HOUR_US, "buyer": "acme", **more}


def answer(trace: Trace, status: str, *talks: dict[str, Any]) -> list[str]:
    asked = trace.call.state.earlier_asked
    data = {"talks": list(talks)} if status == "ok" else {}
    return trace.take(LookedUp(call_id=CALL_ID, at=trace.at, command_id=asked, status=status, data=data))


def test_a_caller_who_bought_here_goes_to_somebody_else() -> None:
    trace = trace_of()
    assert trace.park() == ["look up history +13105550123"]
    assert answer(trace, "ok", earlier(converted_at=T0 - HOUR_US)) == ["dial zenith-1"]
    (reason,) = trace.candidates()[0]["reasons"]
    assert (reason["code"], reason["measured"]) == ("duplicate", "call earlier, 3600 s ago")


def test_who_bought_elsewhere_or_only_talked_is_sent() -> None:
    for talk in (earlier(converted_at=T0 - HOUR_US, buyer="other"), earlier()):
        trace = trace_of()
        trace.park()
        assert answer(trace, "ok", talk) == ["dial acme-la"]


def test_a_call_that_may_still_convert_blocks_unless_the_rule_allows_it() -> None:
    for pending, dialled in (("block", "dial zenith-1"), ("allow", "dial acme-la")):
        trace = trace_of(pending=pending)
        trace.park()
        assert answer(trace, "ok", earlier(live=True)) == [dialled]


def test_the_window_ends_to_the_microsecond() -> None:
    day_us = 86_400_000_000
    for age, dialled in ((day_us, "dial acme-la"), (day_us - 1, "dial zenith-1")):
        trace = trace_of(event="connected", window_days=1)
        trace.park()
        assert answer(trace, "ok", earlier(connected_at=T0 - age)) == [dialled]


def test_what_cannot_be_had_in_time_makes_nobody_a_duplicate() -> None:
    trace = trace_of()
    trace.park()
    assert answer(trace, "unavailable") == ["dial acme-la"]
    assert trace.told("history_unknown") == {"status": "unavailable"}


def test_a_caller_without_a_number_is_not_looked_up_and_goes_by_the_rule() -> None:
    assert trace_of().park(caller_number="anonymous") == ["dial zenith-1"]
    assert trace_of(no_number="unique").park(caller_number="anonymous") == ["dial acme-la"]


def test_it_is_asked_again_after_a_restart_and_only_then() -> None:
    trace = trace_of()
    trace.park()
    assert trace.adopted(1.0, app="park", restarted=True) == ["look up history +13105550123"]
    assert answer(trace, "ok") == ["dial acme-la"]
