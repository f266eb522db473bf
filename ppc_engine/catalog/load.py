"""Catalog documents -> a catalog, or every issue in all of them. Opens no file.

Two passes: the models judge each file by itself; then rules.py checks what spans files.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, TypeVar

import pydantic

from ppc_engine.catalog import references, rules
from ppc_engine.catalog.issues import validation_issues
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, TargetGroup, Trunk
from ppc_engine.catalog.offers import of_campaign, offer_issues, placed
from ppc_engine.values.document import Document
from ppc_engine.values.errors import Issue

LISTS = "lists"  # The directory, and the first half of every list's name: lists/spam.txt.
MODELS: dict[str, type[pydantic.BaseModel]] = {
    "buyers": Buyer,
    "publishers": Publisher,
    "campaigns": Campaign,
    "groups": TargetGroup,
    "trunks": Trunk,
}

M = TypeVar("M", bound=pydantic.BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogDocuments:
    """The catalog's files. ``unread`` names, by kind ("buyers"), files that exist but could not be read.

    The data of ``lists`` are their entries in order, those of all others are blocks of keys.
    """

    buyers: tuple[Document, ...] = ()
    publishers: tuple[Document, ...] = ()
    campaigns: tuple[Document, ...] = ()
    groups: tuple[Document, ...] = ()
    trunks: tuple[Document, ...] = ()
    lists: tuple[Document, ...] = ()
    unread: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCatalog:
    """What is right by itself, each beside its document, for what spans files."""

    buyers: list[tuple[Document, Buyer]]
    publishers: list[tuple[Document, Publisher]]
    campaigns: list[tuple[Document, Campaign]]
    groups: list[tuple[Document, TargetGroup]]
    trunks: list[tuple[Document, Trunk]]
    lists: Mapping[str, frozenset[str]]
    whole: bool = True  # Every file could be read, and is right by itself.

    def catalog(self) -> Catalog:
        """All of it as the engine knows it."""
        return Catalog(
            campaigns={campaign.id: campaign for _, campaign in self.campaigns},
            publishers={publisher.id: publisher for _, publisher in self.publishers},
            buyers={buyer.id: buyer for _, buyer in self.buyers},
            targets={target.id: (buyer, target) for _, buyer in self.buyers for target in buyer.targets},
            groups={group.id: group for _, group in self.groups},
            trunks={trunk.id: trunk for _, trunk in self.trunks},
            lists=self.lists,
        )


def load_catalog(
    documents: CatalogDocuments,
    *,
    flows: Collection[str] | None,
    known_zips: Container[str] | None = None,
    prompts: Collection[str] | None = None,
) -> tuple[Catalog | None, list[Issue]]:
    """The catalog, None when there is any error; and every issue, warnings too.

    ``flows`` are the names of flows that exist, ``known_zips`` every ZIP there is, ``prompts`` every prompt; None
    leaves that unchecked.
    """
    read, issues = examine_catalog(documents, flows=flows, known_zips=known_zips, prompts=prompts)
    return (None if any(issue.severity == "error" for issue in issues) else read.catalog()), issues


def examine_catalog(
    documents: CatalogDocuments,
    *,
    flows: Collection[str] | None,
    known_zips: Container[str] | None = None,
    prompts: Collection[str] | None = None,
) -> tuple[ReadCatalog, list[Issue]]:
    """Everything that could be read, for further checks, and every issue so far."""
    read, issues = read_catalog(documents)
    said = {(issue.file, issue.path) for issue in issues}
    found = [*_rules_on_text(documents, flows, known_zips, prompts), *_rules_on_terms(read)]
    issues += [issue for issue in found if (issue.file, issue.path) not in said]
    return read, sorted(issues)


def restore_catalog(documents: CatalogDocuments) -> tuple[Catalog | None, list[Issue]]:
    """A catalog that was accepted once. Rules that came later do not apply to it: old calls keep their old terms."""
    read, issues = read_catalog(documents)
    return (None if issues else read.catalog()), sorted(issues)


def read_catalog(documents: CatalogDocuments) -> tuple[ReadCatalog, list[Issue]]:
    """Every file that is right by itself, and what is wrong with the others."""
    issues: list[Issue] = []
    lists = {list_name(document): frozenset(document.data) for document in documents.lists}
    read = ReadCatalog(
        buyers=_models(Buyer, documents.buyers, lists, issues),
        publishers=_models(Publisher, documents.publishers, lists, issues),
        campaigns=_models(Campaign, documents.campaigns, lists, issues),
        groups=_models(TargetGroup, documents.groups, lists, issues),
        trunks=_models(Trunk, documents.trunks, lists, issues),
        lists=lists,
    )
    whole = not issues and not any(documents.unread.values())
    return (read if whole else replace(read, whole=False)), issues


def list_name(document: Document) -> str:
    """How a list is called in every other file: lists/spam.txt."""
    return f"{LISTS}/{PurePath(document.file).name}"


def declared_targets(documents: CatalogDocuments) -> frozenset[str] | None:
    """Ids of every target that some buyer's file names, valid or not; None when a buyer's file could not be read.

    References are checked against these, so that one bad line is not followed by an unknown name elsewhere.
    """
    if documents.unread.get("buyers"):
        return None
    return frozenset(
        rules.text(block, "id") for document in documents.buyers for _, block in rules.blocks(document, "targets")
    )


def declared_names(documents: Iterable[Document], unread: Iterable[str] = ()) -> frozenset[str]:
    """Names of files and ids written in them, of files that could not be read too."""
    written = {rules.text(document.data, "id") for document in documents}
    return frozenset({*written, *unread, *(PurePath(document.file).stem for document in documents)} - {""})


def _models(
    model: type[M], documents: Iterable[Document], lists: Mapping[str, frozenset[str]], issues: list[Issue]
) -> list[tuple[Document, M]]:
    """The models of valid documents. They find lists in the context, so that many may share one."""
    models = []
    context: dict[str, Any] = {"lists": lists}
    for document in documents:
        try:
            models.append((document, model.model_validate(document.data, context=context)))
        except pydantic.ValidationError as error:
            issues += validation_issues(document, error, model=model)
    return models


def _rules_on_text(
    documents: CatalogDocuments,
    flows: Collection[str] | None,
    known_zips: Container[str] | None,
    prompts: Collection[str] | None,
) -> Iterator[Issue]:
    accounts = (*documents.buyers, *documents.publishers)
    campaigns = declared_names(documents.campaigns, documents.unread.get("campaigns", ()))
    buyers = declared_names(documents.buyers, documents.unread.get("buyers", ()))
    publishers = declared_names(documents.publishers, documents.unread.get("publishers", ()))
    targets = declared_targets(documents)
    yield from rules.unique_ids(documents.buyers, "targets", "target")
    yield from rules.unique_ids(accounts, "offers", "offer")
    for document in (*accounts, *documents.campaigns, *documents.groups, *documents.trunks):
        yield from rules.file_name(document)
    for document in accounts:
        yield from rules.offer_campaigns(document, campaigns)
        yield from rules.places(document, known_zips)
    for document in documents.buyers:
        yield from rules.target_destinations(document)
        yield from references.target_prompts(document, prompts)
        yield from references.names(document, "publishers_blocked", "publisher", publishers)
    for document in documents.publishers:
        yield from references.names(document, "buyers_blocked", "buyer", buyers)
        yield from references.names(document, "targets_blocked", "target", targets)
    for document in documents.groups:
        yield from references.names(document, "targets", "target", targets)
    for document in documents.campaigns:
        yield from rules.campaign_references(document, flows, targets)
    for document in (*accounts, *documents.campaigns):
        yield from references.caller_lists(document, documents.lists, documents.unread.get(LISTS, ()))
    yield from references.zip_lists(
        (*accounts, *documents.campaigns), documents.lists, documents.unread.get(LISTS, ()), known_zips
    )


def _rules_on_terms(read: ReadCatalog) -> Iterator[Issue]:
    buyers_by_target = {target.id: buyer for _, buyer in read.buyers for target in buyer.targets}
    currencies = {campaign.id: campaign.currency for _, campaign in read.campaigns}
    for document, campaign in read.campaigns:
        yield from rules.unpaid_targets(document, campaign, buyers_by_target)
    for document, buyer in read.buyers:
        yield from rules.reachable_lengths(document, buyer)
        yield from rules.one_currency(document, buyer, currencies)
        yield from offer_issues(document, placed("offers", buyer.offers), "buyer")
    for document, publisher in read.publishers:
        yield from rules.one_currency(document, publisher, currencies)
        yield from offer_issues(document, placed("offers", publisher.offers), "publisher")
    for document, campaign in read.campaigns:
        yield from of_campaign(document, campaign)
        yield from offer_issues(document, placed("revenue_offers", campaign.revenue_offers), "buyer")
        yield from offer_issues(document, placed("payout_offers", campaign.payout_offers), "publisher")
