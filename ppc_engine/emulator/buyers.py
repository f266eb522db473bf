"""Buyers: telephones that ring, answer, refuse, or are not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppc_engine.emulator import causes, sip
from ppc_engine.emulator.channel import Channel
from ppc_engine.emulator.draws import draw_between, draw_weighted
from ppc_engine.emulator.scenario import Behaviour, Buyer, Scenario

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

FIRST_RESPONSE_US = 2_000  # The quickest answer of a target's telephone (recorded: 2-3 ms on loopback).
KEY_US = 300_000  # From one key of a target to its next.


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one dialled call is treated; ``fault`` is the cause when the switch makes no leg at all."""

    buyer: Buyer | None
    behaviour: Behaviour
    fault: str = ""


_NOBODY = Treatment(None, Behaviour(does="unreachable"))
_BUSY = Behaviour(does="busy")


class BuyerPhones:
    """The telephones of all buyers, by the dial strings that reach them, with the calls that each holds."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._buyers = scenario.buyers
        self._seed = seed
        self._profile = scenario.profile
        self._gateways = {buyer.gateway for buyer in scenario.buyers if buyer.gateway}
        self._legs: dict[str, Treatment] = {}
        self._held: dict[str, int] = {}
        self._dials: dict[str, int] = {}

    def choose(self, profile: str, address: str, gateway: str, number: str) -> Treatment:
        """Decide how a dialled call will be treated. Nobody listens where no buyer does; an unknown gateway or profile
        is no place at all (mod_sofia.c:4831, 4951)."""
        if profile and profile != self._profile:
            return Treatment(None, _BUSY, "INVALID_PROFILE")
        if gateway and gateway not in self._gateways:
            return Treatment(None, _BUSY, "INVALID_GATEWAY")
        buyer = next((buyer for buyer in self._buyers if buyer.listens_to(address, gateway, number)), None)
        if buyer is None:
            return _NOBODY
        nth = self._dials[buyer.id] = self._dials.get(buyer.id, 0) + 1
        if buyer.capacity is not None and self._held.get(buyer.id, 0) >= buyer.capacity:
            return Treatment(buyer, _BUSY)
        weights = [behaviour.weight for behaviour in buyer.behaviours]
        behaviour = buyer.behaviours[draw_weighted(weights, self._seed, "behaviour", buyer.id, nth)]
        return Treatment(buyer, behaviour, "GATEWAY_DOWN" if behaviour.does == "gateway_down" else "")

    def take(self, uuid: str, treatment: Treatment) -> None:
        """A leg was made: it occupies its telephone until it ends."""
        self._legs[uuid] = treatment
        if treatment.buyer is not None:
            self._held[treatment.buyer.id] = self._held.get(treatment.buyer.id, 0) + 1

    def hung_up(self, uuid: str) -> None:
        """A leg is over: its telephone is free again."""
        treatment = self._legs.pop(uuid, None)
        if treatment is not None and treatment.buyer is not None:
            self._held[treatment.buyer.id] -= 1

    def ring(self, model: SwitchModel, leg: Channel) -> None:
        """The INVITE arrives: what the telephone does, and when."""
        behaviour = self._legs[leg.uuid].behaviour

        def after(name: str) -> int:
            return max(FIRST_RESPONSE_US, draw_between(*getattr(behaviour, name), self._seed, leg.uuid, name) * 1000)

        does = behaviour.does
        if does in ("answer", "no_answer") or (does == "reject" and behaviour.rings_ms[1] > 0):
            model.at(model.now + after("progress_ms"), _progress, model, leg)
        rings = model.now + after("rings_ms")
        if does == "answer":
            model.at(rings, _pick_up, model, leg)
            for place, digit in enumerate(behaviour.presses):
                model.at(rings + after("presses_after_ms") + place * KEY_US, model.key, leg, digit)
            if behaviour.hangs_up_after_ms is not None:
                model.at(rings + after("hangs_up_after_ms"), model.far_end_hung_up, leg, 200, "recv_bye")
        elif does == "busy":
            model.at(rings, _refuse, model, leg, 486, True)
        elif does == "reject":
            model.at(rings, _refuse, model, leg, behaviour.status, True)
        elif does == "unreachable":
            model.at(rings, _refuse, model, leg, 503, False)


def _progress(model: SwitchModel, leg: Channel) -> None:
    if not leg.up or leg.answered_at or leg.progress_at:
        return
    leg.progress_at = model.now
    sip.heard_from(leg)
    caller = model.channels.get(leg.get("originator"))
    if caller is not None and caller.up:
        _show_target(caller, leg)
        caller.progress_at = caller.progress_at or model.now
        leg.other["Other-Leg-Channel-Progress-Time"] = str(model.now)
        model.poke(caller)
    model.emit("CHANNEL_PROGRESS", leg)
    leg.call_state = "RINGING"


def _show_target(caller: Channel, leg: Channel) -> None:
    callee = {name: leg.profile[name] for name in ("Callee-ID-Name", "Callee-ID-Number")}
    caller.profile = {**caller.profile, **callee}


def _pick_up(model: SwitchModel, leg: Channel) -> None:
    if not leg.up:
        return
    if not leg.progress_at:
        sip.heard_from(leg)
    leg.answered_at = model.now
    leg.media = True
    leg.update(sip.picked_up(leg))
    model.emit("CHANNEL_ANSWER", leg)
    leg.set("endpoint_disposition", "ANSWER")
    model.poke(leg, 0)
    caller = model.channels.get(leg.get("originator"))
    if caller is not None and caller.up:
        _show_target(caller, leg)
        model.poke(caller)


def _refuse(model: SwitchModel, leg: Channel, status: int, listening: bool) -> None:
    if not leg.up:
        return
    leg.update(sip.refused(leg, status, listening=listening))
    caller = model.partner_of(leg)
    if caller is not None:
        caller.update(
            {
                "sip_invite_failure_status": str(status),
                "sip_invite_failure_phrase": causes.phrase(status),
                "sip_hangup_phrase": causes.phrase(status),
            }
        )
    leg.remote_ended = "recv_refuse"
    model.hang_up(leg, causes.of_status(status), remote="recv_refuse")
