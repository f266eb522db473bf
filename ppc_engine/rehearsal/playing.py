"""From what a test is given to the calls that happen: number, caller, people, caps in use, earlier calls."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.billing.history import Conversion, History, Occasion
from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import Campaign, Catalog, TrackingNumber
from ppc_engine.rehearsal.cases import EarlierCall, Given
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import MS, Script
from ppc_engine.rehearsal.rehearse import Rehearsed, rehearse
from ppc_engine.rehearsal.world import Offer
from ppc_engine.routing.duplicates import EarlierCall as Talk
from ppc_engine.routing.duplicates import plain_talk
from ppc_engine.values.phone import caller_kind, normalise

NUMBER = "+18005550100"  # What the caller dials when a test does not say it.
NOBODY = "nobody"  # The publisher of a campaign that no publisher has an offer for.


@dataclass(slots=True)
class Stage:
    """The network that tests are played in."""

    context: CallContext
    _contexts: dict[tuple[str, str, TrackingNumber], CallContext] = field(default_factory=dict)

    def play(self, flow: str, name: str, given: Given) -> list[Rehearsed]:
        """Let every call of a test happen. ``given`` is complete (it has a time, and a campaign can be found)."""
        number = self.number_of(flow, given)
        context = self.context_of(flow, number)
        return [self._play_one(context, number, given, _call_id(flow, name, given, n)) for n in range(given.calls)]

    def _play_one(self, context: CallContext, number: TrackingNumber, given: Given, call_id: str) -> Rehearsed:
        assert given.time is not None
        offer = offer_of(given, number.number, call_id)
        history = history_of(given, offer, number, context.catalog)
        earlier = [(one, _occasion(n, one, offer, number, context.catalog)) for n, one in enumerate(given.history)]
        people = script_of(given, earlier)
        return rehearse(context, offer, people, others_of(given, context.catalog, number), history=history)

    def number_of(self, flow: str, given: Given) -> TrackingNumber:
        """The number that is dialled, with the campaign and the publisher that the test or the number's row names."""
        name = given.number or NUMBER
        known = self.context.numbers.get(name) if given.number else None
        campaign = given.campaign or (known.campaign if known else "") or only_campaign(self.context.catalog, flow)
        publisher = given.publisher or (known.publisher if known and known.campaign == campaign else "")
        publisher = publisher or _any_publisher(self.context.catalog, campaign)
        test = bool(known and known.test) if given.test is None else given.test
        return TrackingNumber(number=name, campaign=campaign, publisher=publisher, test=test)

    def context_of(self, flow: str, number: TrackingNumber) -> CallContext:
        """What a call to this number is judged by: the configuration, its campaign with this flow."""
        key = (flow, number.campaign, number)
        if key not in self._contexts:
            catalog = self.context.catalog
            campaign = catalog.campaigns[number.campaign]
            if campaign.flow != flow:
                changed: Campaign = campaign.model_copy(update={"flow": flow})
                catalog = dataclasses.replace(catalog, campaigns={**catalog.campaigns, campaign.id: changed})
            self._contexts[key] = dataclasses.replace(self.context, catalog=catalog, numbers={number.number: number})
        return self._contexts[key]


def others_of(given: Given, catalog: Catalog, number: TrackingNumber) -> Others:
    """What other calls use of caps when this one comes."""
    assert given.time is not None
    others = Others(catalog, given.time, [number])
    others.use(given.counters)
    return others


def script_of(given: Given, earlier: Sequence[tuple[EarlierCall, Occasion]] = ()) -> Script:
    """The people of a test; ``earlier`` are the caller's calls before this one."""
    return Script(
        history=lambda params: _history_found(earlier, params),
        digits=given.digits,
        phones=given.buyers,
        hang_up=given.caller_hangs_up,
        messages_ms=given.messages_ms,
        found=given.lookups,
    )


