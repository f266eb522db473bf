"""Reads and checks a configuration in a process of its own, and takes the result over in small slices.

Reading a large network costs seconds of processor time. In a thread beside the event loop every hand-over of the
interpreter's lock would hold calls up, so a child does the work; what it accepted comes back piece by piece, and the
caller lets calls run between the pieces. What did not change since the last time is not sent, and kept as it is:
thousands of objects are neither made nor freed. A child's line is one piece; the revision's body follows at the end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from gevent import Timeout, monkey
from gevent.fileobject import FileObject

from ppc_engine.catalog.load import LISTS, MODELS
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, TargetGroup, Trunk
from ppc_engine.flows.drafts import read_draft
from ppc_engine.flows.model import Flow
from ppc_engine.storage.catalog_files import LoadedConfig, Pieces, load_config, pieces_of
from ppc_engine.storage.database import open_database
from ppc_engine.storage.numbers import owns
from ppc_engine.storage.places import load_places
from ppc_engine.storage.prompt_files import prompts_in
from ppc_engine.values.document import Document
from ppc_engine.values.errors import ConfigError, Issue, OutsideError

LOAD_S_MAX = 120.0  # The largest network loads in a few seconds; what takes longer hangs.
SLICE_S = 0.002  # Calls run again after so long.
PAUSE_S = 0.001
NICENESS = 10  # Calls first.
ERROR_CHARS_MAX = 500

_waitpid = monkey.get_original("os", "waitpid")  # gevent's waits for children that gevent made.


class OwnNumbers:
    """Every tracking number of a database, asked one by one: there may be half a million, and few are asked for."""

    def __init__(self, database_url: str) -> None:
        self._engine = open_database(database_url)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, str) and number.startswith("+") and owns(self._engine, number)


def load_aside(
    config_dir: Path,
    *,
    database_url: str = "",
    prompts_dir: str = "",
    pieces: Pieces = {},  # noqa: B006
    pause: Callable[[float], None] = time.sleep,
) -> LoadedConfig:
    """``load_config`` in a child process. ``pieces`` are those of the configuration in force.

    ``pause`` lets calls run (gevent.sleep in a running engine). Raises ConfigError with every issue, OutsideError when
    the child fails. Call it in the main thread.
    """
    asked = {
        "config_dir": str(config_dir),
        "database_url": database_url,
        "prompts_dir": prompts_dir,
        "known": {name: known for name, (known, _) in pieces.items()},
    }
    child, question, answer, errors = _spawn([sys.executable, "-m", "ppc_engine.storage.config_aside"])
    try:
        with (
            Timeout(LOAD_S_MAX, OutsideError(f"the configuration was not read within {LOAD_S_MAX:g} s")),
            question,
            answer,
            errors,
        ):
            with contextlib.suppress(BrokenPipeError):  # It died, and says why below.
                question.write(json.dumps(asked).encode())
                question.close()
            header = answer.readline()
            if not header:
                told = errors.read().decode(errors="replace").strip()
                raise OutsideError(f"the configuration could not be read aside: {told[-ERROR_CHARS_MAX:]}")
            return _take_over(orjson.loads(header), answer, pieces, pause)
    finally:
        _end(child, pause)


def _spawn(command: list[str]) -> tuple[int, BinaryIO, BinaryIO, BinaryIO]:
    """A child and our ends of its standard input, output and errors. Raises OutsideError.

    By posix_spawn: a fork copies the tables of the whole process first, tens of milliseconds beside many calls.
    """
    (its_input, question), (answer, its_output), (errors, its_errors) = os.pipe(), os.pipe(), os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate((its_input, its_output, its_errors))]
    try:
        child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    except OSError as error:
        for end in (question, answer, errors):
            os.close(end)
        raise OutsideError(f"the configuration could not be read aside: {error.strerror}") from None
    finally:
        for end in (its_input, its_output, its_errors):
            os.close(end)
    return child, FileObject(question, "wb"), FileObject(answer, "rb"), FileObject(errors, "rb")


def _end(child: int, pause: Callable[[float], None]) -> None:
    """The child is gone, whatever it was doing, and leaves no zombie."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # gevent's own watcher of children may have been faster.
        while _waitpid(child, os.WNOHANG) == (0, 0):
            pause(PAUSE_S)


