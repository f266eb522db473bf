"""Which target gets this attempt: eligible first, then priority (lower first), then the campaign's order.

Targets that the order finds equal, and by default all of the level, share by weight. The draw is SHA-256 of call id and
attempt number, so a replay draws the same. A lower level is used only when every target of the level above is
ineligible or was tried (semantics.md, "Choosing a target").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ppc_engine.catalog.bounds import amount_expected
from ppc_engine.catalog.model import Buyer, Catalog, Target
from ppc_engine.routing.caps import CatalogCaps, is_slot
from ppc_engine.routing.eligibility import Reason, Situation, bases_of, every_rejection
from ppc_engine.routing.pool import Masks, Pool, bits_of, nth_bit
from ppc_engine.values.places import Places

ORDERS_BY_STATS = frozenset(
    {"expected_revenue", "round_robin", "least_busy", "longest_idle", "most_capacity", "most_budget"}
)
ORDERS_BY_TIMES = frozenset({"round_robin", "least_busy", "longest_idle"})
NOWHERE = frozenset(
    {"paused", "out_of_area", "attribute_mismatch", "publisher_blocked", "attestation", "margin_negative", "duplicate"}
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of one choice: the winner, if any. ``eligible`` counts those that could have had it.

    ``nobody`` is the named exception when nobody is eligible and nothing was tried yet: no_match (nobody takes such a
    call), all_closed (nobody of those is open), all_capped (open, but full). ``candidates`` are told by ``explain``.
    """

    buyer: Buyer | None
    target: Target | None
    draw: int = 0
    weight_total: int = 0
    eligible: int = 0
    value: int = 0
    nobody: str = ""
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def exception(self) -> str:
        """The named exception, "" when there is a winner."""
        return self.nobody


def draw_below(total: int, *seeds: object) -> int:
    """A number in [0, total) that depends on the seeds alone."""
    digest = hashlib.sha256(":".join(str(seed) for seed in seeds).encode()).digest()
    return int.from_bytes(digest[:8], "big") % total


def best_level(pool: Pool, eligible: int) -> int:
    """The eligible targets of the best level of priority."""
    return next((eligible & mask for _, mask in pool.levels if eligible & mask), 0)


