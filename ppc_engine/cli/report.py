"""``ppc report``: calls and money by publisher, buyer or campaign, and why calls were not paid for."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from ppc_engine.billing.report import DIMENSIONS, Dimension, Report, ReportRow, summarise
from ppc_engine.cli.instants import Instant
from ppc_engine.cli.tables import make_console, print_report
from ppc_engine.engine.qualify_batch import FOREVER
from ppc_engine.settings import load_settings
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.billing_report import judged_calls
from ppc_engine.storage.database import open_database
from ppc_engine.values.money import format_micros

COUNTS = ("calls", "connected", "billable", "payable")
AMOUNTS = ("revenue", "payout", "margin")


@click.command("report")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--by", default="publisher", show_default=True, type=click.Choice(DIMENSIONS), help="A row for each.")
@click.option("--since", type=Instant(), default=0, help="Only calls offered at or after (UTC): 2h, 7d, 2026-11-22.")
@click.option("--until", type=Instant(), default=0, help="Only calls offered before (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, amounts in micros.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line a row and no total.")
def command(config_dir: Path, by: Dimension, since: int, until: int, as_json: bool, as_csv: bool) -> None:
    """Sum up judged calls and money, and say why calls were not paid for.

    Billable: a buyer pays. Payable: the publisher is paid. A total is the sum of its rows. Test calls are left out,
    and calls that are not judged yet (ppc qualify).

    \b
    Example:
      ppc report --by buyer --since 2026-11-01
      ppc report --csv > publishers.csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two forms of the same thing (choose one)")
    engine = open_database(load_settings(config_dir).database_url)
    try:
        until = until or FOREVER
        (report,) = summarise(judged_calls(engine, since, until), [by])
        waiting = SQLBillingStore(engine).count_pending(since, until)
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps(_plain(report, waiting)))
    elif as_csv:
        _write_csv(report)
    else:
        if report.calls:
            print_report(make_console(), report)
        else:
            click.echo("no judged calls in this period")
        if waiting:
            click.echo(f"calls not judged yet: {waiting} (ppc qualify)")


def _plain(report: Report, waiting: int) -> dict[str, object]:
    return {
        "by": report.by,
        "calls": report.calls,
        "not_billable": report.not_billable,
        "not_payable": report.not_payable,
        "waiting": waiting,
        "rows": [asdict(row) | {"margin_micros": row.margin_micros} for row in report.rows],
        "totals": [asdict(row) | {"margin_micros": row.margin_micros} for row in report.totals],
        "reasons": [asdict(reason) for reason in report.reasons],
    }


def _write_csv(report: Report) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([report.by, "currency", *COUNTS, *AMOUNTS])
    for row in report.rows:
        writer.writerow([row.name, row.currency, *(getattr(row, name) for name in COUNTS), *_amounts(row)])


def _amounts(row: ReportRow) -> list[str]:
    return [format_micros(getattr(row, f"{name}_micros")) for name in AMOUNTS]
