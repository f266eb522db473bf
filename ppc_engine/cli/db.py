"""``ppc db``: the tables of the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database, shown
from ppc_engine.storage.migrate import upgrade, versions

_CONFIG = click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip


def _with_json(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


@click.group("db")
def command() -> None:
    """Create or upgrade the database."""


@command.command("upgrade")
@_CONFIG
@_with_json
def upgrade_command(config_dir: Path, as_json: bool) -> None:
    """Bring the tables to the version of this program. Nothing to do is no error; `ppc serve` does it by itself.

    \b
    Example:
      ppc db upgrade --config config
    """
    engine = open_database(load_settings(config_dir).database_url)
    before, _ = versions(engine)
    upgrade(engine)
    after, _ = versions(engine)
    done = f"upgraded from {before or 'nothing'} to {after}" if before != after else f"at {after} already"
    told = {"database": shown(engine.url), "before": before, "after": after}
    click.echo(json.dumps(told) if as_json else f"{shown(engine.url)}: {done}")


@command.command("status")
@_CONFIG
@_with_json
@click.pass_context
def status_command(ctx: click.Context, config_dir: Path, as_json: bool) -> None:
    """Say which version the tables have and which this program needs. Exit code 1 when they differ.

    \b
    Example:
      ppc db status --json
    """
    engine = open_database(load_settings(config_dir).database_url)
    current, needed = versions(engine)
    if current == needed:
        line = f"up to date ({current})"
    else:
        line = f"at {current or 'no version'}, this program needs {needed} (run: ppc db upgrade)"
    told = {"database": shown(engine.url), "current": current, "needed": needed, "up_to_date": current == needed}
    click.echo(json.dumps(told) if as_json else f"{shown(engine.url)}: {line}")
    if current != needed:
        ctx.exit(1)
