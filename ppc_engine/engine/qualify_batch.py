"""The qualifier's batch: every call that waits is judged once, in the order of (offered_at, call_id).

Rules this file obeys (architecture.md, "Qualifier's order"): one transaction a batch, so that a process killed at any
moment leaves whole batches; a call that arrives late makes the later calls of its caller be judged again, and where
that changes anything a new version is added; the answer depends on the calls alone, never on when or in which
portions they were judged, so running it again, or twice at once, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.billing.verdict import BillableRecord, CallKey, Judgement, total_micros
from ppc_engine.calls.record import CDR
from ppc_engine.catalog.model import Catalog
from ppc_engine.ports import BillingBatch, BillingStore

BATCH_CALLS = 500  # A batch keeps writers of CDRs waiting for some tens of ms, and costs a commit.
FOREVER = 2**63 - 1
_BEFORE_ALL: CallKey = (-1, "")

Terms = Callable[[str], Catalog | None]
InForce = dict[CallKey, tuple[int, tuple[BillableRecord, ...]]]


@dataclass(slots=True)
class QualifySummary:
    """What a run did. Money is the change that the run made, by currency: [revenue, payout] in micros.

    ``posted`` counts calls that were judged before there was a ledger and came into it now.
    """

    judged: int = 0
    corrected: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    money: dict[str, list[int]] = field(default_factory=dict)
    without_terms: Counter[str] = field(default_factory=Counter)
    posted: int = 0

    def count(self, judgement: Judgement, before: tuple[BillableRecord, ...] | None) -> None:
        """Take in one judgement that is new, or that differs from what was in force before."""
        if before is None:
            self.judged += 1
            self.verdicts.update((record.side, record.verdict) for record in judgement.records)
        else:
            self.corrected += 1
        revenue, payout = judgement.revenue_micros, judgement.payout_micros
        if before is not None:
            revenue -= total_micros(before, "buyer")
            payout -= total_micros(before, "publisher")
        if judgement.currency:
            sums = self.money.setdefault(judgement.currency, [0, 0])
            sums[0] += revenue
            sums[1] += payout


@dataclass(slots=True)
class _Run:
    """One run. ``rehearsed`` holds what a dry run would have written, by caller key."""

    terms: Terms
    now_us: Callable[[], int]
    dry_run: bool
    summary: QualifySummary = field(default_factory=QualifySummary)
    rehearsed: dict[str, dict[CallKey, tuple[int, Judgement]]] = field(default_factory=dict)


def qualify(
    store: BillingStore,
    terms: Terms,
    now_us: Callable[[], int],
    *,
    since: int = 0,
    until: int = FOREVER,
    dry_run: bool = False,
    batch_calls: int = BATCH_CALLS,
    progress: Callable[[int, int], None] | None = None,
) -> QualifySummary:
    """Judge every call that waits and was offered in [since, until), which are UTC microseconds.

    ``until`` is to be no later than the oldest call that may still get a CDR; a later one costs corrections, never
    right answers. ``terms`` gives the catalog of a revision, None when it is not stored: such calls are left waiting
    and counted. ``progress`` is told (calls done, calls in all) after every batch. A dry run writes nothing.
    """
    run = _Run(terms, now_us, dry_run)
    while not dry_run and (posted := store.post_unposted(batch_calls, now_us())):
        run.summary.posted += posted
    total = store.count_pending(since, until) if progress else 0
    done, after = 0, _BEFORE_ALL
    while cdrs := store.pending(after, since, until, batch_calls):
        after = _key(cdrs[-1])
        with store.batch(writes=not dry_run) as batch:
            _judge_batch(run, batch, cdrs)
        done += len(cdrs)
        if progress:
            progress(done, max(done, total))
    return run.summary


def _key(cdr: CDR) -> CallKey:
    return cdr.offered_at, cdr.call_id


def _judge_batch(run: _Run, batch: BillingBatch, cdrs: Sequence[CDR]) -> None:
    judged = batch.judged_among([_key(cdr) for cdr in cdrs])
    new = [cdr for cdr in cdrs if _key(cdr) not in judged]
    first_by_caller: dict[str, CallKey] = {}
    for cdr in new:
        if cdr.caller_key:
            first_by_caller.setdefault(cdr.caller_key, _key(cdr))
    later = batch.judged_later(first_by_caller)
    histories = batch.histories(list(first_by_caller))
    in_force: InForce = batch.in_force([_key(cdr) for cdr in later])
    _recall(run, histories, in_force)
    written: list[tuple[int, Judgement]] = []
    at = run.now_us()
    for cdr in sorted(new + later, key=_key):
        catalog = run.terms(cdr.revision)
        if catalog is None:
            run.summary.without_terms[cdr.revision] += 1
            continue
        history = histories.get(cdr.caller_key) or History()
        judgement = judge(cdr, catalog, history, at=at)
        history.replace(judgement.key, judgement.conversions)
        version, before = in_force.get(judgement.key, (0, None))
        if before != judgement.records:
            run.summary.count(judgement, before)
            written.append((version + 1, judgement))
    if run.dry_run:
        for version, judgement in written:
            run.rehearsed.setdefault(judgement.caller_key, {})[judgement.key] = (version, judgement)
    elif written:
        batch.write(written, run.now_us())


def _recall(run: _Run, histories: dict[str, History], in_force: InForce) -> None:
    """Put what a dry run would have written by now in the place of what the store holds."""
    for caller_key, history in histories.items():
        for key, (version, judgement) in run.rehearsed.get(caller_key, {}).items():
            history.replace(key, judgement.conversions)
            if key in in_force:
                in_force[key] = (version, judgement.records)
