"""Counters after a start and after a reload: a cap that is new at noon has counted the morning.

What finished calls used comes from the database, read on the one thread that also writes it; calls that were not in it
at that moment are added here, each once: those that live hold units from now on, those that ended meanwhile are judged
as at any hang-up. Nothing of it lets another greenlet run between the last look and the new counters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ppc_engine.billing.cap_verdicts import kept_units
from ppc_engine.calls.call import Call
from ppc_engine.calls.record import CDR
from ppc_engine.calls.state import CallContext
from ppc_engine.calls.states import Phase
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.engine.usage import Usage
from ppc_engine.ports import Clock
from ppc_engine.routing.attribution import attribute
from ppc_engine.routing.caps import CapRule, number_rules
from ppc_engine.routing.eligibility import share_of

Counted = dict[str, int]
OpenCalls = list[tuple[str, list[dict[str, Any]]]]
Judge = Callable[[CDR, Collection[str]], Counted]


class ReadUsed(Protocol):
    """What finished calls have used (storage/cap_usage.py)."""

    def __call__(
        self, context: CallContext, rules: Iterable[CapRule], at: int, held: Collection[str], judged: Judge
    ) -> Counted: ...


@dataclass(slots=True)
class Seeds:
    """What was read for caps that are new. ``unwritten`` ended before, but were not in the database yet."""

    context: CallContext
    keys: frozenset[str]
    counted: Counted
    unwritten: list[CDR] = field(default_factory=list)


class CapSeeding:
    """Brings counters up to what is true. ``live`` and ``unwritten`` are the calls that the engine itself holds."""

    def __init__(
        self,
        usage: Usage,
        *,
        clock: Clock,
        off_hub: OffHub,
        read: ReadUsed,
        live: Callable[[], Iterable[Call]],
        unwritten: Callable[[], Iterable[CDR]],
        given_back: Callable[[], Mapping[str, int]],
    ) -> None:
        self._usage = usage
        self._clock = clock
        self._off_hub = off_hub
        self._read = read
        self._live = live
        self._unwritten = unwritten
        self._given_back = given_back
        self._known: frozenset[tuple[str, str]] = frozenset()

    def prepare(self, context: CallContext, journalled: Collection[str] = ()) -> Seeds:
        """Read what the caps that are not counted yet have used. Other greenlets run meanwhile."""
        at = self._clock.now_us()
        new = [rule for rule in every_rule(context) if rule.measure and (rule.base, rule.zone) not in self._known]
        if not new:
            return Seeds(context, frozenset(), {})
        unwritten = list(self._unwritten())
        held = {*journalled, *(call.state.call_id for call in self._live()), *(cdr.call_id for cdr in unwritten)}
        self._usage.finished = []

        def read() -> tuple[Counted, Mapping[str, int]]:
            counted = self._read(context, new, at, sorted(held), lambda cdr, keys: used_by(cdr, context, keys))
            return counted, self._given_back()

        counted, given_back = self._off_hub.run(read)
        for key, units in given_back.items():
            if key in counted:
                counted[key] = max(0, counted[key] - units)
        return Seeds(context, frozenset(rule.key(at) for rule in new), counted, unwritten)

    def sow(self, seeds: Seeds) -> None:
        """Set the counters of new caps, and count from now on for all of them. Nothing else runs meanwhile."""
        counted = {key: seeds.counted.get(key, 0) for key in seeds.keys}
        for cdr in seeds.unwritten:
            _add(counted, used_by(cdr, seeds.context, seeds.keys))
        for cdr, had in self._usage.finished or ():
            _add(counted, used_by(cdr, seeds.context, seeds.keys - had))
        self._usage.finished = None
        if counted:
            self._usage.capacity.seed(counted)
        self._usage.use(seeds.context.routes)
        self._known = frozenset((rule.base, rule.zone) for rule in every_rule(seeds.context))
        self.hold(seeds)

    def restore(self, context: CallContext, open_calls: OpenCalls, restore: Callable[[OpenCalls], int]) -> int:
        """A start: what the database holds, and then what ``restore`` makes of the calls in the journal."""
        seeds = self.prepare(context, journalled=[call_id for call_id, _ in open_calls])
        self.sow(seeds)
        self._usage.finished = []
        restored = restore(open_calls)
        ended, self._usage.finished = self._usage.finished, None
        self.hold(seeds)
        self._add(seeds, ended)
        return restored

    def _add(self, seeds: Seeds, ended: Iterable[tuple[CDR, frozenset[str]]]) -> None:
        """Count what calls used that ended as soon as they were restored, beyond what they held themselves."""
        for number, (cdr, had) in enumerate(ended):
            lease_id = f"restored:{number}"
            self._usage.capacity.restore(lease_id, used := used_by(cdr, seeds.context, seeds.keys - had))
            self._usage.capacity.settle(lease_id, used)

    def hold(self, seeds: Seeds) -> None:
        """Let calls that live hold what they owe to new caps; what they hold already is not counted again."""
        for call in self._live():
            for lease_id, amounts in held_by(call, seeds.context, seeds.keys).items():
                self._usage.capacity.restore(lease_id, amounts)


def _add(counted: Counted, more: Mapping[str, int]) -> None:
    for key, amount in more.items():
        counted[key] = counted.get(key, 0) + amount


def every_rule(context: CallContext) -> list[CapRule]:
    """Every cap of a catalog and of its numbers."""
    rules = [*context.routes.caps.all_rules()]
    for number in context.numbers.values():
        if number.caps or number.concurrency_cap is not None:
            rules += number_rules(number, context.catalog.publishers.get(number.publisher))
    return rules


def used_by(cdr: CDR, context: CallContext, keys: Collection[str]) -> Counted:
    """What a finished call counts on these counters, as if it had held a unit of each."""
    if cdr.test:
        return {}
    catalog, caps = context.catalog, context.routes.caps
    held: dict[str, dict[str, int]] = {}
    campaign = catalog.campaigns.get(cdr.campaign)
    for attempt in cdr.attempts:
        if attempt.target in catalog.targets:
            rules = caps.attempt_rules(*catalog.targets[attempt.target], campaign)
            held[attempt.attempt_id] = _amounts(rules, attempt.dialed_at, keys)
    if campaign is not None:
        number = attribute(cdr.dialed_number, context.numbers)
        publisher = catalog.publishers.get(cdr.publisher)
        rules = caps.call_rules(campaign, publisher, cdr.caller_key, number, cdr.trunk)
        held[cdr.call_id] = _amounts(rules, cdr.offered_at, keys)
    counted: Counted = {}
    for amounts in kept_units(cdr, catalog, held).values():
        _add(counted, amounts)
    return counted


def held_by(call: Call, context: CallContext, keys: Collection[str]) -> dict[str, dict[str, int]]:
    """What a live call holds of these counters, by lease: all that counts already or still may; and every slot."""
    state, catalog, caps = call.state, context.catalog, context.routes.caps
    campaign = catalog.campaigns.get(state.campaign)
    if campaign is None or state.phase in (Phase.NEW, Phase.CLAIMING, Phase.ENDED):
        return {}
    held: dict[str, dict[str, int]] = {}
    shared = call.shares()  # What it took itself is not taken again.
    for attempt in state.attempts:
        known = catalog.targets.get(attempt.target)
        if known is None or not attempt.reserved_at or (attempt.over and not attempt.dialed):
            continue
        live = not attempt.over and not attempt.leg_ended
        for rule in caps.attempt_rules(*known, campaign):
            share, key = share_of(rule, known[0].id), rule.key(attempt.reserved_at)
            if rule.measure:
                counts = rule.measure == "attempt" or call.may_count(attempt, rule.measure)
                if key not in keys or state.test or known[1].test or share in shared or not counts:
                    continue
                shared |= {share} if rule.measure != "attempt" else set()
            elif not live:
                continue
            held.setdefault(attempt.attempt_id, {})[key] = rule.amount
    number = attribute(state.dialed_number, context.numbers)
    rules = caps.call_rules(campaign, catalog.publishers.get(state.publisher), state.caller_key, number, state.trunk)
    of_call = {} if state.test else _amounts(rules, state.offered_at, keys)
    of_call |= {rule.owner: rule.amount for rule in rules if not rule.measure}
    return {**held, **({state.call_id: of_call} if of_call else {})}


def _amounts(rules: Iterable[CapRule], at: int, keys: Collection[str]) -> dict[str, int]:
    return {key: rule.amount for rule in rules if rule.measure and (key := rule.key(at)) in keys}
