"""The targets' side of a rehearsed switch: ringing one or several telephones, joining, parting.

The order of events of a real switch: a leg that ends is told before the application that rang it; after a talk the
caller is parked again (``returns``) or hung up; a caller who goes first takes every leg along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ppc_engine.calls.commands import Dial, HangupLeg, TakeBack
from ppc_engine.calls.commands import Leg as DialedLeg
from ppc_engine.calls.events import CallParked, Event, LegBridged, LegEnded
from ppc_engine.rehearsal.caller_leg import CallerLeg, Running
from ppc_engine.rehearsal.people import MS, People, Phone

REFUSALS = {
    "busy": ("USER_BUSY", 486, "recv_refuse"),
    "unreachable": ("NORMAL_TEMPORARY_FAILURE", 0, "recv_refuse"),
    "fail": ("NORMAL_TEMPORARY_FAILURE", 503, "recv_refuse"),
}
LEFT = ("NORMAL_CLEARING", 200, "recv_bye")  # Whoever answered hung up before talking to the caller.
NOT_ACCEPTED = ("ALLOTTED_TIMEOUT", 200, "send_bye")
REJECTED = {486: "USER_BUSY", 600: "USER_BUSY", 404: "UNALLOCATED_NUMBER", 603: "CALL_REJECTED", 403: "CALL_REJECTED",
            480: "NO_USER_RESPONSE", 503: "NORMAL_TEMPORARY_FAILURE", 302: "REQUESTED_CHAN_UNAVAIL"}  # fmt: skip


@dataclass(slots=True)
class Leg:
    """One target's leg of a ``bridge``."""

    leg_id: str
    phone: Phone
    created_at: int
    connected_ms_max: int
    ringing_at: int = 0
    answered_at: int = 0
    bridged_at: int = 0
    up: bool = True


