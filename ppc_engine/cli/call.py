"""``ppc call``: what happened to a call and why, from the database alone.

A call is named by the beginning of its id or of its token. Only finished calls are there: a live one is folded into
its record when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from ppc_engine.billing.verdict import BillableRecord
from ppc_engine.calls.record import CALL_OUTCOMES, CDR
from ppc_engine.cli import call_control, call_export, call_text
from ppc_engine.cli.call_capture import command as capture_command
from ppc_engine.cli.call_ladder import build_rows, ladder_lines, plain_row
from ppc_engine.cli.call_retold import StoredContexts, retell_stored
from ppc_engine.cli.call_steps import build_steps, node_path, printable
from ppc_engine.cli.call_units import settled, unit_lines
from ppc_engine.cli.call_watch import watch_command
from ppc_engine.cli.instants import Instant
from ppc_engine.settings import load_settings
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.cdrs import FOUND_MAX, CallFilter, SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.values.errors import BadValueError

LISTED_MAX = 10_000
CANDIDATES_SHOWN = 5


def _config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
        type=click.Path(path_type=Path), help="Configuration directory.",
    )(function)  # fmt: skip


def _filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--caller", default="", help="Only calls of this caller's number."),
        click.option("--outcome", default="", type=click.Choice(["", *CALL_OUTCOMES]), help="Only this outcome."),
        click.option("--publisher", default="", help="Only this publisher."),
        click.option("--campaign", default="", help="Only this campaign."),
        click.option("--until", type=Instant(), default=0, help="Offered before (UTC): 2h, 7d, 2026-11-22[T17:00]."),
        click.option("--since", type=Instant(), default=0, help="Offered at or after (UTC)."),
    ):
        function = option(function)
    return function


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def _database(config_dir: Path) -> Iterator[Engine]:
    engine = open_database(load_settings(config_dir).database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def find_call(store: SQLCDRStore, prefix: str) -> CDR:
    """The one finished call whose id or token begins so. Raises BadValueError when there is none, or more than one."""
    found = store.find_calls(prefix.lower())
    exact = [cdr for cdr in found if prefix.lower() in (cdr.call_id, cdr.call_token)]
    if len(exact) == 1:
        return exact[0]
    if not found:
        raise BadValueError(f'no finished call begins with "{prefix}" (ppc call list shows them)')
    if len(found) > 1:
        ids = ", ".join(cdr.call_id for cdr in found[:CANDIDATES_SHOWN])
        count = f"{FOUND_MAX} or more" if len(found) >= FOUND_MAX else str(len(found))
        more = ", ..." if len(found) > CANDIDATES_SHOWN else ""
        raise BadValueError(f'{count} calls begin with "{prefix}" (write more of it): {ids}{more}')
    return found[0]


def read_money(engine: Engine, cdr: CDR) -> tuple[int, tuple[BillableRecord, ...] | None]:
    """The version in force and its records; (0, None) when the call is not judged yet."""
    key = (cdr.offered_at, cdr.call_id)
    with SQLBillingStore(engine).batch(writes=False) as batch:
        version, records = batch.in_force([key]).get(key, (0, ()))
    return (version, records) if version else (0, None)


@click.group("call")
def command() -> None:
    """List, show, explain, draw and export calls."""


@command.command("list")
@_config_option
@_filter_options
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, LISTED_MAX), help="At most so many.")
@_json_option
def list_calls(config_dir: Path, limit: int, as_json: bool, **only: Any) -> None:
    """Finished calls, newest first.

    \b
    Example:
      ppc call list --since 2h --outcome all_capped
    """
    with _database(config_dir) as engine:
        calls = SQLCDRStore(engine).list_calls(CallFilter(**only), limit)
    if as_json:
        click.echo(json.dumps([call_text.plain_call(cdr) for cdr in calls]))
        return
    for line in call_text.list_lines(calls):
        click.echo(line)


@command.command("show")
@click.argument("call_id", metavar="ID")
@_config_option
@_json_option
def show(call_id: str, config_dir: Path, as_json: bool) -> None:
    """One call's record: every clock, length and attempt."""
    with _database(config_dir) as engine:
        cdr = find_call(SQLCDRStore(engine), call_id)
    if as_json:
        click.echo(json.dumps(call_text.plain_call(cdr)))
        return
    for line in call_text.show_lines(cdr):
        click.echo(line)


