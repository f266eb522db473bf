"""``ppc target why ID``: why a target gets no calls, from the engine that runs, the database and recent calls.

Recent choices are lived through once more from stored facts (call_retold.py), so the reasons counted here are those
that every call met then, under the revision it was judged by.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli import target_why_text
from ppc_engine.cli.call_retold import StoredContexts, retell_stored
from ppc_engine.cli.control_client import EngineDeafError, ask
from ppc_engine.cli.instants import Instant
from ppc_engine.engine.cap_seeding import used_by
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.why import RecentChoices, Standing, standing
from ppc_engine.settings import Settings, load_settings
from ppc_engine.storage import revisions
from ppc_engine.storage.caller_calls import SQLCallerCalls
from ppc_engine.storage.cap_usage import read_cap_usage
from ppc_engine.storage.cdrs import CallFilter, SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.values import condition
from ppc_engine.values.errors import BadValueError
from ppc_engine.values.phone import area_code, caller_kind, normalise

CALLS_DEFAULT, CALLS_MAX = 300, 20_000
SINCE_US = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only the running engine or the database knows. ``used`` is None, and ``notes`` say why, when nobody does."""

    used: Mapping[str, tuple[int, int]] | None
    paused: Mapping[str, str]
    pace_wait_us: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything that is told. ``caller`` are the candidates for the caller who was asked about, if one was."""

    now: Standing
    recent: RecentChoices
    since: int
    revision: str
    caller: list[dict[str, Any]] | None = None
    notes: list[str] = field(default_factory=list)


@click.command("why")
@click.argument("target_id", metavar="TARGET")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--at", "at", type=Instant(), default=0, help="As of this time (UTC) instead of now.")
@click.option("--caller", default="", help="Would this caller's call go there?")
@click.option("--zip", "zip_code", default="", help="The ZIP that the caller keyed.")
@click.option("--campaign", default="", help="The campaign that is called (the target's first, unless given).")
@click.option("--publisher", default="", help="The publisher who brings the call.")
@click.option(
    "--since", type=Instant(), default=0, help="Recent means since then: 2h, 7d, a time. A day, unless given."
)
@click.option(
    "--calls",
    default=CALLS_DEFAULT,
    show_default=True,
    type=click.IntRange(0, CALLS_MAX),
    help="At most so many calls.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why_command(
    target_id: str, config_dir: Path, at: int, caller: str, zip_code: str, campaign: str, publisher: str, since: int,
    calls: int, as_json: bool,
) -> None:  # fmt: skip
    """Why does a target get no calls?

    Whether it is open, paused or full, when it opens and what resets when; what became of the recent choices that it
    was part of and who took the calls instead; and what would have to change.

    \b
    Example:
      ppc target why acme-la --caller +13105550123 --zip 90210
    """
    settings = load_settings(config_dir)
    asked_at = at or time.time_ns() // 1000
    heard = None if at else _heard(settings)  # At once: what is in use is of this moment.
    engine = open_database(settings.database_url)
    try:
        contexts = StoredContexts(engine)
        context = _context(engine, contexts)
        if target_id not in context.catalog.targets:
            known = context.catalog.targets
            raise BadValueError(f'no target "{target_id}" in the revision in force{did_you_mean(target_id, known)}')
        live = _live(engine, context, target_id, heard)
        now = standing(
            context.catalog, target_id, asked_at, used=live.used, paused=live.paused, pace_wait_us=live.pace_wait_us
        )
        begin = since or asked_at - SINCE_US
        recent, notes = recent_choices(engine, contexts, now, begin, asked_at, calls)
        told = None
        if caller or zip_code:
            situation = _situation(context, now, live, caller, zip_code, campaign, publisher)
            earlier = SQLCallerCalls(engine).earlier_calls(situation.caller_key, 0) if situation.caller_key else []
            talks = tuple(talk for one in earlier if one.offered_at < asked_at for talk in one.talks)
            situation = replace(situation, history=talks)
            told = candidates_for(context, situation)
        answer = Answer(
            now=now, recent=recent, since=begin, revision=context.revision, caller=told, notes=[*live.notes, *notes]
        )
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps(target_why_text.plain(answer)))
        return
    for line in target_why_text.lines(answer):
        click.echo(line)


def _context(engine: Engine, contexts: StoredContexts) -> CallContext:
    newest = revisions.newest(engine)
    if newest is None:
        raise BadValueError("no revision is in this database yet (ppc serve puts one there at its start)")
    return contexts.of(newest.hash)


def _heard(settings: Settings) -> tuple[list[dict[str, Any]] | None, str]:
    """Every cap of the running engine, None when there is none to ask; and why not, when one is there but is deaf."""
    try:
        said = ask(settings, {"do": "caps"})
    except EngineDeafError as error:
        return None, str(error)
    return (said["caps"] if said is not None else None), ""


def _live(
    engine: Engine, context: CallContext, target_id: str, heard: tuple[list[dict[str, Any]] | None, str] | None
) -> Live:
    """What the engine said; where none runs, finished calls are counted. Pauses of people are in the database too."""
    at = time.time_ns() // 1000
    orders = [o for o in SQLOperatorOrders(engine).open_actions() if o.verb == "pause" and o.in_force(at)]
    paused = {order.subject: f"by {order.who}: {order.why}" for order in orders}
    if heard is None:
        return Live(used=None, paused=paused, notes=("what is in use at that time is not known",))
    caps, deaf = heard
    if deaf:
        return Live(used=None, paused=paused, notes=(f"what is in use is not known: {deaf}",))
    if caps is None:
        used = _counted(engine, context, target_id, at)
        return Live(used=used, paused=paused, notes=("no engine runs here: caps are counted from finished calls",))
    return Live(used={row["key"]: (int(row["used"]), int(row.get("pending", 0))) for row in caps}, paused=paused)


def _counted(engine: Engine, context: CallContext, target_id: str, at: int) -> dict[str, tuple[int, int]]:
    """What finished calls used of the target's caps, as an engine would count it at its start."""
    pair = context.catalog.targets[target_id]
    campaigns = [one for one in context.catalog.campaigns.values() if target_id in one.targets]
    rules = [rule for one in (*campaigns, None) for rule in context.routes.caps.attempt_rules(*pair, one)]
    counted = read_cap_usage(
        engine, context.catalog, rules, at, (), lambda cdr, counters: used_by(cdr, context, counters)
    )
    given_back = SQLOperatorOrders(engine).units_given_back()
    return {key: (max(0, amount - given_back.get(key, 0)), 0) for key, amount in counted.items()}


