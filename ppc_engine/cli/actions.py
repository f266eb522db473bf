"""``ppc actions``: what people ordered, who, why, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ppc_engine.cli.instants import Instant
from ppc_engine.cli.ordering import config_option, now_us, shown_time
from ppc_engine.cli.tables import make_console
from ppc_engine.ports import OperatorAction
from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import LASTING, LISTED_MAX, SQLOperatorOrders

SINCE_US = 7 * 86_400_000_000


@click.command("actions")
@config_option
@click.option("--since", type=Instant(), default=0, help="Given at or after (UTC): 2h, 7d, 2026-11-22. Default: 7d.")
@click.option(
    "--about", "subject", default="", help="Only of this: target:acme-la, buyer:acme, call:ID, cap:KEY, engine."
)
@click.option("--in-force", is_flag=True, help="Only what holds now, or waits to be done.")
@click.option("--limit", type=click.IntRange(1, LISTED_MAX), default=100, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config_dir: Path, since: int, subject: str, in_force: bool, limit: int, as_json: bool) -> None:
    """List the orders of people: pauses, drains, resets, hang-ups, redirects, reloads. Newest first.

    What is still in force is listed however old it is.

    \b
    Example:
      ppc actions --in-force
    """
    orders = SQLOperatorOrders(open_database(load_settings(config_dir).database_url))
    now = now_us()
    found = orders.listed(since=since or now - SINCE_US, subject=subject, limit=limit)
    if in_force:
        found = [action for action in found if action.in_force(now)]
    if as_json:
        click.echo(json.dumps([asdict(action) for action in found]))
        return
    table = Table(title="Orders, times in UTC", title_justify="left")
    for name in ("no.", "when", "who", "what", "about", "why", "state"):
        table.add_column(name, overflow="fold")
    for action in found:
        what = action.verb + "".join(f" {name}={value}" for name, value in sorted(action.args.items()))
        cells = (str(action.id), shown_time(action.at).removesuffix(" UTC"), action.who, what, action.subject,
                 action.why, state_of(action, now))  # fmt: skip
        table.add_row(*(escape(cell) for cell in cells))
    if found:
        make_console().print(table)
    else:
        click.echo("no orders", err=True)


def state_of(action: OperatorAction, now: int) -> str:
    """How an order stands, in words."""
    if action.in_force(now):
        if action.verb not in LASTING:
            return "waits for the engine"
        return f"in force until {shown_time(action.until_at)}" if action.until_at else "in force"
    if action.undone_by:
        return f"undone by no. {action.undone_by}"
    if "error" in action.result:
        return f"not done: {action.result['error']}"
    if action.result.get("taken") is False:
        count = action.result.get("problems", 0)
        return f"refused: {count} problem{'' if count == 1 else 's'}"
    if "given_back" in action.result:
        return f"{action.result['given_back']} given back"
    if action.until_at and action.verb in LASTING:
        return f"over since {shown_time(action.until_at)}"
    return str(action.result.get("done", "done"))
