"""How ``ppc call`` writes calls for people: instants, offsets, one call's header, the list of calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ppc_engine.billing.verdict import BillableRecord, total_micros
from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.cli.call_steps import QUIET, Step, printable, seconds
from ppc_engine.values.money import format_micros

SHORT_ID_CHARS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(at_us: int) -> str:
    """UTC microseconds as "2026-11-22 17:03:39.123"; "-" for what did not happen."""
    if not at_us:
        return "-"
    return f"{_EPOCH + timedelta(microseconds=at_us):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def offset(at_us: int, start_us: int) -> str:
    """Seconds since the offer, "+12.345"."""
    ms = abs(at_us - start_us) // 1000
    return f"{'-' if at_us < start_us else '+'}{ms // 1000}.{ms % 1000:03d}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of text in columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def list_lines(calls: Iterable[CDR]) -> Iterator[str]:
    """One line a call, newest first."""
    rows = [["OFFERED (UTC)", "ID", "CALLER", "DIALED", "CAMPAIGN", "PUBLISHER", "TARGET", "OUTCOME", "CONNECTED"]]
    for cdr in calls:
        last = cdr.attempts[-1].target if cdr.attempts else "-"
        rows.append(
            [
                instant(cdr.offered_at),
                cdr.call_id[:SHORT_ID_CHARS],
                printable(cdr.caller_number) or "-",
                printable(cdr.dialed_number),
                cdr.campaign or "-",
                cdr.publisher or "-",
                last,
                cdr.outcome,
                seconds(cdr.connected_ms) if cdr.connected_ms else "-",
            ]
        )
    return table(rows)


def header_lines(cdr: CDR) -> Iterator[str]:
    """What a call was, in four lines."""
    place = f"ZIP {cdr.zip_code}, {cdr.state or 'no state'}" if cdr.zip_code else cdr.state or "place unknown"
    yield f"call {cdr.call_id}  token {cdr.call_token}{'  TEST CALL' if cdr.test else ''}"
    yield f"  from {printable(cdr.caller_number) or 'no number'} ({cdr.caller_kind}, {place}) to " + (
        f"{printable(cdr.dialed_number)}: campaign {cdr.campaign or '-'}, publisher {cdr.publisher or '-'}"
    )
    yield f"  offered {instant(cdr.offered_at)} UTC, revision {cdr.revision[:12]}, code {cdr.code_version}"
    yield f"  {cdr.outcome}: {lengths(cdr)}; {cdr.hangup_cause or 'no cause'}, hung up by {cdr.hung_up_by}" + (
        "; END ESTIMATED" if cdr.end_estimated else ""
    )


def lengths(cdr: CDR) -> str:
    """All the lengths of a call."""
    queued = (("queued", cdr.queue_ms),) if cdr.queue_ms else ()
    told = (
        ("total", cdr.total_ms), ("ivr", cdr.ivr_ms), *queued, ("rang", cdr.ring_ms), ("connected", cdr.connected_ms),
    )  # fmt: skip
    return ", ".join(f"{name} {seconds(ms)}" for name, ms in told) + f", silent {seconds(cdr.silent_ms)}"


def show_lines(cdr: CDR) -> Iterator[str]:
    """A whole CDR: header, every clock, every attempt."""
    yield from header_lines(cdr)
    yield ""
    for name in ("offered_at", "claimed_at", "answered_at", "connected_at", "disconnected_at", "ended_at"):
        at = getattr(cdr, name)
        yield f"  {name:<16}{instant(at)}" + (f"  {offset(at, cdr.offered_at)}" if at else "")
    for name in ("trunk", "zip_source", "core_uuid"):
        yield f"  {name:<16}{printable(getattr(cdr, name)) or '-'}"
    for name, value in cdr.sub_ids.items():
        yield f"  {printable(name):<16}{printable(value)}"
    for attempt in cdr.attempts:
        yield ""
        yield from _attempt_lines(attempt, cdr)


def _attempt_lines(attempt: AttemptRecord, cdr: CDR) -> Iterator[str]:
    sip = f", SIP {attempt.sip_status}" if attempt.sip_status else ""
    estimated = "; END ESTIMATED" if attempt.end_estimated else ""
    yield f"  attempt {attempt.number}: {attempt.target} of {attempt.buyer}: {attempt.outcome}"
    yield (
        f"    {attempt.hangup_cause or 'no cause'}{sip}, hung up by {attempt.hung_up_by}; "
        f"rang {seconds(attempt.ring_ms)}, connected {seconds(attempt.connected_ms)}{estimated}"
    )
    clocks = ("dialed_at", "ringing_at", "target_answered_at", "connected_at", "disconnected_at", "ended_at")
    happened = [(name, getattr(attempt, name)) for name in clocks if getattr(attempt, name)]
    yield "    " + ", ".join(f"{name.removesuffix('_at')} {offset(at, cdr.offered_at)}" for name, at in happened)
    yield f"    leg {attempt.leg_id}"


def step_lines(steps: Iterable[Step], offered_at: int, *, everything: bool = False) -> Iterator[str]:
    """Steps with their time offsets; what repeats in one turn has its offset once."""
    last = ""
    for step in steps:
        if step.kind in QUIET and not everything:
            continue
        at = offset(step.at, offered_at)
        yield f"{at if at != last else '':>11}  {step.text}"
        last = at
        for line in step.lines:
            yield f"{'':>11}    {line}"


def silence_line(cdr: CDR) -> str:
    """What the caller had to put up with."""
    return f"{'':>11}  the caller heard nothing for {seconds(cdr.silent_ms)} in all"


def money_lines(records: Sequence[BillableRecord] | None, version: int) -> Iterator[str]:
    """What the call is worth and why, None when it is not judged yet."""
    if records is None:
        yield "money: not qualified yet (run ppc qualify)"
        return
    revenue, payout = total_micros(tuple(records), "buyer"), total_micros(tuple(records), "publisher")
    told = (("revenue", revenue), ("payout", payout), ("margin", revenue - payout))
    yield f"money (version {version}): " + ", ".join(f"{name} {format_micros(micros)}" for name, micros in told)
    for record in records:
        paid = f", {format_micros(record.amount_micros)}" if record.verdict == "yes" else ""
        attempt = f" for attempt {record.attempt_number}" if record.attempt_number else ""
        terms = f"offer {record.offer}" if record.offer else "no terms"
        flags = f" [{', '.join(record.flags)}]" if record.flags else ""
        yield f"  {record.side} {record.party} ({terms}): {record.verdict}{paid}{attempt}{flags}"
        for reason in record.reasons:
            where = f" (attempt {reason.attempt})" if reason.attempt else ""
            yield f"    {reason.code}: {printable(reason.text)}{where}"


def plain_step(step: Step, offered_at: int) -> dict[str, Any]:
    """A step as JSON."""
    plain = {"at": step.at, "offset_ms": (step.at - offered_at) // 1000, "kind": step.kind, "text": step.text}
    more = {"lines": list(step.lines), "seen": dict(step.seen), "answer": dict(step.answer)}
    return {**plain, **{name: held for name, held in more.items() if held}, "data": step.data}


def plain_call(cdr: CDR) -> dict[str, Any]:
    """A whole CDR as JSON."""
    return dataclasses.asdict(cdr)


def plain_money(records: Sequence[BillableRecord] | None, version: int) -> dict[str, Any] | None:
    """The verdicts on a call as JSON, None when it is not judged yet."""
    if records is None:
        return None
    revenue, payout = total_micros(tuple(records), "buyer"), total_micros(tuple(records), "publisher")
    return {
        "version": version,
        "revenue_micros": revenue,
        "payout_micros": payout,
        "margin_micros": revenue - payout,
        "records": [
            {**dataclasses.asdict(record), "reasons": [reason.to_plain() for reason in record.reasons]}
            for record in records
        ],
    }
