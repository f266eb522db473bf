"""What a network sells, who buys and who brings calls: frozen models of the files in config/catalog.

Every scalar of a file arrives as text (YAML would eat ZIP codes and phone numbers) and is typed here. Identifiers are
slugs that are retired, never deleted or reused, because CDRs and ledger rows name them for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ppc_engine.catalog.area import Area as Area
from ppc_engine.catalog.area import Radius as Radius
from ppc_engine.catalog.area import TargetArea as TargetArea
from ppc_engine.catalog.caps import Cap as Cap
from ppc_engine.catalog.caps import Caps as Caps
from ppc_engine.catalog.caps import Pace as Pace
from ppc_engine.catalog.policies import Accept as Accept
from ppc_engine.catalog.policies import (
    AttemptStop,
    Attestation,
    ExpectedRevenue,
    Headers,
)
from ppc_engine.catalog.policies import CallerID as CallerID
from ppc_engine.catalog.policies import Order as Order
from ppc_engine.catalog.policies import Recovery as Recovery
from ppc_engine.catalog.policies import Redial as Redial
from ppc_engine.catalog.policies import RoutedUniqueCaller as RoutedUniqueCaller
from ppc_engine.catalog.policies import UniqueCaller as UniqueCaller
from ppc_engine.catalog.rates import TelecomPrice
from ppc_engine.catalog.scalars import CONCURRENCY_MAX as CONCURRENCY_MAX
from ppc_engine.catalog.scalars import CONNECTED_MS_MAX as CONNECTED_MS_MAX
from ppc_engine.catalog.scalars import E164 as E164
from ppc_engine.catalog.scalars import RING_MS_MAX as RING_MS_MAX
from ppc_engine.catalog.scalars import AreaCode as AreaCode
from ppc_engine.catalog.scalars import ConcurrencyCap as ConcurrencyCap
from ppc_engine.catalog.scalars import Micros as Micros
from ppc_engine.catalog.scalars import Model as Model
from ppc_engine.catalog.scalars import SIPAddress as SIPAddress
from ppc_engine.catalog.scalars import Slug as Slug
from ppc_engine.catalog.scalars import State as State
from ppc_engine.catalog.scalars import Title as Title
from ppc_engine.catalog.scalars import TrunkName as TrunkName
from ppc_engine.catalog.scalars import ZipCode as ZipCode
from ppc_engine.catalog.terms import Offer as Offer
from ppc_engine.values.condition import ConditionText
from ppc_engine.values.schedule import WeeklyHours, ZoneName


class Target(Model):
    """One destination of one buyer: a number behind a gateway, or a SIP address.

    ``when`` is a condition (values/condition.py) that the call must meet. ``spread_caps`` lets a day's cap be used up
    only as fast as the open hours pass. ``duplicates`` keeps callers away who were here before. ``caller_id`` and
    ``headers`` stand before those of the buyer. ``test`` marks an engineer's phone: a call that it takes is a test
    call, whoever dialled.
    """

    id: Slug
    destination: E164 | SIPAddress
    gateway: Slug | None = None
    paused: bool = False
    priority: Annotated[int, Field(ge=1, le=100)] = 1
    weight: Annotated[int, Field(ge=1, le=10_000)] = 100
    ring_ms_max: Annotated[int, Field(ge=1_000, le=RING_MS_MAX)] = 25_000
    progress_ms_max: Annotated[int, Field(ge=1_000, le=RING_MS_MAX)] = 8_000
    connected_ms_max: Annotated[int, Field(ge=1_000, le=CONNECTED_MS_MAX)] = 3_600_000
    concurrency_cap: ConcurrencyCap | None = None
    hours: WeeklyHours | None = None
    area: TargetArea | None = None
    when: ConditionText | None = None
    attestation_min: Attestation | None = None
    duplicates: RoutedUniqueCaller | None = None
    caps: Caps = ()
    pace: Pace | None = None
    spread_caps: bool = False
    early_media: Literal["ignore", "bridge"] = "ignore"
    redial: Redial | None = None
    whisper: Slug | None = None
    accept: Accept | None = None
    caller_id: CallerID | None = None
    headers: Headers | None = None
    test: bool = False


class Buyer(Model):
    """Who pays for calls. ``concurrency_cap`` counts live attempts over all its targets.

    ``publishers_blocked`` are publishers whose calls it does not take.
    """

    id: Slug
    name: Title
    zone: ZoneName
    paused: bool = False
    concurrency_cap: ConcurrencyCap | None = None
    caps: Caps = ()
    publishers_blocked: frozenset[Slug] = frozenset()
    caller_id: CallerID | None = None
    headers: Headers | None = None
    targets: tuple[Target, ...] = ()
    offers: tuple[Offer, ...] = ()


class TargetGroup(Model):
    """Targets of any buyers that share caps. ``concurrency_cap`` counts their live attempts.

    Example::

        id: west-coast
        name: West coast crews
        zone: America/Los_Angeles
        targets: [acme-la, cascade-oregon]
        concurrency_cap: 5
        caps: [{calls: 60, per: day}]
    """

    id: Slug
    name: Title
    zone: ZoneName
    targets: tuple[Slug, ...]
    concurrency_cap: ConcurrencyCap | None = None
    caps: Caps = ()


class Gateway(Model):
    """A way out of a trunk's carrier: ``id`` is what targets and the switch call it, ``price`` that of an answered leg
    from the target's answer to its end."""

    id: Slug
    price: TelecomPrice