class TargetLegs:
    """Every leg that this call made. ``target_of`` names the target of a leg, for its telephone."""

    def __init__(
        self, caller: CallerLeg, people: People, *, target_of: Callable[[str], str], parked: Callable[[], CallParked]
    ) -> None:
        self._caller = caller
        self._agenda = caller.agenda
        self._people = people
        self._target_of = target_of
        self._parked = parked
        self._returns = False
        self._legs: dict[str, Leg] = {}
        self._cause = ""
        self._bridge = Running("", "bridge")

    def dial(self, command: Dial) -> None:
        self._bridge = Running(command.command_id, "bridge")
        self._caller.run(self._bridge)
        self._returns, self._cause = command.returns, ""
        for wanted in command.legs:
            self._ring(wanted)
        if not self._ringing():
            self._agenda.add(0, lambda: self._caller.complete(cause=self._cause, of=self._bridge))

    def _ring(self, wanted: DialedLeg) -> None:
        phone = self._people.phone(self._target_of(wanted.leg_id))
        if phone.does == "gateway_down":
            self._cause = "GATEWAY_DOWN"
            return
        now = self._agenda.now
        leg = self._legs[wanted.leg_id] = Leg(wanted.leg_id, phone, now, wanted.connected_ms_max)
        rings_ms = min(phone.rings_ms, wanted.ring_ms_max)
        if phone.does in ("answer", "no_answer", "reject"):
            leg.ringing_at = now
            self._caller.reached("ringing")
        if phone.does == "silent":
            self._later(wanted.progress_ms_max, leg, "PROGRESS_TIMEOUT", 0, "send_cancel")
        elif phone.does == "no_answer" or phone.rings_ms > wanted.ring_ms_max:
            self._later(wanted.ring_ms_max, leg, "ALLOTTED_TIMEOUT", 0, "send_cancel")
        elif phone.does == "answer":
            self._agenda.add(rings_ms * MS, lambda: self._answered(leg, wanted))
        elif phone.does == "reject":
            self._later(rings_ms, leg, REJECTED.get(phone.status, "CALL_REJECTED"), phone.status, "recv_refuse")
        else:
            self._later(rings_ms if "rings_ms" in phone.model_fields_set else 0, leg, *REFUSALS[phone.does])

    def _later(self, after_ms: int, leg: Leg, cause: str, status: int, disposition: str) -> None:
        self._agenda.add(after_ms * MS, lambda: self._failed(leg, cause, status, disposition))

    def _ringing(self) -> list[Leg]:
        return [leg for leg in self._legs.values() if leg.up and not leg.bridged_at]

    def _failed(self, leg: Leg, cause: str, status: int, disposition: str) -> Event | None:
        if not leg.up or leg.bridged_at:
            return None
        self._cause = cause
        ended = self._end(leg, cause, disposition, status)
        if not self._ringing():
            self._agenda.add(0, lambda: self._caller.complete(cause=self._cause, of=self._bridge))
        return ended

    def _answered(self, leg: Leg, wanted: DialedLeg) -> Event | None:
        """Somebody took the call: joined at once, or after a whisper, or once the call was accepted by a key."""
        if not leg.up:
            return None
        leg.answered_at = self._agenda.now
        if leg.phone.leaves_ms is not None:
            self._agenda.add(leg.phone.leaves_ms * MS, lambda: self._failed(leg, *LEFT))
        hears_us = self._caller.prompt_us(wanted.whisper) if wanted.whisper else 0
        if not wanted.accept_prompt:
            if not hears_us:
                return self._joined(leg)
            self._agenda.add(hears_us, lambda: self._joined(leg))
            return None
        hears_us += self._caller.prompt_us(wanted.accept_prompt)
        pressed = wanted.accept_digit in leg.phone.presses if leg.phone.presses else False
        if pressed and hears_us <= wanted.accept_ms_max * MS:
            self._agenda.add(hears_us, lambda: self._joined(leg))
        else:
            self._agenda.add(wanted.accept_ms_max * MS, lambda: self._failed(leg, *NOT_ACCEPTED))
        return None

    def _joined(self, leg: Leg) -> Event | None:
        if not leg.up or not self._caller.up:
            return None
        now = self._agenda.now
        leg.bridged_at = now
        self._caller.pick_up()
        for loser in self._ringing():
            ended = self._end(loser, "LOSE_RACE", "send_cancel", 0)
            self._agenda.add(0, lambda ended=ended: ended)  # type: ignore[misc]
        talks_ms = min(leg.phone.talks_ms, leg.connected_ms_max)
        if leg.phone.talks_ms > leg.connected_ms_max:
            self._agenda.add(talks_ms * MS, lambda: self._parted(leg, "ALLOTTED_TIMEOUT", "send_bye"))
        elif leg.phone.hangs_up == "caller":
            self._agenda.add(talks_ms * MS, self._caller.leave)
        else:
            self._agenda.add(talks_ms * MS, lambda: self._parted(leg, "NORMAL_CLEARING", "recv_bye"))
        self._caller.reached("connected")
        return LegBridged(call_id=self._caller.call_id, at=now, leg_id=leg.leg_id)

    def _parted(self, leg: Leg, cause: str, disposition: str) -> Event | None:
        """The talk ended on the target's side: the caller comes back to us, or is hung up with it."""
        if not leg.up:
            return None
        ended = self._end(leg, cause, disposition, 200)
        if self._returns:
            self._agenda.add(0, lambda: self._caller.complete(cause="SUCCESS", of=self._bridge))
            self._agenda.add(0, self._parked)
        else:
            self._agenda.add(0, lambda: self._caller.over("NORMAL_CLEARING", "send_bye", 200))
        return ended

    def hang_up_leg(self, command: HangupLeg) -> None:
        leg = self._legs.get(command.leg_id)
        if leg is None or not leg.up:
            return
        make = self._parted if leg.bridged_at else self._hung_up_ringing
        self._agenda.add(0, lambda: make(leg, command.cause, "send_bye" if leg.bridged_at else "send_cancel"))

    def _hung_up_ringing(self, leg: Leg, cause: str, disposition: str) -> Event | None:
        return self._failed(leg, cause, 0, disposition)

    def take_back(self, _command: TakeBack) -> None:
        """The caller is taken out of a talk and parked again; the target's leg ends."""
        for leg in self._legs.values():
            if leg.up and leg.bridged_at:
                ended = self._end(leg, "NORMAL_CLEARING", "send_bye", 200)
                self._agenda.add(0, lambda ended=ended: ended)  # type: ignore[misc]
        self._agenda.add(0, self._parked)

    def caller_went(self) -> list[Event]:
        """The caller's leg is over: so are all others."""
        ended = []
        for leg in self._legs.values():
            if leg.up and leg.bridged_at:
                ended.append(self._end(leg, "NORMAL_CLEARING", "send_bye", 200))
            elif leg.up:
                ended.append(self._end(leg, "ORIGINATOR_CANCEL", "send_cancel", 0))
        return ended

    def _end(self, leg: Leg, cause: str, disposition: str, status: int) -> Event:
        leg.up = False
        return LegEnded(
            call_id=self._caller.call_id,
            at=self._agenda.now,
            leg_id=leg.leg_id,
            cause=cause,
            sip_status=status,
            disposition=disposition,
            created_at=leg.created_at,
            ringing_at=leg.ringing_at,
            answered_at=leg.answered_at,
            bridged_at=leg.bridged_at,
            ended_at=self._agenda.now,
        )
