"""Catalog documents -> a catalog, or every issue in all of them. Opens no file.

Two passes: the models judge each file by itself; then rules.py checks what spans files.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TypeVar

import pydantic

from ppc_engine.catalog import rules
from ppc_engine.catalog.issues import validation_issues
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher
from ppc_engine.values.document import Document
from ppc_engine.values.errors import Issue

M = TypeVar("M", Buyer, Campaign, Publisher)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogDocuments:
    """The catalog's files. ``unread`` names, by kind ("buyers"), files that exist but could not be read as YAML."""

    buyers: tuple[Document, ...] = ()
    publishers: tuple[Document, ...] = ()
    campaigns: tuple[Document, ...] = ()
    unread: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load_catalog(
    documents: CatalogDocuments, *, flows: Collection[str] | None, known_zips: Container[str] | None = None
) -> tuple[Catalog | None, list[Issue]]:
    """The catalog, None when there is any error; and every issue, warnings too.

    ``flows`` are the names of flows that exist, ``known_zips`` every ZIP there is; None leaves that unchecked.
    """
    issues: list[Issue] = []
    campaigns = _models(Campaign, documents.campaigns, issues)
    publishers = _models(Publisher, documents.publishers, issues)
    buyers = _models(Buyer, documents.buyers, issues)
    said = {(issue.file, issue.path) for issue in issues}
    found = [*_rules_on_text(documents, flows, known_zips), *_rules_on_terms(campaigns, publishers, buyers)]
    issues += [issue for issue in found if (issue.file, issue.path) not in said]
    if any(issue.severity == "error" for issue in issues):
        return None, sorted(issues)
    return _assemble(campaigns, publishers, buyers), sorted(issues)


def restore_catalog(documents: CatalogDocuments) -> tuple[Catalog | None, list[Issue]]:
    """A catalog that was accepted once. Rules that came later do not apply to it: old calls keep their old terms."""
    issues: list[Issue] = []
    campaigns = _models(Campaign, documents.campaigns, issues)
    publishers = _models(Publisher, documents.publishers, issues)
    buyers = _models(Buyer, documents.buyers, issues)
    return (None if issues else _assemble(campaigns, publishers, buyers)), sorted(issues)


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


def _models(model: type[M], documents: Iterable[Document], issues: list[Issue]) -> list[tuple[Document, M]]:
    models = []
    for document in documents:
        try:
            models.append((document, model.model_validate(document.data)))
        except pydantic.ValidationError as error:
            issues += validation_issues(document, error, model=model)
    return models


def _assemble(
    campaigns: list[tuple[Document, Campaign]],
    publishers: list[tuple[Document, Publisher]],
    buyers: list[tuple[Document, Buyer]],
) -> Catalog:
    return Catalog(
        campaigns={campaign.id: campaign for _, campaign in campaigns},
        publishers={publisher.id: publisher for _, publisher in publishers},
        buyers={buyer.id: buyer for _, buyer in buyers},
        targets={target.id: (buyer, target) for _, buyer in buyers for target in buyer.targets},
    )


def _rules_on_text(
    documents: CatalogDocuments, flows: Collection[str] | None, known_zips: Container[str] | None
) -> Iterator[Issue]:
    accounts = (*documents.buyers, *documents.publishers)
    campaigns = declared_names(documents.campaigns, documents.unread.get("campaigns", ()))
    targets = declared_targets(documents)
    yield from rules.unique_ids(documents.buyers, "targets", "target")
    yield from rules.unique_ids(accounts, "offers", "offer")
    for document in (*accounts, *documents.campaigns):
        yield from rules.file_name(document)
    for document in accounts:
        yield from rules.offer_campaigns(document, campaigns)
        yield from rules.places(document, known_zips)
    for document in documents.buyers:
        yield from rules.target_destinations(document)
    for document in documents.campaigns:
        yield from rules.campaign_references(document, flows, targets)


def _rules_on_terms(
    campaigns: list[tuple[Document, Campaign]],
    publishers: list[tuple[Document, Publisher]],
    buyers: list[tuple[Document, Buyer]],
) -> Iterator[Issue]:
    buyers_by_target = {target.id: buyer for _, buyer in buyers for target in buyer.targets}
    currencies = {campaign.id: campaign.currency for _, campaign in campaigns}
    for document, campaign in campaigns:
        yield from rules.unpaid_targets(document, campaign, buyers_by_target)
    for document, buyer in buyers:
        yield from rules.reachable_lengths(document, buyer)
        yield from rules.one_currency(document, buyer, currencies)
    for document, publisher in publishers:
        yield from rules.one_currency(document, publisher, currencies)
