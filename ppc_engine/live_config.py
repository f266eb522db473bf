"""The configuration in force: loaded whole or not at all, kept in the database by its revision, swapped in one step.

New calls are judged by the newest revision, calls in progress by the one they began with; a call of an earlier process
gets its own revision back from the database.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ppc_engine import __version__
from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.storage import numbers, revisions
from ppc_engine.storage.catalog_files import LoadedConfig, config_from_revision, load_config
from ppc_engine.values.places import Places


class LiveConfig:
    """What calls are judged by. ``context`` is that of new calls; it is replaced, never changed."""

    def __init__(
        self,
        config_dir: Path,
        database: Engine,
        places: Places,
        key: bytes,
        in_force: Callable[[LoadedConfig], None],
        test_callers: frozenset[str] = frozenset(),
    ) -> None:
        self._config_dir = config_dir
        self._database = database
        self._places = places
        self._key = key
        self._in_force = in_force
        self._test_callers = test_callers
        self._earlier: dict[str, CallContext] = {}
        self.context: CallContext | None = None

    def read(self, now_us: int) -> tuple[LoadedConfig, CallContext]:
        """Read the directory and the tracking numbers, and keep the revision. May run off the hub; changes nothing.

        Raises ConfigError with every issue, or OutsideError.
        """
        config = load_config(self._config_dir, known_zips=self._places.zips)
        owned = numbers.load_all(self._database)
        revisions.save_revision(self._database, config.revision, config.body, now_us)
        return config, self._made(config, owned)

    def put_in_force(self, read: tuple[LoadedConfig, CallContext]) -> None:
        """New calls are judged by this from now on."""
        config, self.context = read
        self._in_force(config)

    def new_call(self) -> CallContext:
        """The context of a call that begins now."""
        assert self.context is not None, "loaded before the switch is connected"
        return self.context

    def context_of(self, opened: Mapping[str, Any]) -> CallContext:
        """The context that a call of an earlier process began with, from its decision ``opened``.

        Raises ConfigError or KeyError when its revision is gone or cannot be read by this version.
        """
        current = self.new_call()
        revision = str(opened["revision"])
        known = current if current.revision == revision else self._earlier.get(revision)
        if known is None:
            config = config_from_revision(revisions.load_revision(self._database, revision))
            known = self._earlier[revision] = self._made(config, {})
        number = TrackingNumber.model_validate(opened["number"]) if opened["number"] else None
        numbers = {number.number: number} if number else {}
        # As it was told then, whatever engine.yaml says of test callers now.
        marked = frozenset({str(opened["caller_key"])}) if "caller" in opened.get("test", ()) else frozenset()
        return dataclasses.replace(known, numbers=numbers, test_callers=marked)

    def _made(self, config: LoadedConfig, owned: Mapping[str, TrackingNumber]) -> CallContext:
        return CallContext(
            catalog=config.catalog,
            flows=config.flows,
            numbers=owned,
            places=self._places,
            revision=config.revision,
            code_version=__version__,
            key=self._key,
            data_hashes={"tzdata": version("tzdata"), "places": self._places.fingerprint},
            test_callers=self._test_callers,
        )