def recent_choices(
    engine: Engine, contexts: StoredContexts, now: Standing, since: int, until: int, calls_max: int
) -> tuple[RecentChoices, list[str]]:
    """The choices of the latest calls of the target's campaigns, retold. Test calls are left out."""
    store = SQLCDRStore(engine)
    recent = RecentChoices(target=now.target)
    unknown = 0
    share = max(1, calls_max // max(1, len(now.campaigns)))
    for campaign in now.campaigns if calls_max else ():
        for cdr in store.list_calls(CallFilter(since=since, until=until, campaign=campaign), share):
            if cdr.test:
                continue
            recent.calls += 1
            recent.outcomes.update(attempt.outcome for attempt in cdr.attempts if attempt.target == now.target)
            facts = store.read_facts(cdr.call_id)
            retold, _ = retell_stored(contexts, cdr.call_id, facts)
            for number, fact in enumerate(facts):
                for place, (kind, data) in enumerate(fact.get("d", ())):
                    if kind != "selection":
                        continue
                    candidates = data.get("candidates") or (
                        retold.of(number, place).get("candidates") if retold else None
                    )
                    if candidates is None:
                        unknown += 1
                    else:
                        recent.take(candidates, data.get("target", ""))
    notes = (
        [f"{unknown} choices could not be retold (their revision is gone, or of another version)"] if unknown else []
    )
    return recent, notes


def _situation(
    context: CallContext, now: Standing, live: Live, caller: str, zip_code: str, campaign: str, publisher: str
) -> Situation:
    """A call of this caller, at this moment, that nobody has tried yet."""
    number = normalise(caller)
    if caller and not number:
        raise BadValueError(f'"{caller}" is not a telephone number (write +13105550123)')
    if zip_code and zip_code not in context.places.zips:
        raise BadValueError(f'"{zip_code}" is no ZIP code')
    wanted = campaign or (now.campaigns[0] if now.campaigns else "")
    if campaign and campaign not in context.catalog.campaigns:
        raise BadValueError(f'no campaign "{campaign}"{did_you_mean(campaign, context.catalog.campaigns)}')
    kind = caller_kind(caller)
    area = "" if kind == "toll_free" else area_code(number)
    state = context.places.zips[zip_code] if zip_code else context.places.area_code_state(area)
    tags = {"zip_code": zip_code, "zip_source": "ivr", "state": state} if zip_code else {}
    known = condition.facts(
        now.at, tags, caller__number=number, caller__kind=kind, caller__number_known=kind == "valid",
        caller__area_code=area, caller__state=state, place__zip_code=zip_code, place__state=state,
        place__zip_source="ivr" if zip_code else "", call__campaign=wanted, call__publisher=publisher,
    )  # fmt: skip
    return Situation(
        call_id="asked", at=now.at, campaign=wanted, publisher=publisher, zip_code=zip_code,
        zip_source="ivr" if zip_code else "", state=state, area_code=area, paused=live.paused,
        caller_key=number if kind == "valid" else "", known=known,
        used={key: used for key, (used, _) in (live.used or {}).items()},
    )  # fmt: skip


def candidates_for(context: CallContext, situation: Situation) -> list[dict[str, Any]]:
    """Every target of the campaign for this call, in order, with all reasons against it."""
    if situation.campaign not in context.catalog.campaigns:
        return []
    return context.routes.explain(context.routes.pool(situation.campaign), situation)