@command.command("explain")
@click.argument("call_id", metavar="ID")
@_config_option
@click.option("--all", "everything", is_flag=True, help="Timers and other inner steps too.")
@_json_option
def explain(call_id: str, config_dir: Path, everything: bool, as_json: bool) -> None:
    """Every step of a call in order: what happened, what was decided and why, and what it is worth.

    The call is lived through once more from its stored facts and its revision, so that every node is told with what it
    saw and every choice with all candidates: each reason against them, with the measured value and the limit.
    """
    with _database(config_dir) as engine:
        store = SQLCDRStore(engine)
        cdr = find_call(store, call_id)
        facts = store.read_facts(cdr.call_id)
        contexts = StoredContexts(engine)
        retold, remarks = retell_stored(contexts, cdr.call_id, facts)
        steps = build_steps(facts, retold)
        units = settled(cdr, contexts.of(cdr.revision).catalog, retold) if retold else []
        version, records = read_money(engine, cdr)
    if as_json:
        explained = {
            "call": call_text.plain_call(cdr),
            "path": node_path(steps),
            "steps": [call_text.plain_step(step, cdr.offered_at) for step in steps],
            "units": units,
            "money": call_text.plain_money(records, version),
            "retold": {"complete": retold is not None and not retold.differs, "remarks": remarks},
        }
        click.echo(json.dumps(explained))
        return
    for line in explain_lines(cdr, steps, records, version, everything=everything, remarks=remarks, units=units):
        click.echo(line)


def explain_lines(
    cdr: CDR,
    steps: list[Any],
    records: tuple[BillableRecord, ...] | None,
    version: int,
    *,
    everything: bool = False,
    remarks: Sequence[str] = (),
    units: Sequence[dict[str, Any]] = (),
) -> Iterator[str]:
    """The whole explanation of a call as text. ``units`` are of call_units.settled."""
    yield from call_text.header_lines(cdr)
    for remark in remarks:
        yield f"note: {printable(remark)}"
    if path := node_path(steps):
        yield f"path: {' > '.join(path)}"
    yield ""
    yield from call_text.step_lines(steps, cdr.offered_at, everything=everything)
    yield call_text.silence_line(cdr)
    yield ""
    if units:
        yield "caps, as judged at its end:"
        yield from unit_lines(units)
        yield ""
    yield from call_text.money_lines(records, version)


@command.command("ladder")
@click.argument("call_id", metavar="ID")
@_config_option
@_json_option
def ladder(call_id: str, config_dir: Path, as_json: bool) -> None:
    """Both legs, commands and waits of a call, as a SIP engineer draws them."""
    with _database(config_dir) as engine:
        store = SQLCDRStore(engine)
        cdr = find_call(store, call_id)
        rows = build_rows(store.read_facts(cdr.call_id))
    if as_json:
        click.echo(json.dumps([plain_row(row, cdr.offered_at) for row in rows]))
        return
    for line in call_text.header_lines(cdr):
        click.echo(line)
    click.echo()
    for line in ladder_lines(rows, cdr.offered_at):
        click.echo(line)


@command.command("export")
@_config_option
@_filter_options
@click.option("--json", "form", flag_value="json", default="json", help="One JSON object a line (the default).")
@click.option("--csv", "form", flag_value="csv", help="One line a call, for a spreadsheet.")
def export(config_dir: Path, form: str, **only: Any) -> None:
    """All calls of a period, newest first, named by their token: the call's own id stays with us.

    \b
    Example:
      ppc call export --since 2026-11-01 --until 2026-12-01 --csv > november.csv
    """
    with _database(config_dir) as engine:
        calls = call_export.all_calls(SQLCDRStore(engine), CallFilter(**only))
        lines = call_export.csv_lines(calls) if form == "csv" else call_export.json_lines(calls)
        for line in lines:
            click.echo(line)


command.add_command(watch_command)
command.add_command(call_control.live_command)
command.add_command(call_control.hangup_command)
command.add_command(call_control.redirect_command)
command.add_command(capture_command)
