"""Which caps an attempt or a call falls under, what it takes of each, and how a cap's counter is called.

Source: semantics.md, "Caps". Slots (``target:acme-la``) are concurrency; units carry what is counted and the period:
``target:acme-la/connect/day/2026-11-22-0800``. Of target, buyer and target group, attempts are counted, in the period
of their dialling; of campaign, publisher, tracking number, trunk and caller, calls, in the period of their offer. A
campaign's revenue is held by attempts too, because each buyer pays for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ppc_engine.catalog.bounds import most_of_all
from ppc_engine.catalog.model import Buyer, Campaign, Cap, Catalog, Publisher, Target, TrackingNumber
from ppc_engine.catalog.overrides import Sale, Side, candidates
from ppc_engine.routing.periods import Periods, period_at

CAP_KINDS = ("target", "buyer", "group", "campaign", "publisher", "number", "trunk", "caller")
PER_CALL = frozenset({"connect", "conversion"})  # A call holds at most one unit of these, however many attempts.
MONEY = frozenset({"revenue", "payout"})
NO_BOUND = -1  # What terms cost that may cost anything.


@dataclass(frozen=True, slots=True)
class CapRule:
    """One cap of one owner. ``measure`` is "" for slots, else attempt, connect, conversion, revenue or payout.

    ``amount`` is what one attempt or call takes at most: 1, or money in micros.
    """

    owner: str
    measure: str
    per: str
    zone: str
    limit: int
    amount: int = 1
    spread: bool = False

    @property
    def base(self) -> str:
        """The counter's name without its period: equal for all periods of one cap."""
        return f"{self.owner}/{self.measure}/{self.per}" if self.measure else self.owner

    def key(self, at: int, periods: Periods | None = None) -> str:
        """The counter that something counts on that happens at ``at``."""
        if not self.measure:
            return self.owner
        period = periods.at(self.per, self.zone, at) if periods else period_at(self.per, self.zone, at)
        return f"{self.base}/{period.label}"


@dataclass(frozen=True, slots=True)
class CapState:
    """One cap of a catalog at an instant, for people: ``unit`` is slots, calls or micros; a slot has no period."""

    key: str
    kind: str
    owner: str
    measure: str
    per: str
    unit: str
    limit: int
    begin: int
    end: int


def base_of(key: str) -> str:
    """The cap of a counter, whatever its period."""
    return key.rpartition("/")[0] if "/" in key else key


def is_slot(key: str) -> bool:
    """Whether a counter is one of live attempts or calls."""
    return "/" not in key


def owner_of(key: str) -> tuple[str, str]:
    """("target", "acme-la") of a counter."""
    kind, _, name = key.partition("/")[0].partition(":")
    return kind, name


def measure_of(key: str) -> str:
    """What a counter counts, "" for slots."""
    return key.split("/", 2)[1] if "/" in key else ""


def _slots(owner: str, limit: int | None) -> Iterator[CapRule]:
    if limit is not None:
        yield CapRule(owner, "", "", "", limit)


def _units(owner: str, zone: str, caps: Iterable[Cap], money: str, *, spread: bool = False) -> Iterator[CapRule]:
    """The strictest cap of each (measure, period, zone): two of the same are one."""
    strictest: dict[tuple[str, str, str], CapRule] = {}
    for cap in caps:
        side = cap.side or money
        measure = side if cap.spend is not None else cap.counts
        if measure == "conversion" and side != money:
            measure = f"conversion-{side}"
        at = (measure, cap.per, cap.zone or zone)
        if at not in strictest or cap.limit < strictest[at].limit:
            spreads = spread and cap.per == "day" and cap.spend is None
            strictest[at] = CapRule(owner, measure, cap.per, cap.zone or zone, cap.limit, 1, spreads)
    yield from strictest.values()


