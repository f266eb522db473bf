"""Which units of caps a finished call keeps: those that counted, and those that may still count.

Source: semantics.md, "Caps": at hang-up the engine judges with the function that bills, and gives a certain no back. It
knows no history of the caller, so a yes may still turn out a duplicate: that unit stays, which errs on the safe side of
the cap. A review and a pending verdict keep what was held.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.billing.verdict import BillableRecord, Judgement
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.catalog.model import Catalog, TargetGroup
from ppc_engine.routing.caps import MONEY, base_of, is_slot, measure_of, owner_of

Units = dict[str, dict[str, int]]


def kept_units(
    cdr: CDR, catalog: Catalog, held: Mapping[str, Mapping[str, int]], groups: Mapping[str, TargetGroup] | None = None
) -> Units:
    """By lease, how much of each unit that it holds counts for good. ``held`` is by lease; slots are left out.

    ``catalog`` is of the call's own revision; ``groups`` are those in force, of whose caps it may hold units too.
    """
    if cdr.test:
        return {}
    return _Judged(cdr, {**catalog.groups, **(groups or {})}, judge(cdr, catalog, History())).keep(held)


class _Judged:
    """A finished call with its verdicts."""

    def __init__(self, cdr: CDR, groups: Mapping[str, TargetGroup], judgement: Judgement) -> None:
        self.cdr = cdr
        self.groups = groups
        self.buyers = {record.party: record for record in judgement.records if record.side == "buyer"}
        self.publisher = next((record for record in judgement.records if record.side == "publisher"), None)
        self.attempts = {attempt.attempt_id: attempt for attempt in cdr.attempts}

    def keep(self, held: Mapping[str, Mapping[str, int]]) -> Units:
        """A unit that a call holds at most once is kept once, whatever leases hold it."""
        kept: Units = {}
        seen: set[Any] = set()
        for lease_id, amounts in held.items():
            attempt = self.attempts.get(lease_id)
            for key, amount in amounts.items():
                measure = measure_of(key)
                if is_slot(key) or (lease_id != self.cdr.call_id and attempt is None):
                    continue
                once = lease_id if measure == "attempt" else attempt.buyer if attempt and measure in MONEY else ""
                counts = self._counts(key, measure, attempt, amount)
                if counts and (base_of(key), once) not in seen:
                    seen.add((base_of(key), once))
                    kept.setdefault(lease_id, {})[key] = counts
        return kept

    def _counts(self, key: str, measure: str, attempt: AttemptRecord | None, amount: int) -> int:
        """How much of a held unit counts; 0 for a certain no."""
        if measure == "attempt":
            return amount
        if attempt is None:
            return self._counts_for_call(key, measure, amount)
        own = self._targets(key)
        tried = [one for one in self.cdr.attempts if own is None or one.target in own]
        if measure == "connect":
            return amount if any(one.connected_at for one in tried) else 0
        if measure == "revenue":
            tried = [one for one in tried if one.buyer == attempt.buyer]
        found = [self._record_counts(self.buyers.get(buyer), own, amount) for buyer in {one.buyer for one in tried}]
        most = max(found, default=0)
        return most if measure == "revenue" else min(amount, most)

    def _counts_for_call(self, key: str, measure: str, amount: int) -> int:
        if measure == "connect":
            return amount if self.cdr.connected_at else 0
        if measure == "conversion" and owner_of(key)[0] == "campaign":
            return amount if any(record.verdict != "no" for record in self.buyers.values()) else 0
        counted = self._record_counts(self.publisher, None, amount)
        return counted if measure == "payout" else min(amount, counted)

    def _record_counts(self, record: BillableRecord | None, own: Collection[str] | None, amount: int) -> int:
        """What one party's verdict makes of a held amount: its own amount for a yes, all of it while that is open."""
        if record is None or record.verdict == "no":
            return 0
        if own is not None and record.verdict == "yes" and record.target not in own:
            return 0
        return max(1, record.amount_micros) if record.verdict == "yes" else amount

    def _targets(self, key: str) -> Collection[str] | None:
        """The targets that an owner stands for; None for all."""
        kind, name = owner_of(key)
        if kind == "target":
            return {name}
        if kind == "buyer":
            return {one.target for one in self.cdr.attempts if one.buyer == name}
        if kind == "group":
            return self.groups[name].targets if name in self.groups else ()
        return None
