"""The configuration directory: read whole or not at all, and its content-addressed revision.

Decides which files belong to the configuration and how a revision is spelt. What the files mean is decided by
catalog/load.py and flows/load.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppc_engine.catalog import rules
from ppc_engine.catalog.checks.case import CatalogCase
from ppc_engine.catalog.checks.every_check import check_catalog
from ppc_engine.catalog.load import (
    LISTS,
    MODELS,
    CatalogDocuments,
    declared_names,
    declared_targets,
    examine_catalog,
    list_name,
    restore_catalog,
)
from ppc_engine.catalog.model import Catalog
from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.checks.every_check import check_flows
from ppc_engine.flows.drafts import FlowDraft
from ppc_engine.flows.load import load_flows, read_flows
from ppc_engine.flows.model import Flow
from ppc_engine.storage.list_files import read_list
from ppc_engine.storage.strict_yaml import FILE_BYTES_MAX, parse_yaml
from ppc_engine.values.document import Document
from ppc_engine.values.errors import ConfigError, Issue
from ppc_engine.values.places import Places

FILES_MAX = 10_000  # In one directory: more is not a catalog but an accident.
REVISION_FORMAT = 1
ENGINE_FILE = "engine.yaml"
KINDS = {kind: f"catalog/{kind}" for kind in MODELS}
NEWER_KINDS = ("groups", "trunks", LISTS)  # Left out of a revision where there are none, so that old hashes stay.

Pieces = Mapping[str, tuple[str, Any]]  # "buyers/acme" -> what it was made of, as a hash, and the model.
Reader = Callable[[Path], tuple[Document | None, list[Issue]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFiles:
    """Every document of a configuration directory that could be read, and what is wrong with the others."""

    engine: Document | None
    catalog: CatalogDocuments
    flows: tuple[Document, ...]
    unread_flows: frozenset[str]
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration that is good as a whole. ``body`` is what ``revision`` (SHA-256, hex) is the hash of."""

    catalog: Catalog
    flows: Mapping[str, Flow]
    revision: str
    body: bytes
    warnings: tuple[Issue, ...] = field(default=())
    pieces: Pieces = field(default_factory=dict, compare=False)  # For the next reload: what did not change is kept.


class _AnyName(Container[str]):
    """Holds every name: stands in for names that cannot be known because their file could not be read."""

    def __contains__(self, name: object) -> bool:
        return True


def read_document(path: Path) -> tuple[Document | None, list[Issue]]:
    """One YAML file as a document, or what is wrong with it. A name that is no file (a pipe, say) is not opened."""
    file = str(path)
    try:
        if not path.is_file():
            return None, [Issue(file=file, message="not a file (remove it, or put a YAML file there)")]
        with path.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        return None, [Issue(file=file, message=f"cannot be read: {error.strerror} (check its owner and mode)")]
    return parse_yaml(file, content)


def read_config(config_dir: Path) -> ConfigFiles:
    """Every file of the configuration. Problems of reading are in ``issues``; nothing raises."""
    issues: list[Issue] = []
    if not config_dir.is_dir():
        issues.append(Issue(file=str(config_dir), message="no such directory (name the right one with --config)"))
    engine = None
    if os.path.lexists(config_dir / ENGINE_FILE):
        engine, found = read_document(config_dir / ENGINE_FILE)
        issues += found
    documents: dict[str, tuple[Document, ...]] = {}
    unread: dict[str, frozenset[str]] = {}
    for kind, directory in {**KINDS, "flows": "flows"}.items():
        documents[kind], unread[kind], found = _read_directory(config_dir / directory)
        issues += found
    documents[LISTS], unread[LISTS], found = _read_directory(config_dir / LISTS, ".txt", read_list)
    issues += found
    flows, unread_flows = documents.pop("flows"), unread.pop("flows")
    catalog = CatalogDocuments(**documents, unread=unread)
    return ConfigFiles(
        engine=engine, catalog=catalog, flows=flows, unread_flows=unread_flows, issues=tuple(sorted(issues))
    )


