"""``pause``, ``resume`` and ``paused``: the same three verbs for targets, buyers, publishers, campaigns and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ppc_engine.cli.ordering import (
    Given,
    config_option,
    give,
    named,
    now_us,
    order_options,
    parse_until,
    say,
    shown_time,
    shown_wait,
)  # fmt: skip
from ppc_engine.cli.subjects import checked_subject, paused_in_files
from ppc_engine.settings import load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import SQLOperatorOrders

# What of a call a pause affects, for ``--help``.
EFFECTS = {
    "target": "It is passed over by every choice from now on; calls that talk to it go on.",
    "buyer": "All its targets are passed over by every choice from now on; calls that talk to them go on.",
    "publisher": "New calls of its numbers are refused (480, blocked); calls in progress go on.",
    "campaign": "New calls to its numbers are refused (480, blocked); calls in progress go on.",
    "number": "New calls to it are refused (480, blocked); calls in progress go on.",
}
EXAMPLES = {
    "target": "acme-la",
    "buyer": "acme-roofing",
    "publisher": "radio-west",
    "campaign": "solar",
    "number": "+18005550100",
}


def pausing_commands(kind: str) -> dict[str, click.Command]:
    """The three verbs for one kind of thing, by name."""
    metavar = kind.upper()

    @click.command(
        "pause",
        help=_help(
            kind,
            f"Pause a {kind} by word of mouth. {EFFECTS[kind]}",
            "pause",
            ' --why "their exchange is down" --until 2h',
        ),
    )
    @click.argument("name", metavar=metavar)
    @order_options
    @click.option("--until", default="", help="Resumes by itself then: 2h, 06:30, 2026-11-23, 2026-11-23T06:30-08:00.")
    @click.option("--zone", default="UTC", show_default=True, help="Zone of a time that names none.")
    def pause(name: str, why: str, who: str, as_json: bool, config_dir: Path, until: str, zone: str) -> None:
        ends = parse_until(until, now_us(), zone) if until else 0
        subject = _subject(config_dir, kind, name)
        given = give(config_dir, "pause", subject, who=who, why=why, until_at=ends)
        when = f"until {shown_time(ends, zone)} (in {shown_wait(ends - now_us())})" if ends else "until it is resumed"
        say(as_json, given, f"{_shown(subject)}: paused {when}, by {given.action.who}: {why}")

    @click.command(
        "resume",
        help=_help(
            kind, f"Let a {kind} take part again that was paused by word of mouth.", "resume", ' --why "they are back"'
        ),
    )
    @click.argument("name", metavar=metavar)
    @order_options
    def resume(name: str, why: str, who: str, as_json: bool, config_dir: Path) -> None:
        subject = _subject(config_dir, kind, name)
        _resume(config_dir, kind, subject, who=who, why=why, as_json=as_json)

    @click.command("paused", help=_help(kind, f"List what is paused by word of mouth of all {kind}s.", "paused", ""))
    @config_option
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def paused(config_dir: Path, as_json: bool) -> None:
        _list(config_dir, kind, as_json)

    return {"pause": pause, "resume": resume, "paused": paused}


def _help(kind: str, told: str, verb: str, more: str) -> str:
    name = f" {EXAMPLES[kind]}" if more else ""
    return f"{told}\n\n\b\nExample:\n  ppc {kind} {verb}{name}{more}"


def _subject(config_dir: Path, kind: str, name: str) -> str:
    return checked_subject(open_database(load_settings(config_dir).database_url), config_dir, kind, name)


def _shown(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"{kind} {name}"


def _resume(config_dir: Path, kind: str, subject: str, *, who: str, why: str, as_json: bool) -> None:
    database = open_database(load_settings(config_dir).database_url)
    held = SQLOperatorOrders(database).in_force("pause", subject, now_us())
    in_files = paused_in_files(database, kind, subject.partition(":")[2])
    if held is None:
        told = "is paused in the configuration" if in_files else "is not paused"
        click.echo(json.dumps({"subject": subject, "changed": False}) if as_json else f"{_shown(subject)} {told}")
        return
    given: Given = give(config_dir, "resume", subject, who=who, why=why)
    also = "; the configuration pauses it too, which this does not undo" if in_files else ""
    say(as_json, given, f"{_shown(subject)}: resumed by {named(who)} (was paused by {held.who}: {held.why}){also}")


def _list(config_dir: Path, kind: str, as_json: bool) -> None:
    database = open_database(load_settings(config_dir).database_url)
    now = now_us()
    held = [
        action
        for action in SQLOperatorOrders(database).open_actions()
        if action.verb == "pause" and action.in_force(now) and action.subject.startswith(f"{kind}:")
    ]
    if as_json:
        names = ("id", "subject", "who", "why", "at", "until_at")
        click.echo(json.dumps([{name: getattr(action, name) for name in names} for action in held]))
        return
    for action in held:
        ends = f"until {shown_time(action.until_at)}" if action.until_at else "until it is resumed"
        click.echo(
            f"{_shown(action.subject)}: paused since {shown_time(action.at)}, {ends}, by {action.who}: {action.why}"
        )
    if not held:
        click.echo(f"no {kind} is paused by word of mouth", err=True)
