"""Caps that can never be reached, or that nothing gets past: both are slips of the pen, and neither shows in a call."""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.catalog.caps import Cap, Period
from ppc_engine.catalog.checks.case import CatalogCase, has_fixed_price
from ppc_engine.catalog.model import Buyer, Offer, Target
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue
from ppc_engine.values.money import format_micros

# The most periods of one kind that one of another holds: a day may have 25 hours, a month 31 days in six weeks.
HELD: dict[tuple[Period, Period], int] = {
    ("hour", "day"): 25,
    ("hour", "week"): 169,
    ("hour", "month"): 745,
    ("day", "week"): 7,
    ("day", "month"): 31,
    ("week", "month"): 6,
}
HOUR_S = 3_600


def beyond_reach(case: CatalogCase) -> Iterator[Issue]:
    """A cap of a long period above what the caps of shorter ones let through in it."""
    for document, path, _, caps in case.owners():
        for index, long in enumerate(caps):
            for short in caps:
                periods = HELD.get((short.per, long.per))
                if periods is None or not _alike(short, long) or long.limit <= short.limit * periods:
                    continue
                message = (
                    f"{_shown(long)} is never reached: {_shown(short)} is at most "
                    f"{_amount(short, short.limit * periods)} a {long.per} (lower this one, or raise that)"
                )
                yield document.issue((*path, "caps", index), message, "warning")
                break


def twice(case: CatalogCase) -> Iterator[Issue]:
    """Two caps of one owner on the same thing: the lower holds, the other is forgotten."""
    for document, path, _, caps in case.owners():
        for index, cap in enumerate(caps):
            if any(other.per == cap.per and _alike(other, cap) and other.zone == cap.zone for other in caps[:index]):
                message = f"a second cap {_per(cap.per)} of the same (keep one: the lower holds)"
                yield document.issue((*path, "caps", index), message, "warning")


def above_the_buyer(case: CatalogCase) -> Iterator[Issue]:
    """A target's cap above its buyer's, and its slots above the buyer's slots."""
    for document, path, buyer, target in case.targets():
        for index, cap in enumerate(target.caps):
            for other in buyer.caps:
                if other.per == cap.per and _alike(other, cap) and other.limit < cap.limit:
                    message = f'{_shown(cap)} is never reached: buyer "{buyer.id}" has {_shown(other)} (lower it)'
                    yield document.issue((*path, "caps", index), message, "warning")
        if buyer.concurrency_cap is not None and (target.concurrency_cap or 0) > buyer.concurrency_cap:
            message = f'never reached: buyer "{buyer.id}" takes {buyer.concurrency_cap} at once (lower it)'
            yield document.issue((*path, "concurrency_cap"), message, "warning")


def above_the_targets(case: CatalogCase) -> Iterator[Issue]:
    """Slots of a buyer or of a group above what its targets together may use."""
    targets = {target.id: target for _, _, _, target in case.targets()}
    for document, buyer in case.read.buyers:
        yield from _above(document, buyer.concurrency_cap, list(buyer.targets))
    for document, group in case.read.groups:
        yield from _above(document, group.concurrency_cap, [targets[name] for name in group.targets if name in targets])


def _above(document: Document, cap: int | None, targets: list[Target]) -> Iterator[Issue]:
    slots = [target.concurrency_cap for target in targets]
    if cap is None or not slots or any(each is None for each in slots):
        return
    together = sum(each or 0 for each in slots)
    if together < cap:
        message = f"never reached: its targets together take {together} at once (lower it to {together})"
        yield document.issue(("concurrency_cap",), message, "warning")


def nothing_gets_past(case: CatalogCase) -> Iterator[Issue]:
    """Caps of 0: a pause that says why is found again, a cap of nothing is searched for."""
    for document, path, what, caps in case.owners():
        for index, cap in enumerate(caps):
            if not cap.limit:
                message = f"nothing gets past a cap of 0 (pause the {what}, or remove the cap)"
                yield document.issue((*path, "caps", index), message, "warning")
    for document, path, _, target in case.targets():
        if target.concurrency_cap == 0:
            yield document.issue((*path, "concurrency_cap"), _pause_it("target"), "warning")
    for document, buyer in case.read.buyers:
        if buyer.concurrency_cap == 0:
            yield document.issue(("concurrency_cap",), _pause_it("buyer"), "warning")