class CatalogCaps:
    """Every cap of one catalog, found once: by target, buyer, group, campaign, publisher and trunk."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._groups: dict[str, list[CapRule]] = {}
        self._earning = {offer.campaign for buyer in catalog.buyers.values() for offer in buyer.offers}
        self._earning |= {campaign.id for campaign in catalog.campaigns.values() if campaign.revenue_offers}
        self._payouts: dict[tuple[str, str], int | None] = {}
        self._call_rules: dict[tuple[str, str, str], list[CapRule]] = {}
        for group in catalog.groups.values():
            owner = f"group:{group.id}"
            rules = [*_slots(owner, group.concurrency_cap), *_units(owner, group.zone, group.caps, "revenue")]
            for target in group.targets:
                self._groups.setdefault(target, []).extend(rules)

    def attempt_rules(self, buyer: Buyer, target: Target, campaign: Campaign | None) -> list[CapRule]:
        """Every cap that an attempt at this target takes of, with how much it takes. Those it cannot move are left out:
        without an offer of its buyer nothing converts and nothing is earned."""
        sale = Sale(campaign=campaign.id if campaign else "", offered_at=0, buyer=buyer.id, target=target.id)
        revenue = self._most("buyer", sale, target.connected_ms_max)
        found = [
            *_slots(f"target:{target.id}", target.concurrency_cap),
            *_units(f"target:{target.id}", buyer.zone, target.caps, "revenue", spread=target.spread_caps),
            *_slots(f"buyer:{buyer.id}", buyer.concurrency_cap),
            *_units(f"buyer:{buyer.id}", buyer.zone, buyer.caps, "revenue"),
            *self._groups.get(target.id, ()),
        ]
        if campaign is not None:
            own = _units(f"campaign:{campaign.id}", campaign.zone, campaign.caps, "revenue")
            found += [rule for rule in own if rule.measure == "revenue"]
        return list(_with_amounts(found, revenue, None))

    def call_rules(
        self,
        campaign: Campaign,
        publisher: Publisher | None,
        caller_key: str,
        number: TrackingNumber | None = None,
        trunk: str = "",
    ) -> list[CapRule]:
        """Every cap that a call takes of, from claim to hang-up. A caller without a key (anonymous, invalid) has no
        caller cap: two of them need not be the same person."""
        asked = (campaign.id, publisher.id if publisher else "", trunk)
        known = self._call_rules.get(asked)
        if known is None:
            known = self._call_rules[asked] = self._rules_of_calls(campaign, publisher, trunk)
        found = [*known]
        if number is not None and (number.concurrency_cap is not None or number.caps):
            found += _with_amounts(number_rules(number, publisher), None, self._payout(campaign, publisher))
        if caller_key:
            found += _slots(f"caller:{caller_key}", campaign.caller_concurrency_cap)
        return found

    def _rules_of_calls(self, campaign: Campaign, publisher: Publisher | None, trunk: str) -> list[CapRule]:
        """Those that all calls of a campaign have which a publisher brings by a trunk."""
        payout = self._payout(campaign, publisher)
        owner = f"campaign:{campaign.id}"
        of_campaign = _units(owner, campaign.zone, campaign.caps, "revenue")
        found = [*_slots(owner, campaign.concurrency_cap), *(r for r in of_campaign if r.measure != "revenue")]
        if publisher is not None:
            owner = f"publisher:{publisher.id}"
            found += _slots(owner, publisher.concurrency_cap)
            found += _units(owner, publisher.zone, publisher.caps, "payout")
        way_in = self._catalog.trunks.get(trunk)
        if way_in is not None:
            found += _slots(f"trunk:{trunk}", way_in.concurrency_cap)
            found += _units(f"trunk:{trunk}", way_in.zone, way_in.caps, "payout")
        return list(_with_amounts(found, None, payout, campaign_converts=campaign.id in self._earning))

    def _payout(self, campaign: Campaign, publisher: Publisher | None) -> int | None:
        """The most that one call can pay a publisher; a share is of the most that any target's buyer pays."""
        if publisher is None:
            return None
        asked = campaign.id, publisher.id
        if asked not in self._payouts:
            named = [self._catalog.targets[name] for name in campaign.targets if name in self._catalog.targets]
            revenue = [
                self._most(
                    "buyer", Sale(campaign=campaign.id, offered_at=0, buyer=b.id, target=t.id), t.connected_ms_max
                )
                for b, t in named
            ]
            longest = max((target.connected_ms_max for _, target in named), default=0)
            sale = Sale(campaign=campaign.id, offered_at=0, publisher=publisher.id)
            self._payouts[asked] = self._most(
                "publisher", sale, longest, max((most for most in revenue if most is not None), default=0)
            )
        return self._payouts[asked]

    def _most(self, side: Side, sale: Sale, connected_ms_max: int, revenue_max: int | None = None) -> int | None:
        """The most under any terms, NO_BOUND when they have none, None when there are no terms."""
        if not any(offer.campaign == sale.campaign for offer, _ in candidates(self._catalog, side, sale)):
            return None
        most = most_of_all(self._catalog, side, sale, connected_ms_max, revenue_max)
        return NO_BOUND if most is None else most

    def all_rules(self) -> Iterator[CapRule]:
        """Every cap that is written in the catalog, without the amounts; callers and numbers are not in it."""
        catalog = self._catalog
        for target_id, (buyer, target) in catalog.targets.items():
            yield from _slots(f"target:{target_id}", target.concurrency_cap)
            yield from _units(f"target:{target_id}", buyer.zone, target.caps, "revenue", spread=target.spread_caps)
        for buyer in catalog.buyers.values():
            yield from _slots(f"buyer:{buyer.id}", buyer.concurrency_cap)
            yield from _units(f"buyer:{buyer.id}", buyer.zone, buyer.caps, "revenue")
        for group in catalog.groups.values():
            yield from _slots(f"group:{group.id}", group.concurrency_cap)
            yield from _units(f"group:{group.id}", group.zone, group.caps, "revenue")
        for campaign in catalog.campaigns.values():
            yield from _slots(f"campaign:{campaign.id}", campaign.concurrency_cap)
            yield from _units(f"campaign:{campaign.id}", campaign.zone, campaign.caps, "revenue")
        for publisher in catalog.publishers.values():
            yield from _slots(f"publisher:{publisher.id}", publisher.concurrency_cap)
            yield from _units(f"publisher:{publisher.id}", publisher.zone, publisher.caps, "payout")
        for trunk in catalog.trunks.values():
            yield from _slots(f"trunk:{trunk.id}", trunk.concurrency_cap)
            yield from _units(f"trunk:{trunk.id}", trunk.zone, trunk.caps, "payout")


