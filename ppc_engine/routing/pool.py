"""The targets of one campaign, or of one route node, made ready to be chosen from: each filter is a set of bits.

A choice asks each filter once, for all targets at the same time, so that its cost hardly grows with their number. Bit
n of every set stands for the n-th target in the order of (priority, id). ``eligibility.py`` answers the same question
for one target in words; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ppc_engine.catalog.model import CONCURRENCY_MAX, Buyer, Campaign, Catalog, RoutedUniqueCaller, Target
from ppc_engine.routing.caps import CapRule, CatalogCaps, base_of
from ppc_engine.routing.duplicates import routed_duplicate
from ppc_engine.routing.eligibility import (
    ATTESTATIONS,
    Candidate,
    Reason,
    Situation,
    further_zips,
    limit_at,
    margin_micros,
    scope_place,
    share_of,
)
from ppc_engine.routing.periods import Periods
from ppc_engine.values import condition
from ppc_engine.values.condition import ConditionError
from ppc_engine.values.places import Places
from ppc_engine.values.schedule import MINUTE_US, WeeklyHours

ZIPS_EXPANDED_MAX = 500  # A longer list is kept as a set of its own, shared by all targets that have it.
MASKS_KEPT_MAX = 10_000  # Answers by publisher that are remembered.


@dataclass(frozen=True, slots=True)
class CapEntry:
    """One cap of some targets of the pool that take the same amount of it; ``share`` is what a call holds once."""

    rule: CapRule
    share: str
    mask: int
    target: Target


@dataclass(slots=True)
class Masks:
    """What one situation leaves: ``nowhere`` are targets that take no such call whatever the time."""

    eligible: int
    nowhere: int
    closed: int


@dataclass(slots=True)
class _AreaIndex:
    """Which targets a caller's place is inside of."""

    anywhere: int = 0
    keyed: int = 0
    zips: dict[str, int] = field(default_factory=dict)
    zip_sets: list[tuple[frozenset[str], int]] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    area_codes: dict[str, int] = field(default_factory=dict)

    def add(self, target: Target, bit: int, further: frozenset[str]) -> None:
        area = target.area
        if area is None:
            self.anywhere |= bit
            return
        if area.require_zip_source == "keyed":
            self.keyed |= bit
        self._add_zips(area.zips, bit)
        self._add_zips(further, bit)
        for state in area.states:
            self.states[state] = self.states.get(state, 0) | bit
        for code in area.area_codes:
            self.area_codes[code] = self.area_codes.get(code, 0) | bit

    def _add_zips(self, zips: frozenset[str], bit: int) -> None:
        if len(zips) <= ZIPS_EXPANDED_MAX:
            for code in zips:
                self.zips[code] = self.zips.get(code, 0) | bit
            return
        for place, (known, mask) in enumerate(self.zip_sets):
            if known is zips or known == zips:
                self.zip_sets[place] = (known, mask | bit)
                return
        self.zip_sets.append((zips, bit))

    def inside(self, situation: Situation) -> int:
        code = situation.zip_code
        found = self.states.get(situation.state, 0) if situation.state else 0
        if code:
            found |= self.zips.get(code, 0)
            for zips, mask in self.zip_sets:
                if code in zips:
                    found |= mask
        elif situation.area_code:
            found |= self.area_codes.get(situation.area_code, 0)
        if situation.zip_source != "ivr":
            found &= ~self.keyed
        return found | self.anywhere


