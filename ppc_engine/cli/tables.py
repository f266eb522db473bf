"""Tables of money for people: the same for ``ppc report`` and ``ppc demo``."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ppc_engine.billing.report import Report, ReportRow
from ppc_engine.values.money import format_micros

PIPE_COLUMNS = 140  # A pipe has no width; tables are not to be cut for it.
NOBODY = {"publisher": "(unknown number)", "campaign": "(unknown number)", "buyer": "(sent to nobody)"}


def make_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for any table when nobody is looking."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_COLUMNS)
    return console


def print_report(console: Console, *reports: Report) -> None:
    """A table a report, then why calls were not paid for, once: reports of one run share their reasons."""
    for report in reports:
        console.print(_rows_table(report))
        if sum(row.calls for row in report.rows) != report.calls:
            console.print(f"{report.calls} calls; one that was sent to several buyers is in the row of each.")
    if reports and reports[0].reasons:
        console.print(_reasons_table(reports[0]))


def _rows_table(report: Report) -> Table:
    several = len(report.totals) > 1
    unit = "" if several or not report.totals else f" {report.totals[0].currency}".rstrip()
    table = Table(title=f"By {report.by}", title_justify="left", show_footer=False)
    table.add_column(report.by, overflow="fold")
    if several:
        table.add_column("currency")
    for name in ("calls", "connected", "billable", "payable", *(f"{n}{unit}" for n in ("revenue", "payout", "margin"))):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(row.name or NOBODY[report.by], *_figures(row, several))
    table.add_section()
    for total in report.totals:
        table.add_row("total", *_figures(total, several), style="bold")
    return table


def _figures(row: ReportRow, several: bool) -> list[str]:
    counts = [str(count) for count in (row.calls, row.connected, row.billable, row.payable)]
    amounts = [format_micros(micros) for micros in (row.revenue_micros, row.payout_micros, row.margin_micros)]
    return [*([row.currency] if several else []), *counts, *amounts]


def _reasons_table(report: Report) -> Table:
    table = Table(title="Why calls were not paid for (a call may have several reasons)", title_justify="left")
    table.add_column("reason", overflow="fold")
    table.add_column("not billable", justify="right", no_wrap=True)
    table.add_column("not payable", justify="right", no_wrap=True)
    for reason in report.reasons:
        told = f"{reason.code}: {reason.detail}" if reason.detail else reason.code
        table.add_row(escape(told), str(reason.not_billable), str(reason.not_payable))
    table.add_section()
    table.add_row("calls", str(report.not_billable), str(report.not_payable), style="bold")
    return table
