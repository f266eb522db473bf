"""What must hold of offers, beyond the shape of each: one set of terms at a time, sides that fit.

Offers stand in the files of buyers and publishers, and in campaigns (revenue_offers, payout_offers) for all parties.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ppc_engine.catalog.issues import quoted
from ppc_engine.catalog.model import Campaign
from ppc_engine.catalog.overrides import Side
from ppc_engine.catalog.terms import Offer, Term
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

Placed = Sequence[tuple[Path, Offer]]


def placed(key: str, offers: Sequence[Offer]) -> Placed:
    """Offers with where they stand in their file."""
    return [((key, index), offer) for index, offer in enumerate(offers)]


def offer_issues(document: Document, offers: Placed, side: Side) -> Iterator[Issue]:
    """Everything that is wrong with the offers of one file and one side."""
    yield from one_at_a_time(document, offers)
    for path, offer in offers:
        yield from _fits_side(document, path, offer, side)


def one_at_a_time(document: Document, offers: Placed) -> Iterator[Issue]:
    """No two offers for the same calls at the same time; versions of one id are told apart by their number."""
    for index, (path, offer) in enumerate(offers):
        for _, other in offers[:index]:
            if other.campaign != offer.campaign or other.only_for != offer.only_for:
                continue
            if offer.valid_from < (other.valid_to or offer.valid_from + 1) and other.valid_from < (
                offer.valid_to or other.valid_from + 1
            ):
                if (other.valid_from, other.valid_to, offer.valid_from, offer.valid_to) == (0, None, 0, None):
                    continue  # Said already, with its line, of the text.
                message = f'holds for calls that "{other.id}" version {other.version} holds for too (part their times)'
                yield document.issue((*path, "valid_from"), message)
            elif other.id == offer.id and other.version == offer.version:
                message = f"a second version {offer.version} of {quoted(offer.id)} (count up)"
                yield document.issue((*path, "version"), message)


def _fits_side(document: Document, path: Path, offer: Offer, side: Side) -> Iterator[Issue]:
    if side == "buyer" and any(rule.rate.share_percent is not None for rule in offer.every_rule):
        yield document.issue(path, "a share of revenue is paid to publishers (give the buyer an amount or a rate)")
    if side == "buyer" and any(leaf.revenue for leaf in leaves(offer)):
        yield document.issue(path, "revenue is asked for where publishers are paid (remove the condition)")
    if side == "buyer" and offer.hold_days:
        yield document.issue((*path, "hold_days"), "payouts are held, revenue is not (remove it)")


def of_campaign(document: Document, campaign: Campaign) -> Iterator[Issue]:
    """Offers of a campaign are for that campaign."""
    for key in ("revenue_offers", "payout_offers"):
        for path, offer in placed(key, getattr(campaign, key)):
            if offer.campaign != campaign.id:
                yield document.issue((*path, "campaign"), f"stands in {quoted(campaign.id)} (write that)")


def leaves(offer: Offer) -> Iterator[Term]:
    """Every condition of an offer that is no ALL or ANY."""
    for rule in offer.every_rule:
        if rule.when is not None:
            yield from _leaves(rule.when)


def _leaves(term: Term) -> Iterator[Term]:
    inner = term.all or term.any
    if inner is None:
        yield term
        return
    for one in inner:
        yield from _leaves(one)
