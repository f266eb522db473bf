"""What becomes of each event, and how a loss or a delay is noticed though nobody tells."""

from __future__ import annotations

from collections import Counter

import orjson

from ppc_engine.calls.events import CallParked, Event
from ppc_engine.ports import NoTelemetry
from ppc_engine.switch.decode import Heartbeat
from ppc_engine.switch.event_stream import LATE_US, SUBSCRIPTION, EventStream, LossDetector
from tests.switch.test_decode import BASE, BODIES, CORE, changed


class Counted(NoTelemetry):
    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def event_read(self, kind: str) -> None:
        self.read[kind] += 1

    def event_dropped(self, reason: str, count: int = 1) -> None:
        self.dropped[reason] += count


def beat(legs_started: int, legs_live: int) -> Heartbeat:
    return Heartbeat(at=BASE, core_uuid=CORE, legs_started=legs_started, legs_live=legs_live)


def test_ours_go_on_and_the_rest_is_counted_by_its_reason() -> None:
    got: list[Event] = []
    counted = Counted()
    stream = EventStream(got.append, counted, now_us=lambda: BASE)
    for body in (
        BODIES[0],
        changed(1, Application_UUID="405a3f21-720f-419f-85d9-5b7a97201eb5"),
        changed(0, Unique_ID="nonsense"),
        b'{"Event-Name":"SHUTDOWN"}',
        b"\x00\xff",
    ):
        stream.read(body)
    assert [type(event) for event in got] == [CallParked]
    assert counted.dropped == {"foreign": 1, "malformed": 2}
    assert counted.read == {"CHANNEL_PARK": 2, "CHANNEL_EXECUTE_COMPLETE": 1, "SHUTDOWN": 1, "": 1}
    assert stream.events_read == 5


def test_an_event_that_took_a_second_was_late() -> None:
    at = orjson.loads(BODIES[0])["Event-Date-Timestamp"]
    now = int(at) + LATE_US - 1
    stream = EventStream(lambda event: None, Counted(), now_us=lambda: now)
    stream.read(BODIES[0])
    assert (stream.events_late, stream.delay_us_max) == (0, LATE_US - 1)
    now += 1
    stream.read(BODIES[0])
    assert (stream.events_late, stream.delay_us_max) == (1, LATE_US)


def test_a_whole_call_loses_nothing() -> None:
    counted = Counted()
    stream = EventStream(lambda event: None, counted, now_us=lambda: BASE)
    for body in [*BODIES, BODIES[-1], BODIES[-1]]:
        stream.read(body)
    assert counted.dropped["lost"] == 0


def test_endings_that_did_not_come_are_noticed_once() -> None:
    counted = Counted()
    stream = EventStream(lambda event: None, counted, now_us=lambda: BASE)
    for started, live in ((28, 2), (28, 2), (31, 1), (31, 1), (31, 1)):  # Four legs ended between the beats.
        stream.read(
            orjson.dumps(orjson.loads(BODIES[6]) | {"Session-Since-Startup": str(started), "Session-Count": str(live)})
        )
        if (started, live) == (31, 1) and stream.events_read < 5:
            stream.read(BODIES[3])  # One of the four.
    assert (counted.dropped["lost"], stream.events_lost) == (3, 3)


def test_a_leg_that_an_unknown_gateway_never_made_is_no_loss() -> None:
    """Seen on the switch: it counts such a leg as started, and no leg was ever there to hang up."""
    counted = Counted()
    stream = EventStream(lambda event: None, counted, now_us=lambda: BASE)

    def beats(legs_started: int) -> None:
        for _ in range(2):
            stream.read(orjson.dumps(orjson.loads(BODIES[6]) | {"Session-Since-Startup": str(legs_started)}))

    beats(10)
    stream.read(BODIES[5])  # Its bridge ended INVALID_GATEWAY.
    beats(11)
    assert counted.dropped["lost"] == 0
    beats(12)
    assert counted.dropped["lost"] == 1


def test_legs_that_end_while_a_heartbeat_is_on_its_way_are_no_loss() -> None:
    losses = LossDetector()
    assert losses.heartbeat(beat(10, 4)) == 0
    losses.leg_ended()
    losses.leg_ended()  # Read already, though the switch still counts these two as live.
    assert losses.heartbeat(beat(10, 4)) == 0
    assert losses.heartbeat(beat(10, 2)) == 0
    assert losses.heartbeat(beat(10, 1)) == 0  # Its ending is still on its way ...
    losses.leg_ended()
    assert losses.heartbeat(beat(10, 1)) == 0
    assert losses.heartbeat(beat(12, 2)) == 0  # ... and this one's never comes.
    assert losses.heartbeat(beat(12, 2)) == 1
    assert losses.heartbeat(beat(12, 2)) == 0


def test_a_new_connection_is_not_blamed_for_what_ended_without_it() -> None:
    counted = Counted()
    stream = EventStream(lambda event: None, counted, now_us=lambda: BASE)
    for started in (10, 10, 500, 500, 500):
        if started == 500:
            stream.reset()
        stream.read(orjson.dumps(orjson.loads(BODIES[6]) | {"Session-Since-Startup": str(started)}))
    assert counted.dropped["lost"] == 0


def test_every_kind_that_is_read_whole_has_a_filter_that_lets_it_through() -> None:
    kinds = SUBSCRIPTION[0].split()[2:]
    let_through = {line.split()[2] for line in SUBSCRIPTION if line.startswith("filter Event-Name ")}
    assert set(kinds) - let_through == {"CHANNEL_EXECUTE_COMPLETE"}
    assert "HEARTBEAT" in let_through  # With any filter set, what matches none is dropped.
