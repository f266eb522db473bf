"""Finished calls retold from what the database keeps: their facts, and the revision that each was judged by.

Nothing of the running engine is needed, nor its secret. What cannot be known any more (a revision that is gone, data
of another version) is said in words and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from ppc_engine import __version__
from ppc_engine.calls.retelling import Retelling, Retold, opened_of
from ppc_engine.calls.state import CallContext
from ppc_engine.storage.catalog_files import config_from_revision
from ppc_engine.storage.places import data_versions, load_places
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
        self.data_hashes = data_versions(self._places)

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


class StoredRetelling:
    """One call retold from the database's revision as its facts come; ``retold`` is None when it cannot be."""

    def __init__(self, contexts: StoredContexts, call_id: str, offer: Mapping[str, Any]) -> None:
        self._opened = opened_of([offer])
        self._data_hashes = contexts.data_hashes
        self._retelling: Retelling | None = None
        self._remarks: list[str] = []
        try:
            if not self._opened:
                raise BadValueError("its first fact is no offer")
            self._retelling = Retelling(contexts.of(self._opened["revision"]), call_id, offer)
        except BadValueError as error:
            self._remarks.append(f"candidates and what nodes saw are not known: {error}")

    @property
    def retold(self) -> Retold | None:
        return self._retelling.retold if self._retelling else None

    def take(self, fact: Mapping[str, Any]) -> None:
        """The next fact."""
        if self._retelling:
            self._retelling.take(fact)

    def remarks(self) -> list[str]:
        """Everything that a reader should know of what is told, in words."""
        found = list(self._remarks)
        if self.retold is None:
            return found
        if self.retold.differs:
            found.append(f"the replay differs, and what follows it is as journalled only: {self.retold.differs}")
        if self._opened["code"] != __version__:
            found.append(f"decided by code {self._opened['code']}, retold by {__version__}")
        for name, was in self._opened.get("data", {}).items():
            if self._data_hashes.get(name) != was:
                found.append(f"decided with {name} {was}, retold with {self._data_hashes.get(name, 'none')}")
        return found


def retell_stored(contexts: StoredContexts, call_id: str, facts: Facts) -> tuple[Retold | None, list[str]]:
    """A whole stored call retold, and the remarks on it."""
    if not facts:
        return None, ["no facts of this call are kept"]
    retelling = StoredRetelling(contexts, call_id, facts[0])
    for fact in facts[1:]:
        retelling.take(fact)
    return retelling.retold, retelling.remarks()
