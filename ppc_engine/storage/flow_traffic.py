"""How many calls went through each node and exit, counted from the facts of finished calls: a batch, off the hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, and_, select

from ppc_engine.rehearsal.told import visits
from ppc_engine.storage.database import reading
from ppc_engine.storage.facts import read_facts
from ppc_engine.storage.schema import call_facts, calls

PAGE_CALLS = 500
ABANDONED = "abandoned_"  # How outcomes of calls begin that the caller gave up.


@dataclass(slots=True)
class FlowCounts:
    """Entries of (flow, node), exits taken (flow, node, exit); calls that were connected in a node and ended there, and
    calls that the caller gave up in a node, never connected."""

    calls: int = 0
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    exits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    connected: Counter[tuple[str, str]] = field(default_factory=Counter)
    abandoned: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_traffic(engine: Engine, flow_of: Mapping[str, str], *, since: int, until: int = 0) -> FlowCounts:
    """Count the calls offered in [since, until), UTC microseconds; test calls are left out.

    ``flow_of`` names the flow of each campaign: facts name a node's flow only where it is another one.
    """
    counts = FlowCounts()
    same = and_(calls.c.offered_at == call_facts.c.offered_at, calls.c.call_id == call_facts.c.call_id)
    columns = (calls.c.campaign, calls.c.outcome, call_facts.c.facts)
    query = select(*columns).join_from(calls, call_facts, same).where(calls.c.offered_at >= since, ~calls.c.test)
    if until:
        query = query.where(calls.c.offered_at < until)
    with reading(engine) as connection:
        for row in connection.execution_options(yield_per=PAGE_CALLS).execute(query):
            own = flow_of.get(row.campaign)
            if own is not None:
                _count(counts, own, row.outcome, row.facts)
    return counts


def _count(counts: FlowCounts, own: str, outcome: str, blob: bytes) -> None:
    path = visits(read_facts(blob))
    counts.calls += 1
    for visit in path:
        flow = visit.flow or own
        counts.visits[flow, visit.node] += 1
        if visit.exit:
            counts.exits[flow, visit.node, visit.exit] += 1
    if path and not path[-1].exit:
        last = path[-1].flow or own, path[-1].node
        counts.connected[last] += outcome == "connected"
        counts.abandoned[last] += outcome.startswith(ABANDONED)
