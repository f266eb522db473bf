"""What every order of a person has in common: who gives it and why, how it is recorded, and how the engine hears of it.

An order is a row of the database first, so it outlives the engine; then the engine is told, so that it obeys within a
second. An engine that is not there, or does not hear us, finds the row by itself: every five seconds, and at its start.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from ppc_engine.cli.control_client import EngineDeafError, ask
from ppc_engine.ports import OperatorAction
from ppc_engine.settings import Settings, load_settings
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import LASTING, WHO_CHARS_MAX, SQLOperatorOrders
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.schedule import zone as zone_of

UNTIL_DAYS_MAX = 366
_IN = re.compile(r"^([1-9][0-9]{0,4})([smhd])$")
_CLOCK = re.compile(r"^([01]?[0-9]|2[0-3]):([0-5][0-9])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An order that was recorded. ``engine`` says whether it was heard: told, away (none runs) or deaf (``why``)."""

    action: OperatorAction
    engine: str
    why: str = ""
    result: Mapping[str, Any] | None = None

    def line(self) -> str:
        """What became of it, for a person."""
        if self.engine == "told":
            return ""
        if self.engine == "away":
            return "no engine runs here now: recorded, and obeyed when one starts"
        return f"recorded, and obeyed within seconds by an engine that runs ({self.why})"

    def plain(self) -> dict[str, Any]:
        """The same for a tool."""
        action = self.action
        fields = ("verb", "subject", "who", "why", "at", "until_at", "args")
        told = {"order": action.id, **{name: getattr(action, name) for name in fields}}
        return {**told, "engine": self.engine, "result": self.result}


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
        type=click.Path(path_type=Path), help="Configuration directory.",
    )(function)  # fmt: skip


def order_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--why, --as, --config and --json, as every order takes them."""
    for option in (
        config_option,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--as", "who", default="", help="Who gives the order, when not the user of this machine."),
        click.option("--why", required=True, help="Why: kept with the order, and told of every call that it affects."),
    ):
        function = option(function)
    return function


def give(
    config_dir: Path,
    verb: str,
    subject: str,
    *,
    who: str,
    why: str,
    args: Mapping[str, Any] | None = None,
    until_at: int = 0,
) -> Given:
    """Record an order and tell the engine. Raises OutsideError when the database cannot take it."""
    settings = load_settings(config_dir)
    orders = SQLOperatorOrders(open_database(settings.database_url))
    name = named(who)
    action = orders.order(verb, subject, at=now_us(), who=name, why=why, args=args, until_at=until_at)
    return tell_engine(settings, orders, action)


def tell_engine(settings: Settings, orders: SQLOperatorOrders, action: OperatorAction) -> Given:
    """Make the engine look at its orders now; what it says of this one."""
    try:
        said = ask(settings, {"do": "look", "order": action.id, "who": action.who})
    except (EngineDeafError, BadValueError) as error:
        return Given(action=action, engine="deaf", why=str(error))
    if said is None:
        return Given(action=action, engine="away")
    result = said.get("result")
    if result is None and action.verb in LASTING and not said.get("in_force"):
        return Given(action=action, engine="deaf", why="the engine that runs here has another database")
    return Given(action=action, engine="told", result=result)


def named(who: str) -> str:
    """Who gives the order: the name that was given, with the user of the machine beside it; else that user alone."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    sudo = os.environ.get("SUDO_USER", "")
    if sudo and uid == 0 and sudo.isprintable():
        user = f"{sudo} as {user}"
    told = f"{who.strip()} ({user})" if who.strip() else user
    if len(told) > WHO_CHARS_MAX:
        raise BadValueError(f"--as has too many characters ({WHO_CHARS_MAX} with the user of this machine)")
    return told


def parse_until(text: str, now: int, zone: str = "UTC") -> int:
    """When something ends, as UTC microseconds: "2h" from now, a clock time (its next coming), a day or an ISO time.

    Times that name no zone are of ``zone``. Raises BadValueError for what is no time, is over, or is too far away.
    """
    later = _IN.match(text)
    if later is not None:
        at = now + timedelta(**{_UNITS[later[2]]: int(later[1])}) // timedelta(microseconds=1)
    else:
        at = _wall_time(text, now, zone)
    if at <= now:
        raise BadValueError(f'"{text}" is over already')
    if at - now > UNTIL_DAYS_MAX * 86_400_000_000:
        raise BadValueError(f'"{text}" is more than {UNTIL_DAYS_MAX} days away')
    return at


def _wall_time(text: str, now: int, zone: str) -> int:
    try:
        own: ZoneInfo = zone_of(zone)
    except ValueError as error:
        raise BadValueError(str(error)) from None
    clock = _CLOCK.match(text)
    if clock is not None:
        wall = (_EPOCH + timedelta(microseconds=now)).astimezone(own)
        at = wall.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0, fold=0)
        if _us(at) <= now:
            at = (at.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=own)
        return _us(at)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise BadValueError(f'"{text}" is not a time (write 2h, 06:30, 2026-11-23 or 2026-11-23T06:30-08:00)') from None
    return _us(given if given.tzinfo else given.replace(tzinfo=own))


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def shown_time(at_us: int, zone: str = "UTC") -> str:
    """An instant for people, with its zone."""
    return f"{(_EPOCH + timedelta(microseconds=at_us)).astimezone(zone_of(zone)):%Y-%m-%d %H:%M %Z}"


def shown_wait(us: int) -> str:
    """How long from now, to the minute: "2 h 5 min"; less than that in seconds."""
    minutes = max(0, us) // 60_000_000
    if not minutes:
        return f"{max(0, us) // 1_000_000} s"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return " ".join(parts)


def now_us() -> int:
    return time.time_ns() // 1_000


def say(as_json: bool, given: Given, line: str) -> None:
    """Tell the person, or the tool, what was ordered and whether the engine knows."""
    if as_json:
        click.echo(json.dumps(given.plain()))
        return
    click.echo(line)
    if given.line():
        click.echo(given.line(), err=True)
