"""``ppc books``: proves the books, or lists what is wrong with them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from ppc_engine.billing.books import Problem
from ppc_engine.cli.ordering import config_option
from ppc_engine.settings import load_settings
from ppc_engine.storage.books import BooksCheck
from ppc_engine.storage.database import open_database

LISTED_MAX = 200  # Of the problems; all are counted.


@click.group("books")
def command() -> None:
    """Prove the books."""


@command.command("verify")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify_command(ctx: click.Context, config_dir: Path, as_json: bool) -> None:
    """Compare every judged call's records, totals and transfers, and sum all accounts up.

    What each call must have moved is computed again from the records in force. CDRs are not judged again. Exit code 1
    and a list when something does not hold; a call that a person waived or billed is as that person said.

    \b
    Example:
      ppc books verify --json
    """
    engine = open_database(load_settings(config_dir).database_url)
    listed: list[Problem] = []
    counts: Counter[str] = Counter()
    try:
        check = BooksCheck(engine)
        for problem in check.problems():
            counts[problem.code] += 1
            if len(listed) < LISTED_MAX:
                listed.append(problem)
    finally:
        engine.dispose()
    count = counts.total()
    if as_json:
        told = {
            "good": not count,
            "calls": check.calls,
            "transfers": check.transfers,
            "problems": count,
            "by_code": dict(sorted(counts.items())),
            "listed": [asdict(problem) for problem in listed],
        }
        click.echo(json.dumps(told))
    else:
        for problem in listed:
            click.echo(f"{problem.call_id + ': ' if problem.call_id else ''}{problem.text} [{problem.code}]")
        if count > len(listed):
            click.echo(f"and {count - len(listed)} more")
        ended = "the books hold" if not count else f"{count} problem{'' if count == 1 else 's'}"
        click.echo(f"{check.calls} calls, {check.transfers} transfers: {ended}")
    if count:
        ctx.exit(1)