def offer_of(given: Given, dialed_number: str, call_id: str) -> Offer:
    """How the call of a test arrives."""
    assert given.time is not None
    return Offer(
        call_id=call_id,
        at=given.time,
        dialed_number=dialed_number,
        caller_number=given.caller,
        trunk=given.trunk,
        sub_ids=given.sub_ids,
        paused=given.paused,
        frees={cap: tuple(after) for cap, after in given.frees.items()},
        changes=given.changes,
        line=given.line,
        stats=given.stats,
        tags=given.tags,
        asserted_number=given.asserted_number,
        attestation=given.attestation,
        private=given.private,
        prompts_ms=given.prompts_ms,
    )


def only_campaign(catalog: Catalog, flow: str) -> str:
    """The campaign whose flow it is, "" when there is none or there are several."""
    found = [campaign.id for campaign in catalog.campaigns.values() if campaign.flow == flow]
    return found[0] if len(found) == 1 else ""


def _any_publisher(catalog: Catalog, campaign: str) -> str:
    return next((name for name in sorted(catalog.publishers) if catalog.publisher_offer(name, campaign)), NOBODY)


def _call_id(flow: str, name: str, given: Given, n: int) -> str:
    """The id that a test names; else one that follows from the test's name, so that its draws never change."""
    if given.call_id and not n:
        return given.call_id
    return str(uuid.UUID(bytes=hashlib.sha256(f"{flow}:{name}:{n}".encode()).digest()[:16], version=4))


def history_of(given: Given, offer: Offer, number: TrackingNumber, catalog: Catalog) -> History:
    """What the caller's earlier calls came to, for the duplicate rules of both sides."""
    history = History()
    for n, earlier in enumerate(given.history):
        occasion = _occasion(n, earlier, offer, number, catalog)
        if earlier.connected_ms:
            history.connections.append(occasion)
        for side in earlier.converted:
            converted_at = occasion.at + earlier.connected_ms * MS
            history.conversions.append(Conversion(side, dataclasses.replace(occasion, at=converted_at)))
    return history


def _history_found(earlier: Sequence[tuple[EarlierCall, Occasion]], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``caller_history`` node is told of these calls (LookUp of kind history)."""
    calls = [
        (one, at)
        for one, at in sorted(earlier, key=lambda pair: pair[1].offered_at)
        if params.get("since", 0) <= at.offered_at < params.get("before", at.offered_at + 1)
        and all(getattr(at, name) == params[name] for name in ("campaign", "publisher") if name in params)
    ]
    connected = [at for one, at in calls if one.connected_ms]
    bought = [at for one, at in calls if "buyer" in one.converted]
    talks = {"talks": [_talk(one, at) for one, at in calls if one.connected_ms]} if params.get("talks") else {}
    return talks | {
        "calls": len(calls),
        "connected": len(connected),
        "bought": len(bought),
        "last_at": calls[-1][1].offered_at if calls else 0,
        "last_target": connected[-1].target if connected else "",
        "bought_target": bought[-1].target if bought else "",
    }


def _talk(one: EarlierCall, at: Occasion) -> dict[str, Any]:
    converted_at = at.at + one.connected_ms * MS if "buyer" in one.converted else 0
    return plain_talk(
        Talk(
            call_id=at.call_id,
            offered_at=at.offered_at,
            connected_at=at.at,
            converted_at=converted_at,
            campaign=at.campaign,
            publisher=at.publisher,
            tracking_number=at.tracking_number,
            buyer=at.buyer,
            target=at.target,
        )
    )


def _occasion(n: int, earlier: EarlierCall, offer: Offer, number: TrackingNumber, catalog: Catalog) -> Occasion:
    offered_at = offer.at - earlier.ago
    target = earlier.target or ""
    return Occasion(
        offered_at=offered_at,
        call_id=f"earlier-{n + 1}",
        ended_at=offered_at + earlier.connected_ms * MS,
        at=offered_at,
        campaign=earlier.campaign or number.campaign,
        publisher=earlier.publisher or number.publisher,
        tracking_number=number.number,
        buyer=catalog.targets[target][0].id if target in catalog.targets else "",
        target=target,
    )


def caller_key(given: Given) -> str:
    """The key of the caller, "" for one who has none."""
    return normalise(given.caller) if caller_kind(given.caller) == "valid" else ""