def bytes_in(config_dir: Path) -> int:
    """How much there is to read. A file that goes meanwhile counts nothing."""
    total = 0
    for path in config_dir.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.suffix in (".yaml", ".txt") else 0
    return total


def _read_directory(
    directory: Path, suffix: str = ".yaml", read: Reader = read_document
) -> tuple[tuple[Document, ...], frozenset[str], list[Issue]]:
    """Documents, names of files that could not be read, issues."""
    try:
        names = sorted(entry.name for entry in directory.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return (), frozenset(), []
    except OSError as error:
        return (), frozenset(), [Issue(file=str(directory), message=f"cannot be read: {error.strerror}")]
    if len(names) > FILES_MAX:
        return (), frozenset(), [Issue(file=str(directory), message=f"{len(names)} files; at most {FILES_MAX}")]
    documents: list[Document] = []
    unread: set[str] = set()
    issues: list[Issue] = []
    for name in names:
        path = directory / name
        if path.suffix in (".yml", ".csv"):
            issues.append(Issue(file=str(path), message=f"would be ignored (rename it to {path.stem}{suffix})"))
        if path.suffix != suffix or name.endswith(".test.yaml"):
            continue
        document, found = read(path)
        issues += found
        if document is None:
            unread.add(path.stem)
        else:
            documents.append(document)
    return tuple(documents), frozenset(unread), issues


def load_config(
    config_dir: Path,
    *,
    known_zips: Container[str] | None = None,
    prompts: Collection[str] | None = None,
    places: Places | None = None,
    own_numbers: Container[str] = (),
    lookup_hosts: Collection[str] | None = None,
) -> LoadedConfig:
    """The whole configuration, checked. Raises ConfigError with every issue of every file at once.

    ``known_zips`` is every ZIP there is (with ``places`` also where they are), ``prompts`` every prompt the switch has
    (a mapping also how many ms each takes), ``lookup_hosts`` the servers that flows may ask; None leaves that
    unchecked. ``own_numbers`` are our tracking numbers.
    """
    files = read_config(config_dir)
    if places is not None:
        known_zips = places.zips
    flow_names = declared_names(files.flows, files.unread_flows)
    read, catalog_issues = examine_catalog(files.catalog, flows=flow_names, known_zips=known_zips, prompts=prompts)
    whole = read.whole and not any(issue.severity == "error" for issue in catalog_issues)
    drafts, flow_issues = _read_flows(files, prompts)
    case = FlowCase(
        drafts={draft.id: draft for draft in drafts if draft.id},
        catalog=read.catalog() if whole else None,
        places=places,
        prompt_ms=prompts if isinstance(prompts, Mapping) else {},
        lists={list_name(document): document for document in files.catalog.lists},
        own_numbers=own_numbers,
        lookup_hosts=lookup_hosts,
    )
    issues = [*files.issues, *catalog_issues, *flow_issues]
    said = {(issue.file, issue.path) for issue in issues}
    found = [*check_catalog(CatalogCase(read, places, own_numbers), whole=read.whole), *check_flows(case)]
    issues += [issue for issue in found if (issue.file, issue.path) not in said]
    if not issues and not read.campaigns:
        message = "no campaign, so no call could be taken (write one, such as catalog/campaigns/roofing.yaml)"
        issues.append(Issue(file=str(config_dir / KINDS["campaigns"]), message=message))
    if any(issue.severity == "error" for issue in issues):
        raise ConfigError(issues)
    flows = {flow.id: flow for draft in drafts if (flow := draft.flow()) is not None}
    revision, body = revision_of(files)
    catalog = read.catalog()
    return LoadedConfig(
        catalog=catalog,
        flows=flows,
        revision=revision,
        body=body,
        warnings=tuple(sorted(issues)),
        pieces=pieces_of(catalog, flows, hashes_of(json.loads(body))),
    )


def _read_flows(files: ConfigFiles, prompts: Collection[str] | None) -> tuple[list[FlowDraft], list[Issue]]:
    targets = declared_targets(files.catalog)
    lists = {*map(list_name, files.catalog.lists), *(f"{LISTS}/{name}.txt" for name in files.catalog.unread[LISTS])}
    drafts = read_flows(
        files.flows,
        targets=_AnyName() if targets is None else targets,
        prompts=prompts,
        lists=lists,
        unread=files.unread_flows,
    )
    issues = [issue for draft in drafts for issue in draft.issues]
    said = {(issue.file, issue.path) for issue in issues}
    named = [issue for document in files.flows for issue in rules.file_name(document)]
    return drafts, issues + [issue for issue in named if (issue.file, issue.path) not in said]


def revision_of(files: ConfigFiles) -> tuple[str, bytes]:
    """The hash of what the catalog and flows say, and the body it is of: the same for any order, spacing or comment.

    engine.yaml is left out: it changes no terms, and a body is stored for ever.
    """
    kinds = {kind: getattr(files.catalog, kind) for kind in KINDS} | {"flows": files.flows}
    content: dict[str, Any] = {
        kind: {document.data["id"]: document.data for document in documents} for kind, documents in kinds.items()
    }
    content[LISTS] = {list_name(document): document.data for document in files.catalog.lists}
    content = {kind: data for kind, data in content.items() if data or kind not in NEWER_KINDS}
    body = json.dumps({"format": REVISION_FORMAT, **content}, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest(), body


def hashes_of(content: Mapping[str, Any]) -> dict[str, str]:
    """A hash of everything that each model was made of, by "kind/name": of its file, and of the lists it may name."""
    lists = _hash(content.get(LISTS, {}))
    return {
        f"{kind}/{name}": _hash(data if kind in (LISTS, "flows") else [data, lists])
        for kind in (*KINDS, LISTS, "flows")
        for name, data in content.get(kind, {}).items()
    }


def _hash(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def pieces_of(catalog: Catalog, flows: Mapping[str, Flow], hashes: Mapping[str, str]) -> Pieces:
    """Every model by its name, with the hash of what it was made of."""
    kinds: dict[str, Mapping[str, Any]] = {kind: getattr(catalog, kind) for kind in (*KINDS, LISTS)} | {"flows": flows}
    made = {f"{kind}/{name}": model for kind, models in kinds.items() for name, model in models.items()}
    return {name: (hashes[name], model) for name, model in made.items()}


def catalog_from_revision(body: bytes) -> Catalog:
    """The catalog of a stored revision. Raises ConfigError when this version cannot read it any more."""
    return config_from_revision(body).catalog


def flows_from_revision(body: bytes) -> Mapping[str, Flow]:
    """The flows of a stored revision. Raises ConfigError when this version cannot read it any more."""
    return config_from_revision(body).flows


def config_from_revision(body: bytes) -> LoadedConfig:
    """A configuration as it was. Places do not exist any more; a refusal names the kind and the id."""
    revision = hashlib.sha256(body).hexdigest()
    content = json.loads(body)
    if content.get("format") != REVISION_FORMAT:
        message = f"format {content.get('format')} is not known to this version (upgrade the engine)"
        raise ConfigError([Issue(file=f"revision {revision[:12]}", message=message)])
    kinds = {kind: _stored(content[kind] if kind not in NEWER_KINDS else content.get(kind, {}), kind) for kind in KINDS}
    lists = tuple(Document(name, entries, {}) for name, entries in content.get(LISTS, {}).items())
    documents = CatalogDocuments(**kinds, lists=lists)
    catalog, issues = restore_catalog(documents)
    flows, flow_issues = load_flows(_stored(content["flows"], "flows"), targets=_AnyName(), prompts=None)
    issues += flow_issues
    if catalog is None or any(issue.severity == "error" for issue in issues):
        raise ConfigError(issues)
    return LoadedConfig(catalog=catalog, flows=flows, revision=revision, body=body)


def _stored(contents: Mapping[str, Any], kind: str) -> tuple[Document, ...]:
    return tuple(Document(f"{kind}/{name}.yaml", data, {}) for name, data in contents.items())