def _pause_it(what: str) -> str:
    return f"nothing gets past a cap of 0 (write paused: true on the {what}, or remove the cap)"


def money_for_not_one_call(case: CatalogCase) -> Iterator[Issue]:
    """A spend cap below the price of one call refuses every call; one without a price counts nothing."""
    prices: dict[str, list[int] | None] = {}
    for _, buyer in case.read.buyers:
        prices[buyer.id] = _prices(buyer.offers)
    for document, path, buyer, target in case.targets():
        yield from _money(document, path, target.caps, prices[buyer.id], f'buyer "{buyer.id}" has no offer')
    for document, buyer in case.read.buyers:
        yield from _money(document, (), buyer.caps, prices[buyer.id], "it has no offer")
    for document, publisher in case.read.publishers:
        yield from _money(document, (), publisher.caps, _prices(publisher.offers), "it has no offer")


def _prices(offers: tuple[Offer, ...]) -> list[int] | None:
    """What calls cost under each offer; None when the price of one depends on the call."""
    return [offer.amount for offer in offers] if all(map(has_fixed_price, offers)) else None


def _money(
    document: Document, path: Path, caps: tuple[Cap, ...], prices: list[int] | None, none: str
) -> Iterator[Issue]:
    for index, cap in enumerate(caps):
        place = (*path, "caps", index, "spend")
        if cap.spend is None or not cap.limit or prices is None:
            continue
        if not prices:
            yield document.issue(place, f"counts nothing: {none} (add one, or cap calls)", "warning")
        elif cap.limit < min(prices):
            message = (
                f"{format_micros(cap.limit)} is less than one call costs ({format_micros(min(prices))}), "
                "so every call is refused (raise it)"
            )
            yield document.issue(place, message)


def faster_than_the_pace(case: CatalogCase) -> Iterator[Issue]:
    """A cap of calls above what the least time between two of them lets through."""
    for document, path, _, target in case.targets():
        between = target.pace.seconds_between_min if target.pace else None
        for index, cap in enumerate(target.caps):
            hours = 1 if cap.per == "hour" else HELD.get(("hour", cap.per), 0)
            if between and cap.calls is not None and hours and cap.calls > -(-hours * HOUR_S // between):
                most = -(-hours * HOUR_S // between)
                message = f"{_shown(cap)} is never reached: {between} s between two calls is at most {most} (lower it)"
                yield document.issue((*path, "caps", index), message, "warning")


def order_without_caps(case: CatalogCase) -> Iterator[Issue]:
    """An order by what is left of caps, where no target has one: then it is the order of ids."""
    targets: dict[str, tuple[Buyer, Target]] = {target.id: (buyer, target) for _, _, buyer, target in case.targets()}
    for document, campaign in case.read.campaigns:
        named = [targets[name] for name in campaign.targets if name in targets]
        if campaign.order == "most_capacity":
            what, given = "concurrency_cap", any(target.concurrency_cap is not None for _, target in named)
        elif campaign.order == "most_budget":
            what, given = "caps", any(target.caps or buyer.caps for buyer, target in named)
        else:
            continue
        if named and not given:
            message = f"no target of it has {what}, so nothing tells them apart (add some, or choose another order)"
            yield document.issue(("order",), message, "warning")


def _alike(one: Cap, other: Cap) -> bool:
    """Whether two caps count the same."""
    return (one.spend is None) == (other.spend is None) and one.counts == other.counts and one.side == other.side


def _amount(cap: Cap, limit: int) -> str:
    return format_micros(limit) if cap.spend is not None else f"{limit} {'call' if limit == 1 else 'calls'}"


def _shown(cap: Cap) -> str:
    return f"{_amount(cap, cap.limit)} {_per(cap.per)}"


def _per(period: Period) -> str:
    return {"hour": "an hour", "ever": "for ever"}.get(period, f"a {period}")
