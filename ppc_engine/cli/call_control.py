"""``ppc call live|hangup|redirect``: the calls that live now, and orders to one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli.control_client import EngineDeafError, ask, ask_or_fail
from ppc_engine.cli.ordering import Given, config_option, give, now_us, order_options, say
from ppc_engine.cli.subjects import known_names
from ppc_engine.cli.tables import make_console
from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.values.errors import BadValueError

ID_CHARS_MIN = 4
UUID_CHARS = 36


@click.command("live")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def live_command(config_dir: Path, as_json: bool) -> None:
    """List the calls that the engine holds now, oldest first.

    \b
    Example:
      ppc call live
    """
    said = ask_or_fail(load_settings(config_dir), {"do": "calls"})
    if as_json:
        click.echo(json.dumps(said["live"]))
        return
    table = Table(title=f"{said['calls']} calls live", title_justify="left")
    for name in ("call", "for", "is", "campaign", "publisher", "number", "at node", "last target"):
        table.add_column(name, overflow="fold")
    now = now_us()
    for row in said["live"]:
        age = f"{max(0, now - row['offered_at']) // 1_000_000} s"
        cells = [row["call_id"], age, *(row[name] for name in ("phase", "campaign", "publisher", "dialed_number"))]
        table.add_row(*(escape(str(cell)) for cell in (*cells, f"{row['flow']}/{row['node']}", row["target"])))
    make_console().print(table)


@click.command("hangup")
@click.argument("call_id", metavar="ID")
@order_options
def hangup_command(call_id: str, why: str, who: str, as_json: bool, config_dir: Path) -> None:
    """End a live call, both sides of it. ID may be the beginning of its id (`ppc call live`).

    \b
    Example:
      ppc call hangup 2fdc8c63 --why "caller asked for it"
    """
    found = _live(config_dir, call_id)
    given = give(config_dir, "hangup", f"call:{found}", who=who, why=why)
    _tell(as_json, given, f"call {found}: hung up by {given.action.who}: {why}")


@click.command("redirect")
@click.argument("call_id", metavar="ID")
@click.option("--target", default="", help="Send the caller to this target.")
@click.option("--node", default="", help="Send the caller to this node of the flow.")
@order_options
def redirect_command(call_id: str, target: str, node: str, why: str, who: str, as_json: bool, config_dir: Path) -> None:
    """Send the caller of a live call to another target, or to a node of the flow, whatever happens to it now.

    Who talks to the caller is hung up, what rings or plays is stopped. Caps, hours and places hold for the target as
    for any; when it cannot be had, the caller goes on where the order met them.

    \b
    Example:
      ppc call redirect 2fdc8c63 --target acme-la --why "wrong trade"
    """
    if bool(target) == bool(node):
        raise click.UsageError("say where to: --target TARGET or --node NODE")
    if target:
        known = known_names(open_database(load_settings(config_dir).database_url), config_dir, "target")
        if target not in known:
            raise BadValueError(f'no target "{target}" in the configuration{did_you_mean(target, known)}')
    found = _live(config_dir, call_id)
    args = {"target": target} if target else {"node": node}
    given = give(config_dir, "redirect", f"call:{found}", who=who, why=why, args=args)
    where = f"target {target}" if target else f"node {node}"
    _tell(as_json, given, f"call {found}: sent to {where} by {given.action.who}: {why}")


def _live(config_dir: Path, prefix: str) -> str:
    """The one live call whose id begins so. A whole id is taken at its word when the engine cannot be asked."""
    wanted = prefix.lower()
    if len(wanted) < ID_CHARS_MIN:
        raise BadValueError(f'"{prefix}" is too short (write at least {ID_CHARS_MIN} characters of the call\'s id)')
    try:
        said: dict[str, Any] | None = ask(load_settings(config_dir), {"do": "calls"})
    except EngineDeafError:
        said = None
    if said is None:
        if len(wanted) == UUID_CHARS:
            return wanted
        raise BadValueError(f'the engine cannot be asked which call begins with "{prefix}" (write the whole id)')
    found = [row["call_id"] for row in said["live"] if row["call_id"].startswith(wanted)]
    if len(found) != 1:
        what = "no live call begins" if not found else f"{len(found)} live calls begin"
        raise BadValueError(f'{what} with "{prefix}" (see: ppc call live)')
    return str(found[0])


def _tell(as_json: bool, given: Given, line: str) -> None:
    """What came of it. Raises BadValueError when the engine could not do it."""
    error = (given.result or {}).get("error")
    if error:
        raise BadValueError(f"no. {given.action.id} was recorded and not done: {error}")
    say(as_json, given, line)
