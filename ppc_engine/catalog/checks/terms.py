"""Terms that lose money: pay more than they earn, pay earlier than anybody pays us, sell where nobody pays."""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.catalog.area import Area
from ppc_engine.catalog.checks.case import CatalogCase, has_fixed_price
from ppc_engine.catalog.model import Offer
from ppc_engine.catalog.terms import Rule, Term
from ppc_engine.values.errors import Issue
from ppc_engine.values.money import format_micros

NAMES_TOLD = 3


def pays_more_than_earned(case: CatalogCase) -> Iterator[Issue]:
    """A payout above what every buyer pays is an error, above what some pay a warning (unless a margin is guarded)."""
    campaigns = {campaign.id: campaign for _, campaign in case.read.campaigns}
    for document, publisher in case.read.publishers:
        for index, offer in enumerate(publisher.offers):
            campaign = campaigns.get(offer.campaign)
            sold = case.sellers(campaign) if campaign else []
            if campaign is None or not sold or not all(map(has_fixed_price, (offer, *(other for _, other in sold)))):
                continue
            path = ("offers", index, "amount")
            pays = f'"{publisher.id}" is paid {format_micros(offer.amount)} for a call of "{campaign.id}"'
            most_buyer, most = max(sold, key=lambda pair: pair[1].amount)
            less = [(buyer.id, other.amount) for buyer, other in sold if other.amount < offer.amount]
            if len(less) == len(sold):
                message = f"{pays}, but nobody pays more than {format_micros(most.amount)} ({most_buyer.id}); lower it"
                yield document.issue(path, message)
            elif less and campaign.margin_min is None:
                told = ", ".join(f"{name} ({format_micros(amount)})" for name, amount in less[:NAMES_TOLD])
                more = f" and {len(less) - NAMES_TOLD} more" if len(less) > NAMES_TOLD else ""
                message = f"{pays}, more than is paid by {told}{more} (lower it, or give the campaign a margin_min)"
                yield document.issue(path, message, "warning")


def pays_before_earned(case: CatalogCase) -> Iterator[Issue]:
    """A call of a length at which the publisher is paid already, and no buyer pays yet."""
    campaigns = {campaign.id: campaign for _, campaign in case.read.campaigns}
    for document, publisher in case.read.publishers:
        for index, offer in enumerate(publisher.offers):
            campaign = campaigns.get(offer.campaign)
            sold = case.sellers(campaign) if campaign else []
            if not all(map(has_fixed_price, (offer, *(other for _, other in sold)))):
                continue
            least = min((other.connected_ms_min for _, other in sold), default=0)
            if campaign and offer.amount and offer.connected_ms_min < least:
                message = (
                    f'paid from {offer.connected_ms_min / 1000:g} s on, but no buyer of "{campaign.id}" pays before '
                    f"{least / 1000:g} s (raise it to {least})"
                )
                path = ("offers", index, "connected_ms_min")
                yield document.issue(path, message, "warning")


def waits_in_vain(case: CatalogCase) -> Iterator[Issue]:
    """An offer that waits for what this version has no way to receive: its calls would be pending for ever."""
    accounts = [(document, buyer.offers) for document, buyer in case.read.buyers]
    accounts += [(document, publisher.offers) for document, publisher in case.read.publishers]
    for document, offers in accounts:
        for index, offer in enumerate(offers):
            waits = sorted({name for rule in offer.every_rule for name in _awaited(rule)})
            if waits:
                message = f"waits for a {waits[0]}, which this version cannot receive yet (use conditions of the call)"
                yield document.issue(("offers", index), message)


def _awaited(rule: Rule) -> Iterator[str]:
    if rule.rate.postback is not None:
        yield "postback"
    if rule.rate.bid is not None:
        yield "bid"
    yield from _awaited_by(rule.when)


def _awaited_by(term: Term | None) -> Iterator[str]:
    if term is None:
        return
    if term.postback is not None:
        yield "postback"
    if term.quality_score is not None:
        yield "quality score"
    for part in (*(term.all or ()), *(term.any or ())):
        yield from _awaited_by(part)


def sold_where_nobody_pays(case: CatalogCase) -> Iterator[Issue]:
    """States that a target takes callers from although the buyer's only offers do not pay for them."""
    for document, buyer in case.read.buyers:
        if not buyer.offers or any(offer.area is None or not _only_states(offer.area) for offer in buyer.offers):
            continue
        paid: set[str] = set()
        for offer in buyer.offers:
            paid |= offer.area.states if offer.area else set()
        for index, target in enumerate(buyer.targets):
            unpaid = sorted(target.area.states - paid) if target.area else []
            if unpaid:
                message = (
                    f'takes callers of {", ".join(unpaid)}, for whom "{buyer.id}" pays nothing '
                    "(remove them, or widen the area of the offer)"
                )
                yield document.issue(("targets", index, "area", "states"), message, "warning")
            elif target.area is None:
                message = (
                    f'takes callers from everywhere, but "{buyer.id}" pays only for those of {", ".join(sorted(paid))} '
                    "(give the target the same area)"
                )
                yield document.issue(("targets", index), message, "warning")


def _only_states(area: Area) -> bool:
    return bool(area.states) and not area.zips and not area.area_codes


def earns_nothing(case: CatalogCase) -> Iterator[Issue]:
    """An offer of a buyer at 0.00: every call to it is given away."""
    for document, buyer in case.read.buyers:
        for index, offer in enumerate(buyer.offers):
            if has_fixed_price(offer) and not offer.amount:
                yield document.issue(("offers", index, "amount"), _given_away(offer), "warning")


def _given_away(offer: Offer) -> str:
    return f'calls of "{offer.campaign}" are given away at 0.00 (write what they are worth)'
