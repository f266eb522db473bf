"""``ppc drain``: no new calls, until it is undone; those in progress finish."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from ppc_engine.cli.control_client import ask
from ppc_engine.cli.ordering import config_option, give, now_us, say, shown_time
from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.values.errors import BadValueError, OutsideError

LOOK_EVERY_S = 1.0
SUBJECT = "engine"


@click.command("drain")
@config_option
@click.option("--why", default="", help="Why: kept with the order. Needed unless you only look.")
@click.option("--as", "who", default="", help="Who gives the order, when not the user of this machine.")
@click.option("--undo", is_flag=True, help="Take new calls again.")
@click.option("--wait", is_flag=True, help="Wait until the last call is over.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1, 86_400),
    default=3_600,
    show_default=True,
    help="Give up waiting after so many seconds (exit code 3).",
)
@click.option("--status", is_flag=True, help="Only say how it stands.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    config_dir: Path, why: str, who: str, undo: bool, wait: bool, timeout_s: int, status: bool, as_json: bool
) -> None:  # fmt: skip
    """Take no new calls, so that the engine or the machine can be stopped without losing one.

    A new call is refused at once with 503 (Reason: draining), and the carrier tries its next route; calls in progress
    finish as if nothing were. It holds over restarts of the engine, until `ppc drain --undo`.

    \b
    Example:
      ppc drain --why "new kernel" --wait && systemctl stop ppc
    """
    if status:
        _say_status(config_dir, as_json)
        return
    if not why:
        raise click.UsageError("--why is needed: it is kept with the order")
    if undo:
        _undo(config_dir, who, why, as_json)
        return
    given = give(config_dir, "drain", SUBJECT, who=who, why=why)
    say(as_json and not wait, given, f"draining, by {given.action.who}: {why} (undo: ppc drain --undo --why ...)")
    if wait:
        _wait(config_dir, timeout_s, as_json)


def _undo(config_dir: Path, who: str, why: str, as_json: bool) -> None:
    orders = SQLOperatorOrders(open_database(load_settings(config_dir).database_url))
    held = orders.in_force("drain", SUBJECT, now_us())
    if held is None:
        click.echo(json.dumps({"subject": SUBJECT, "changed": False}) if as_json else "no drain is in force")
        return
    given = give(config_dir, "undrain", SUBJECT, who=who, why=why)
    say(as_json, given, f"new calls are taken again (were not since {shown_time(held.at)}, {held.who}: {held.why})")


def _say_status(config_dir: Path, as_json: bool) -> None:
    settings = load_settings(config_dir)
    held = SQLOperatorOrders(open_database(settings.database_url)).in_force("drain", SUBJECT, now_us())
    said = ask(settings, {"do": "state"})
    calls = said["calls"] if said else None
    if as_json:
        click.echo(json.dumps({"draining": held.why if held else "", "calls": calls}))
        return
    click.echo(f"draining since {shown_time(held.at)}, by {held.who}: {held.why}" if held else "new calls are taken")
    click.echo("no engine runs here" if calls is None else f"{calls} calls live")


def _wait(config_dir: Path, timeout_s: int, as_json: bool) -> None:
    """Until no call lives. Raises OutsideError when it takes longer, or when the engine does not drain."""
    settings = load_settings(config_dir)
    deadline = time.monotonic() + timeout_s
    before = -1
    while True:
        said = ask(settings, {"do": "state"})
        if said is not None and not said["draining"]:
            raise BadValueError("somebody has undone the drain")
        calls = int(said["calls"]) if said else 0
        if calls != before:
            click.echo(f"{calls} call{'' if calls == 1 else 's'} live", err=True)
            before = calls
        if calls == 0:
            told = "no call lives" if said else "no engine runs here, so no call is ours"
            click.echo(json.dumps({"drained": True, "calls": 0}) if as_json else told)
            return
        if time.monotonic() >= deadline:
            raise OutsideError(f"{calls} calls still live after {timeout_s} s; new ones are still refused")
        time.sleep(LOOK_EVERY_S)
