"""One call, from its offer to the money, through the code that decides live calls: nothing here decides anything.

The call goes through calls.Call (and with it flows and routing), its facts through the fold, its record through the
qualifier's judge; what is around it is ``World``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.billing.verdict import Judgement
from ppc_engine.calls.call import Call
from ppc_engine.calls.commands import Turn
from ppc_engine.calls.events import Event
from ppc_engine.calls.fold import build_cdr
from ppc_engine.calls.record import CDR
from ppc_engine.calls.retelling import retell
from ppc_engine.calls.state import CallContext
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import People
from ppc_engine.rehearsal.told import Visit, visits
from ppc_engine.rehearsal.world import Offer, RehearsalError, World

EVENTS_MAX = 5_000  # A call of more events than this goes round in circles.

OnTurn = Callable[[World, Turn], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """Everything that a rehearsed call came to. ``heard`` are the prompts that the caller heard, in order."""

    facts: list[dict[str, Any]]
    cdr: CDR
    judgement: Judgement
    path: tuple[Visit, ...]
    heard: tuple[str, ...]
    tags: dict[str, str]
    context: CallContext

    def choices(self) -> list[list[Mapping[str, Any]]]:
        """Every candidate of every choice among targets, with all reasons: the call is lived through once more."""
        retold = retell(self.context, self.cdr.call_id, self.facts)
        return [
            retold.of(number, place).get("candidates", data.get("candidates", []))
            for number, fact in enumerate(self.facts)
            for place, (kind, data) in enumerate(fact.get("d", ()))
            if kind == "selection"
        ]


def rehearse(
    context: CallContext,
    offer: Offer,
    people: People,
    others: Others,
    *,
    history: History | None = None,
    on_turn: OnTurn | None = None,
) -> Rehearsed:
    """Let a call happen, while ``others`` use caps. ``on_turn`` is told of a turn before its commands are performed.

    Raises RehearsalError when the call can never end, or does what this rehearsal does not know.
    """
    call = Call.new(context, offer.call_id)
    world = World(call, offer, people, others)
    facts: list[dict[str, Any]] = []
    event: Event | None = world.parked()
    while event is not None:
        turn = call.handle(event)
        facts.append(turn.to_plain())
        if on_turn is not None:
            on_turn(world, turn)
        world.perform(turn.commands)
        if world.finished:
            break
        if len(facts) >= EVENTS_MAX:
            raise RehearsalError(f"the call did not end within {EVENTS_MAX} events")
        event = world.agenda.next()
    if not world.finished:
        raise RehearsalError(f"nothing more happens, but the call has not ended (phase {call.state.phase})")
    cdr = build_cdr(offer.call_id, facts)
    return Rehearsed(
        facts=facts,
        cdr=cdr,
        judgement=judge(cdr, context.catalog, history or History()),
        path=visits(facts),
        heard=tuple(world.caller.heard),
        tags=dict(call.state.run.tags) if call.state.run else {},
        context=context,
    )
