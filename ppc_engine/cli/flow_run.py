"""``ppc flow run``: plays a flow in the terminal. You are the caller, and every buyer's telephone."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import click

from ppc_engine.calls.commands import Turn
from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli.call_text import offset
from ppc_engine.cli.flow_people import TerminalPeople, parse_phone
from ppc_engine.cli.flow_stage import database_numbers, known_flow, make_stage
from ppc_engine.cli.flow_story import heard_lines, read_prompts
from ppc_engine.rehearsal.cases import CALLER, Given, parse_time
from ppc_engine.rehearsal.counters import amount_of, counter_names
from ppc_engine.rehearsal.people import Phone
from ppc_engine.rehearsal.playing import Stage, offer_of, only_campaign, others_of
from ppc_engine.rehearsal.rehearse import Rehearsed, rehearse
from ppc_engine.rehearsal.world import World
from ppc_engine.routing.caps import is_slot
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.phone import normalise

_NUMBER = re.compile(r"^\+?[0-9]{7,15}$")


@click.command("run")
@click.argument("what", metavar="FLOW|NUMBER")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--caller", default=CALLER, show_default=True, help="The caller's number, or anonymous.")
@click.option("--time", "when", default="", help='"2026-11-23 10:00 America/Los_Angeles"; by default now.')
@click.option("--zip", "zip_code", default="", help="Keyed wherever a ZIP is asked for.")
@click.option("--digits", multiple=True, metavar="NODE=KEYS", help="Keyed at this node instead of asking (* any).")
@click.option(
    "--buyer", multiple=True, metavar="TARGET=HOW", help='How a telephone behaves: "busy", "answer 90" (* any).'
)
@click.option("--in-use", multiple=True, metavar="CAP=N", help='Caps in use: "target:acme-la=2".')
@click.option("--campaign", default="", help="The campaign, where several have this flow.")
@click.option("--publisher", default="", help="Who brought the call.")
@click.option("--seed", default="1", show_default=True, help="Another seed, another call id: other draws.")
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given has a harmless default.")
@click.option("--all", "everything", is_flag=True, help="Timers and other inner steps in the explanation too.")
@click.option("--brief", is_flag=True, help="No explanation at the end.")
def command(
    what: str, config_dir: Path, seed: str, no_input: bool, everything: bool, brief: bool, **told: str | tuple[str, ...]
) -> None:
    """Play a flow, or whatever a tracking number leads to, in the terminal: no switch, no database, no waiting.

    You hear prompts as text, key digits, and say how each telephone that rings behaves. The explanation at the end is
    the one of a live call.

    \b
    Examples:
      ppc flow run roofing
      ppc flow run +18005550100 --zip 90012 --buyer acme-la=busy --buyer '*=answer 120'
    """
    stage = make_stage(config_dir)
    given, flow = _given(stage, config_dir, what, told)
    people = TerminalPeople(
        lambda text: click.echo(f"          {text}"),
        digits=_digits(stage, flow, told),
        phones=_phones(stage, _pairs(told["buyer"], "--buyer")),
        ask=not no_input,
    )
    rehearsed = _run(stage, flow, given, people, seed, read_prompts(config_dir))
    if brief:
        return
    click.echo()
    for line in explanation(rehearsed, everything=everything):
        click.echo(line)


def explanation(rehearsed: Rehearsed, *, everything: bool) -> Iterable[str]:
    """The explanation of a live call, of this one."""
    from ppc_engine.cli.call import explain_lines
    from ppc_engine.cli.call_steps import build_steps

    steps = build_steps(rehearsed.facts)
    return explain_lines(rehearsed.cdr, steps, rehearsed.judgement.records, 1, everything=everything)


def _given(stage: Stage, config_dir: Path, what: str, told: dict[str, str | tuple[str, ...]]) -> tuple[Given, str]:
    """What is known of the call before it begins, and its flow."""
    context = stage.context
    wanted: dict[str, object] = {"caller": told["caller"], "counters": _counters(stage, told["in_use"])}
    for key in ("campaign", "publisher"):
        if told[key]:
            wanted[key] = told[key]
    if _NUMBER.match(what):
        number = normalise(what)
        if number not in context.numbers:
            stage.context = dataclasses.replace(context, numbers=database_numbers(config_dir))
        known = stage.context.numbers.get(number)
        if known is None:
            raise BadValueError(f"{what} is no tracking number of ours (neither in numbers.csv nor in the database)")
        flow, wanted["number"] = context.catalog.campaigns[known.campaign].flow, number
    else:
        flow = known_flow(context.flows, what).id
        campaign = str(told["campaign"]) or only_campaign(context.catalog, flow)
        if campaign not in context.catalog.campaigns:
            names = ", ".join(context.catalog.campaigns)
            raise BadValueError(f"which campaign? (say --campaign NAME; there are: {names})")
    try:
        at = parse_time(told["when"]) if told["when"] else time.time_ns() // 1000
        return Given.model_validate({**wanted, "time": at}), flow
    except ValueError as error:
        raise BadValueError(str(error).splitlines()[-1]) from None


def _counters(stage: Stage, texts: str | tuple[str, ...]) -> dict[str, str]:
    counters = dict(_pairs(texts, "--in-use"))
    known = counter_names(stage.context.catalog)
    for name, written in counters.items():
        if not is_slot(name) and name not in known:
            raise BadValueError(f'no cap "{name}"{did_you_mean(name, known)}')
        try:
            amount_of(name, written)
        except ValueError as error:
            raise BadValueError(f"{name}: {error}") from None
    return counters


def _pairs(texts: str | tuple[str, ...], option: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadValueError(f'"{text}" of {option} has no "=" (write NAME=VALUE)')
        pairs.append((name, value))
    return pairs


def _digits(stage: Stage, flow: str, told: dict[str, str | tuple[str, ...]]) -> dict[str, str]:
    zips = {name: str(told["zip_code"]) for f in stage.context.flows.values() for name, node in f.nodes.items()
            if getattr(node, "type", "") == "collect_zip"} if told["zip_code"] else {}  # fmt: skip
    return {**zips, **dict(_pairs(told["digits"], "--digits"))}


def _phones(stage: Stage, pairs: list[tuple[str, str]]) -> dict[str, Phone]:
    phones = {}
    for target, how in pairs:
        if target != "*" and target not in stage.context.catalog.targets:
            raise BadValueError(f'no target "{target}" (ppc check shows the catalog)')
        try:
            phones[target] = parse_phone(how)
        except ValueError as error:
            raise BadValueError(f'"{how}" of --buyer: {str(error).splitlines()[-1]}') from None
    return phones


def _run(
    stage: Stage, flow: str, given: Given, people: TerminalPeople, seed: str, prompts: dict[str, str]
) -> Rehearsed:
    number = stage.number_of(flow, given)
    call_id = str(uuid.UUID(bytes=hashlib.sha256(f"run:{seed}".encode()).digest()[:16], version=4))
    offer = offer_of(given, number.number, call_id)

    def on_turn(world: World, turn: Turn) -> None:
        for line in heard_lines(turn, prompts):
            hears, inner = line.startswith("the caller "), line.startswith("[")
            click.echo(f"{offset(world.agenda.now, offer.at):>8}  {click.style(line, bold=hears, dim=inner)}")

    click.echo(
        f"          {given.caller} dials {number.number}: campaign {number.campaign}, publisher {number.publisher}"
    )
    context = stage.context_of(flow, number)
    return rehearse(context, offer, people, others_of(given, context.catalog, number), on_turn=on_turn)
