"""Drives one call through the pure core as a trace: an event goes in, short words for its commands come out.

The call is saved as JSON and read back between any two events, so resuming is tested by every trace; ``check_replay``
runs the journalled facts through a fresh call and wants the same turns.
"""

from __future__ import annotations

from typing import Any

from ppc_engine.calls import ids
from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CancelTimer,
    CollectDigits,
    Command,
    Dial,
    Finish,
    Hangup,
    HangupLeg,
    JoinQueue,
    LeaveQueue,
    LookUp,
    Play,
    ReadUsage,
    RecordMessage,
    ReleaseSlot,
    ReserveSlot,
    Say,
    StartRecording,
    StartTimer,
    TakeBack,
)
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
    QueueFull,
    QueueJoined,
    QueueTurn,
    SlotRefused,
    SlotReserved,
    TimerFired,
    UsageRead,
    event_from_plain,
)
from ppc_engine.calls.fold import build_cdr
from ppc_engine.calls.record import CDR
from ppc_engine.calls.retelling import retell
from ppc_engine.calls.state import CallContext, dump_state, load_state
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, TrackingNumber
from ppc_engine.flows.load import load_flows
from ppc_engine.values.document import Document
from ppc_engine.values.places import Places

T0 = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z, a Monday: 07:13 in Los Angeles.
CALL_ID = "2fdc8c63-21c1-4aa0-9a1b-0a4f5b9d6c11"
KEY = b"a key for tests only"
PLACES = Places(
    zips={"90210": "CA", "10001": "NY", "02134": "MA"}, area_codes={"310": "CA", "212": "NY"}, fingerprint="test"
)

FLOW = {
    "id": "roofing",
    "start": "hello",
    "nodes": {
        "hello": {"type": "answer", "exits": {"done": "welcome"}},
        "welcome": {"type": "play", "prompt": "welcome", "exits": {"done": "ask_zip"}},
        "ask_zip": {
            "type": "collect_zip",
            "prompt": "enter_zip",
            "retry_prompt": "bad_zip",
            "tries": "2",
            "total_ms_max": "30000",
            "exits": {"ok": "sell", "zip_failed": "sorry"},
        },
        "sell": {
            "type": "route",
            "exits": {
                "ended": "bye",
                "no_match": "sorry",
                "all_closed": "sorry",
                "all_capped": "sorry",
                "all_no_answer": "sorry",
                "recovered_none": "bye",
            },
        },
        "sorry": {"type": "play", "prompt": "sorry", "exits": {"done": "bye"}},
        "bye": {"type": "hangup"},
    },
}
DIRECT = {"id": "direct", "start": "sell", "nodes": {"sell": FLOW["nodes"]["sell"], "bye": {"type": "hangup"}}}
DIRECT["nodes"] = {
    "sell": {"type": "route", "exits": dict.fromkeys(FLOW["nodes"]["sell"]["exits"], "bye")},
    "bye": {"type": "hangup", "cause": "NORMAL_TEMPORARY_FAILURE"},
}


def target(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "destination": f"sip:{name}@127.0.0.1:6001", **more}


def buyer(name: str, *targets: dict[str, Any], **more: Any) -> Buyer:
    offers = more.pop("offers", ({"id": f"{name}-offer", "campaign": "roofing", "amount": "40", **OFFER},))
    return Buyer.model_validate(
        {"id": name, "name": name.title(), "zone": "UTC", "targets": targets, "offers": offers, **more}
    )


OFFER = {"connected_ms_min": 90_000}


def context(
    *buyers: Buyer, flow: dict[str, Any] = FLOW, publisher: dict[str, Any] | None = None, **campaign: Any
) -> CallContext:
    """A network of one campaign, one publisher (Peak), one number and these buyers."""
    targets = {t["id"] if isinstance(t, dict) else t.id: (b, t) for b in buyers for t in b.targets}
    catalog = Catalog(
        campaigns={
            "roofing": Campaign.model_validate(
                {"id": "roofing", "name": "Roofing", "flow": flow["id"], "targets": tuple(targets), **campaign}
            )
        },
        publishers={
            "peak": Publisher.model_validate({"id": "peak", "name": "Peak", "zone": "UTC", **(publisher or {})})
        },
        buyers={b.id: b for b in buyers},
        targets=targets,
    )
    flows, issues = load_flows([Document("flow.yaml", flow, {})], targets=targets, prompts=None)
    assert not issues, issues
    number = TrackingNumber(number="+18005550100", campaign="roofing", publisher="peak")
    return CallContext(
        catalog=catalog,
        flows=flows,
        numbers={number.number: number},
        places=PLACES,
        revision="r1",
        code_version="test",
        key=KEY,
    )


