"""Caps of money and of conversions on terms that do not fit them: without a bound, or decided long after the call.

Source: semantics.md, "Caps": a spend cap holds the most that an attempt can cost until the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.catalog.bounds import amount_max
from ppc_engine.catalog.caps import Cap
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.catalog.model import Offer
from ppc_engine.catalog.scalars import CONNECTED_MS_MAX
from ppc_engine.catalog.terms import Rule, Term
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

Capped = tuple[Document, Path, Cap, list[Offer]]  # The path is the cap's.


def spend_without_bound(case: CatalogCase) -> Iterator[Issue]:
    """A spend cap on an offer under which a call may cost anything."""
    revenue_max = _revenue_max(case)
    for document, path, cap, offers in _capped(case):
        endless = [offer.id for offer in offers if _bound(offer, revenue_max) is None]
        if cap.spend is not None and endless:
            message = f'a call under offer "{endless[0]}" may cost anything, so nothing can be held (add maximum)'
            yield document.issue((*path, "spend"), message)


def late_conversions(case: CatalogCase) -> Iterator[Issue]:
    """A cap of conversions on an offer whose verdict may come after the unit was given back."""
    for document, path, cap, offers in _capped(case):
        late = [offer.id for offer in offers if any(map(_may_be_late, offer.every_rule))]
        if cap.counts == "conversion" and late:
            message = (
                f'counts conversions, but offer "{late[0]}" may be decided long after the call: late ones may pass '
                "this cap (cap connected calls as well, or take it as it is)"
            )
            yield document.issue(path, message, "warning")


def _capped(case: CatalogCase) -> Iterator[Capped]:
    """Every cap with its place and the offers by which its calls are paid."""
    owners: list[tuple[Document, Path, tuple[Cap, ...], list[Offer]]] = []
    for document, path, buyer, target in case.targets():
        own = [offer for offer in buyer.offers if not offer.only_for or offer.only_for.target in (None, target.id)]
        owners.append((document, path, target.caps, own))
    owners += [(document, (), buyer.caps, [*buyer.offers]) for document, buyer in case.read.buyers]
    owners += [(document, (), publisher.caps, [*publisher.offers]) for document, publisher in case.read.publishers]
    for document, path, caps, offers in owners:
        for index, cap in enumerate(caps):
            yield document, (*path, "caps", index), cap, offers
    for document, campaign in case.read.campaigns:
        sold = [*campaign.revenue_offers, *(offer for _, offer in case.sellers(campaign))]
        bought = [
            offer
            for _, publisher in case.read.publishers
            for offer in publisher.offers
            if offer.campaign == campaign.id
        ]
        for index, cap in enumerate(campaign.caps):
            paid = [*campaign.payout_offers, *bought] if cap.side == "payout" else sold
            yield document, ("caps", index), cap, paid


def _bound(offer: Offer, revenue_max: int | None) -> int | None:
    return amount_max(offer, CONNECTED_MS_MAX, revenue_max)


def _revenue_max(case: CatalogCase) -> int | None:
    """The most that a buyer can owe for a call: what shares of revenue are bounded by; None when one has no bound."""
    bounds = [_bound(offer, None) for _, buyer in case.read.buyers for offer in buyer.offers]
    known = [bound for bound in bounds if bound is not None]
    return max(known, default=0) if len(known) == len(bounds) else None


def _may_be_late(rule: Rule) -> bool:
    return rule.rate.postback is not None or _is_late(rule.when)


def _is_late(term: Term | None) -> bool:
    if term is None:
        return False
    if term.postback is not None or term.quality_score is not None:
        return True
    return any(map(_is_late, (*(term.all or ()), *(term.any or ()))))
