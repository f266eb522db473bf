"""What a qualified call is worth under one rule, as it is posted.

Source: semantics.md, "Rounding": half-even to the minor unit, once per posting, after minimum and maximum; a share is
of the posted revenue of all buyers of the call.
"""

from __future__ import annotations

from ppc_engine.billing.conditions import Asked
from ppc_engine.billing.history import DAY_US
from ppc_engine.billing.leaves import too_short
from ppc_engine.billing.verdict import Reason
from ppc_engine.catalog.rates import Exact, posted, share
from ppc_engine.catalog.terms import Postback, Rule, Term

ANY_POSTBACK = Postback()


def amount_micros(rule: Rule, asked: Asked, revenue_micros: int) -> int | Reason:
    """The posting for one attempt that meets the rule, or why there is none. ``revenue_micros`` is the posted one."""
    rate, attempt = rule.rate, asked.connected
    length_ms = asked.offer.rounded_ms(attempt.connected_ms) if attempt else 0
    exact: Exact
    if rate.fixed is not None:
        exact = rate.fixed, 1
    elif rate.per_minute is not None:
        exact = rate.per_minute.exact(length_ms)
    elif rate.tiers is not None:
        below = too_short(rate.tiers[0].ms_min, length_ms, "connected", asked.number)
        if below is not None:
            return below
        exact = rate.reached(length_ms), 1
    elif rate.share_percent is not None:
        if not revenue_micros:
            return Reason(code="no_revenue", text="share of nothing", measured=0, limit="revenue")
        exact = share(rate.share_percent, revenue_micros)
    elif rate.postback is not None:
        reported = _reported(rule, asked)
        if not reported:
            return Reason(
                code="no_amount", text="no amount was reported", measured=0, limit="an amount", attempt=asked.number
            )
        exact = reported, 1
    else:  # An accepted bid is a rule of its own, with a fixed amount.
        return Reason(code="no_bid", text="no bid was accepted", measured="none", limit="a bid", attempt=asked.number)
    return posted(exact, rule.minimum, rule.maximum)


def _reported(rule: Rule, asked: Asked) -> int:
    """The amount of the latest postback in its window: a new one replaces the one before."""
    leaf = postback_of(rule.when) or ANY_POSTBACK
    deadline = asked.cdr.ended_at + leaf.within_days * DAY_US
    amounts = [s.amount_micros for s in asked.signals(leaf.name) if s.received_at < deadline]
    return next((amount for amount in reversed(amounts) if amount is not None), 0)


def postback_of(term: Term | None) -> Postback | None:
    """The first postback leaf of a condition."""
    if term is None or term.postback is not None:
        return term.postback if term else None
    return next((found for one in (term.all or term.any or ()) if (found := postback_of(one))), None)
