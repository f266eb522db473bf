"""What orders of choosing go by that only finished calls know: when a target was last rung and free, and its worth.

Test calls are left out. Worth is money of the buyer's side by dialled attempt, so a target that never answers is worth
little, whatever its offer promises.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, and_, func, select

from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import attempts, billable_records, calls, qualified_calls

SINCE_US = 86_400_000_000  # A target that nobody rang for a day is as idle as can be.

Worth = dict[tuple[str, str], tuple[int, int]]


def read_last_times(engine: Engine, now_us: int) -> dict[str, tuple[int, int]]:
    """By target, when it was last dialled and when its last attempt ended, within a day."""
    query = (
        select(attempts.c.target, func.max(attempts.c.dialed_at), func.max(attempts.c.ended_at))
        .where(attempts.c.dialed_at >= now_us - SINCE_US)
        .group_by(attempts.c.target)
    )
    with reading(engine) as connection:
        return {target: (dialed_at, ended_at) for target, dialed_at, ended_at in connection.execute(query)}


def read_worth(engine: Engine, since_by_campaign: Mapping[str, int]) -> Worth:
    """(campaign, target) -> (attempts dialled, micros earned), of judged calls offered since then."""
    same = and_(attempts.c.offered_at == calls.c.offered_at, attempts.c.call_id == calls.c.call_id)
    judged = and_(qualified_calls.c.offered_at == calls.c.offered_at, qualified_calls.c.call_id == calls.c.call_id)
    records = billable_records
    in_force = and_(
        records.c.offered_at == calls.c.offered_at,
        records.c.call_id == calls.c.call_id,
        records.c.version == qualified_calls.c.version,
        records.c.side == "buyer",
        records.c.verdict == "yes",
    )
    found: Worth = {}
    with reading(engine) as connection:
        for campaign, since in since_by_campaign.items():
            own = and_(calls.c.campaign == campaign, calls.c.offered_at >= since, ~calls.c.test)
            dialed = (
                select(attempts.c.target, func.count())
                .select_from(calls)
                .join(attempts, same)
                .join(qualified_calls, judged)
            )
            earned = (
                select(records.c.target, func.sum(records.c.amount_micros))
                .select_from(calls)
                .join(qualified_calls, judged)
            )
            counts = connection.execute(dialed.where(own).group_by(attempts.c.target)).all()
            money = connection.execute(earned.join(records, in_force).where(own).group_by(records.c.target)).all()
            amounts = {target: int(amount or 0) for target, amount in money}
            for target, count in counts:
                found[campaign, target] = (count, amounts.get(target, 0))
    return found
