"""``ppc qualify``: judge every call that waits, and say what that was worth."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ppc_engine.billing.verdict import SIDES
from ppc_engine.cli.instants import Instant
from ppc_engine.cli.tables import make_console
from ppc_engine.engine.qualify_batch import FOREVER, QualifySummary, qualify
from ppc_engine.settings import load_settings
from ppc_engine.storage.billing import SQLBillingStore, StoredTerms, oldest_open_call
from ppc_engine.storage.database import open_database
from ppc_engine.values.money import format_micros


@click.command("qualify")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--since", type=Instant(), default=0, help="Only calls offered at or after (UTC): 2h, 7d, 2026-11-22.")
@click.option("--until", type=Instant(), default=0, help="Only calls offered before (UTC).")
@click.option("--dry-run", is_flag=True, help="Say what would be booked, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, config_dir: Path, since: int, until: int, dry_run: bool, as_json: bool) -> None:
    """Judge new calls under the terms they were routed by, and book what they are worth.

    Running it again changes nothing, nor does running it twice at once or killing it: what a call is worth follows
    from the calls alone. A call that arrives late makes later calls of its caller be judged again. Calls wait while
    an older call is still live. Exit code 1 when the terms of some calls are not in the database.

    \b
    Example:
      ppc qualify --config config
      ppc qualify --since 2026-11-01 --dry-run
    """
    engine = open_database(load_settings(config_dir).database_url)
    try:
        store = SQLBillingStore(engine)
        until = until or FOREVER
        ready = min(until, oldest_open_call(engine, _now_us()) or FOREVER)
        with _progress() as progress:
            summary = qualify(
                store, StoredTerms(engine), _now_us, since=since, until=ready, dry_run=dry_run, progress=progress
            )
        waiting = store.count_pending(max(since, ready), until)
    finally:
        engine.dispose()
    told = _plain(summary, waiting, dry_run)
    click.echo(json.dumps(told) if as_json else "\n".join(_lines(told)))
    for revision, count in sorted(summary.without_terms.items()):
        click.echo(
            f"ppc: {_calls(count)} without terms: catalog revision {revision} is not in this database "
            "(qualify on the database that the engine writes to)",
            err=True,
        )
    if summary.without_terms:
        ctx.exit(1)


def _now_us() -> int:
    return time.time_ns() // 1000


def _plain(summary: QualifySummary, waiting: int, dry_run: bool) -> dict[str, Any]:
    verdicts: dict[str, dict[str, int]] = {side: {} for side in SIDES}
    for (side, verdict), count in sorted(summary.verdicts.items()):
        verdicts[side][verdict] = count
    return {
        "dry_run": dry_run,
        "judged": summary.judged,
        "corrected": summary.corrected,
        "posted": summary.posted,
        "waiting": waiting,
        "verdicts": verdicts,
        "money": {
            currency: {
                "revenue_micros": revenue,
                "payout_micros": payout,
                "margin_micros": revenue - payout,
            }
            for currency, (revenue, payout) in sorted(summary.money.items())
        },
        "without_terms": dict(sorted(summary.without_terms.items())),
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    would = "would be " if told["dry_run"] else ""
    yield f"{_calls(told['judged'])} {would}judged, {told['corrected']} {would}corrected"
    for side, word in zip(SIDES, ("billable", "payable"), strict=True):
        counts = told["verdicts"][side]
        if counts:
            others = ", ".join(f"{counts[name]} {name}" for name in ("no", "pending", "review") if name in counts)
            yield f"{word}: {counts.get('yes', 0)} yes{', ' if others else ''}{others}"
    for currency, sums in told["money"].items():
        amounts = ", ".join(f"{name.removesuffix('_micros')} {format_micros(micros)}" for name, micros in sums.items())
        yield f"{currency}: {amounts}"
    if told["posted"]:
        yield f"{_calls(told['posted'])} of before brought into the ledger"
    if told["waiting"]:
        yield f"{_calls(told['waiting'])} waiting for an older call that is still live"


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


class _RateColumn(ProgressColumn):
    """Calls a second, as of late."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} calls/s" if task.speed else "")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, silent when that is no terminal."""
    console = make_console(stderr=True)
    columns = (
        TextColumn("Qualifying"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
