"""Calls for other programs: all of a period, page by page, without what must not leave us.

A call's UUID and those of its legs can be used to take a live call over (architecture.md, "Decisions already taken"),
so an export names calls by their token. Foreign text that a spreadsheet would run as a formula is quoted.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ppc_engine.calls.record import CDR, AttemptRecord
from ppc_engine.storage.cdrs import CallFilter, SQLCDRStore

PAGE_CALLS = 1_000
PRIVATE_FIELDS = frozenset({"call_id", "core_uuid", "attempt_id", "leg_id"})

_CALL_FIELDS = [
    field.name
    for field in dataclasses.fields(CDR)
    if field.name not in PRIVATE_FIELDS | {"attempts", "sub_ids", "attestation", "tags"}
]
_LAST_FIELDS = [f"last_{name}" for name in ("target", "buyer", "outcome", "hangup_cause", "sip_status")]
CSV_FIELDS = [*_CALL_FIELDS, "sub_ids", "attempts", *_LAST_FIELDS]

_FORMULA = re.compile(r"^(?:[=@\t\r-]|\+(?![0-9]+$))")


def all_calls(store: SQLCDRStore, only: CallFilter) -> Iterator[CDR]:
    """Every call that fits, newest first, a page in memory at a time."""
    while True:
        page = store.list_calls(only, PAGE_CALLS)
        yield from page
        if len(page) < PAGE_CALLS:
            return
        only = dataclasses.replace(only, after=(page[-1].offered_at, page[-1].call_id))


def json_lines(calls: Iterable[CDR]) -> Iterator[str]:
    """One JSON object a call, its attempts within."""
    for cdr in calls:
        plain = _public(cdr)
        yield json.dumps({**plain, "attempts": [_public(attempt) for attempt in cdr.attempts]})


def _public(record: CDR | AttemptRecord) -> dict[str, Any]:
    names = (field.name for field in dataclasses.fields(record))
    return {name: getattr(record, name) for name in names if name not in PRIVATE_FIELDS | {"attempts"}}


def csv_lines(calls: Iterable[CDR]) -> Iterator[str]:
    """A header, then one line a call with its number of attempts and what became of the last."""
    yield ",".join(CSV_FIELDS)
    for cdr in calls:
        last = cdr.attempts[-1] if cdr.attempts else None
        cells = [getattr(cdr, name) for name in _CALL_FIELDS]
        cells += [json.dumps(cdr.sub_ids), len(cdr.attempts)]
        cells += [getattr(last, name.removeprefix("last_")) if last else "" for name in _LAST_FIELDS]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_cell(cell) for cell in cells])
        yield line.getvalue()


def _cell(value: Any) -> str:
    """A cell that a spreadsheet takes as text: "=..." and the like would be run."""
    if isinstance(value, bool):
        return str(int(value))
    text = str(value)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text
