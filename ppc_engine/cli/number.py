"""``ppc number``: the numbers that the public dials, and whose calls they bring."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.cli.pausing import pausing_commands
from ppc_engine.settings import load_settings
from ppc_engine.storage import numbers
from ppc_engine.storage.catalog_files import load_config
from ppc_engine.storage.database import open_database
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.phone import normalise

PROGRESS_LINES_MIN = 5_000  # Smaller files are done before a bar could be seen.
RELOAD_TOLD = "a running engine takes it with its next reload (ppc config reload)"

_CONFIG = click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_MOVE = click.option("--move", is_flag=True, help="Also take numbers that belong to somebody else.")


@click.group("number", commands=pausing_commands("number"))
def command() -> None:
    """Import, list, assign, release and pause tracking numbers."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_CONFIG
@_MOVE
@_JSON
def import_command(file: Path, config_dir: Path, move: bool, as_json: bool) -> None:
    """Assign every number of a CSV FILE, or none when anything in it is wrong.

    \b
    The first line names the columns, in any order; test may be left out:
      number,campaign,publisher,test
      +18005550100,roofing,bluebird-media,no

    \b
    Example:
      ppc number import config/numbers.csv
    """
    engine, catalog = _open(config_dir)
    with _progress() as progress:
        done = numbers.import_file(
            engine, file, _now_us(), campaigns=catalog.campaigns, publishers=catalog.publishers, move=move,
            progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(f"{done.added} added, {done.changed} changed, {done.unchanged} as they were; {RELOAD_TOLD}")


@command.command("list")
@_CONFIG
@click.option("--campaign", default="", help="Only numbers of this campaign.")
@click.option("--publisher", default="", help="Only numbers of this publisher.")
@click.option("--free", is_flag=True, help="Only numbers that are not assigned.")
@_JSON
def list_command(config_dir: Path, campaign: str, publisher: str, free: bool, as_json: bool) -> None:
    """List our numbers with their owners.

    \b
    Example:
      ppc number list --publisher bluebird-media
    """
    engine = open_database(load_settings(config_dir).database_url)
    found = numbers.list_numbers(engine, campaign=campaign, publisher=publisher, free=free)
    if as_json:
        click.echo(json.dumps([asdict(number) for number in found]))
        return
    widths = [max((len(getattr(number, name)) for number in found), default=0) for name in ("campaign", "publisher")]
    for number in found:
        owner = f"{number.campaign or 'free':{max(4, widths[0])}}  {number.publisher:{widths[1]}}"
        since = _day(number.assigned_at or number.released_at or number.created_at)
        click.echo(f"{number.number:13}  {owner}  since {since}{'  test' if number.test else ''}")
    click.echo(f"{len(found)} number{'' if len(found) == 1 else 's'}", err=True)


@command.command("assign")
@click.argument("number")
@click.option("--campaign", required=True, help="Slug of the campaign.")
@click.option("--publisher", required=True, help="Slug of the publisher.")
@click.option("--test", is_flag=True, help="Every call to it is a test call: routed, never billed.")
@_CONFIG
@_MOVE
@_JSON
def assign_command(
    number: str, campaign: str, publisher: str, test: bool, config_dir: Path, move: bool, as_json: bool
) -> None:
    """Give a NUMBER, new or free, to a campaign and a publisher.

    \b
    Example:
      ppc number assign +18005550100 --campaign roofing --publisher bluebird-media
    """
    engine, catalog = _open(config_dir)
    for kind, slug, known in (
        ("campaign", campaign, catalog.campaigns),
        ("publisher", publisher, catalog.publishers),
    ):
        if slug not in known:
            raise BadValueError(f'no {kind} "{slug}" in the catalog{did_you_mean(slug, known)}')
    wanted = TrackingNumber(number=_e164(number), campaign=campaign, publisher=publisher, test=test)
    changed = numbers.assign(engine, wanted, _now_us(), move=move)
    told = f"assigned to campaign {campaign}, publisher {publisher}; {RELOAD_TOLD}" if changed else "theirs already"
    _tell(as_json, wanted.number, changed, told)


@command.command("release")
@click.argument("number")
@_CONFIG
@_JSON
def release_command(number: str, config_dir: Path, as_json: bool) -> None:
    """Take a NUMBER back; it stays ours and can be assigned again.

    \b
    Example:
      ppc number release +18005550100
    """
    engine = open_database(load_settings(config_dir).database_url)
    e164 = _e164(number)
    changed = numbers.release(engine, e164, _now_us())
    _tell(as_json, e164, changed, f"released; {RELOAD_TOLD}" if changed else "free already")


def _open(config_dir: Path) -> tuple[Engine, Catalog]:
    engine = open_database(load_settings(config_dir).database_url)
    return engine, load_config(config_dir).catalog


def _tell(as_json: bool, number: str, changed: bool, told: str) -> None:
    click.echo(json.dumps({"number": number, "changed": changed}) if as_json else f"{number}: {told}")


def _e164(number: str) -> str:
    found = normalise(number)
    if not found:
        raise BadValueError(f'"{number}" is not a telephone number (write +18005550100)')
    return found


def _now_us() -> int:
    return time.time_ns() // 1_000


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that appears with the first step of a large import, and only on a terminal."""
    bars: list[Any] = []

    def step(done: int, total: int) -> None:
        if not bars and total >= PROGRESS_LINES_MIN:
            bars.append(click.progressbar(length=total, label="Reading numbers", file=click.get_text_stream("stderr")))
            bars[0].__enter__()
        if bars:
            bars[0].update(done - bars[0].pos)

    try:
        yield step
    finally:
        for bar in bars:
            bar.__exit__(None, None, None)
