"""``ppc ledger post``: payments, credits, and what a person decides of one call, each with a name and a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click

from ppc_engine.billing.ledger import Transfer, credit, payment
from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli.ordering import config_option, named, now_us
from ppc_engine.settings import load_settings
from ppc_engine.storage.catalog_files import catalog_from_revision
from ppc_engine.storage.database import open_database
from ppc_engine.storage.ledger_desk import SQLLedger
from ppc_engine.storage.revisions import load_revision, newest
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.money import format_micros, parse_micros, round_to_minor

REFERENCE_CHARS_MAX = 100
_CURRENCY = re.compile(r"[A-Z]{3}")
_ACCOUNT = re.compile(r"(buyer|publisher):[a-z0-9][a-z0-9_-]{0,63}")


def open_ledger(config_dir: Path) -> SQLLedger:
    """The ledger of a configuration's database."""
    return SQLLedger(open_database(load_settings(config_dir).database_url))


def plain(transfer: Transfer) -> dict[str, Any]:
    """A transfer for a tool."""
    return {**asdict(transfer), "entries": [{"account": name, "micros": micros} for name, micros in transfer.entries]}


def posting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--why, --by, --config and --json, as every posting takes them."""
    for option in (
        config_option,
        click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts in micros."),
        click.option("--by", "--as", "who", default="", help="Who posts it, when not the user of this machine."),
        click.option("--why", required=True, help="Why: kept with the transfer for ever."),
    ):
        function = option(function)
    return function


def document_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What names a payment or a credit note, so that it is booked once."""
    for option in (
        click.option("--currency", default="", help="When the account has moved in none yet: USD."),
        click.option(
            "--reference", required=True, help="The bank's or the note's number: the same one is booked once."
        ),
    ):
        function = option(function)
    return function


@click.group("post")
def post_command() -> None:
    """Post a payment, a credit, a reversal, or what a call is worth."""


@post_command.command("payment")
@click.argument("account")
@click.argument("amount")
@document_options
@posting_options
def payment_command(account: str, amount: str, **options: Any) -> None:
    """Money that came in from a buyer, or that we paid to a publisher. ACCOUNT is buyer:SLUG or publisher:SLUG.

    \b
    Example:
      ppc ledger post payment buyer:acme 1200.00 --reference WIRE-20261103-7 --why "invoice 2026-10"
    """
    _book(payment, account, amount, **options)


@post_command.command("credit")
@click.argument("account")
@click.argument("amount")
@document_options
@posting_options
def credit_command(account: str, amount: str, **options: Any) -> None:
    """A credit note: the buyer owes that much less, or we owe the publisher that much more.

    \b
    Example:
      ppc ledger post credit buyer:acme 15.00 --reference CN-12 --why "three wrong numbers in October"
    """
    _book(credit, account, amount, **options)


@post_command.command("reverse")
@click.argument("transfer_id")
@posting_options
def reverse_command(transfer_id: str, config_dir: Path, who: str, why: str, as_json: bool) -> None:
    """Take a payment or a credit back as a whole: by another transfer, once. Nothing is deleted.

    \b
    Example:
      ppc ledger post reverse 0c4e... --why "booked to the wrong buyer"
    """
    say([open_ledger(config_dir).reverse(transfer_id, who=named(who), why=why, at=now_us())], as_json)


@post_command.command("waive")
@click.argument("call")
@click.argument("account")
@posting_options
def waive_command(call: str, account: str, config_dir: Path, who: str, why: str, as_json: bool) -> None:
    """Make a CALL worth nothing to one party, from now on, whatever is judged later. The other side stays as it is.

    \b
    Example:
      ppc ledger post waive 5f3a buyer:acme --why "caller was a robot, recording 5f3a"
    """
    _decide("waive", call, account, 0, config_dir, who, why, as_json)


@post_command.command("bill")
@click.argument("call")
@click.argument("account")
@click.argument("amount")
@posting_options
def bill_command(call: str, account: str, amount: str, config_dir: Path, who: str, why: str, as_json: bool) -> None:
    """Make a CALL worth an AMOUNT to one party (billable, or payable), from now on, whatever is judged later.

    Test calls, and calls that wait for review or a signal, are refused.

    \b
    Example:
      ppc ledger post bill 5f3a publisher:peak 25.00 --why "agreed by mail of 3 November"
    """
    _decide("bill", call, account, amount_of(amount), config_dir, who, why, as_json)


def amount_of(text: str) -> int:
    """An amount that somebody typed, in micros: above zero, in whole cents."""
    try:
        micros = parse_micros(text)
    except ValueError as error:
        raise BadValueError(str(error)) from None
    if micros <= 0 or round_to_minor(micros) != micros:
        raise BadValueError(f'"{text}" is not an amount above zero in whole cents')
    return micros


def say(new: list[Transfer], as_json: bool, *, was_there: bool = False) -> None:
    """Tell what was posted, or that it was there before."""
    if as_json:
        click.echo(json.dumps({"posted": not was_there, "transfers": [plain(one) for one in new]}))
        return
    if was_there:
        click.echo("booked before; nothing was posted")
    for one in new:
        moved = ", ".join(f"{account} {format_micros(micros)}" for account, micros in one.entries)
        click.echo(f"{one.id} {one.kind}: {moved} {one.currency}")


def _book(
    make: Callable[..., Transfer], account: str, amount: str, *, config_dir: Path, reference: str, currency: str,
    who: str, why: str, as_json: bool,
) -> None:  # fmt: skip
    micros = amount_of(amount)
    if not _ACCOUNT.fullmatch(account):
        raise BadValueError(f'"{account}" is not buyer:SLUG or publisher:SLUG')
    if not reference.strip() or len(reference) > REFERENCE_CHARS_MAX or not reference.isprintable():
        raise BadValueError(f"--reference must be plain text, at most {REFERENCE_CHARS_MAX} characters")
    engine = open_database(load_settings(config_dir).database_url)
    ledger = SQLLedger(engine)
    balances = ledger.balances(account)
    if not balances:
        _check_known(engine, account)
    known = [one.currency for one in balances]
    currency = currency or (known[0] if len(known) == 1 else "")
    if not _CURRENCY.fullmatch(currency):
        raise BadValueError(f"{account}: say in which --currency (USD)")
    transfer = make(account, micros, currency, reference=reference.strip(), who=named(who), why=why, at=now_us())
    say([transfer], as_json, was_there=not ledger.book(transfer))


def _check_known(engine: Any, account: str) -> None:
    """Refuse an account that nothing ever moved and that the newest configuration does not have: a typo, mostly."""
    kept = newest(engine)
    catalog = catalog_from_revision(load_revision(engine, kept.hash)) if kept else None
    known = [f"buyer:{name}" for name in catalog.buyers] if catalog else []
    known += [f"publisher:{name}" for name in catalog.publishers] if catalog else []
    if account not in known:
        raise BadValueError(f"{account} never moved and is in no configuration{did_you_mean(account, known)}")


def _decide(
    kind: Literal["waive", "bill"], call: str, account: str, micros: int, config_dir: Path, who: str, why: str,
    as_json: bool,
) -> None:  # fmt: skip
    say(open_ledger(config_dir).decide(kind, call, account, micros, who=named(who), why=why, at=now_us()), as_json)
