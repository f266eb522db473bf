"""What must hold in a catalog beyond the shape of each file: names, references, places, destinations, terms.

The first rules read raw documents, so that a file with one bad value still has its references checked; those under
"terms" read the models of files that are valid by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from ppc_engine.catalog import destinations
from ppc_engine.catalog.issues import did_you_mean, quoted
from ppc_engine.catalog.model import Buyer, Campaign, Publisher
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

SUGGESTIONS_MAX = 20  # In one file: each compares with every name there is, and thousands can be wrong at once.

# Two letters of the United States with territories and military mail (USPS Publication 28), and of Canada.
_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI AA AE AP AB BC MB NB NL NS NT NU ON PE QC SK YT"
)
STATES = frozenset(_STATES.split())
PARTS = frozenset({"only_for", "valid_from", "valid_to"})  # With one of these an offer need not be the only one.
PLACE_KEYS = ("zips", "zips_file", "states", "area_codes", "counties", "radius")


def blocks(document: Document, key: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every "key: value" block in the list under a key, with its path; nothing when there is no such list."""
    listed = document.data.get(key)
    for index, block in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(block, dict):
            yield (key, index), block


def text(block: Mapping[str, Any], key: str) -> str:
    """The text under a key, "" when there is none or it is something else."""
    value = block.get(key)
    return value if isinstance(value, str) else ""


def file_name(document: Document) -> Iterator[Issue]:
    """A file is named after what is in it, so that a name leads to its file."""
    stem, found = PurePath(document.file).stem, text(document.data, "id")
    if found and found != stem:
        message = f"{quoted(found)} is not the file's name (write {quoted(stem)}, or rename the file {found}.yaml)"
        yield document.issue(("id",), message)


def unique_ids(documents: Iterable[Document], key: str, what: str) -> Iterator[Issue]:
    """Ids of targets, and of offers, name one thing in the whole catalog: records carry nothing else."""
    seen: dict[str, str] = {}
    for document in documents:
        for path, block in blocks(document, key):
            found = text(block, "id")
            place = f"{document.file}:{document.places.get((*path, 'id'), (0, 0))[0]}"
            if block.get("version") and seen.get(found, "").startswith(f"{document.file}:"):
                continue  # Another version of the same terms: offers.py looks at their times.
            if found and seen.setdefault(found, place) != place:
                message = f"{what} {quoted(found)} is already at {seen[found]} (choose another id)"
                yield document.issue((*path, "id"), message)


def offer_campaigns(document: Document, campaigns: Collection[str]) -> Iterator[Issue]:
    """An offer is for a campaign that exists, and the only one of this file for it."""
    first: dict[str, int] = {}
    for path, block in blocks(document, "offers"):
        campaign = text(block, "campaign")
        line = document.places.get((*path, "campaign"), (0, 0))[0]
        if campaign and campaign not in campaigns:
            yield document.issue((*path, "campaign"), no_such("campaign", campaign, campaigns))
        elif campaign and not PARTS.isdisjoint(block):
            continue  # For some calls, or for some time: offers.py looks at those.
        elif campaign and first.setdefault(campaign, line) != line:
            message = f"a second offer for {quoted(campaign)} (the first is on line {first[campaign]}; keep one)"
            yield document.issue((*path, "campaign"), message)


def campaign_references(
    document: Document, flows: Collection[str] | None, targets: Collection[str] | None
) -> Iterator[Issue]:
    """A campaign's flow and targets exist. None: not known now, so not checked."""
    flow = text(document.data, "flow")
    if flow and flows is not None and flow not in flows:
        yield document.issue(("flow",), no_such("flow", flow, flows))
    listed = document.data.get("targets")
    if listed == []:
        yield document.issue(("targets",), "no targets, so no call could be sold (name at least one)")
    seen: set[str] = set()
    unknown = 0
    for index, target in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(target, str):
            continue
        if targets is not None and target not in targets:
            unknown += 1
            likely = targets if unknown <= SUGGESTIONS_MAX else ()
            yield document.issue(("targets", index), no_such("target", target, likely))
        elif target in seen:
            yield document.issue(("targets", index), f"target {quoted(target)} is named twice (keep one)")
        seen.add(target)


