"""Which of several offers holds for one attempt of one call, and why that one.

Source: semantics.md, "Overrides": revenue target > buyer > campaign, then number > publisher; payout number >
publisher > campaign, then target > buyer. Of the versions of an offer the one in force at ``offered_at`` holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ppc_engine.catalog.model import Catalog
from ppc_engine.catalog.terms import Offer

Side = Literal["buyer", "publisher"]


@dataclass(slots=True, kw_only=True)
class Sale:
    """One attempt, as far as terms depend on it. ``target`` and ``buyer`` are "" for a call that dialled nobody.

    ``published_by`` is the instant by which terms must have been published, None for the call's own ``offered_at``.
    """

    campaign: str
    offered_at: int
    publisher: str = ""
    number: str = ""
    buyer: str = ""
    target: str = ""
    published_by: int | None = None


@dataclass(slots=True)
class Won:
    """The terms that hold; ``by`` is what they were made for: "" for the party's own of the campaign, else "number",
    "publisher at buyer", "campaign" and the like."""

    offer: Offer
    by: str = ""


def terms_for(catalog: Catalog, side: Side, sale: Sale) -> Won | None:
    """The terms of the buyer's or of the publisher's side for one attempt, None when there are none."""
    best: tuple[tuple[int, int], Won] | None = None
    for offer, is_own in candidates(catalog, side, sale):
        only_for = offer.only_for
        if only_for is not None and any(
            wanted is not None and wanted != getattr(sale, name) for name, wanted in only_for
        ):
            continue
        if offer.campaign != sale.campaign or not offer.holds_at(sale.offered_at, sale.published_by):
            continue
        rank, by = _rank(offer, side, is_own)
        if best is None or rank > best[0]:
            best = rank, Won(offer, by)
    return best[1] if best else None


def candidates(catalog: Catalog, side: Side, sale: Sale) -> Iterator[tuple[Offer, bool]]:
    """Offers of the party itself, and those of the campaign that hold for every party."""
    party = catalog.buyers.get(sale.buyer) if side == "buyer" else catalog.publishers.get(sale.publisher)
    if party is None:
        return
    campaign = catalog.campaigns.get(sale.campaign)
    shared: Iterable[Offer] = ()
    if campaign is not None:
        shared = campaign.revenue_offers if side == "buyer" else campaign.payout_offers
    yield from ((offer, True) for offer in party.offers)
    yield from ((offer, False) for offer in shared)


def _rank(offer: Offer, side: Side, is_own: bool) -> tuple[tuple[int, int], str]:
    """(first level, second level) of the order of overrides, and its words."""
    only_for = offer.only_for
    names = {name for name, wanted in only_for if wanted is not None} if only_for else set()
    ours, theirs = ("target", "buyer"), ("number", "publisher")
    if side == "publisher":
        ours, theirs = theirs, ours
    own = ours[0] if ours[0] in names else ours[1] if is_own or ours[1] in names else "campaign"
    other = next((name for name in theirs if name in names), "")
    rank = (("campaign", ours[1], ours[0]).index(own), ("", theirs[1], theirs[0]).index(other))
    if own == ours[1] and not other and is_own:
        return rank, ""
    return rank, f"{own} at {other}" if other else own
