"""What the checks of a catalog may look at, and the few questions that several of them ask."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property

from ppc_engine.catalog.caps import Cap
from ppc_engine.catalog.load import ReadCatalog
from ppc_engine.catalog.model import Buyer, Campaign, Offer, Target
from ppc_engine.values.document import Document, Path
from ppc_engine.values.places import Places


def has_fixed_price(offer: Offer) -> bool:
    """Whether an offer pays the same for every qualified call; other rates are not compared by what is written."""
    return "amount" in offer.model_fields_set


@dataclass(frozen=True)
class CatalogCase:
    """``places`` are None where nobody knows them; ``own_numbers`` are our tracking numbers, as far as known."""

    read: ReadCatalog
    places: Places | None = None
    own_numbers: Container[str] = ()

    def targets(self) -> Iterator[tuple[Document, Path, Buyer, Target]]:
        """Every target with its buyer, and where it stands."""
        for document, buyer in self.read.buyers:
            for index, target in enumerate(buyer.targets):
                yield document, ("targets", index), buyer, target

    def offers(self) -> Iterator[tuple[Document, Path, Offer]]:
        """Every offer of buyers and of publishers, and where it stands."""
        accounts = [(document, buyer.offers) for document, buyer in self.read.buyers]
        accounts += [(document, publisher.offers) for document, publisher in self.read.publishers]
        for document, offers in accounts:
            for index, offer in enumerate(offers):
                yield document, ("offers", index), offer

    def owners(self) -> Iterator[tuple[Document, Path, str, tuple[Cap, ...]]]:
        """Everything that has caps: where it stands, what it is, and the caps."""
        for document, path, _, target in self.targets():
            yield document, path, "target", target.caps
        for document, buyer in self.read.buyers:
            yield document, (), "buyer", buyer.caps
        for document, publisher in self.read.publishers:
            yield document, (), "publisher", publisher.caps
        for document, campaign in self.read.campaigns:
            yield document, (), "campaign", campaign.caps
        for document, group in self.read.groups:
            yield document, (), "group", group.caps
        for document, trunk in self.read.trunks:
            yield document, (), "trunk", trunk.caps

    def sellers(self, campaign: Campaign) -> list[tuple[Buyer, Offer]]:
        """Buyers who have a target in the campaign and an offer for it, paused ones too: a pause passes."""
        named = set(campaign.targets)
        offered = self._offers_by_campaign.get(campaign.id, [])
        return [(buyer, offer) for buyer, offer in offered if any(target.id in named for target in buyer.targets)]

    @cached_property
    def _offers_by_campaign(self) -> dict[str, list[tuple[Buyer, Offer]]]:
        found: dict[str, list[tuple[Buyer, Offer]]] = {}
        for _, buyer in self.read.buyers:
            for offer in buyer.offers:
                found.setdefault(offer.campaign, []).append((buyer, offer))
        return found
