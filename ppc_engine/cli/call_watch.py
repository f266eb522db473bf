"""``ppc call watch``: calls explained while they happen, for the engineer who is phoning the number.

It reads the journal that the engine writes, so it costs the engine nothing and shows what the engine decided, a moment
after it did. Each call is told as ``ppc call explain`` would, step by step as the facts arrive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson

from ppc_engine.calls.fold import build_cdr
from ppc_engine.cli import call_text
from ppc_engine.cli.call_retold import StoredContexts, StoredRetelling
from ppc_engine.cli.call_steps import QUIET, build_steps, printable
from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.journal_tail import JournalTail
from ppc_engine.values.phone import normalise

LOOK_EVERY_S = 0.1  # The journal is on the disk 50 ms after an event.
CALLS_MAX = 10_000  # Calls kept in memory; a busy engine has fewer that live at a time.

Fact = Mapping[str, Any]


@dataclass(slots=True)
class _Watched:
    """One call that lives. ``steps_told`` of its steps are printed: none before it is known to be wanted."""

    retelling: StoredRetelling
    facts: list[Fact] = field(default_factory=list)
    steps_told: int = 0
    noted: bool = False


class Watch:
    """Takes facts as they come and says which lines to print. ``wanted`` picks calls by their facts so far."""

    def __init__(self, contexts: StoredContexts, wanted: Callable[[str, list[Fact]], bool], everything: bool) -> None:
        self._contexts = contexts
        self._wanted = wanted
        self._everything = everything
        self._calls: dict[str, _Watched] = {}
        self.ended = 0

    def take(self, call_id: str, body: bytes) -> Iterator[str]:
        """One fact of a call, or b"" when its record is written."""
        if not body:
            self._calls.pop(call_id, None)
            return
        fact = orjson.loads(body)
        watched = self._calls.get(call_id)
        if watched is None:
            if len(self._calls) >= CALLS_MAX:
                del self._calls[next(iter(self._calls))]
            watched = self._calls[call_id] = _Watched(StoredRetelling(self._contexts, call_id, fact))
        else:
            watched.retelling.take(fact)
        watched.facts.append(fact)
        if self._wanted(call_id, watched.facts):
            yield from self._lines(call_id, watched)

    def _lines(self, call_id: str, watched: _Watched) -> Iterator[str]:
        facts, short = watched.facts, call_id[: call_text.SHORT_ID_CHARS]
        offered_at = facts[0]["e"].get("offered_at") or facts[0]["e"]["at"]
        if not watched.noted:
            watched.noted = True
            yield from (f"{short}  note: {printable(remark)}" for remark in watched.retelling.remarks())
        steps = build_steps(facts, watched.retelling.retold)
        for step in steps[watched.steps_told :]:
            if step.kind in QUIET and not self._everything:
                continue
            yield f"{short} {call_text.offset(step.at, offered_at):>9}  {step.text}"
            yield from (f"{'':>{len(short) + 10}}    {line}" for line in step.lines)
        watched.steps_told = len(steps)
        if any(command["k"] == "Finish" for command in facts[-1].get("c", ())):
            self.ended += 1
            yield f"{short}  {over_told(call_id, facts)}"


def over_told(call_id: str, facts: list[Fact]) -> str:
    """How a call ended, and whether anybody will be billed for it."""
    cdr = build_cdr(call_id, [dict(fact) for fact in facts])
    billed = "a test call: not billed, not counted" if cdr.test else "to be judged by ppc qualify"
    return f"over: {cdr.outcome}, {call_text.lengths(cdr)}; {billed}"


def is_test(facts: Iterable[Fact]) -> bool:
    """Whether the facts so far make it a test call: its number, its caller, or a target that it dials is marked."""
    for fact in facts:
        for kind, data in fact.get("d", ()):
            if kind == "opened" and (data.get("test") or (data["number"] or {}).get("test")):
                return True
            if kind == "dialed" and data.get("test"):
                return True
    return False


def wanted_by(call_id: str, caller: str, everybody: bool) -> Callable[[str, list[Fact]], bool]:
    """The calls that a person asked for; test calls when nothing else was asked for."""
    number = normalise(caller) or caller

    def wanted(found_id: str, facts: list[Fact]) -> bool:
        if call_id:
            return found_id.startswith(call_id.lower())
        if caller:
            sent = facts[0]["e"].get("caller_number", "")
            return number in (sent, normalise(sent))
        return everybody or is_test(facts)

    return wanted


@click.command("watch")
@click.argument("call_id", metavar="[ID]", default="")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--test", "tests", is_flag=True, help="Test calls (this is the default).")
@click.option("--caller", default="", help="Only calls of this caller's number.")
@click.option("--every", "everybody", is_flag=True, help="Every call. Much to read on a busy engine.")
@click.option("--all", "everything", is_flag=True, help="Timers and other inner steps too.")
@click.option("--calls", "calls_max", default=0, help="Stop after so many calls have ended; 0: at Ctrl-C.")
def watch_command(
    call_id: str, config_dir: Path, tests: bool, caller: str, everybody: bool, everything: bool, calls_max: int
) -> None:
    """Explain calls while they happen: test calls, or those named.

    Run it on the engine's machine: it reads the engine's journal, and changes nothing.

    \b
    Example:
      ppc call watch            then phone a number marked as test
    """
    if sum((bool(call_id), bool(caller), everybody, tests)) > 1:
        raise click.UsageError("name a call, a caller, --test or --every: one of them")
    settings = load_settings(config_dir)
    database = open_database(settings.database_url)
    tail = JournalTail(Path(settings.journal_dir))
    watch = Watch(StoredContexts(database), wanted_by(call_id, caller, everybody), everything)
    try:
        _tell(watch, tail.begin())
        click.echo(f"watching {settings.journal_dir} (Ctrl-C ends it)", err=True)
        while not calls_max or watch.ended < calls_max:
            _tell(watch, tail.read())
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        click.echo(f"{watch.ended} calls ended", err=True)
    finally:
        tail.close()
        database.dispose()


def _tell(watch: Watch, facts: Iterable[tuple[str, bytes]]) -> None:
    for call_id, body in facts:
        for line in watch.take(call_id, body):
            click.echo(line)
