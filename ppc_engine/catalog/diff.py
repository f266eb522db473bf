"""What changed between two catalogs, in words: targets, caps, hours, places, prices, paths.

Things are told apart by their ids, which are never reused; the order in a file means nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ppc_engine.catalog.caps import Cap
from ppc_engine.catalog.model import Buyer, Catalog, Model, Offer, Target
from ppc_engine.values.differences import Change, differences, gains_and_losses, sentence, told
from ppc_engine.values.money import format_micros

# The first field of a path decides what the change is about; what is not here is of its kind's own topic.
_TOPICS = {
    **dict.fromkeys(
        ("concurrency_cap", "caller_concurrency_cap", "caps", "pace", "spread_caps", "attempts_max"), "caps"
    ),
    **dict.fromkeys(("amount", "connected_ms_min", "unique_caller", "margin_min", "currency"), "prices"),
    **dict.fromkeys(("flow", "targets", "order", "expected_revenue", "stop_hunting_on", "recovery"), "paths"),
    **dict.fromkeys(
        ("priority", "weight", "destination", "gateway", "ring_ms_max", "progress_ms_max", "connected_ms_max",
         "redial", "whisper", "accept", "early_media"), "targets",
    ),
    "hours": "hours",
    "area": "places",
    "zone": "hours",
}  # fmt: skip
_KIND_TOPICS = {"target": "targets", "offer": "prices", "list": "lists", "group": "targets"}


def catalog_changes(before: Catalog, after: Catalog) -> list[Change]:
    """Everything that differs, by kind and name."""
    found: list[Change] = []
    found += _things("buyer", before.buyers, after.buyers, skip=("targets", "offers"))
    found += _targets(before, after)
    found += _offers(before, after)
    found += _things("publisher", before.publishers, after.publishers, skip=("offers",))
    found += _things("campaign", before.campaigns, after.campaigns)
    found += _things("group", before.groups, after.groups)
    found += _things("trunk", before.trunks, after.trunks)
    found += _lists(before.lists, after.lists)
    return found


def _things(
    kind: str, before: Mapping[str, Model], after: Mapping[str, Model], skip: tuple[str, ...] = ()
) -> Iterator[Change]:
    topic = _KIND_TOPICS.get(kind, "other")
    for name in sorted({*before, *after}):
        if name not in before:
            yield Change(kind=kind, name=name, topic=topic, what="is new")
        elif name not in after:
            yield Change(kind=kind, name=name, topic=topic, what="is gone")
        else:
            yield from _fields(kind, name, before[name], after[name], skip)


def _targets(before: Catalog, after: Catalog) -> Iterator[Change]:
    for name in sorted({*before.targets, *after.targets}):
        old, new = before.targets.get(name), after.targets.get(name)
        if old is None and new is not None:
            yield Change(kind="target", name=name, topic="targets", what=f"is new: {_described(*new)}")
        elif new is None and old is not None:
            yield Change(kind="target", name=name, topic="targets", what=f"is gone: {_described(*old)}")
        elif old is not None and new is not None:
            if old[0].id != new[0].id:
                what = f"belongs to buyer {new[0].id} now (was {old[0].id})"
                yield Change(
                    kind="target", name=name, topic="targets", what=what, field="buyer", before=old[0].id,
                    after=new[0].id,
                )  # fmt: skip
            yield from _fields("target", name, old[1], new[1])


def _described(buyer: Buyer, target: Target) -> str:
    return f"of buyer {buyer.id}, rings {target.destination}, priority {target.priority}, weight {target.weight}"


def _offers(before: Catalog, after: Catalog) -> Iterator[Change]:
    old, new = _offers_of(before), _offers_of(after)
    for name in sorted({*old, *new}):
        if name not in old:
            yield Change(kind="offer", name=name, topic="prices", what=f"is new: {_terms(*new[name])}")
        elif name not in new:
            yield Change(kind="offer", name=name, topic="prices", what=f"is gone: {_terms(*old[name])}")
        else:
            if old[name][0] != new[name][0]:
                what = f"is one of {new[name][0]} now (was of {old[name][0]})"
                yield Change(kind="offer", name=name, topic="prices", what=what, field="party")
            yield from _fields("offer", name, old[name][1], new[name][1])


def _offers_of(catalog: Catalog) -> dict[str, tuple[str, Offer]]:
    parties: list[tuple[str, Iterable[Offer]]] = [(f"buyer {b.id}", b.offers) for b in catalog.buyers.values()]
    parties += [(f"publisher {p.id}", p.offers) for p in catalog.publishers.values()]
    for shared in catalog.campaigns.values():
        parties.append((f"campaign {shared.id}", (*shared.revenue_offers, *shared.payout_offers)))
    return {_offer_name(offer): (party, offer) for party, offers in parties for offer in offers}


def _offer_name(offer: Offer) -> str:
    """Versions are terms of their own: a new one takes nothing away from the old one."""
    return offer.id if offer.version == 1 else f"{offer.id} version {offer.version}"


def _terms(party: str, offer: Offer) -> str:
    length = told("connected_ms_min", offer.connected_ms_min)
    return f"{party}, campaign {offer.campaign}, {format_micros(offer.amount)} from {length} on"


def _fields(kind: str, name: str, before: Model, after: Model, skip: tuple[str, ...] = ()) -> Iterator[Change]:
    for path, old, new in differences(before, after, skip):
        if path[-1] == "zips" and getattr(getattr(after, path[0], None), "zips_file", None):
            continue  # The list's own change says it, once for all that name it.
        topic = "prices" if kind == "offer" else _TOPICS.get(path[0], _KIND_TOPICS.get(kind, "other"))
        told_field = {"kind": kind, "name": name, "topic": topic, "field": ".".join(path)}
        if path == ("caps",):
            yield from (Change(**told_field, what=what, before=o, after=n) for what, o, n in _caps(old, new))
        elif path == ("paused",):
            what = "is paused now" if new else "is no longer paused"
            yield Change(**told_field, what=what, before=told("paused", old), after=told("paused", new))
        else:
            yield Change(
                **told_field, what=sentence(path, old, new), before=told(path[-1], old), after=told(path[-1], new)
            )


def _caps(before: tuple[Cap, ...], after: tuple[Cap, ...]) -> Iterator[tuple[str, str, str]]:
    """(words, limit before, limit after) by what a cap counts: a new limit is a change, another count another cap."""
    old, new = ({_counted(cap): cap for cap in caps} for caps in (before, after))
    for what in sorted({*old, *new}):
        was, now = (_limit(caps[what]) if what in caps else "" for caps in (old, new))
        if was == now:
            continue
        if not was:
            yield f"is capped now at {now} {what}", was, now
        elif not now:
            yield f"is no longer capped at {was} {what}", was, now
        else:
            yield f"may have {now} {what} now (was {was})", was, now


def _counted(cap: Cap) -> str:
    when = {"attempt": "tried", "connect": "connected", "conversion": "converted"}[cap.counts]
    period = "in all" if cap.per == "ever" else f"{'an' if cap.per == 'hour' else 'a'} {cap.per}"
    words = f"calls {when} {period}" if cap.calls is not None else f"of money {period}"
    return words + (f" in {cap.zone}" if cap.zone else "") + (f" ({cap.side})" if cap.side else "")


def _limit(cap: Cap) -> str:
    return f"{cap.limit:,}" if cap.calls is not None else format_micros(cap.limit)


def _lists(before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            what = f"is new: {len(new or ()):,} entries" if old is None else "is gone"
        elif old != new:
            what = f"{gains_and_losses(old, new)} ({len(new):,} entries now)"
        else:
            continue
        yield Change(kind="list", name=name, topic="lists", what=what)


def plain(change: Change) -> dict[str, Any]:
    """A change as JSON."""
    return {name: getattr(change, name) for name in ("kind", "name", "topic", "what", "field", "before", "after")}
