"""The configuration in force: loaded whole or not at all, kept in the database by its revision, swapped in one step.

New calls are judged by the newest revision, calls in progress by the one they began with; a call of an earlier process
gets its own revision back from the database.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from sqlalchemy import Engine

from ppc_engine import __version__
from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.diff import catalog_changes
from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.flows.diff import flow_changes
from ppc_engine.storage import numbers, revisions
from ppc_engine.storage.catalog_files import LoadedConfig, Pieces, bytes_in, config_from_revision, load_config
from ppc_engine.storage.config_aside import load_aside
from ppc_engine.storage.places import data_versions
from ppc_engine.storage.prompt_files import prompts_in
from ppc_engine.values.errors import BadValueError, ConfigError, PPCError
from ppc_engine.values.places import Places

IN_MEMORY = (None, "", ":memory:")  # A database that no other process can see.
ASIDE_BYTES_MIN = 300_000  # Less is read in a tenth of a second: sooner than a process begins.
LOGGED_MAX = 50  # Lines of one reload in the log; the person who asked gets all of them.


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
        prompts_dir: str = "",
    ) -> None:
        self._config_dir = config_dir
        self._database = database
        self._places = places
        self._key = key
        self._in_force = in_force
        self._test_callers = test_callers
        self._prompts_dir = prompts_dir
        self._pieces: Pieces = {}
        self._earlier: dict[str, CallContext] = {}
        self.context: CallContext | None = None

    def is_large(self) -> bool:
        """Whether reading it here would hold calls up. May run off the hub."""
        return bytes_in(self._config_dir) >= ASIDE_BYTES_MIN

    def read_aside(self) -> LoadedConfig:
        """The directory, read in a process of its own while calls go on. Call it on the hub.

        Raises ConfigError with every issue, or OutsideError.
        """
        url = self._database.url
        database_url = url.render_as_string(hide_password=False) if url.database not in IN_MEMORY else ""
        return load_aside(
            self._config_dir,
            database_url=database_url,
            prompts_dir=self._prompts_dir,
            pieces=self._pieces,
            pause=gevent.sleep,
        )

    def read(self, now_us: int, config: LoadedConfig | None = None) -> tuple[LoadedConfig, CallContext]:
        """The directory (unless it was read aside) and the tracking numbers; the revision is kept. Changes nothing.

        May run off the hub. Raises ConfigError with every issue, or OutsideError.
        """
        owned = numbers.load_all(self._database)
        if config is None:
            prompts = prompts_in(Path(self._prompts_dir)) if self._prompts_dir else None
            config = load_config(self._config_dir, places=self._places, prompts=prompts, own_numbers=owned)
        revisions.save_revision(self._database, config.revision, config.body, now_us)
        made = self._made(config, owned)
        made.routes.build()  # Here, because it takes a while, and this may be off the hub.
        return config, made

    def put_in_force(self, read: tuple[LoadedConfig, CallContext]) -> None:
        """New calls are judged by this from now on."""
        config, self.context = read
        self._pieces = config.pieces
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
            data_hashes=data_versions(self._places),
            test_callers=self._test_callers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What came of a reload. ``problems`` is every reason against it, a line each; then nothing has changed.

    ``changes`` says in words what differs from the configuration that was in force before.
    """

    taken: bool
    revision: str
    before: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class Reloader:
    """Takes a changed configuration for new calls: whole or not at all, one reload after another.

    ``off_hub`` runs work that may wait for disk and database; ``log`` tells what a person should know. ``prepare`` gets
    ready what a new configuration needs, and gives what is to be done in the moment that it comes into force.
    """

    def __init__(
        self,
        config: LiveConfig,
        *,
        off_hub: Callable[[Callable[[], Any]], Any],
        now_us: Callable[[], int],
        log: Callable[..., None],
        prepare: Callable[[CallContext], Callable[[], None]] = lambda _context: lambda: None,
    ) -> None:
        self._config = config
        self._prepare = prepare
        self._off_hub = off_hub
        self._now_us = now_us
        self._log = log
        self._one_at_a_time = BoundedSemaphore(1)

    def reload(self, by: str, still: Callable[[], bool] = lambda: True) -> Reloaded:
        """Read everything again. ``by`` is who asked; ``still``, asked off the hub, whether the files lie as they lay
        when reading began: if not, what was read may be half of two configurations, and is not taken."""
        with self._one_at_a_time, _not_collecting():
            before = self._config.new_call()
            try:
                read = self._config.read_aside() if self._off_hub(self._config.is_large) else None
                config, context, changes = self._off_hub(lambda: self._read(read, before, still))
            except ConfigError as error:
                return self._refused(by, before.revision, [str(issue) for issue in error.issues])
            except PPCError as error:
                return self._refused(by, before.revision, [str(error)])
            try:
                take = self._prepare(context)
            except PPCError as error:
                return self._refused(by, before.revision, [f"caps cannot be counted now: {error}"])
            self._config.put_in_force((config, context))
            take()
            self._log("config_reloaded", by=by, revision=context.revision, before=before.revision)
            for change in changes[:LOGGED_MAX]:
                self._log("config_change", detail=change)
            return Reloaded(
                taken=True,
                revision=context.revision,
                before=before.revision,
                warnings=tuple(str(issue) for issue in config.warnings),
                changes=changes,
            )

    def _read(
        self, read: LoadedConfig | None, before: CallContext, still: Callable[[], bool]
    ) -> tuple[LoadedConfig, CallContext, tuple[str, ...]]:
        config, context = self._config.read(self._now_us(), read)
        if not still():
            raise BadValueError("files changed while they were read; they are read again when they lie still")
        changes = catalog_changes(before.catalog, context.catalog) + flow_changes(before.flows, context.flows)
        return config, context, tuple(str(change) for change in changes)

    def _refused(self, by: str, revision: str, problems: list[str]) -> Reloaded:
        for problem in problems[:LOGGED_MAX]:
            self._log("config_refused", by=by, detail=problem)
        if len(problems) > LOGGED_MAX:
            self._log("config_refused", by=by, detail=f"and {len(problems) - LOGGED_MAX} more (ppc check lists all)")
        return Reloaded(taken=False, revision=revision, before=revision, problems=tuple(problems))


@contextlib.contextmanager
def _not_collecting() -> Iterator[None]:
    """A configuration is many objects that live long: a collection would hold calls up, and walk it again each time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