class RouteIndex:
    """Everything that choosing needs of one catalog: pools, made when they are first asked for, and caps."""

    def __init__(self, catalog: Catalog, places: Places) -> None:
        self.catalog = catalog
        self.places = places
        self.caps = CatalogCaps(catalog)
        self._pools: dict[tuple[str, tuple[str, ...], bool], Pool] = {}
        self._promised: dict[tuple[str, str], int] = {}

    def pool(self, campaign: str, targets: tuple[str, ...] = (), order: str = "") -> Pool:
        """The targets named, or all of the campaign, made ready to be chosen from by this order, or the campaign's."""
        owner = self.catalog.campaigns[campaign]
        live = (order or owner.order) in ORDERS_BY_TIMES
        found = self._pools.get((campaign, targets, live))
        if found is None:
            found = Pool(self.catalog, self.caps, self.places, owner, targets or owner.targets, live=live)
            self._pools[campaign, targets, live] = found
        return found

    def build(self) -> None:
        """Make the pools of all campaigns, so that no call has to wait for them."""
        for campaign in self.catalog.campaigns:
            self.pool(campaign)

    def select(
        self,
        pool: Pool,
        situation: Situation,
        number: int,
        *,
        order: str = "",
        among: Iterable[str] | None = None,
        priority: int | None = None,
    ) -> Selection:
        """Choose one target for one attempt.

        ``order`` is the campaign's unless it is given; ``among`` and ``priority`` leave only some of the pool.
        """
        masks = pool.masks(situation)
        wanted = pool.all
        if among is not None:
            wanted = sum(pool.bits.get(target, 0) for target in set(among))
        if priority is not None:
            wanted &= next((mask for level, mask in pool.levels if level == priority), 0)
        eligible = masks.eligible & wanted
        if not eligible:
            return Selection(None, None, nobody=_nobody(masks, wanted))
        level = best_level(pool, eligible)
        level, value = self._best(pool, level, situation, order or pool.campaign.order)
        total = sum(weight * (level & mask).bit_count() for weight, mask in pool.weights)
        draw = draw_below(total, situation.call_id, number)
        buyer, target = pool.pairs[_drawn(pool, level, draw)]
        return Selection(buyer, target, draw, total, eligible.bit_count(), value)

    def soon_free(self, pool: Pool, situation: Situation) -> bool:
        """Whether somebody has no other reason against the call than being busy: slots and paces come free."""
        used = {key: use for key, use in situation.used.items() if not is_slot(key) and not key.endswith("/pace")}
        return bool(pool.masks(replace(situation, used=used, refused={})).eligible)

    def value_of(self, pool: Pool, n: int, situation: Situation, order: str) -> int:
        """What an order goes by, the higher the better; 0 for all when weight alone decides."""
        buyer, target = pool.pairs[n]
        promised = self._promised_by(buyer.id, pool.campaign.id)
        if order == "highest_revenue":
            return promised
        if order == "expected_revenue":
            return situation.stats.get(target.id, promised)
        return situation.stats.get(target.id, 0) if order in ORDERS_BY_STATS else 0

    def _promised_by(self, buyer: str, campaign: str) -> int:
        """What a call that just qualifies is worth to a buyer; asked for every candidate, so it is kept."""
        found = self._promised.get((buyer, campaign))
        if found is None:
            offer = self.catalog.buyer_offer(buyer, campaign)
            found = self._promised[buyer, campaign] = amount_expected(offer) if offer else 0
        return found

    def _best(self, pool: Pool, level: int, situation: Situation, order: str) -> tuple[int, int]:
        if order == "priority_weight" or level & (level - 1) == 0:
            return level, 0
        values = {n: self.value_of(pool, n, situation, order) for n in bits_of(level)}
        best = max(values.values())
        return sum(1 << n for n, value in values.items() if value == best), best

    def explain(self, pool: Pool, situation: Situation, order: str = "") -> list[dict[str, Any]]:
        """Every candidate of a choice in order, with all its reasons, or with what the order went by."""
        told = []
        by, used_bases = order or pool.campaign.order, bases_of(situation)
        for n, (_, target) in enumerate(pool.pairs):
            line: dict[str, Any] = {"target": target.id, "priority": target.priority, "weight": target.weight}
            reasons = self.rejections(pool, n, situation, used_bases)
            if reasons:
                line["reasons"] = reasons
            elif by != "priority_weight":
                line["value"] = self.value_of(pool, n, situation, by)
            told.append(line)
        return told

    def rejections(
        self, pool: Pool, n: int, situation: Situation, used_bases: frozenset[str] | None = None
    ) -> list[Reason]:
        """Every reason against the n-th target of a pool."""
        return every_rejection(self.catalog, pool.candidates[n], situation, used_bases)


def _nobody(masks: Masks, wanted: int) -> str:
    in_place = wanted & ~masks.nowhere
    if not in_place:
        return "no_match"
    return "all_closed" if not in_place & ~masks.closed else "all_capped"


def _drawn(pool: Pool, level: int, draw: int) -> int:
    rest = draw
    for weight, mask in pool.weights:
        count = (level & mask).bit_count()
        if rest < weight * count:
            return nth_bit(level & mask, rest // weight)
        rest -= weight * count
    raise AssertionError("a draw below the sum of weights falls into one of them")


def select(candidates: Iterable[tuple[Buyer, Target]], situation: Situation, number: int) -> Selection:
    """Choose among targets that no catalog holds together: for tests, and for a single target."""
    pairs = list(candidates)
    catalog = _catalog_of(pairs)
    routes = RouteIndex(catalog, Places({}, {}, ""))
    pool = routes.pool("none")
    chosen = routes.select(pool, situation, number)
    return Selection(
        chosen.buyer, chosen.target, chosen.draw, chosen.weight_total, chosen.eligible, chosen.value, chosen.nobody,
        routes.explain(pool, situation),
    )  # fmt: skip


def _catalog_of(pairs: list[tuple[Buyer, Target]]) -> Catalog:
    from ppc_engine.catalog.model import Campaign

    campaign = Campaign(id="none", name="none", flow="none", targets=tuple(target.id for _, target in pairs))
    return Catalog(
        {"none": campaign}, {}, {buyer.id: buyer for buyer, _ in pairs}, {pair[1].id: pair for pair in pairs}
    )
