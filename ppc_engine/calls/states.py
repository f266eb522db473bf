"""The phases of a call and what each listens to: the whole design of the call machine stands in this table.

Rules: nothing but ``Call`` changes a phase; an event that is not in the table of the phase changes nothing and is told
as ``ignored`` (the switch repeats events, and those of two legs race each other); a phase never goes back except from
HUNTING to FLOW, when a flow goes on after its route node.

    NEW -> CLAIMING -> FLOW <-> HUNTING -> LEAVING -> ENDED
"""

from __future__ import annotations

from enum import StrEnum

from ppc_engine.calls.events import (
    AppCompleted,
    CallAdopted,
    CallEnded,
    CallHungUp,
    CallParked,
    CallVanished,
    CommandFailed,
    Event,
    LegBridged,
    LegEnded,
    LookedUp,
    OperatorHangup,
    OperatorRedirect,
    QueueFull,
    QueueJoined,
    QueueTurn,
    SlotRefused,
    SlotReserved,
    TimerFired,
    UsageRead,
)


class Phase(StrEnum):
    """Where a call stands."""

    NEW = "new"  # nothing known yet
    CLAIMING = "claiming"  # waits for the slots that the call itself needs
    FLOW = "flow"  # in the IVR: one application runs and is waited for
    HUNTING = "hunting"  # choosing, reserving, ringing, talking
    LEAVING = "leaving"  # being hung up, or hung up; last facts of its legs are awaited
    ENDED = "ended"  # folded; nothing counts any more


class Step(StrEnum):
    """Where a hunt stands."""

    USAGE = "usage"  # waits for the slots in use
    RESERVE = "reserve"  # waits for the attempt's own slots
    DIAL = "dial"  # the bridge application runs, nobody talks yet
    TALK = "talk"  # caller and target talk
    RETURN = "return"  # talked; the caller is on the way back to us, or to a hang-up
    PAUSE = "pause"  # waits before somebody is rung again
    QUEUE = "queue"  # waits in a line until somebody comes free
    BREAK = "break"  # waits for the end of what plays, to dial or to go on
    HISTORY = "history"  # waits for the caller's earlier calls, which some target has a rule about
    STRAY = "stray"  # a bridge runs that an earlier engine began and could not note


_ALWAYS: dict[type[Event], str] = {
    CallHungUp: "_on_hung_up",
    CallEnded: "_on_ended",
    CallVanished: "_on_vanished",
    CallAdopted: "_on_adopted",
    LegEnded: "_on_leg_ended",
    OperatorHangup: "_on_operator_hangup",
    OperatorRedirect: "_on_operator_redirect",
}

TABLE: dict[Phase, dict[type[Event], str]] = {
    Phase.NEW: {CallParked: "_on_offered"},
    Phase.CLAIMING: {**_ALWAYS, SlotReserved: "_on_claimed", SlotRefused: "_on_claim_refused"},
    Phase.FLOW: {
        **_ALWAYS,
        AppCompleted: "_on_app_completed",
        LookedUp: "_on_looked_up",
        TimerFired: "_on_flow_timer",
        CommandFailed: "_on_app_failed",
    },
    Phase.HUNTING: {
        **_ALWAYS,
        UsageRead: "_on_usage",
        LookedUp: "_on_earlier_calls",
        SlotReserved: "_on_slot",
        SlotRefused: "_on_slot_refused",
        QueueJoined: "_on_queue_joined",
        QueueFull: "_on_queue_full",
        QueueTurn: "_on_queue_turn",
        LegBridged: "_on_bridged",
        AppCompleted: "_on_hunt_app",
        CommandFailed: "_on_dial_failed",
        CallParked: "_on_returned",
        TimerFired: "_on_hunt_timer",
    },
    Phase.LEAVING: {**_ALWAYS, TimerFired: "_on_leave_timer", SlotReserved: "_on_late_slot"},
    Phase.ENDED: {},
}
