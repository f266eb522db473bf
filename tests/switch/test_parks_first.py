"""New calls go before the bookkeeping of others, and the order of one call's events is never touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ppc_engine.switch.parks_first import ParksFirst

ANN, BOB = "a38fa20f-f444-41cd-98dc-e60f34b6c27a", "b38fa20f-f444-41cd-98dc-e60f34b6c27b"


def event(name: str, call: str, leg: str = "") -> bytes:
    whose = f'"Unique-ID":"{leg}","variable_ppc_call":"{call}"' if leg else f'"Unique-ID":"{call}"'
    return f'{{"Event-Name":"{name}",{whose}}}'.encode()


def taken(*bodies: bytes) -> list[bytes]:
    """The order in which the events of one read are taken."""
    order: list[bytes] = []
    later: list[Callable[[], None]] = []
    first = ParksFirst(order.append, later.append)
    for body in bodies:
        first.take(body)
    for rest in later:
        rest()
    return order


def test_a_new_call_goes_before_the_ends_of_others() -> None:
    bridge, end, park = event("CHANNEL_BRIDGE", ANN), event("CHANNEL_HANGUP_COMPLETE", ANN), event("CHANNEL_PARK", BOB)
    assert taken(bridge, end, park) == [park, bridge, end]


@pytest.mark.parametrize("earlier", [event("CHANNEL_BRIDGE", ANN), event("CHANNEL_HANGUP_COMPLETE", ANN, leg=BOB)])
def test_a_caller_who_comes_back_keeps_his_place(earlier: bytes) -> None:
    back = event("CHANNEL_PARK", ANN)
    assert taken(earlier, back) == [earlier, back]


def test_a_park_that_tells_no_call_overtakes_nothing() -> None:
    bridge, park = event("CHANNEL_BRIDGE", ANN), b'{"Event-Name":"CHANNEL_PARK"}'
    assert taken(bridge, park) == [bridge, park]


def test_every_read_starts_anew() -> None:
    order: list[bytes] = []
    later: list[Callable[[], None]] = []
    first = ParksFirst(order.append, later.append)
    bodies = [event("CHANNEL_BRIDGE", ANN), event("CHANNEL_BRIDGE", BOB)]
    for body in bodies:
        first.take(body)
        later.pop()()
    assert (order, later) == (bodies, [])
