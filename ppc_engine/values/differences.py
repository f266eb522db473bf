"""What differs between two things of a configuration, found field by field and said in words.

Names of fields end in their unit (house rule), so a value can be written as people write it: 25 s, 09:00-17:00, 40.00.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel

from ppc_engine.values.money import format_micros

LISTED_MAX = 8  # So many members of a long list are named; the rest is a count.
MONEY_FIELDS = frozenset({"amount", "margin_min", "spend", "fixed", "minimum", "maximum", "connect_fee"})
NOTHING = "none"
LABELS = {
    "concurrency_cap": "calls at once",
    "caller_concurrency_cap": "calls at once of one caller",
    "ring_ms_max": "ring time",
    "progress_ms_max": "time to the first sign of ringing",
    "connected_ms_max": "longest talk",
    "connected_ms_min": "length that pays",
    "attempts_max": "targets tried a call",
    "margin_min": "least margin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs. ``kind`` and ``name`` say of what ("target", "acme-la"), ``what`` says it in words.

    ``topic`` is one of TOPICS; ``field`` is the path of the field in dots, "" where a whole thing came or went;
    ``before`` and ``after`` are the values in words, "" where they are too long for one.
    """

    kind: str
    name: str
    topic: str
    what: str
    field: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.what}"


TOPICS = ("targets", "caps", "hours", "places", "prices", "paths", "lists", "other")


def differences(
    before: BaseModel, after: BaseModel, skip: Collection[str] = (), path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(path, value before, value after) of every field that differs; parts of the same kind are looked into."""
    for name in type(after).model_fields:
        old, new = getattr(before, name, None), getattr(after, name)
        if old == new or (not path and name in skip):
            continue
        if isinstance(old, BaseModel) and type(old) is type(new):
            yield from differences(old, new, (), (*path, name))
        else:
            yield (*path, name), old, new


def sentence(path: tuple[str, ...], before: Any, after: Any) -> str:
    """What happened to one field, in words."""
    label = label_of(path)
    if isinstance(before, bool) and isinstance(after, bool):
        return f"{label} is now {'on' if after else 'off'}"
    if is_listing(before) and is_listing(after):
        return f"{label} {gains_and_losses(before, after)}"
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return f"{label}: {_entries(before, after)}"
    return f"{label} is now {told(path[-1], after)} (was {told(path[-1], before)})"


def label_of(path: tuple[str, ...]) -> str:
    """A field's name as people say it: ring_ms_max -> "ring time", hours.monday -> "hours monday"."""
    return " ".join(LABELS.get(name) or _without_unit(name) for name in path)


def _without_unit(name: str) -> str:
    return " ".join(word for word in name.split("_") if word not in ("ms", "s"))


def told(name: str, value: Any) -> str:
    """A value in words, by what its name says of its unit."""
    if value is None or value == "" or (is_listing(value) and not value):
        return "closed" if name.endswith("day") and value is not None else NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _number(name, value)
    if _is_spans(value):
        return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in value)
    if isinstance(value, BaseModel):
        given = {part: getattr(value, part) for part in type(value).model_fields}
        shown = [
            f"{label_of((part,))} {told(part, held)}" for part, held in given.items() if held not in (None, (), "")
        ]
        return ", ".join(shown) or NOTHING
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {told(str(key), held)}" for key, held in sorted(value.items(), key=str)) or NOTHING
    if is_listing(value):
        return _members(value)
    return str(value)


def is_listing(value: Any) -> bool:
    """Whether a value is a list or set of single words, dates or numbers."""
    if not isinstance(value, (frozenset, set, tuple, list)):
        return False
    first = next(iter(value), "")
    return isinstance(first, (str, int, date))


def gains_and_losses(before: Collection[Any], after: Collection[Any]) -> str:
    """What came and what went between two lists; a new order is said too."""
    was, now = set(before), set(after)
    gained = [member for member in _in_order(after) if member not in was]
    lost = [member for member in _in_order(before) if member not in now]
    if not gained and not lost:
        return f"stand in another order now: {_members(after)}"
    parts = [f"gained {_members(gained)}"] if gained else []
    parts += [f"lost {_members(lost)}"] if lost else []
    return "; ".join(parts) + ("" if after else "; none is left")


def _members(members: Collection[Any]) -> str:
    named = ", ".join(str(member) for member in _in_order(members)[:LISTED_MAX])
    more = len(members) - LISTED_MAX
    return f"{named} and {more:,} more" if more > 0 else named


def _in_order(members: Collection[Any]) -> list[Any]:
    return list(members) if isinstance(members, (tuple, list)) else sorted(members, key=str)


def _entries(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> str:
    parts = []
    for key in sorted({*before, *after}, key=str):
        old, new = before.get(key), after.get(key)
        if key not in before:
            parts.append(f"{key} is new: {told(str(key), new)}")
        elif key not in after:
            parts.append(f"{key} is gone (was {told(str(key), old)})")
        elif old is not None and new is not None and old != new and is_listing(old) and is_listing(new):
            parts.append(f"{key} {gains_and_losses(old, new)}")
        elif old != new:
            parts.append(f"{key} is now {told(str(key), new)} (was {told(str(key), old)})")
    return "; ".join(parts)


def _number(name: str, value: int) -> str:
    if name in MONEY_FIELDS:
        return format_micros(value)
    units = name.split("_")
    if "ms" in units:
        return length(value)
    return f"{value:,} s" if units[-1] == "s" or "seconds" in units else f"{value:,}"


def length(ms: int) -> str:
    """A length of time as people say it: 90000 -> "1 min 30 s"."""
    if ms < 1_000 and ms:
        return f"{ms} ms"
    seconds, rest = divmod(ms, 1000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    shown = [f"{hours} h"] if hours else []
    shown += [f"{minutes} min"] if minutes else []
    if seconds or rest or not shown:
        shown.append(f"{seconds + rest / 1000:g} s")
    return " ".join(shown)


def _is_spans(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(span, tuple) and len(span) == 2 for span in value)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