def target_destinations(document: Document) -> Iterator[Issue]:
    """A number goes out through a gateway, a SIP address directly; and not every number may be dialled."""
    for path, block in blocks(document, "targets"):
        destination, gateway = text(block, "destination"), block.get("gateway")
        if destination.startswith("+"):
            if gateway is None:
                message = 'a number is dialled through a gateway (add "gateway: NAME", as the switch calls it)'
                yield document.issue((*path, "destination"), message)
            if refusal := destinations.refusal(destination):
                yield document.issue((*path, "destination"), refusal)
        elif destination.startswith("sip:") and gateway is not None:
            message = "a SIP address is dialled directly (remove the gateway, or give a number)"
            yield document.issue((*path, "gateway"), message)


def places(document: Document, known_zips: Container[str] | None) -> Iterator[Issue]:
    """Areas name at least one place, and only places that exist."""
    for key in ("targets", "offers"):
        for path, block in blocks(document, key):
            area = block.get("area")
            if not isinstance(area, dict):
                continue
            if not any(area.get(listing) for listing in PLACE_KEYS):
                message = "an area without places lets nobody in (add zips, states or area_codes, or remove it)"
                yield document.issue((*path, "area"), message)
            for index, state in enumerate(texts(area, "states")):
                if state not in STATES:
                    message = f"no state or province {quoted(state)} (write its two capital letters: CA)"
                    yield document.issue((*path, "area", "states", index), message)
            radius = area.get("radius")
            centre = text(radius, "zip") if isinstance(radius, dict) else ""
            if centre and known_zips is not None and centre not in known_zips:
                yield document.issue((*path, "area", "radius", "zip"), f"no ZIP {quoted(centre)} (correct its digits)")
            for index, code in enumerate(texts(area, "zips")):
                if known_zips is not None and code not in known_zips:
                    message = f"no ZIP {quoted(code)} (correct its digits, or remove it)"
                    yield document.issue((*path, "area", "zips", index), message)


# Terms


def unpaid_targets(document: Document, campaign: Campaign, buyers_by_target: Mapping[str, Buyer]) -> Iterator[Issue]:
    """Calls to a target whose buyer has no offer for the campaign earn nothing: worth a warning."""
    for index, target in enumerate(campaign.targets):
        buyer = buyers_by_target.get(target)
        if buyer and not campaign.revenue_offers and all(offer.campaign != campaign.id for offer in buyer.offers):
            message = f'buyer "{buyer.id}" has no offer for "{campaign.id}" (add one, or its calls earn nothing)'
            yield document.issue(("targets", index), message, severity="warning")


def reachable_lengths(document: Document, buyer: Buyer) -> Iterator[Issue]:
    """An offer's least length must be one that the buyer's calls can reach."""
    longest = max((target.connected_ms_max for target in buyer.targets), default=0)
    for index, offer in enumerate(buyer.offers):
        if longest and offer.connected_ms_min > longest:
            message = f"{offer.connected_ms_min} is never reached: calls to this buyer end at {longest} (lower it)"
            yield document.issue(("offers", index, "connected_ms_min"), message)


def one_currency(document: Document, account: Buyer | Publisher, currencies: Mapping[str, str]) -> Iterator[Issue]:
    """One currency per account (semantics.md, "Rounding")."""
    first = next((currencies[offer.campaign] for offer in account.offers if offer.campaign in currencies), "")
    for index, offer in enumerate(account.offers):
        currency = currencies.get(offer.campaign, first)
        if currency != first:
            message = f"{quoted(offer.campaign)} is in {currency}, the other offers here in {first} (use two accounts)"
            yield document.issue(("offers", index, "campaign"), message)


def texts(block: Mapping[str, Any], key: str) -> list[str]:
    """The texts of a list under a key, "" for each entry that is something else; [] when there is no list."""
    listed = block.get(key)
    return [item if isinstance(item, str) else "" for item in listed] if isinstance(listed, list) else []


def no_such(what: str, word: str, choices: Collection[str]) -> str:
    """That a name leads nowhere, with the one that was probably meant."""
    hint = did_you_mean(word, choices)
    return f"no {what} {quoted(word)}{hint or ' (correct the name, or add its file)'}"
