"""What earlier calls came to: only earlier ones, of the place that was asked for."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.flows.history import EarlierCall, summary

NOW = 1_000


def call(at: int, name: str = "", **more: Any) -> EarlierCall:
    known = {"campaign": "roofing", "publisher": "peak", "dialed_number": "+18005550100", **more}
    return EarlierCall(offered_at=at, call_id=name or f"call-{at}", **known)


def told(*calls: EarlierCall, **params: Any) -> dict[str, Any]:
    return summary(calls, {"since": 100, "before": NOW, **params}, "call-m")


def test_sums_with_the_latest_target_first() -> None:
    calls = [
        call(300, connected=True, target="zenith", bought_target="zenith"),
        call(500),
        call(200, connected=True, target="acme"),
    ]
    assert told(*calls) == {
        "calls": 3, "connected": 2, "bought": 1, "last_at": 500, "last_target": "zenith", "bought_target": "zenith"
    }  # fmt: skip


def test_only_earlier_calls_within_the_time_count() -> None:
    calls = [call(99), call(100), call(NOW, "call-a"), call(NOW, "call-m"), call(NOW, "call-z"), call(NOW + 1)]
    assert told(*calls)["calls"] == 2


def test_only_calls_of_the_place_count() -> None:
    calls = [call(200), call(300, campaign="solar"), call(400, publisher="orchard")]
    assert told(*calls, campaign="roofing")["calls"] == 2
    assert told(*calls, publisher="peak")["calls"] == 2
    assert told(*calls, campaign="hvac") == {"calls": 0}


@given(st.permutations([call(200, target="a", connected=True), call(300), call(400, bought_target="b")]))
def test_order_of_arrival_plays_no_part(calls: list[EarlierCall]) -> None:
    assert told(*calls) == told(*sorted(calls, key=lambda one: one.offered_at))
