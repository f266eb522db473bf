"""``ppc cap``: what is used of every cap, and the reset of one by word of mouth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli.control_client import ask_or_fail
from ppc_engine.cli.ordering import config_option, give, now_us, order_options, say, shown_time, shown_wait
from ppc_engine.cli.tables import make_console
from ppc_engine.settings import load_settings
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.money import format_micros

FOREVER_US = 1 << 61  # A period that ends later than that never does.


@click.group("cap")
def command() -> None:
    """Show and reset caps."""


@command.command("show")
@click.argument("about", required=False, default="")
@config_option
@click.option("--full", is_flag=True, help="Only caps that let nothing more through.")
@click.option("--holders", is_flag=True, help="Also name the calls and attempts (call:n) that hold pending ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; money in micros, times in UTC microseconds.")
def show_command(about: str, config_dir: Path, full: bool, holders: bool, as_json: bool) -> None:
    """Show every cap of the running configuration: used, pending, limit, period and when it begins anew.

    ABOUT is a part of a cap's name: acme, target:acme-la, /day/. Pending is what calls hold that may yet count.

    \b
    Example:
      ppc cap show target:acme-la
    """
    rows = [row for row in _caps(config_dir) if about in row["key"] and (not full or row["used"] >= row["limit"])]
    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table(title="Caps, times in UTC", title_justify="left")
    table.add_column("cap", no_wrap=True)
    for name in ("used", "pending", "limit", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("counts", overflow="fold")
    table.add_column("begins anew", overflow="fold")
    now = now_us()
    for row in rows:
        left = max(0, row["limit"] - row["used"])
        figures = [_amount(row, value) for value in (row["used"], row["pending"], row["limit"], left)]
        style = "bold" if not left else ""
        table.add_row(escape(row["key"]), *figures, _counts(row), _anew(row, now), style=style)
        if holders:
            for lease, amount in row.get("holders", {}).items():
                table.add_row(f"  {escape(lease)}", "", _amount(row, amount), style="dim")
    if rows:
        make_console().print(table)
    else:
        click.echo("no such cap" if about or full else "the configuration has no caps", err=True)


@command.command("reset")
@click.argument("cap")
@order_options
def reset_command(cap: str, why: str, who: str, as_json: bool, config_dir: Path) -> None:
    """Forget what was counted on a CAP in the period that runs. What calls hold that may yet count stays held.

    It is kept for ever with name and reason, and holds over restarts. Concurrency caps cannot be reset: a slot ends
    with its call.

    \b
    Example:
      ppc cap reset target:acme-la/connect/day/2026-11-22-0800 --why "buyer asked for 20 more"
    """
    known = {row["key"]: row for row in _caps(config_dir)}
    if cap not in known:
        near = did_you_mean(cap, known)
        raise BadValueError(f'no cap "{cap}" in the period that runs{near or " (see: ppc cap show)"}')
    if known[cap]["unit"] == "slots":
        raise BadValueError(f"{cap} counts live calls: a slot ends with its call, never by word (ppc call hangup)")
    given = give(config_dir, "cap_reset", f"cap:{cap}", who=who, why=why)
    result = given.result or {}
    if result.get("error"):
        raise BadValueError(f"no. {given.action.id} was recorded and not done: {result['error']}")
    amount = _amount(known[cap], int(result.get("given_back", 0)))
    say(as_json, given, f"{cap}: {amount} given back, by {given.action.who}: {why}")


def _caps(config_dir: Path) -> list[dict[str, Any]]:
    """Every cap as the running engine counts it. Raises OutsideError when none runs."""
    rows: list[dict[str, Any]] = ask_or_fail(load_settings(config_dir), {"do": "caps"})["caps"]
    return rows


def _amount(row: dict[str, Any], value: int) -> str:
    return format_micros(value) if row["unit"] == "micros" else f"{value:,}"


def _counts(row: dict[str, Any]) -> str:
    if row["unit"] == "slots":
        return "calls at once"
    if row["unit"] == "micros":
        return str(row["measure"])
    return {"attempt": "calls tried", "connect": "calls connected"}.get(row["measure"], f"calls by {row['measure']}")


def _anew(row: dict[str, Any], now: int) -> str:
    if row["unit"] == "slots":
        return ""
    if row["end"] >= FOREVER_US:
        return "never"
    return f"each {row['per']}: {shown_time(row['end'])} (in {shown_wait(row['end'] - now)})"
