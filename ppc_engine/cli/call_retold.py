"""Finished calls retold from what the database keeps: their facts, and the revision that each was judged by.

Nothing of the running engine is needed, nor its secret. What cannot be known any more (a revision that is gone, data
of another version) is said in words and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sqlalchemy import Engine

from ppc_engine import __version__
from ppc_engine.calls.retelling import Retold, retell
from ppc_engine.calls.state import CallContext
from ppc_engine.storage.catalog_files import config_from_revision
from ppc_engine.storage.places import load_places
from ppc_engine.storage.revisions import load_revision
from ppc_engine.values.errors import BadValueError, ConfigError

NO_KEY = b"retold"  # Ids that a key makes are read from the facts.

Facts = Sequence[Mapping[str, Any]]


class StoredContexts:
    """What calls were judged by, by revision, read from the database once each."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._places = load_places()
        self._known: dict[str, CallContext] = {}

    @property
    def data_hashes(self) -> dict[str, str]:
        """Versions of the data that a retelling has now."""
        return {"tzdata": version("tzdata"), "places": self._places.fingerprint}

    def of(self, revision: str) -> CallContext:
        """Raises BadValueError, in words, when the revision is not kept or cannot be read by this version."""
        if revision not in self._known:
            try:
                config = config_from_revision(load_revision(self._database, revision))
            except KeyError:
                raise BadValueError(f"revision {revision[:12]} is not in this database") from None
            except ConfigError as error:
                raise BadValueError(f"revision {revision[:12]} cannot be read by this version: {error}") from None
            self._known[revision] = CallContext(
                catalog=config.catalog,
                flows=config.flows,
                numbers={},
                places=self._places,
                revision=revision,
                code_version=__version__,
                key=NO_KEY,
                data_hashes=self.data_hashes,
            )
        return self._known[revision]


def retell_stored(contexts: StoredContexts, call_id: str, facts: Facts) -> tuple[Retold | None, list[str]]:
    """A stored call retold, None when it cannot be; and everything that a reader should know of it, in words."""
    opened = next((data for fact in facts for kind, data in fact.get("d", ()) if kind == "opened"), None)
    if opened is None:
        return None, ["the facts of this call hold no offer; what it was made from is not known"]
    try:
        retold = retell(contexts.of(opened["revision"]), call_id, facts)
    except BadValueError as error:
        return None, [f"candidates and what nodes saw are not known: {error}"]
    return retold, _remarks(retold, opened, contexts.data_hashes)


def _remarks(retold: Retold, opened: Mapping[str, Any], data_hashes: Mapping[str, str]) -> list[str]:
    remarks = []
    if retold.differs:
        remarks.append(f"the replay differs, and what follows it is as journalled only: {retold.differs}")
    if opened["code"] != __version__:
        remarks.append(f"decided by code {opened['code']}, retold by {__version__}")
    for name, was in opened.get("data", {}).items():
        if data_hashes.get(name) != was:
            remarks.append(f"decided with {name} {was}, retold with {data_hashes.get(name, 'none')}")
    return remarks
