"""How ``ppc target why`` tells what it found: for people, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ppc_engine.cli.call_text import instant, table
from ppc_engine.cli.call_wordings import reason_told
from ppc_engine.cli.call_words import printable
from ppc_engine.routing.why import CapLine, Standing, advice
from ppc_engine.values.schedule import local_time

if TYPE_CHECKING:
    from ppc_engine.cli.target_why import Answer

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


def lines(answer: Answer) -> Iterator[str]:
    """The whole answer as text."""
    now = answer.now
    yield f"target {now.target} of buyer {now.buyer}: priority {now.priority}, weight {now.weight}" + (
        ", a TEST target" if now.is_test else ""
    )
    yield f"at {_local(now.at, now.zone)}, revision {answer.revision[:12]}"
    yield from (f"note: {printable(note)}" for note in answer.notes)
    yield ""
    yield from table(_rows(now))
    yield from _caps(now)
    yield ""
    verdict = f"no call can go to it now: {', '.join(now.blocked)}" if now.blocked else "it can be given calls now"
    yield f"now: {verdict}"
    if answer.caller is not None:
        yield ""
        yield from _caller(answer)
    yield ""
    yield from _recent(answer)
    yield ""
    yield "what would have to change:"
    yield from (f"  - {printable(line, 1_000)}" for line in advised(answer))


def advised(answer: Answer) -> list[str]:
    """The advice, with times in the target's zone and how far off they are."""
    now = answer.now
    return advice(now, answer.recent, lambda at: f"{_local(at, now.zone)}, in {_wait(at - now.at)}")


def _rows(now: Standing) -> list[list[str]]:
    opening = "always" if not now.closes_at and now.is_open else f"yes, until {_local(now.closes_at, now.zone)}"
    if not now.is_open:
        opening = f"no ({now.hours}); opens " + (_local(now.next_opening, now.zone) if now.next_opening else "never")
    paused = "; ".join(f"{subject} {why}" for subject, why in now.paused.items()) or "no"
    rows = [["  campaigns", ", ".join(now.campaigns) or "none"], ["  open", opening], ["  paused", printable(paused)]]
    if now.pace_wait_us > 0:
        rows.append(["  pace", f"the next call in {-(-now.pace_wait_us // 1000)} ms"])
    return rows + [["  takes", printable(filter_told, 1_000)] for filter_told in now.takes or ("every caller",)]


def _caps(now: Standing) -> Iterator[str]:
    if not now.caps:
        yield "  caps       none"
        return
    yield "  caps"
    yield from table([_cap(cap, now) for cap in now.caps])


def _cap(cap: CapLine, now: Standing) -> list[str]:
    used = "?" if cap.used is None else cap.amount(cap.used)
    limit = cap.amount(cap.limit)
    if cap.limit < cap.limit_in_all:
        limit += f" by now of {cap.amount(cap.limit_in_all)}"
    pending = f"{cap.amount(cap.pending)} pending" if cap.pending else ""
    resets = f"resets {_local(cap.resets_at, now.zone)}" if cap.resets_at else ""
    full = f"FULL (needs {cap.amount(cap.needed)})" if cap.full and cap.used is not None else ""
    return [f"    {cap.key}", f"{used} of {limit}", pending, resets, full]


def _caller(answer: Answer) -> Iterator[str]:
    candidates = answer.caller or []
    own = next((one for one in candidates if one["target"] == answer.now.target), None)
    if own is None:
        yield "this caller: the campaign does not list the target"
        return
    against = "; ".join(reason_told(reason) for reason in own.get("reasons", ()))
    yield f"this caller: {printable(against, 1_000) if against else 'could be given to it'}"
    others = [one for one in candidates if one is not own and not one.get("reasons")]
    ahead = [one for one in others if one["priority"] <= own["priority"]]
    told = ", ".join(f"{one['target']} (priority {one['priority']}, weight {one['weight']})" for one in ahead or others)
    kind = "before or beside it" if ahead else "only after it"
    yield f"  others who could take the call, {kind}: {told}" if told else "  nobody else could take the call"


def _recent(answer: Answer) -> Iterator[str]:
    recent = answer.recent
    yield f"since {instant(answer.since)[:16]} UTC: {recent.calls} calls of its campaigns"
    yield (
        f"  {recent.choices} choices that it was part of: {recent.chosen} for it, {recent.passed_over} for another"
        + (f"; {recent.elsewhere} without it" if recent.elsewhere else "")
    )
    if recent.outcomes:
        yield "  its attempts: " + ", ".join(f"{name} {count}" for name, count in recent.outcomes.most_common())
    rows = [
        [f"    {code}", str(count), f"({recent.alone[code]} alone)"] for code, count in recent.reasons.most_common()
    ]
    if rows:
        yield "  left out for"
        yield from table(rows)
    if recent.winners:
        yield "  who took those calls"
        yield from table([[f"    {name}", str(count)] for name, count in recent.winners.most_common()])


def _local(at: int, zone: str) -> str:
    return f"{local_time(at, zone):%a %Y-%m-%d %H:%M} {zone}" if at else "never"


def _wait(length_us: int) -> str:
    if length_us < HOUR_US:
        return f"{max(0, length_us) // MINUTE_US} min"
    hours = length_us // HOUR_US
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h {length_us % HOUR_US // MINUTE_US} min"


def plain(answer: Answer) -> dict[str, Any]:
    """The whole answer as JSON."""
    now, recent = answer.now, answer.recent
    caps = [
        {**dataclasses.asdict(cap), "full": cap.full if cap.used is not None else None} for cap in now.caps
    ]  # The same words as in the text: full is not known when what is used is not.
    counts = ("calls", "choices", "elsewhere", "chosen", "passed_over")
    tallies = ("reasons", "alone", "winners", "preferred", "outcomes")
    return {
        "target": {**dataclasses.asdict(now), "caps": caps, "blocked": list(now.blocked)},
        "revision": answer.revision,
        "notes": answer.notes,
        "caller": answer.caller,
        "recent": {
            "since": answer.since,
            **{name: getattr(recent, name) for name in counts},
            **{name: dict(getattr(recent, name)) for name in tallies},
        },
        "advice": advised(answer),
    }
