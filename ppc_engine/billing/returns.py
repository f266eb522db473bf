"""What a return does to a call's money: the buyer gets (a part of) its revenue back, and the payout follows or stays.

Source: semantics.md, "Returns": a share is computed again of what is left; a fixed payout goes back on a whole return
only; ``keep`` leaves the payout alone. Telecom cost stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ppc_engine.billing.evidence import Return
from ppc_engine.billing.verdict import BillableRecord
from ppc_engine.catalog.rates import posted, share
from ppc_engine.catalog.terms import Offer, Rule


def given_back(record: BillableRecord, returns: Sequence[Return]) -> tuple[BillableRecord, int]:
    """A buyer's record after its returns, never below zero, and when all of it was given back, 0 if it was not."""
    own = sorted((one for one in returns if one.party == record.party), key=lambda one: one.at)
    back = 0
    for one in own:
        back = min(record.amount_micros, back + one.amount_micros)
        if back == record.amount_micros and back:
            return replace(record, returned_micros=back), one.at
    return replace(record, returned_micros=back), 0


def clawed_back(
    record: BillableRecord, offer: Offer, rule: Rule, buyers: Sequence[BillableRecord], returns: Sequence[Return]
) -> tuple[BillableRecord, int]:
    """The publisher's record after the buyers' returns, and when all of it was clawed back, 0 if it was not."""
    revenue, left = sum(b.amount_micros for b in buyers), sum(b.net_micros for b in buyers)
    if left == revenue or (offer.returns is not None and offer.returns.payout == "keep"):
        return record, 0
    kept = record.amount_micros if left else 0
    if rule.rate.share_percent is not None and left:
        others = sum(part.amount_micros for part in record.parts if part.rule != rule.id)
        kept = others + posted(share(rule.rate.share_percent, left), rule.minimum, rule.maximum)
    back = max(0, record.amount_micros - kept)
    whole = bool(back) and back == record.amount_micros
    return replace(record, returned_micros=back), max((one.at for one in returns), default=0) if whole else 0
