"""The most that a call can cost, what it is expected to be worth, and the length below which it surely costs nothing.

Money caps and prepaid balances hold the most; an offer without a bound may have neither (semantics.md, "Caps").
"""

from __future__ import annotations

from ppc_engine.catalog.model import Catalog
from ppc_engine.catalog.overrides import Sale, Side, candidates
from ppc_engine.catalog.rates import Exact, posted, share
from ppc_engine.catalog.terms import Offer, Rule, Term


def amount_max(offer: Offer, connected_ms_max: int, revenue_max: int | None = None) -> int | None:
    """The most that a call of at most this length can cost under an offer, in micros; None when there is no bound.

    ``revenue_max`` bounds shares of revenue. Rules that add are added; of the others the dearest is taken.
    """
    length_ms = offer.rounded_ms(connected_ms_max)
    found = [(rule, _most(rule, length_ms, revenue_max)) for rule in offer.every_rule]
    if any(amount is None for _, amount in found):
        return None
    added = sum(amount or 0 for rule, amount in found if rule.adds)
    return added + max((amount or 0 for rule, amount in found if not rule.adds), default=0)


def _most(rule: Rule, length_ms: int, revenue_max: int | None) -> int | None:
    rate = rule.rate
    exact: Exact | None = None
    if rate.fixed is not None:
        exact = rate.fixed, 1
    elif rate.per_minute is not None:
        exact = rate.per_minute.exact(length_ms)
    elif rate.tiers is not None:
        exact = max((tier.amount for tier in rate.tiers if tier.ms_min <= length_ms), default=0), 1
    elif rate.share_percent is not None and revenue_max is not None:
        exact = share(rate.share_percent, revenue_max)
    if exact is None:
        return None if rule.maximum is None else posted((rule.maximum, 1), None, None)
    return posted(exact, rule.minimum, rule.maximum)


def amount_expected(offer: Offer, revenue_micros: int = 0) -> int:
    """What a call that just qualifies is worth under an offer: margin guards and orders by revenue go by it.

    A bid, and an amount that only the buyer knows, are worth their minimum. A share is of ``revenue_micros``.
    """
    paid = [rule for rule in offer.every_rule if not rule.adds] or list(offer.every_rule)
    return _least(paid[0], revenue_micros)


def _least(rule: Rule, revenue_micros: int) -> int:
    rate, length_ms = rule.rate, ms_min_of(rule.when)
    exact: Exact = 0, 1
    if rate.fixed is not None:
        exact = rate.fixed, 1
    elif rate.per_minute is not None:
        exact = rate.per_minute.exact(length_ms)
    elif rate.tiers is not None:
        exact = rate.reached(max(length_ms, rate.tiers[0].ms_min)), 1
    elif rate.share_percent is not None:
        exact = share(rate.share_percent, revenue_micros)
    return posted(exact, rule.minimum, rule.maximum)


def ms_min_to_owe(offer: Offer) -> int:
    """The connected length of an attempt below which an offer surely pays nothing, in ms."""
    least = min(ms_min_of(rule.when) for rule in offer.every_rule)
    return max(0, least - (0 if offer.length_rounding in ("none", "down") else 999))


def ms_min_of(term: Term | None) -> int:
    """The connected length of one attempt that a condition needs at least; 0 when it may hold without any."""
    if term is None:
        return 0
    if term.all is not None:
        return max(map(ms_min_of, term.all))
    if term.any is not None:
        return min(map(ms_min_of, term.any))
    length = term.length
    return length.ms_min if length and (length.clock, length.scope) == ("connected", "attempt") else 0


def most_of_all(
    catalog: Catalog, side: Side, sale: Sale, connected_ms_max: int, revenue_max: int | None = None
) -> int | None:
    """The most under any terms that may hold for such an attempt, at any time and for any override: what caches that
    outlive a version of the terms can go by. None without a bound; 0 without terms."""
    amounts = [
        amount_max(offer, connected_ms_max, revenue_max)
        for offer, _ in candidates(catalog, side, sale)
        if offer.campaign == sale.campaign
        and (offer.only_for is None or offer.only_for.target in (None, sale.target) or not sale.target)
    ]
    return None if None in amounts else max((amount or 0 for amount in amounts), default=0)
