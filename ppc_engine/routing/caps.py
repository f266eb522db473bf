"""Names of concurrency caps and which of them an attempt or a call holds a slot of.

Source: semantics.md, "Caps": target and buyer count live attempts; campaign, publisher and caller count live calls.
"""

from __future__ import annotations

from ppc_engine.catalog.model import Buyer, Campaign, Publisher, Target

CAP_KINDS = ("target", "buyer", "campaign", "publisher", "caller")


def attempt_caps(buyer: Buyer, target: Target) -> dict[str, int]:
    """Cap -> limit of every cap that one attempt at this target takes a slot of."""
    caps = {}
    if target.concurrency_cap is not None:
        caps[f"target:{target.id}"] = target.concurrency_cap
    if buyer.concurrency_cap is not None:
        caps[f"buyer:{buyer.id}"] = buyer.concurrency_cap
    return caps


def call_caps(campaign: Campaign, publisher: Publisher | None, caller_key: str) -> dict[str, int]:
    """Cap -> limit of every cap that one call takes a slot of, from claim to hang-up.

    A caller without a key (anonymous, invalid) has no caller cap: two of them need not be the same person.
    """
    caps = {}
    if campaign.concurrency_cap is not None:
        caps[f"campaign:{campaign.id}"] = campaign.concurrency_cap
    if publisher is not None and publisher.concurrency_cap is not None:
        caps[f"publisher:{publisher.id}"] = publisher.concurrency_cap
    if campaign.caller_concurrency_cap is not None and caller_key:
        caps[f"caller:{caller_key}"] = campaign.caller_concurrency_cap
    return caps
