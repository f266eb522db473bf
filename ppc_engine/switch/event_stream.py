"""The events of one switch: which are asked for, what becomes of each, and whether any were lost or late.

A directly routed call makes 14 events of the kinds that matter, 95 KB; with the subscription and filters below the
switch sends 4 of them, 39 KB (measured on FreeSWITCH 1.11.1). CHANNEL_HANGUP is not asked for: 20 ms later
CHANNEL_HANGUP_COMPLETE says the same and more. Filters save work and decide nothing: decode.py judges what passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ppc_engine.calls.events import AppCompleted, Event
from ppc_engine.ports import Telemetry
from ppc_engine.switch.decode import Heartbeat, decode_event, event_name
from ppc_engine.switch.headers import MalformedError

WHOLE_KINDS = ("CHANNEL_PARK", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE", "HEARTBEAT", "SHUTDOWN")

# Positive filters are OR-ed, and with any of them an event that matches none is dropped; so each kind that is wanted
# whole has one, by equality, which costs the switch less than a pattern. Completions pass only with a command id of
# ours, which leaves out the dialplan's own, and not from a channel in state 10, CS_HANGUP: what ends because the
# caller hung up is over with the call. CHANNEL_HANGUP_COMPLETE itself comes in state 11, CS_REPORTING.
SUBSCRIPTION = (
    f"event json {' '.join(WHOLE_KINDS)} CHANNEL_EXECUTE_COMPLETE",
    *(f"filter Event-Name {kind}" for kind in WHOLE_KINDS),
    r"filter Application-UUID /^[0-9a-f-]{36}\.[0-9]+$/",
    "filter Channel-State-Number -10",
)

# A bridge that ends so was counted by the switch as a leg, and no leg was ever there to hang up (seen on 1.11.1).
LEGLESS = frozenset(("INVALID_GATEWAY", "GATEWAY_DOWN", "INVALID_URL", "INVALID_PROFILE"))

LATE_US = 1_000_000  # An event that is read this long after it happened was late.


def wall_clock_us() -> int:
    """UTC now in microseconds."""
    return time.time_ns() // 1000


class EventStream:
    """Reads the event bodies of one connection, hands on those that are about our calls, and counts the rest."""

    def __init__(
        self, on_event: Callable[[Event], None], telemetry: Telemetry, now_us: Callable[[], int] = wall_clock_us
    ) -> None:
        self._on_event = on_event
        self._telemetry = telemetry
        self._now_us = now_us
        self._losses = LossDetector()
        self.events_read = 0
        self.events_late = 0
        self.events_lost = 0
        self.delay_us_max = 0

    def read(self, body: bytes) -> None:
        """Take the next event of the switch. Never waits."""
        name = event_name(body)
        self.events_read += 1
        self._telemetry.event_read(name)
        if name == "CHANNEL_HANGUP_COMPLETE":
            self._losses.leg_ended()
        try:
            event = decode_event(name, body)
        except MalformedError:
            self._telemetry.event_dropped("malformed")
            return
        if event is None:
            if name != "SHUTDOWN":  # The connection's end, which follows, says it all.
                self._telemetry.event_dropped("foreign")
            return
        self._note_delay(event.at)
        if isinstance(event, Heartbeat):
            self._note_losses(event)
            return
        if isinstance(event, AppCompleted) and event.cause in LEGLESS:
            self._losses.leg_ended()
        self._on_event(event)

    def reset(self) -> None:
        """A new connection: what happened while there was none is for a resynchronisation to find, not a loss."""
        self._losses = LossDetector()

    def _note_delay(self, at: int) -> None:
        delay_us = self._now_us() - at
        if delay_us > self.delay_us_max:
            self.delay_us_max = delay_us
        if delay_us >= LATE_US:
            self.events_late += 1

    def _note_losses(self, heartbeat: Heartbeat) -> None:
        lost = self._losses.heartbeat(heartbeat)
        if lost:
            self.events_lost += lost
            self._telemetry.event_dropped("lost", lost)


class LossDetector:
    """Notices that endings of legs did not reach us; the switch never says so (freeswitch.md A2, A4).

    Every leg that was started and lives no longer made one CHANNEL_HANGUP_COMPLETE, but for those of LEGLESS, so the
    heartbeat's own figures say how many there must have been. Two heartbeats have to agree, since legs end while one
    is on its way. Legs of other users of the switch may die unborn too: a hint to look, not a proof.
    """

    def __init__(self) -> None:
        self._ended_seen = 0
        self._missing_before: list[int] = []
        self._missing_known: int | None = None

    def leg_ended(self) -> None:
        """A CHANNEL_HANGUP_COMPLETE was read, of whatever leg, or a leg was counted that never came to be."""
        self._ended_seen += 1

    def heartbeat(self, heartbeat: Heartbeat) -> int:
        """How many endings are newly known to be missing."""
        missing = heartbeat.legs_started - heartbeat.legs_live - self._ended_seen
        pair, self._missing_before = [*self._missing_before, missing], [missing]
        if len(pair) < 2:
            return 0
        if self._missing_known is None:  # What ended before we listened is nobody's loss.
            self._missing_known = max(pair)
            return 0
        lost = max(0, min(pair) - self._missing_known)
        self._missing_known += lost
        return lost