def _take_over(
    header: Mapping[str, Any], answer: BinaryIO, known: Pieces, pause: Callable[[float], None]
) -> LoadedConfig:
    issues = [Issue(**issue) for issue in header["issues"]]
    if not header["good"]:
        raise ConfigError(issues)
    taken: dict[str, dict[str, Any]] = {kind: {} for kind in (LISTS, *MODELS, "flows")}
    hashes: dict[str, str] = {}
    began = time.monotonic()
    for _ in range(header["pieces"]):
        kind, name, own_hash, *changed = orjson.loads(answer.readline())
        piece = f"{kind}/{name}"
        hashes[piece] = own_hash
        taken[kind][name] = _made(kind, name, changed[0], taken[LISTS]) if changed else known[piece][1]
        if time.monotonic() - began > SLICE_S:
            pause(PAUSE_S)
            began = time.monotonic()
    body = answer.read(header["body_bytes"])
    pause(PAUSE_S)
    catalog = _catalog(taken)
    pause(PAUSE_S)
    return LoadedConfig(
        catalog=catalog,
        flows=taken["flows"],
        revision=header["revision"],
        body=body,
        warnings=tuple(issues),
        pieces=pieces_of(catalog, taken["flows"], hashes),
    )


def _made(kind: str, name: str, data: Any, lists: Mapping[str, frozenset[str]]) -> Any:
    """One piece as the engine knows it. The child accepted it: nothing can be wrong with it."""
    if kind == LISTS:
        return frozenset(data)
    if kind == "flows":
        draft = read_draft(Document(name, data, {}))
        return Flow(id=draft.id, start=draft.start, nodes=draft.nodes)
    return MODELS[kind].model_validate(data, context={"lists": lists})


def _catalog(taken: Mapping[str, Mapping[str, Any]]) -> Catalog:
    buyers: Mapping[str, Buyer] = taken["buyers"]
    campaigns: Mapping[str, Campaign] = taken["campaigns"]
    publishers: Mapping[str, Publisher] = taken["publishers"]
    groups: Mapping[str, TargetGroup] = taken["groups"]
    trunks: Mapping[str, Trunk] = taken["trunks"]
    return Catalog(
        campaigns=campaigns,
        publishers=publishers,
        buyers=buyers,
        targets={target.id: (buyer, target) for buyer in buyers.values() for target in buyer.targets},
        groups=groups,
        trunks=trunks,
        lists=taken[LISTS],
    )


def _answer(asked: Mapping[str, Any]) -> Iterator[bytes]:
    """The child's side: lines of pieces, then the body."""
    own_numbers = OwnNumbers(asked["database_url"]) if asked["database_url"] else ()
    prompts = prompts_in(Path(asked["prompts_dir"])) if asked["prompts_dir"] else None
    try:
        config = load_config(Path(asked["config_dir"]), places=load_places(), prompts=prompts, own_numbers=own_numbers)
    except ConfigError as error:
        yield orjson.dumps({"good": False, "issues": [asdict(issue) for issue in error.issues]}) + b"\n"
        return
    content = json.loads(config.body)
    kinds = [kind for kind in (LISTS, *MODELS, "flows") if kind in content]
    pieces: list[tuple[Any, ...]] = []
    for kind in kinds:
        for name, data in content[kind].items():
            own_hash = config.pieces[f"{kind}/{name}"][0]
            same = asked["known"].get(f"{kind}/{name}") == own_hash
            pieces.append((kind, name, own_hash) if same else (kind, name, own_hash, data))
    header = {
        "good": True,
        "issues": [asdict(issue) for issue in config.warnings],
        "revision": config.revision,
        "pieces": len(pieces),
        "body_bytes": len(config.body),
    }
    yield orjson.dumps(header) + b"\n"
    for piece in pieces:
        yield orjson.dumps(piece) + b"\n"
    yield config.body


def main() -> None:
    """What the child runs: one question on standard input, the answer on standard output."""
    gc.disable()  # The process is short and keeps what it makes.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # An engine beside a real-time switch is one itself.
    os.nice(NICENESS)
    for part in _answer(json.loads(sys.stdin.buffer.read())):
        sys.stdout.buffer.write(part)


if __name__ == "__main__":
    main()
