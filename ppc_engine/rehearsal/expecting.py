"""Hold what happened against what was expected: every difference, each with why it happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ppc_engine.billing.verdict import BillableRecord, total_micros
from ppc_engine.rehearsal.cases import ANYTHING, Amount, Expect, compares
from ppc_engine.rehearsal.rehearse import Rehearsed
from ppc_engine.rehearsal.told import decisions
from ppc_engine.values.money import format_micros

FACTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A line of two paths side by side: "" on the side where there is nothing. ``why`` tells how it was left."""

    expected: str
    happened: str
    same: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One expectation that was not met. ``rows`` are the two paths of a path that was left; ``call`` counts from 1."""

    what: str
    expected: str
    happened: str
    why: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    call: int = 1


def differences(expect: Expect, calls: Sequence[Rehearsed]) -> list[Difference]:
    """Everything that is not as expected: of the first call that differs, and of the shares of all."""
    found: list[Difference] = []
    for number, call in enumerate(calls, 1):
        found = list(_of_one(expect, call, number))
        if found:
            break
    return [*found, *_shares(expect.share or {}, calls)]


def _of_one(expect: Expect, call: Rehearsed, number: int) -> Iterator[Difference]:
    if expect.path is not None:
        yield from _path(expect.path, call, number)
    if expect.heard is not None:
        rows = align(expect.heard, [(prompt, "", "") for prompt in call.heard])
        if not all(row.same for row in rows):
            yield Difference(
                what="heard", expected=", ".join(expect.heard), happened=", ".join(call.heard), rows=rows, call=number
            )
    if expect.targets is not None:
        yield from _targets(expect, call, number)
    if expect.outcome is not None and expect.outcome != call.cdr.outcome:
        yield Difference(
            what="outcome", expected=expect.outcome, happened=call.cdr.outcome, why=_route_told(call), call=number
        )
    yield from _money(expect, call, number)
    yield from _reasons(expect, call, number)
    for name, written in (expect.tags or {}).items():
        if call.tags.get(name, "") != written:
            yield Difference(what=f"tag {name}", expected=written, happened=call.tags.get(name, "not set"), call=number)
    for name, written in (expect.cdr or {}).items():
        value = getattr(call.cdr, name)
        if not compares(written, value):
            yield Difference(what=f"cdr {name}", expected=written, happened=str(value), call=number)


# The path


def _path(expected: Sequence[str], call: Rehearsed, number: int) -> Iterator[Difference]:
    visits = [(visit.name, visit.exit, _facts_told(visit.facts)) for visit in call.path]
    rows = align(expected, visits)
    if all(row.same for row in rows):
        return
    left = next(index for index, row in enumerate(rows) if not row.same)
    after = next((row.happened for row in reversed(rows[:left]) if row.happened), "")
    happened = " > ".join(f"{name}.{leaves}" if leaves else name for name, leaves, _ in visits)
    what = f"path (left the expected one {f'after {after}' if after else 'at the start'})"
    yield Difference(
        what=what, expected=" > ".join(expected), happened=happened, why=_route_told(call), rows=rows, call=number
    )


def _facts_told(facts: Mapping[str, Any]) -> str:
    told = [f"{name} {value}" for name, value in list(facts.items())[:FACTS_SHOWN] if value not in ("", None)]
    return ", ".join(told)


def align(expected: Sequence[str], happened: Sequence[tuple[str, str, str]]) -> tuple[Row, ...]:
    """Two paths side by side with as few differences as there can be; "..." stands for any number of nodes.

    Each that happened is (name, exit, why); "node.exit" is met only by a stay that was left so.
    """
    rows_n, columns_n = len(expected), len(happened)
    costs = [[0] * (columns_n + 1) for _ in range(rows_n + 1)]
    for i in range(rows_n, -1, -1):
        for j in range(columns_n, -1, -1):
            costs[i][j] = min((cost for cost, _, _ in _ways(expected, happened, costs, i, j)), default=0)
    rows: list[Row] = []
    i = j = 0
    while i < rows_n or j < columns_n:
        _, di, dj = min(_ways(expected, happened, costs, i, j), key=lambda way: way[0])
        wanted = expected[i] if di else ""
        if dj:
            name, leaves, why = happened[j]
            shown = f"{name}.{leaves}" if leaves else name
            anything = i < rows_n and expected[i] == ANYTHING and not di
            same = anything or (bool(di) and wanted in _names(happened[j]))
            rows.append(Row(ANYTHING if anything else wanted, shown, same, why))
        else:
            rows.append(Row(wanted, "", wanted == ANYTHING))
        i, j = i + di, j + dj
    return tuple(row for row in rows if row.happened or row.expected != ANYTHING)


def _ways(
    expected: Sequence[str], happened: Sequence[tuple[str, str, str]], costs: list[list[int]], i: int, j: int
) -> Iterator[tuple[int, int, int]]:
    """(cost to the end, step in expected, step in happened) of every way on; a good match comes first."""
    more, left = i < len(expected), j < len(happened)
    if more and left and expected[i] != ANYTHING and expected[i] in _names(happened[j]):
        yield costs[i + 1][j + 1], 1, 1
    if more and expected[i] == ANYTHING:
        yield costs[i + 1][j], 1, 0
        if left:
            yield costs[i][j + 1], 0, 1
        return
    if more and left and expected[i].partition(".")[0] == happened[j][0]:
        yield costs[i + 1][j + 1] + 1, 1, 1  # The right node, left by another exit.
    if more:
        yield costs[i + 1][j] + 2, 1, 0
    if left:
        yield costs[i][j + 1] + 2, 0, 1


def _names(visit: tuple[str, str, str]) -> tuple[str, str]:
    return visit[0], f"{visit[0]}.{visit[1]}"


# Targets


def _targets(expect: Expect, call: Rehearsed, number: int) -> Iterator[Difference]:
    happened = [(attempt.target, attempt.outcome) for attempt in call.cdr.attempts if attempt.target]
    expected = list(expect.targets or ())
    same = len(expected) == len(happened) and all(
        target == got and outcome in ("", came)
        for (target, outcome), (got, came) in zip(expected, happened, strict=True)
    )
    if not same:
        yield Difference(
            what="targets tried",
            expected=", ".join(f"{target} {outcome}".rstrip() for target, outcome in expected) or "none",
            happened=", ".join(f"{target} {outcome}" for target, outcome in happened) or "none",
            why=_route_told(call),
            call=number,
        )


def rejections(call: Rehearsed) -> dict[str, set[str]]:
    """Target -> every reason for which it was left out of some choice."""
    found: dict[str, set[str]] = {}
    for candidates in call.choices():
        for candidate in candidates:
            found.setdefault(candidate["target"], set()).update(r["code"] for r in candidate.get("reasons", ()))
    return found


def _route_told(call: Rehearsed) -> tuple[str, ...]:
    """Why each target was left out of the first choice, and what became of those that were tried."""
    lines = []
    choices = call.choices()
    for candidate in choices[0] if choices else ():
        codes = [
            f"{reason['code']} ({reason['measured']}, limit {reason['limit']})"
            for reason in candidate.get("reasons", ())
        ]
        if codes:
            lines.append(f"{candidate['target']}: {', '.join(codes)}")
    lines += [
        f"{attempt.target or 'fixed destination'}: tried, {attempt.outcome} ({attempt.hangup_cause})"
        for attempt in call.cdr.attempts
    ]
    lines += [f"hunting ended with {data['exit']}" for data in decisions(call.facts, "route")]
    return tuple(lines)


# Money and reasons


def _money(expect: Expect, call: Rehearsed, number: int) -> Iterator[Difference]:
    records = call.judgement.records
    if isinstance(expect.billable, dict):
        for buyer, amount in expect.billable.items():
            own = tuple(record for record in records if (record.side, record.party) == ("buyer", buyer))
            yield from _amount(f"billable to {buyer}", amount, own, "buyer", number)
    elif expect.billable is not None:
        yield from _amount("billable", expect.billable, records, "buyer", number)
    if expect.payable is not None:
        yield from _amount("payable", expect.payable, records, "publisher", number)


def _amount(
    what: str, expected: Amount, records: Sequence[BillableRecord], side: str, number: int
) -> Iterator[Difference]:
    total = total_micros(tuple(records), side)  # type: ignore[arg-type]
    verdicts = [record.verdict for record in records if record.side == side]
    is_yes = "yes" in verdicts
    met = is_yes == (expected == "yes") if isinstance(expected, str) else total == expected
    if met:
        return
    happened = f"yes, {format_micros(total)}" if is_yes else ", ".join(dict.fromkeys(verdicts)) or "no"
    yield Difference(
        what=what,
        expected=expected if isinstance(expected, str) else format_micros(expected),
        happened=happened,
        why=tuple(f"{r.party}: {reason.text}" for r in records if r.side == side for reason in r.reasons),
        call=number,
    )


def _reasons(expect: Expect, call: Rehearsed, number: int) -> Iterator[Difference]:
    left_out = rejections(call) if expect.rejected else {}
    for target, codes in (expect.rejected or {}).items():
        found = left_out.get(target, set())
        if set(codes) != found:
            told = ", ".join(sorted(found)) or "nothing" if target in left_out else "not a candidate"
            yield Difference(what=f"{target} rejected for", expected=", ".join(codes), happened=told, call=number)
    for party, codes in (expect.reasons or {}).items():
        own = {reason.code for record in call.judgement.records if record.party == party for reason in record.reasons}
        if set(codes) != own:
            told = ", ".join(sorted(own)) or "none"
            yield Difference(what=f"reasons against {party}", expected=", ".join(codes), happened=told, call=number)


# Shares


def _shares(share: Mapping[str, tuple[int, int]], calls: Sequence[Rehearsed]) -> Iterator[Difference]:
    counts: Counter[str] = Counter()
    for call in calls:
        counts.update({attempt.target for attempt in call.cdr.attempts[:1]})
        counts.update({f"{visit.name}.{visit.exit}" for visit in call.path})
    for name, (low, high) in share.items():
        percent = counts[name] * 100 / len(calls)
        if not low <= percent <= high:
            yield Difference(
                what=f"share of {name}",
                expected=f"{low} %" if low == high else f"{low}-{high} %",
                happened=f"{percent:.1f} % ({counts[name]} of {len(calls)} calls)",
            )
