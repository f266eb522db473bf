"""What a network sells, who buys and who brings calls: frozen models of the files in config/catalog.

Every scalar of a file arrives as text (YAML would eat ZIP codes and phone numbers) and is typed here. Identifiers are
slugs that are retired, never deleted or reused, because CDRs and ledger rows name them for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ppc_engine.values.money import parse_micros
from ppc_engine.values.phone import parse_e164
from ppc_engine.values.schedule import WeeklyHours, ZoneName

RING_MS_MAX = 120_000  # No caller waits two minutes for one target.
CONNECTED_MS_MAX = 4 * 3_600_000  # A bridge that outlives four hours is a stuck one.
CONCURRENCY_MAX = 100_000

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=120)]
ZipCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
State = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[2-9][0-9]{2}$")]
E164 = Annotated[str, BeforeValidator(parse_e164)]
SIPAddress = Annotated[
    str,
    StringConstraints(pattern=r"^sip:[a-zA-Z0-9_+.-]{1,64}@[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(:[0-9]{1,5})?$"),
]
Micros = Annotated[int, BeforeValidator(parse_micros), Field(ge=0)]
ConcurrencyCap = Annotated[int, Field(ge=0, le=CONCURRENCY_MAX)]


class Model(BaseModel):
    """A frozen part of the catalog; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Area(Model):
    """Places, as a caller is placed: inside when any of the lists names the caller's ZIP, state or area code."""

    zips: frozenset[ZipCode] = frozenset()
    states: frozenset[State] = frozenset()
    area_codes: frozenset[AreaCode] = frozenset()
    require_zip_source: Literal["any", "keyed"] = "any"


class UniqueCaller(Model):
    """No earlier call of this caller within the window (semantics.md, "Duplicates"); a day is 86,400 s."""

    scope: Literal["target", "buyer", "campaign", "publisher", "tracking_number"] = "campaign"
    event: Literal["connected", "counted", "converted"] = "converted"
    window_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    no_number: Literal["unique", "duplicate"] = "duplicate"


class Offer(Model):
    """Commercial terms between the network and one buyer (revenue) or one publisher (payout) for one campaign.

    ``amount`` is paid once per qualified call, in millionths of the currency unit.
    """

    id: Slug
    campaign: Slug
    amount: Micros
    connected_ms_min: Annotated[int, Field(ge=0, le=CONNECTED_MS_MAX)] = 0
    unique_caller: UniqueCaller | None = None
    area: Area | None = None


class Target(Model):
    """One destination of one buyer: a number behind a gateway, or a SIP address.

    ``test`` marks an engineer's phone: a call that it takes is a test call, whoever dialled.
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
    area: Area | None = None
    early_media: Literal["ignore", "bridge"] = "ignore"
    test: bool = False


class Buyer(Model):
    """Who pays for calls. ``concurrency_cap`` counts live attempts over all its targets."""

    id: Slug
    name: Title
    zone: ZoneName
    paused: bool = False
    concurrency_cap: ConcurrencyCap | None = None
    targets: tuple[Target, ...] = ()
    offers: tuple[Offer, ...] = ()


class Publisher(Model):
    """Who brings calls and is paid. ``concurrency_cap`` counts live calls."""

    id: Slug
    name: Title
    zone: ZoneName
    concurrency_cap: ConcurrencyCap | None = None
    offers: tuple[Offer, ...] = ()


class Recovery(Model):
    """Revenue recovery: when a target hangs up within ``connected_ms_max`` and cannot owe us yet, try the next."""

    connected_ms_max: Annotated[int, Field(ge=1_000, le=CONNECTED_MS_MAX)]
    reroutes_max: Annotated[int, Field(ge=1, le=5)] = 5


class Campaign(Model):
    """What is being sold: its flow, its targets in no particular order, and the caps that count its live calls.

    Calls of ``test_callers`` are test calls: routed as live, never billed or counted.
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


class TrackingNumber(Model):
    """The number the public dials: it names the campaign and the publisher of a call."""

    number: E164
    campaign: Slug
    publisher: Slug
    test: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything a network sells, cross-references checked. ``targets`` maps a target's id to (buyer, target)."""

    campaigns: Mapping[str, Campaign]
    publishers: Mapping[str, Publisher]
    buyers: Mapping[str, Buyer]
    targets: Mapping[str, tuple[Buyer, Target]]
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)  # config/lists/*.txt by "lists/NAME.txt"

    def buyer_offer(self, buyer: str, campaign: str) -> Offer | None:
        """The terms under which a buyer pays for this campaign's calls, if there are any."""
        found = self.buyers.get(buyer)
        return next((offer for offer in found.offers if offer.campaign == campaign), None) if found else None

    def publisher_offer(self, publisher: str, campaign: str) -> Offer | None:
        """The terms under which a publisher is paid for this campaign's calls, if there are any."""
        found = self.publishers.get(publisher)
        return next((offer for offer in found.offers if offer.campaign == campaign), None) if found else None
