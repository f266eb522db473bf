"""What a qualified call is worth under an offer."""

from __future__ import annotations

from ppc_engine.catalog.model import Offer
from ppc_engine.values.money import round_to_minor


def amount_micros(offer: Offer) -> int:
    """The posting for one qualified call: a fixed amount, rounded half-even to the minor unit, once.

    Source: semantics.md, "Rounding". The amount is the same for every attempt, so that the earliest attempt that
    qualifies is the one that pays.
    """
    return round_to_minor(offer.amount)
