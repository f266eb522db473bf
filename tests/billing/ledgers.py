"""The ledger as plain rows, read without the code under test."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select

from ppc_engine.storage.database import reading
from ppc_engine.storage.schema import entries, transfers


def rows(engine):
    """{transfer id: (kind, call, {account: micros})}"""
    with reading(engine) as connection:
        found = {row.id: (row.kind, row.call_id, {}) for row in connection.execute(select(transfers))}
        for row in connection.execute(select(entries)):
            found[row.transfer_id][2][row.account] = row.micros
    return found


def balances(engine):
    """{account: micros} of accounts that are not at zero; one currency."""
    sums = Counter()
    for _, _, moved in rows(engine).values():
        assert sum(moved.values()) == 0
        sums.update(moved)
    return {account: micros for account, micros in sums.items() if micros}


def worth(judgements):
    """The same, as judgements or stored calls say."""
    sums = Counter()
    for judgement in judgements:
        for record in judgement.records:
            if record.verdict == "yes":
                sign = 1 if record.side == "buyer" else -1
                sums[f"{record.side}:{record.party}"] += sign * record.amount_micros
                sums["revenue" if sign > 0 else "payout"] -= sign * record.amount_micros
    return {account: micros for account, micros in sums.items() if micros}
