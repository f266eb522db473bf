"""The names that orders may be about, as the configuration and the last revision know them.

At 3 a.m. a file of the configuration may be broken, so names are read from what can be read, and never checked further.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.storage import numbers, revisions
from ppc_engine.storage.catalog_files import read_config
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.phone import normalise


def checked_subject(engine: Engine, config_dir: Path, kind: str, name: str) -> str:
    """The subject "kind:name" of an order. Raises BadValueError, with the nearest name, when there is no such thing."""
    if kind == "number":
        return f"number:{_owned(engine, name)}"
    known = known_names(engine, config_dir, kind)
    if name not in known:
        raise BadValueError(f'no {kind} "{name}" in the configuration{did_you_mean(name, known)}')
    return f"{kind}:{name}"


def known_names(engine: Engine, config_dir: Path, kind: str) -> set[str]:
    """Every target, buyer, publisher or campaign of the last revision and of the files as they lie."""
    files = read_config(config_dir)
    rows = {"target": "buyers", "buyer": "buyers", "publisher": "publishers", "campaign": "campaigns"}[kind]
    documents: list[Any] = [document.data for document in getattr(files.catalog, rows)]
    newest = revisions.newest(engine)
    if newest is not None:
        documents += json.loads(revisions.load_revision(engine, newest.hash)).get(rows, {}).values()
    if kind == "target":
        documents = [target for document in documents for target in _rows(document, "targets")]
    return {str(document["id"]) for document in documents if isinstance(document, dict) and document.get("id")}


def paused_in_files(engine: Engine, kind: str, name: str) -> bool:
    """Whether the last revision itself pauses a target or buyer: no order undoes that."""
    newest = revisions.newest(engine)
    if newest is None or kind not in ("target", "buyer"):
        return False
    buyers = json.loads(revisions.load_revision(engine, newest.hash)).get("buyers", {})
    rows = [t for b in buyers.values() for t in _rows(b, "targets")] if kind == "target" else list(buyers.values())
    return any(str(row.get("paused", "")).lower() == "true" for row in rows if row.get("id") == name)


def _rows(document: Any, key: str) -> list[Any]:
    rows = document.get(key) if isinstance(document, dict) else None
    return rows if isinstance(rows, list) else []


def _owned(engine: Engine, number: str) -> str:
    wanted = normalise(number)
    if not wanted:
        raise BadValueError(f'"{number}" is not a telephone number (write +18005550100)')
    if not numbers.owns(engine, wanted):
        raise BadValueError(f"{wanted} is not a number of ours (see: ppc number list)")
    return wanted