class Trunk(Model):
    """A way in: ``id`` is what the switch calls it. ``concurrency_cap`` counts live calls, ``pace`` offered ones.

    ``trusted``: what it says of the caller is believed (asserted identity, attestation, X- headers). ``price`` is that
    of an answered call from answer to end; ``gateways`` are what the same carrier charges on the way out.

    Example::

        price: {amount: "0.0085", initial_s: 6, next_s: 6}
        gateways: [{id: west, price: {amount: "0.012", initial_s: 6, next_s: 6}}]
    """

    id: TrunkName
    name: Title = "trunk"
    zone: ZoneName = "UTC"
    concurrency_cap: ConcurrencyCap | None = None
    caps: Caps = ()
    pace: Pace | None = None
    trusted: bool = True
    price: TelecomPrice | None = None
    gateways: tuple[Gateway, ...] = ()


class Publisher(Model):
    """Who brings calls and is paid. ``concurrency_cap`` counts live calls.

    Its calls never go to ``buyers_blocked`` nor to ``targets_blocked``.
    """

    id: Slug
    name: Title
    zone: ZoneName
    concurrency_cap: ConcurrencyCap | None = None
    caps: Caps = ()
    buyers_blocked: frozenset[Slug] = frozenset()
    targets_blocked: frozenset[Slug] = frozenset()
    offers: tuple[Offer, ...] = ()


class Campaign(Model):
    """What is being sold: its flow, its targets in no particular order, and the caps that count its live calls.

    ``order`` is that of targets on the same level of priority. With ``margin_min`` no target is dialled whose revenue
    less the publisher's payout is below it. After an outcome or a cause in ``stop_hunting_on`` nobody else is tried.
    ``zone`` is that of its caps. Calls of ``test_callers`` are test calls: routed as live, never billed or counted.
    ``revenue_offers`` and ``payout_offers`` hold for buyers and publishers who have none of their own; campaigns of one
    ``group`` share the scope campaign_group of duplicates.
    """

    id: Slug
    name: Title
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    flow: Slug
    targets: tuple[Slug, ...]
    attempts_max: Annotated[int, Field(ge=1, le=50)] = 10
    concurrency_cap: ConcurrencyCap | None = None
    caller_concurrency_cap: ConcurrencyCap | None = None
    test_callers: frozenset[E164] = frozenset()
    recovery: Recovery | None = None
    zone: ZoneName = "UTC"
    caps: Caps = ()
    order: Order = "priority_weight"
    expected_revenue: ExpectedRevenue = ExpectedRevenue()
    margin_min: Micros | None = None
    stop_hunting_on: frozenset[AttemptStop] = frozenset()
    group: Slug | None = None
    revenue_offers: tuple[Offer, ...] = ()
    payout_offers: tuple[Offer, ...] = ()


class TrackingNumber(Model):
    """The number the public dials: it names the campaign and the publisher of a call.

    ``concurrency_cap`` counts its live calls; the zone of its other caps is the publisher's.
    """

    number: E164
    campaign: Slug
    publisher: Slug
    test: bool = False
    concurrency_cap: ConcurrencyCap | None = None
    caps: Caps = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything a network sells, cross-references checked. ``targets`` maps a target's id to (buyer, target)."""

    campaigns: Mapping[str, Campaign]
    publishers: Mapping[str, Publisher]
    buyers: Mapping[str, Buyer]
    targets: Mapping[str, tuple[Buyer, Target]]
    groups: Mapping[str, TargetGroup] = field(default_factory=dict)
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)  # config/lists/*.txt by "lists/NAME.txt"

    def buyer_offer(self, buyer: str, campaign: str) -> Offer | None:
        """The first terms under which a buyer pays for this campaign's calls; overrides.py says which hold for one."""
        owner, shared = self.buyers.get(buyer), self.campaigns.get(campaign)
        return _first(owner.offers if owner else (), campaign, shared.revenue_offers if shared and owner else ())

    def publisher_offer(self, publisher: str, campaign: str) -> Offer | None:
        """The first terms under which a publisher is paid; overrides.py says which hold for one call."""
        owner, shared = self.publishers.get(publisher), self.campaigns.get(campaign)
        return _first(owner.offers if owner else (), campaign, shared.payout_offers if shared and owner else ())


def _first(own: tuple[Offer, ...], campaign: str, shared: tuple[Offer, ...]) -> Offer | None:
    """Those for all calls before those for some."""
    some = None
    for offer in own:
        if offer.campaign == campaign:
            if offer.only_for is None:
                return offer
            some = some or offer
    return some or (shared[0] if shared else None)