def words(command: Command) -> str:
    """A command as a telecom engineer would say it."""
    match command:
        case Answer():
            return "answer"
        case Play():
            return f"{'loop' if command.loops else 'play'} {command.prompt}"
        case CollectDigits():
            return f"collect {command.prompt}"
        case ReadUsage():
            return "usage"
        case ReserveSlot():
            return f"reserve {command.lease_id.removeprefix(CALL_ID) or ':call'} {' '.join(command.caps)}"
        case ReleaseSlot():
            return f"release {command.lease_id.removeprefix(CALL_ID) or ':call'}"
        case Dial():
            return f"dial {' '.join(leg.destination.removeprefix('sip:').partition('@')[0] for leg in command.legs)}"
        case Say():
            return f"say {command.text}"
        case RecordMessage():
            return f"record message {command.message_ms_max} {command.silence_ms_max}"
        case StartRecording():
            return "record call"
        case LookUp():
            return f"look up {command.kind} {command.key}"
        case BreakApp():
            return "break"
        case JoinQueue():
            return f"join {command.queue}"
        case LeaveQueue():
            return f"leave {command.queue}"
        case Hangup():
            return f"hangup {command.cause}"
        case HangupLeg():
            return f"hangup leg {command.cause}"
        case TakeBack():
            return "take back"
        case Finish():
            return "finish"
        case _:
            raise AssertionError(f"no word for {command}")