def _with_amounts(
    rules: Iterable[CapRule], revenue: int | None, payout: int | None, *, campaign_converts: bool = False
) -> Iterator[CapRule]:
    """What one attempt or call takes at most. ``revenue`` and ``payout`` are the most it can cost, None without terms;
    what has no bound takes all of a cap (``ppc check`` refuses such terms)."""
    for rule in rules:
        kind = rule.owner.partition(":")[0]
        if rule.measure == "revenue":
            if revenue:
                yield replace(rule, amount=rule.limit if revenue == NO_BOUND else revenue)
        elif rule.measure == "payout":
            if payout:
                yield replace(rule, amount=rule.limit if payout == NO_BOUND else payout)
        elif rule.measure == "conversion":
            paid = campaign_converts if kind == "campaign" else (revenue, payout) != (None, None)
            if paid:
                yield rule
        elif rule.measure == "conversion-payout":
            if payout is not None:
                yield rule
        else:
            yield rule


def number_rules(number: TrackingNumber, publisher: Publisher | None) -> list[CapRule]:
    """The caps of one tracking number."""
    owner, zone = f"number:{number.number}", publisher.zone if publisher else "UTC"
    return [*_slots(owner, number.concurrency_cap), *_units(owner, zone, number.caps, "payout")]


def list_caps(catalog: Catalog, at: int, numbers: Iterable[TrackingNumber] = ()) -> list[CapState]:
    """Every cap of a catalog, and of these numbers, with the counter and the period in force at an instant."""
    rules = [*CatalogCaps(catalog).all_rules()]
    for number in numbers:
        rules += number_rules(number, catalog.publishers.get(number.publisher))
    return [_state(rule, at) for rule in rules]


def _state(rule: CapRule, at: int) -> CapState:
    kind = rule.owner.partition(":")[0]
    unit = "micros" if rule.measure in MONEY else "calls" if rule.measure else "slots"
    if not rule.measure:
        return CapState(rule.owner, kind, rule.owner, "", "", unit, rule.limit, 0, 0)
    period = period_at(rule.per, rule.zone, at)
    key = f"{rule.base}/{period.label}"
    return CapState(key, kind, rule.owner, rule.measure, rule.per, unit, rule.limit, period.begin, period.end)
