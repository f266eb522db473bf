"""``ppc ledger``: what every account has come to and why, and what people post."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ppc_engine.billing.ledger import Transfer
from ppc_engine.cli.instants import Instant
from ppc_engine.cli.ledger_post import open_ledger, plain, post_command
from ppc_engine.cli.ordering import config_option, shown_time
from ppc_engine.cli.tables import make_console
from ppc_engine.engine.qualify_batch import FOREVER
from ppc_engine.storage.ledger_desk import LISTED_MAX, Balance
from ppc_engine.values.money import format_micros


@click.group("ledger")
def command() -> None:
    """Show accounts and transfers, post payments, credits and decisions."""


@command.command("balance")
@click.option("--account", default="", help="One account, or a kind of them with its colon (buyer:).")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts in micros.")
def balance_command(account: str, config_dir: Path, as_json: bool) -> None:
    """The trial balance: what every account has come to. All accounts together are zero, in each currency.

    Above zero, a buyer owes us; below zero, we owe a publisher or a carrier. docs/finance.md tells of every account.

    \b
    Example:
      ppc ledger balance --account buyer:
    """
    balances = open_ledger(config_dir).balances(account)
    totals: dict[str, int] = {}
    for one in balances:
        totals[one.currency] = totals.get(one.currency, 0) + one.micros
    if as_json:
        click.echo(json.dumps({"accounts": [asdict(one) for one in balances], "totals": totals}))
        return
    if not balances:
        click.echo("no entries" + (f" for {account}" if account else " yet (ppc qualify)"))
        return
    make_console().print(_balance_table(balances, totals))


@command.command("show")
@click.argument("call", required=False, default="")
@click.option("--account", default="", help="Everything that moved this account: buyer:acme, cash.")
@click.option("--since", type=Instant(), default=0, help="Posted at or after (UTC): 2h, 7d, 2026-11-22.")
@click.option("--until", type=Instant(), default=0, help="Posted before (UTC).")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts in micros, times in UTC microseconds.")
def show_command(call: str, account: str, since: int, until: int, config_dir: Path, as_json: bool) -> None:
    """The transfers of one CALL, or of one account with what it held before and after.

    \b
    Example:
      ppc ledger show 5f3a
      ppc ledger show --account publisher:peak --since 2026-11-01
    """
    if bool(call) == bool(account):
        raise click.UsageError("name a CALL, or an --account (one of them)")
    ledger = open_ledger(config_dir)
    found = ledger.of_call(call) if call else ledger.of_account(account, since, until or FOREVER)
    opening = ledger.balances(account, before=since) if account and since else []
    if as_json:
        click.echo(
            json.dumps({"opening": [asdict(one) for one in opening], "transfers": [plain(one) for one in found]})
        )
        return
    for one in opening:
        click.echo(f"before: {format_micros(one.micros)} {one.currency}")
    if found:
        make_console().print(_transfer_table(found, account))
    else:
        click.echo("no transfers")
    if len(found) == LISTED_MAX:
        click.echo(f"these are the first {LISTED_MAX}; ask for the rest with --since")


def _balance_table(balances: list[Balance], totals: dict[str, int]) -> Table:
    table = Table(title="Trial balance", title_justify="left")
    table.add_column("account", overflow="fold")
    table.add_column("currency")
    for name in ("debit", "credit", "entries"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in balances:
        debit, credit = (format_micros(one.micros), "") if one.micros >= 0 else ("", format_micros(-one.micros))
        table.add_row(escape(one.account), one.currency, debit, credit, str(one.entries))
    table.add_section()
    for currency, micros in sorted(totals.items()):
        table.add_row("debits less credits", currency, format_micros(micros), "", "", style="bold")
    return table


def _transfer_table(found: list[Transfer], account: str) -> Table:
    table = Table(title=f"Transfers{' of ' + account if account else ''}, times in UTC", title_justify="left")
    for name in ("posted", "id", "kind", "account"):
        table.add_column(name, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("by", overflow="fold")
    table.add_column("why", overflow="fold")
    for transfer in found:
        head = [shown_time(transfer.at), transfer.id, transfer.kind]
        tail = [escape(transfer.who), escape(transfer.reason)]
        for name, micros in transfer.entries:
            if not account or name == account:
                table.add_row(*head, escape(name), f"{format_micros(micros)} {transfer.currency}", *tail)
                head, tail = ["", "", ""], ["", ""]
    return table


command.add_command(post_command)