class Trace:
    """One call. Every method is one event ``at`` seconds after the offer and returns the commands in words."""

    def __init__(self, call_context: CallContext) -> None:
        self.context = call_context
        self.call = Call.new(call_context, CALL_ID)
        self.facts: list[dict[str, Any]] = []
        self.timers: dict[str, int] = {}
        self.decisions: list[tuple[str, dict[str, Any]]] = []
        self.at = T0

    def take(self, event: Event) -> list[str]:
        self.call = Call(self.context, load_state(dump_state(self.call.state)))
        turn = self.call.handle(event)
        self.facts.append(turn.to_plain())
        self.decisions += [(decision.kind, decision.data) for decision in turn.decisions]
        for command in turn.commands:
            if isinstance(command, StartTimer):
                self.timers[command.name] = command.after_ms
            elif isinstance(command, CancelTimer):
                self.timers.pop(command.name, None)
        told = []
        for command in turn.commands:
            if isinstance(command, ReadUsage):
                capped = sorted(self.call.pool().caps)
                # A pool without caps is answered at once, as an engine does: traces of calls without caps stay short.
                told += [" ".join(["usage", *capped])] if capped else self.usage()
            elif not isinstance(command, (StartTimer, CancelTimer)):
                told.append(words(command))
        return told

    def time(self, at: float) -> int:
        self.at = T0 + round(at * 1_000_000)
        return self.at

    def told(self, kind: str) -> dict[str, Any]:
        """The last decision of a kind."""
        return next(data for told, data in reversed(self.decisions) if told == kind)

    def candidates(self) -> list[dict[str, Any]]:
        """Every candidate of the last choice, as an explanation tells them."""
        retold = retell(self.context, CALL_ID, self.facts)
        return next(seen["candidates"] for _, seen in sorted(retold.seen.items(), reverse=True) if "candidates" in seen)

    def park(self, at: float = 0, **more: Any) -> list[str]:
        offer = {"dialed_number": "+18005550100", "caller_number": "+13105550123", "offered_at": T0, **more}
        event = CallParked(call_id=CALL_ID, at=self.time(at), core_uuid="core", timer_id="1", **offer)
        return self.take(event)

    def done(
        self, at: float, digits: str = "", command: int = 0, answered: bool = True, cause: str = "", **more: Any
    ) -> list[str]:
        number = command or self.call.state.commands_given
        self.time(at)
        answered_at = (self.call.state.answered_at or self.at) if answered else 0
        return self.take(
            AppCompleted(
                call_id=CALL_ID, at=self.at, command_id=f"{CALL_ID}.{number}", app="", answered_at=answered_at,
                digits=digits, cause=cause, **more,
            )
        )  # fmt: skip

    def looked_up(self, at: float, status: str = "ok", command: int = 0, **data: Any) -> list[str]:
        command_id = f"{CALL_ID}.{command}" if command else self.call.state.pending
        event = LookedUp(call_id=CALL_ID, at=self.time(at), command_id=command_id, status=status, data=data)
        return self.take(event)

    def usage(self, **used: int) -> list[str]:
        named = {name.replace("__", ":").replace("_", "-"): count for name, count in used.items()}
        return self.take(UsageRead(call_id=CALL_ID, at=self.at, used=named))

    def slot(self) -> list[str]:
        lease = list(self.call.state.leases)[-1]
        return self.take(SlotReserved(call_id=CALL_ID, at=self.at, lease_id=lease))

    def full(self, **caps: list[int]) -> list[str]:
        lease = list(self.call.state.leases)[-1]
        return self.take(SlotRefused(call_id=CALL_ID, at=self.at, lease_id=lease, full=dict(caps)))

    def slot_of(self, lease_id: str) -> list[str]:
        return self.take(SlotReserved(call_id=CALL_ID, at=self.at, lease_id=lease_id))

    def full_of(self, lease_id: str, caps: dict[str, list[int]]) -> list[str]:
        return self.take(SlotRefused(call_id=CALL_ID, at=self.at, lease_id=lease_id, full=caps))

    def joined(self, at: float, position: int, waiting: int = 0) -> list[str]:
        queue = self.queue()
        event = QueueJoined(
            call_id=CALL_ID, at=self.time(at), queue=queue, position=position, waiting=waiting or position
        )
        return self.take(event)

    def queue_full(self, at: float, limit: int) -> list[str]:
        event = QueueFull(call_id=CALL_ID, at=self.time(at), queue=self.queue(), waiting=limit, limit=limit)
        return self.take(event)

    def turn(self, at: float) -> list[str]:
        return self.take(QueueTurn(call_id=CALL_ID, at=self.time(at), queue=self.queue()))

    def queue(self) -> str:
        hunt = self.call.state.hunt
        assert hunt is not None and hunt.queue is not None
        return hunt.queue.name

    def stray_done(self, at: float) -> list[str]:
        """A bridge ends that was begun by a command which no fact tells of."""
        event = AppCompleted(call_id=CALL_ID, at=self.time(at), command_id=f"{CALL_ID}.99", app="bridge")
        return self.take(event)

    def leg(self, number: int) -> str:
        return ids.leg_id(KEY, ids.attempt_id(CALL_ID, number))

    def bridged(self, at: float, number: int = 1) -> list[str]:
        return self.take(LegBridged(call_id=CALL_ID, at=self.time(at), leg_id=self.leg(number)))

    def leg_ended(
        self, at: float, cause: str, number: int = 1, *, dialed: float = 0, bridged: float = 0, by: str = "recv_bye",
        sip: int = 0, answered: float = 0,
    ) -> list[str]:  # fmt: skip
        ended_at = self.time(at)
        bridged_at = T0 + round(bridged * 1_000_000) if bridged else 0
        answered_at = T0 + round(answered * 1_000_000) if answered else bridged_at
        return self.take(
            LegEnded(
                call_id=CALL_ID, at=ended_at, leg_id=self.leg(number), cause=cause, sip_status=sip, disposition=by,
                created_at=T0 + round(dialed * 1_000_000), answered_at=answered_at, bridged_at=bridged_at,
                ended_at=ended_at,
            )
        )  # fmt: skip

    def fires(self, at: float, name: str) -> list[str]:
        assert name in self.timers, f"no timer {name}: {self.timers}"
        del self.timers[name]
        return self.take(TimerFired(call_id=CALL_ID, at=self.time(at), name=name))

    def hung_up(self, at: float, cause: str = "NORMAL_CLEARING") -> list[str]:
        return self.take(CallHungUp(call_id=CALL_ID, at=self.time(at), cause=cause))

    def ended(self, at: float, by: str = "recv_bye", cause: str = "NORMAL_CLEARING", **more: Any) -> list[str]:
        ended_at = self.time(at)
        answered_at = self.call.state.answered_at
        return self.take(
            CallEnded(
                call_id=CALL_ID, at=ended_at, cause=cause, disposition=by, offered_at=T0, answered_at=answered_at,
                ended_at=ended_at, **more,
            )
        )  # fmt: skip

    def adopted(self, at: float, app: str, *, bridged: int = 0, restarted: bool = True) -> list[str]:
        leg = self.leg(bridged) if bridged else ""
        event = CallAdopted(
            call_id=CALL_ID, at=self.time(at), app=app, answered_at=self.call.state.answered_at, bridged_leg_id=leg,
            restarted=restarted,
        )  # fmt: skip
        return self.take(event)

    def refused(self, at: float) -> list[str]:
        command_id = self.call.state.pending
        return self.take(CommandFailed(call_id=CALL_ID, at=self.time(at), command_id=command_id, reason="-ERR"))

    def vanished(self, at: float) -> list[str]:
        return self.take(CallVanished(call_id=CALL_ID, at=self.time(at), reason="gone"))

    def cdr(self) -> CDR:
        """The folded record, after making sure that a replay of the facts decides the same."""
        self.check_replay()
        return build_cdr(CALL_ID, self.facts)

    def check_replay(self) -> None:
        again = Call.new(self.context, CALL_ID)
        for fact in self.facts:
            assert again.handle(event_from_plain(CALL_ID, fact["e"])).to_plain() == fact
        assert dump_state(again.state) == dump_state(self.call.state)