class Pool:
    """Some targets of a catalog, for one campaign. ``live``: their live attempts are counted even without a cap."""

    def __init__(
        self,
        catalog: Catalog,
        caps: CatalogCaps,
        places: Places,
        campaign: Campaign,
        targets: Iterable[str],
        *,
        live: bool = False,
    ) -> None:
        pairs = [catalog.targets[name] for name in dict.fromkeys(targets) if name in catalog.targets]
        self.pairs: list[tuple[Buyer, Target]] = sorted(pairs, key=lambda pair: (pair[1].priority, pair[1].id))
        self.campaign = campaign
        self.all = (1 << len(self.pairs)) - 1
        self.bits = {target.id: 1 << n for n, (_, target) in enumerate(self.pairs)}
        self.buyer_bits: dict[str, int] = {}
        self.levels: list[tuple[int, int]] = _grouped((t.priority, n) for n, (_, t) in enumerate(self.pairs))
        self.weights: list[tuple[int, int]] = _grouped((-t.weight, n) for n, (_, t) in enumerate(self.pairs))
        self.weights = [(-negative, mask) for negative, mask in self.weights]
        self.rules: list[list[CapRule]] = []
        self.candidates: list[Candidate] = []
        self.periods = Periods()
        self.caps: dict[str, list[CapEntry]] = {}
        self.spread: list[CapEntry] = []
        self.paces: dict[str, int] = {}
        self.history_needed = 0
        self._catalog = catalog
        self._paused = 0
        self._test = 0
        self._area = _AreaIndex()
        self._attestation = dict.fromkeys(ATTESTATIONS, 0)
        self._hours: list[tuple[WeeklyHours, int]] = []
        self._conditions: dict[str, int] = {}
        self._duplicates: list[tuple[RoutedUniqueCaller, str, int, Buyer, Target]] = []
        self._destinations: dict[str, int] = {}
        self._blocked: dict[str, int] = {}
        self._open_minute, self._open = -1, 0
        self._too_small: list[CapEntry] = []
        hours: dict[str, tuple[WeeklyHours, int]] = {}
        told_hours: dict[tuple[int, int], list[Reason]] = {}
        for n, (buyer, target) in enumerate(self.pairs):
            further = further_zips(target.area, places) if target.area is not None else frozenset()
            self._add(buyer, target, 1 << n, further)
            rules = caps.attempt_rules(buyer, target, campaign)
            if live and target.concurrency_cap is None:
                rules.append(CapRule(f"target:{target.id}", "", "", "", CONCURRENCY_MAX))
            self.rules.append(rules)
            candidate = Candidate(buyer, target, rules, further, self.periods, told_hours=told_hours)
            self.candidates.append(candidate)
            if target.hours is not None:
                text = target.hours.model_dump_json()
                known, mask = hours.get(text, (target.hours, 0))
                hours[text] = (known, mask | 1 << n)
                candidate.hours = known
        self._hours = list(hours.values())
        self._add_caps()

    def _add(self, buyer: Buyer, target: Target, bit: int, further: frozenset[str]) -> None:
        self.buyer_bits[buyer.id] = self.buyer_bits.get(buyer.id, 0) | bit
        self._destinations[target.destination] = self._destinations.get(target.destination, 0) | bit
        self._area.add(target, bit, further)
        if target.paused or buyer.paused:
            self._paused |= bit
        if target.test:
            self._test |= bit
        if target.attestation_min is not None:
            self._attestation[target.attestation_min] |= bit
        if target.when is not None:
            self._conditions[target.when] = self._conditions.get(target.when, 0) | bit
        if target.pace is not None:
            self.paces[f"target:{target.id}/pace"] = bit
        if target.duplicates is not None:
            self.history_needed |= bit
            self._add_duplicates(target.duplicates, buyer, target, bit)

    def _add_duplicates(self, rule: RoutedUniqueCaller, buyer: Buyer, target: Target, bit: int) -> None:
        owner = {"target": target.id, "buyer": buyer.id}.get(rule.scope, "")
        for place, (known, known_owner, mask, its_buyer, its_target) in enumerate(self._duplicates):
            if (known, known_owner) == (rule, owner):
                self._duplicates[place] = (known, owner, mask | bit, its_buyer, its_target)
                return
        self._duplicates.append((rule, owner, bit, buyer, target))

    def _add_caps(self) -> None:
        entries: dict[tuple[CapRule, str], CapEntry] = {}
        for n, (buyer, target) in enumerate(self.pairs):
            for rule in self.rules[n]:
                share = share_of(rule, buyer.id)
                if rule.spread and target.hours is not None:
                    self.spread.append(CapEntry(rule, share, 1 << n, target))
                known = entries.get((rule, share))
                mask = (known.mask if known else 0) | 1 << n
                entries[rule, share] = CapEntry(rule, share, mask, known.target if known else target)
        for entry in entries.values():
            self.caps.setdefault(entry.rule.base, []).append(entry)
        self._too_small = [entry for entry in entries.values() if entry.rule.amount > entry.rule.limit]

    def masks(self, situation: Situation) -> Masks:
        """Every filter at once."""
        inside = self._area.inside(situation)
        nowhere = self._paused | self._paused_by_operators(situation.paused) | (self.all & ~inside)
        nowhere |= self._blocked_for(situation.publisher) | self._unattested(situation.attestation)
        if self._conditions:
            nowhere |= self._mismatched(situation, self.all & ~nowhere)
        if self._duplicates and not situation.test:
            nowhere |= self._repeated(situation)
        closed = self.all & ~self._open_at(situation.at)
        out = nowhere | closed | self._capped(situation) | self._tried(situation)
        return Masks(self.all & ~out, nowhere, closed)

    def _paused_by_operators(self, paused: Mapping[str, str]) -> int:
        found = 0
        for subject in paused:
            kind, _, name = subject.partition(":")
            found |= self.bits.get(name, 0) if kind == "target" else 0
            found |= self.buyer_bits.get(name, 0) if kind == "buyer" else 0
        return found

    def _blocked_for(self, publisher: str) -> int:
        """Blocked by a list of either side, or by the margin: the same for all calls of a publisher."""
        found = self._blocked.get(publisher)
        if found is None:
            found = 0
            known = self._catalog.publishers.get(publisher)
            for n, (buyer, target) in enumerate(self.pairs):
                blocked = publisher in buyer.publishers_blocked
                if known is not None:
                    blocked |= target.id in known.targets_blocked or buyer.id in known.buyers_blocked
                if self.campaign.margin_min is not None:
                    margin = margin_micros(self._catalog, buyer, self.campaign.id, publisher)
                    blocked |= margin < self.campaign.margin_min
                found |= 1 << n if blocked else 0
            if len(self._blocked) < MASKS_KEPT_MAX:
                self._blocked[publisher] = found
        return found

    def _unattested(self, attestation: str) -> int:
        rank = ATTESTATIONS.get(attestation, 0)
        found = 0
        for name, mask in self._attestation.items():
            if ATTESTATIONS[name] > rank:
                found |= mask
        return found

    def _mismatched(self, situation: Situation, asked: int) -> int:
        """Conditions are asked only for targets that nothing else has ruled out yet."""
        found = 0
        for text, mask in self._conditions.items():
            if mask & asked:
                try:
                    holds = condition.holds(text, situation.known)
                except (ConditionError, KeyError):
                    holds = False
                found |= 0 if holds else mask
        return found

    def _repeated(self, situation: Situation) -> int:
        found = 0
        for rule, _, mask, buyer, target in self._duplicates:
            if routed_duplicate(rule, scope_place(rule.scope, buyer, target, situation), situation) is not None:
                found |= mask
        return found

    def _open_at(self, at: int) -> int:
        minute = at // MINUTE_US  # Hours are whole minutes in every zone.
        if minute != self._open_minute:
            found = self.all
            for hours, mask in self._hours:
                if not hours.is_open(at):
                    found &= ~mask
            self._open_minute, self._open = minute, found
        return self._open

    def _capped(self, situation: Situation) -> int:
        found = 0
        for key, used in situation.used.items():
            if key in self.paces:
                found |= self.paces[key] if used > 0 else 0
                continue
            for entry in self.caps.get(base_of(key), ()):
                if self._is_full(entry, key, used, situation):
                    found |= entry.mask & ~self._test if entry.rule.measure else entry.mask
        for entry in self._too_small:
            if self._is_full(entry, entry.rule.key(situation.at, self.periods), 0, situation):
                found |= entry.mask & ~self._test if entry.rule.measure else entry.mask
        for target in situation.refused:
            found |= self.bits.get(target, 0)
        return found

    def _is_full(self, entry: CapEntry, key: str, used: int, situation: Situation) -> bool:
        rule = entry.rule
        if rule.measure and (situation.test or entry.share in situation.shared):
            return False
        if rule.key(situation.at, self.periods) != key:
            return False
        limit = limit_at(rule, entry.target, situation.at) if rule.spread else rule.limit
        return used - situation.own.get(key, 0) + rule.amount > limit

    def _tried(self, situation: Situation) -> int:
        found = 0
        for target in situation.tried_targets:
            found |= self.bits.get(target, 0)
        for destination in situation.tried_destinations:
            found |= self._destinations.get(destination, 0)
        return found


def _grouped(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(value, mask of all bits with it), in ascending order of value."""
    found: dict[int, int] = {}
    for value, n in pairs:
        found[value] = found.get(value, 0) | 1 << n
    return sorted(found.items())


def bits_of(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def nth_bit(mask: int, n: int) -> int:
    """The number of the n-th bit that is set, from 0. Halves the mask, so the cost is that of its logarithm."""
    base, width = 0, mask.bit_length()
    while width > 1:
        half = width // 2
        low = mask & ((1 << half) - 1)
        count = low.bit_count()
        if n < count:
            mask, width = low, half
        else:
            mask, n, base, width = mask >> half, n - count, base + half, width - half
    return base
