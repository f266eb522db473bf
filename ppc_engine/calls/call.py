"""One call's state machine: an event goes in, a turn (decisions and commands) comes out. It does nothing itself.

Rules: no clock, no draw, no I/O; time is the event's own; what phase listens to what stands in ``states.TABLE``. The
same events with the same context give the same turns: replay, explanation and recovery after a crash rest on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ppc_engine.calls.commands import CancelTimer, Hangup, Turn
from ppc_engine.calls.events import (
    CallAdopted,
    CallEnded,
    CallHungUp,
    CallParked,
    CallVanished,
    Event,
    LegEnded,
    SlotRefused,
    SlotReserved,
    TimerFired,
    event_from_plain,
    to_plain,
)
from ppc_engine.calls.operating import Operating
from ppc_engine.calls.state import CallContext, CallState
from ppc_engine.calls.states import TABLE, Phase, Step
from ppc_engine.calls.turning import LEAVE_MS_MAX, LEG_END_MS_MAX
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.flows.waits import Resume
from ppc_engine.routing.attribution import attribute
from ppc_engine.values.phone import area_code, caller_kind, normalise

OWN_TAGS = frozenset({"zip_code", "zip_source", "state", "sticky_target"})  # What no trunk may set as it likes.
FALLBACK_EXTENSION = "ppc_fallback"  # Where the dead-man's switch sends a call that no engine holds.


class Call(Operating):
    """One inbound call, from park to its last event."""

    @classmethod
    def new(cls, context: CallContext, call_id: str) -> Call:
        """A call of which nothing has happened yet."""
        return cls(context, CallState(call_id=call_id))

    @classmethod
    def replay(cls, context: CallContext, call_id: str, facts: Iterable[Mapping[str, Any]]) -> Call:
        """The call as it stood after these journalled facts; what they led to is not done again."""
        call = cls.new(context, call_id)
        for fact in facts:
            call.handle(event_from_plain(call_id, fact["e"]))
        return call

    @property
    def talking(self) -> bool:
        """Whether caller and target talk: from then on no timer may stand that would end it."""
        if self.state.phase is not Phase.HUNTING:
            return False
        return self._hunt().step is Step.TALK or self._hunt().stray_talks

    @property
    def needs_claim(self) -> bool:
        """Whether the dead-man's timer must be renewed: we hold the caller and nobody talks to them."""
        return self.state.phase not in (Phase.NEW, Phase.ENDED, Phase.LEAVING) and not self.talking

    def held_leases(self) -> dict[str, dict[str, int]]:
        """Leases that were granted; one that was only asked for when the engine died is not held."""
        state = self.state
        asked = [state.call_id] if state.phase is Phase.CLAIMING else []
        if state.hunt is not None:
            asked += [attempt.attempt_id for attempt in state.attempts if attempt.number in state.hunt.awaited]
        return {
            lease_id: {key: amount for key, (amount, _) in caps.items()}
            for lease_id, caps in state.leases.items()
            if lease_id not in asked
        }

    def handle(self, event: Event) -> Turn:
        """Take one event; the turn says what was decided and what is to be done, in order."""
        self._at = event.at
        self._decisions, self._commands = [], []
        handler = TABLE[self.state.phase].get(type(event))
        if handler is None:
            self._tell("ignored", {"phase": str(self.state.phase)})
        else:
            getattr(self, handler)(event)
        self.state.last_at = max(self.state.last_at, event.at)
        return Turn(to_plain(event), self._decisions, self._commands)

    # The offer: attribution, then the slots that the call itself needs.

    def _on_offered(self, event: CallParked) -> None:
        state, context = self.state, self.context
        number = attribute(event.dialed_number, context.numbers)
        self._take_caller(event)
        state.brought = self._tags_brought(event)
        marks = self._test_marks(number)
        state.test = bool(marks)
        self._tell(
            "opened",
            {
                "code": context.code_version,
                "revision": context.revision,
                "data": dict(context.data_hashes),
                "token": self._token(),
                "number": dict(number) if number else None,
                "caller_kind": state.caller_kind,
                "caller_key": state.caller_key,
                "area_code": state.area_code,
                "state": context.places.area_code_state(state.area_code),
                **({"test": marks} if marks else {}),
                **({"attestation": state.attestation} if state.attestation else {}),
                **({"tags": state.brought} if state.brought else {}),
            },
        )
        if number is None:
            self._leave("UNALLOCATED_NUMBER", "unknown_number")
            return
        if event.paused:
            self._refuse_paused(event)
            return
        campaign = context.catalog.campaigns.get(number.campaign)
        if campaign is None or campaign.flow not in context.flows:
            self._tell("misconfigured", {"campaign": number.campaign, "flow": campaign.flow if campaign else ""})
            self._leave("NORMAL_TEMPORARY_FAILURE", "failed")
            return
        state.campaign, state.publisher = number.campaign, number.publisher
        state.phase = Phase.CLAIMING
        if not self._reserve_call(campaign, number):
            self._start_flow()

    def _trusted(self, trunk: str) -> bool:
        """Whether what this way in says of its callers is believed."""
        known = self.context.catalog.trunks.get(trunk)
        return known is not None and known.trusted

    def _take_caller(self, event: CallParked) -> None:
        """Who calls: by the asserted identity of a trusted trunk, else by From (semantics.md, "Who the caller is")."""
        state, trusted = self.state, self._trusted(event.trunk)
        told = event.caller_number
        if trusted and normalise(event.asserted_number):
            told = event.asserted_number
        elif event.trunk in self.context.catalog.trunks and not trusted:
            told = event.from_number or told
        kind = caller_kind(told)
        state.dialed_number, state.timer_id, state.trunk = event.dialed_number, event.timer_id, event.trunk
        state.offered_at, state.answered_at = event.offered_at, event.answered_at
        state.caller_kind, state.private = kind, event.private
        state.caller_number = normalise(told) if kind in ("valid", "toll_free") else ""
        state.caller_key = state.caller_number if kind == "valid" else ""
        state.area_code = area_code(state.caller_key)
        state.attestation = event.attestation if trusted else ""

    def _tags_brought(self, event: CallParked) -> dict[str, str]:
        """Tags that a trusted trunk sent along; a ZIP among them is one of the caller's place."""
        if not event.tags or not self._trusted(event.trunk):
            return {}
        tags = {name: value for name, value in event.tags.items() if name not in OWN_TAGS}
        place = self.context.places.zip_state(event.tags.get("zip_code", ""))
        if place:
            tags.update(zip_code=event.tags["zip_code"], zip_source="header", state=place)
        return tags

    def _test_marks(self, number: TrackingNumber | None) -> list[str]:
        """What makes this a test call from the start: its number, its caller, or both (semantics.md, "Test calls")."""
        campaign = self.context.catalog.campaigns.get(number.campaign) if number else None
        callers = self.context.test_callers | (campaign.test_callers if campaign else frozenset())
        marked = {"number": number is not None and number.test, "caller": self.state.caller_key in callers}
        return [what for what, is_marked in marked.items() if is_marked]

    def _on_claimed(self, event: SlotReserved) -> None:
        if event.lease_id == self.state.call_id:
            self._start_flow()

    def _on_claim_refused(self, event: SlotRefused) -> None:
        self.state.leases.pop(event.lease_id, None)
        self._tell("call_refused", {"full": event.full})
        self._leave("USER_BUSY", "all_capped")

    def _on_late_slot(self, event: SlotReserved) -> None:
        """The caller left while the slot was being taken: it goes straight back."""
        self._release(event.lease_id)

    def _after_hunt(self, route_exit: str) -> None:
        self._tell("route", {"exit": route_exit})
        ordered, self.state.hunt = self._hunt().ordered, None
        if ordered:
            self._after_ordered_hunt(route_exit)
        else:
            self._resume_flow(Resume(route_exit=route_exit))

    # The end.

    def _on_hung_up(self, event: CallHungUp) -> None:
        if self.state.phase is not Phase.LEAVING:
            self._left()
            self._start_timer("leave", LEAVE_MS_MAX)

    def _left(self) -> None:
        hunt = self.state.hunt
        waited = hunt is not None and hunt.queue is not None and hunt.step is Step.QUEUE
        self.state.hung_up_in = "queue" if waited else str(self.state.phase)
        if self.state.phase is Phase.HUNTING:
            self._leave_line()
        self.state.phase = Phase.LEAVING

    def _on_ended(self, event: CallEnded) -> None:
        if self.state.phase is Phase.LEAVING:
            self._give(CancelTimer(call_id=self.state.call_id, name="leave"))
        else:
            self._left()
        self.state.end_seen = True
        self._take_answer(event.answered_at)
        if event.destination == FALLBACK_EXTENSION:
            self.state.failure = "engine_fallback"
        if self._legs_missing():
            self._start_timer("legs", LEG_END_MS_MAX)
        else:
            self._finish(estimated=False)

    def _legs_missing(self) -> bool:
        return any(a.dialed and not a.leg_ended and not (a.over and not a.connected) for a in self.state.attempts)

    def _on_leg_ended(self, event: LegEnded) -> None:
        if self.state.phase is Phase.HUNTING:
            super()._on_leg_ended(event)
            return
        if self._take_leg_end(event) is not None and self.state.end_seen and not self._legs_missing():
            self._give(CancelTimer(call_id=self.state.call_id, name="legs"))
            self._finish(estimated=False)

    def _on_leave_timer(self, event: TimerFired) -> None:
        if event.name == "legs" and self.state.end_seen:
            connected_unseen = any(a.connected and not a.leg_ended for a in self.state.attempts)
            self._finish(estimated=connected_unseen)
        elif event.name == "leave" and not self.state.end_seen:
            # The switch decides whether the call is gone: the reconciler asks it and sends CallVanished if so.
            self._tell("deadline", {"timer": "leave"})
            self._give(Hangup(call_id=self.state.call_id, cause="NORMAL_CLEARING"))
            self._start_timer("leave", LEAVE_MS_MAX)

    def _on_vanished(self, event: CallVanished) -> None:
        self._tell("vanished", {"reason": event.reason})
        if not self.state.failure:
            self.state.failure = "engine_fallback"  # What the dead-man's switch is for; a talk stays a talk.
        self._finish(estimated=True)

    # After a restart of the engine, or of its connection: nothing that was missed is guessed.

    def _on_adopted(self, event: CallAdopted) -> None:
        self._take_answer(event.answered_at)
        if self.state.phase is Phase.CLAIMING:
            self._reserve(self.state.call_id, {**self.state.leases[self.state.call_id]})
        elif self.state.phase is Phase.FLOW:
            self._ask_again(event)
        elif self.state.phase is Phase.HUNTING:
            self._hunt_again(event)
        else:
            self._give(Hangup(call_id=self.state.call_id, cause="NORMAL_CLEARING"))
            self._start_timer("leave", LEAVE_MS_MAX)
