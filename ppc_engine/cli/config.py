"""``ppc config``: reload it, list its revisions, and say in words what differs between two."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ppc_engine.catalog.diff import catalog_changes
from ppc_engine.cli.control_client import EngineDeafError, ask, ask_or_fail
from ppc_engine.cli.ordering import config_option, named, now_us, shown_time
from ppc_engine.flows.diff import flow_changes
from ppc_engine.settings import Settings, load_settings
from ppc_engine.storage import revisions
from ppc_engine.storage.catalog_files import LoadedConfig, config_from_revision, load_config
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.telemetry.control import RELOAD_PATH
from ppc_engine.values.differences import Change
from ppc_engine.values.errors import BadValueError, OutsideError

RUNNING = "running"
RELOAD_S_MAX = 120.0
DIGITS = 12  # Of a revision's hash, for people.


@click.group("config")
def command() -> None:
    """Reload, list and compare configurations."""


@command.command("reload")
@config_option
@click.option("--as", "who", default="", help="Who asks for it, when not the user of this machine.")
@click.option("--why", default="configuration changed", show_default=True, help="Kept with the order.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def reload_command(ctx: click.Context, config_dir: Path, who: str, why: str, as_json: bool) -> None:
    """Make the running engine read its configuration again: whole or not at all.

    New calls are judged by the new one, calls in progress finish on theirs. Every problem is listed here and in the
    engine's log; then the earlier configuration stays in force (exit code 1).

    \b
    Example:
      ppc config reload --why "new buyer"
    """
    settings = load_settings(config_dir)
    name = named(who)
    reloaded = _reload(settings, name)
    at = now_us()
    result = {key: reloaded[key] for key in ("taken", "revision", "before")}
    result["problems"] = len(reloaded["problems"])
    orders = SQLOperatorOrders(open_database(settings.database_url))
    orders.order("reload", "engine", at=at, who=name, why=why, result=result)
    if as_json:
        click.echo(json.dumps(reloaded))
    else:
        for line in _reload_lines(reloaded):
            click.echo(line, err=not reloaded["taken"])
    if not reloaded["taken"]:
        ctx.exit(1)


def _reload(settings: Settings, who: str) -> dict[str, Any]:
    said = ask_or_fail(settings, {"who": who}, RELOAD_PATH)
    deadline = time.monotonic() + RELOAD_S_MAX
    while "reloaded" not in said:
        if time.monotonic() >= deadline:
            raise OutsideError(f"the engine still reads its configuration after {RELOAD_S_MAX:g} s; see its log")
        said = ask_or_fail(settings, {"do": "reloaded", "ticket": said["ticket"], "who": who})
    found: dict[str, Any] = said["reloaded"]
    return found


def _reload_lines(reloaded: dict[str, Any]) -> list[str]:
    if not reloaded["taken"]:
        count = len(reloaded["problems"])
        kept = f"revision {reloaded['before'][:DIGITS]} stays in force"
        return [*reloaded["problems"], f"{count} problem{'' if count == 1 else 's'}; nothing was taken, {kept}"]
    if reloaded["revision"] == reloaded["before"]:
        same = f"revision {reloaded['revision'][:DIGITS]} as before; tracking numbers were read again"
        return [*reloaded["warnings"], same]
    return [
        *reloaded["warnings"],
        *reloaded["changes"],
        f"in force: revision {reloaded['revision'][:DIGITS]} (was {reloaded['before'][:DIGITS]})",
    ]


@command.command("list")
@config_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=30, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_dir: Path, limit: int, as_json: bool) -> None:
    """List the revisions that were ever in force, newest first, with the one that runs.

    \b
    Example:
      ppc config list
    """
    settings = load_settings(config_dir)
    found = revisions.list_revisions(open_database(settings.database_url), limit)
    running = _running(settings)
    if as_json:
        click.echo(json.dumps([{**asdict(kept), "running": kept.hash == running} for kept in found]))
        return
    for kept in found:
        mark = "  running" if kept.hash == running else ""
        click.echo(f"{kept.hash[:DIGITS]}  first in force {shown_time(kept.created_at)}{mark}")
    if not running:
        click.echo("no engine runs here, or it does not say what it runs", err=True)


@command.command("diff")
@click.argument("before", default=RUNNING, metavar="[A]")
@click.argument("after", default="", metavar="[B]")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(before: str, after: str, config_dir: Path, as_json: bool) -> None:
    """Say in words what changes from A to B: targets, caps, hours, places, prices, paths.

    A and B are directories, revisions (the beginning of a hash will do) or "running". Left out: from what runs to the
    configuration directory, which is what a reload would change.

    \b
    Example:
      ppc config diff 3f2a91 running
    """
    settings = load_settings(config_dir)
    old, new = _loaded(settings, before), _loaded(settings, after or str(config_dir))
    changes: list[Change] = catalog_changes(old.catalog, new.catalog) + flow_changes(old.flows, new.flows)
    if as_json:
        told = {"before": old.revision, "after": new.revision, "changes": [asdict(change) for change in changes]}
        click.echo(json.dumps(told))
        return
    for change in changes:
        click.echo(f"{change.topic:8} {change}")
    same = "nothing differs" if old.revision == new.revision else "nothing that is said differs"
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}" if changes else same
    click.echo(f"{count}, from revision {old.revision[:DIGITS]} to {new.revision[:DIGITS]}", err=True)


def _loaded(settings: Settings, name: str) -> LoadedConfig:
    """A configuration by its name. Raises ConfigError for a directory that is not good."""
    if name != RUNNING and Path(name).is_dir():
        return load_config(Path(name))
    database = open_database(settings.database_url)
    revision = _running_or_fail(settings) if name == RUNNING else _found(database, name)
    try:
        body = revisions.load_revision(database, revision)
    except KeyError:
        raise BadValueError(f"revision {revision[:DIGITS]} is not in this database") from None
    return config_from_revision(body)


def _found(database: Any, name: str) -> str:
    try:
        return revisions.find_revision(database, name)
    except BadValueError as error:
        raise BadValueError(f"{error}; nor is there a directory of that name") from None


def _running(settings: Settings) -> str:
    try:
        said = ask(settings, {"do": "state"})
    except EngineDeafError:
        return ""
    return str(said["revision"]) if said else ""


def _running_or_fail(settings: Settings) -> str:
    return str(ask_or_fail(settings, {"do": "state"})["revision"])
