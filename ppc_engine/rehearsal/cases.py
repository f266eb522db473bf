"""A file of flow tests as models: what is given of the world and its people, and what is expected of the call.

Every part is optional but the name and one expectation; what is not said has a harmless default (targets answer after
3 s and talk for 3 minutes, the caller keys nothing, no cap is in use). docs/flow-tests.md is the manual.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ppc_engine.calls.record import ATTEMPT_OUTCOMES, CALL_OUTCOMES, CDR
from ppc_engine.catalog.model import E164, Model, Slug, Title
from ppc_engine.rehearsal.people import AllKeys, AnyHangUp, Found, Milliseconds, Phones
from ppc_engine.values.money import parse_micros
from ppc_engine.values.schedule import zone

TESTS_MAX = 500
CALLS_MAX = 5_000
CALLER = "+13105550100"  # Who calls when a test does not say it.
ANYTHING = "..."
CDR_FIELDS = frozenset(f.name for f in dataclasses.fields(CDR)) - {"attempts", "sub_ids"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"^(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)"
    r"(?: ?([+-]\d{2}:?\d{2}|Z)| +([A-Za-z_+-]+(?:/\S+)*))?$"
)
_AGO = re.compile(r"^([0-9]{1,9})(s|m|h|d)$")
_AGO_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHARE = re.compile(r"^([0-9]{1,3})(?: *- *([0-9]{1,3}))? *%?$")
_COMPARED = re.compile(r"^(<=|>=|<|>) *(-?[0-9]{1,18})$")


def parse_time(value: object) -> int:
    """ "2026-11-23 10:00 America/Los_Angeles" or ISO 8601 with an offset as UTC microseconds. Raises ValueError.

    A wall time that happens twice is the first of the two; write an offset to mean the other.
    """
    if isinstance(value, int):
        return value
    cure = 'write "2026-11-23 10:00 America/Los_Angeles", or an offset in place of the zone'
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None or not (match[2] or match[3]):
        raise ValueError(f'"{value}" is not a time with its zone ({cure})')
    try:
        at = datetime.fromisoformat(match[1] + (match[2] or ""))
    except ValueError:
        raise ValueError(f'"{value}" is no time of any calendar ({cure})') from None
    if match[3]:
        at = at.replace(tzinfo=zone(match[3]))
        if at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != at.replace(tzinfo=None):
            raise ValueError(f'"{value}" does not happen: the clocks go forward then (choose another minute)')
    return (at - _EPOCH) // timedelta(microseconds=1)


def _parse_ago(value: object) -> int:
    match = _AGO.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'"{value}" is not a time ago (write 30m, 5h or 3d)')
    return timedelta(**{_AGO_UNITS[match[2]]: int(match[1])}) // timedelta(microseconds=1)


def _share(value: object) -> tuple[int, int]:
    match = _SHARE.match(value) if isinstance(value, str) else None
    if match is None or not int(match[1]) <= int(match[2] or match[1]) <= 100:
        raise ValueError(f'"{value}" is not a share (write "60-70 %")')
    return int(match[1]), int(match[2] or match[1])


def _amount(value: object) -> object:
    return value if value in ("yes", "no") else parse_micros(value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def _with_reasons(value: Any) -> Any:
    return dict.fromkeys(value, "given") if isinstance(value, (list, tuple)) else value


def _by_prompt(value: Any) -> Any:
    return value if isinstance(value, dict) else {"*": value}


def _tried(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.items()))
    return (value, "") if isinstance(value, str) else value


Instant = Annotated[int, BeforeValidator(parse_time)]
Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Amount = Annotated[Literal["yes", "no"] | int, BeforeValidator(_amount)]
Tried = Annotated[tuple[Slug, Literal["", *ATTEMPT_OUTCOMES]], BeforeValidator(_tried)]  # type: ignore[valid-type]
Share = Annotated[tuple[int, int], BeforeValidator(_share)]
Text = Annotated[str, StringConstraints(max_length=1_000)]


class EarlierCall(Model):
    """A call of the same caller before this one: for duplicates, caller_history and sticky targets."""

    ago: Annotated[int, BeforeValidator(_parse_ago)]
    target: Slug | None = None
    campaign: Slug | None = None
    publisher: Slug | None = None
    connected_ms: Milliseconds = 120_000
    converted: Annotated[tuple[Literal["buyer", "publisher"], ...], BeforeValidator(_listed)] = ()


class Change(Model):
    """From a moment on, other calls use this much of these caps.

    The moment is ``after_ms`` from the offer, or when this call is about to choose for the n-th time (``at_choice``).
    """

    after_ms: Milliseconds | None = None
    at_choice: Annotated[int, Field(ge=1, le=1_000)] | None = None
    counters: dict[str, Text]

    @model_validator(mode="after")
    def _one_moment(self) -> Self:
        if (self.after_ms is None) == (self.at_choice is None):
            raise ValueError('write "after_ms:" or "at_choice:", one of the two')
        return self


class Given(Model):
    """The world of a test. ``calls``: how many calls (of other ids) are made of it; ``test``: it is a test call.

    ``counters`` are caps in use by other calls, ``changes`` what they use from later moments on, ``frees`` moments (ms
    after the offer) at which one unit of a counter comes free; ``line``: how many callers wait in a queue before this
    one, and take what comes free first; ``stats``: what an order other than by weight goes by, by target (the higher
    the better). ``asserted_number``, ``attestation``, ``private`` and ``tags`` are what the trunk says of the caller;
    only a trusted one is believed. ``lookups`` are by node, or by kind (history, velocity, http); history is found in
    ``history`` by itself.
    """

    number: E164 | None = None
    campaign: Slug | None = None
    publisher: Slug | None = None
    test: bool | None = None
    caller: Text = CALLER
    asserted_number: Text = ""
    private: bool = False
    attestation: Literal["", "A", "B", "C"] = ""
    trunk: Text = ""
    sub_ids: dict[str, Text] = {}
    tags: dict[str, Text] = {}
    time: Instant | None = None
    digits: Annotated[dict[str, AllKeys], BeforeValidator(_by_prompt)] = {}
    buyers: dict[str, Phones] = {}
    caller_hangs_up: AnyHangUp | None = None
    counters: dict[str, Text] = {}
    changes: tuple[Change, ...] = ()
    frees: dict[str, Annotated[tuple[Milliseconds, ...], BeforeValidator(_listed)]] = {}
    line: Annotated[int, Field(ge=0, le=10_000)] = 0
    stats: dict[Slug, Annotated[int, Field(ge=-(10**15), le=10**15)]] = {}
    paused: Annotated[dict[str, Text], BeforeValidator(_with_reasons)] = {}
    history: tuple[EarlierCall, ...] = ()
    lookups: dict[str, Found] = {}
    messages_ms: dict[str, Milliseconds] = {}
    prompts_ms: dict[str, Milliseconds] = {}
    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    calls: Annotated[int, Field(ge=1, le=CALLS_MAX)] = 1

    def over(self, base: Given) -> Given:
        """This on top of what every test of the file is given; tables are merged line by line."""
        merged = {name: getattr(self, name) for name in self.model_fields_set}
        for name, own in merged.items():
            held = getattr(base, name)
            if isinstance(own, dict) and isinstance(held, dict):
                merged[name] = {**held, **own}
        return base.model_copy(update=merged)


class Expect(Model):
    """What must be true of every call of a test. Names of nodes may carry their exit: ``sell.all_capped``."""

    path: Words | None = None
    heard: Words | None = None
    targets: tuple[Tried, ...] | None = None
    outcome: Literal[CALL_OUTCOMES] | None = None  # type: ignore[valid-type]
    billable: Amount | dict[Slug, Amount] | None = None
    payable: Amount | None = None
    rejected: dict[Slug, Words] | None = None
    reasons: dict[Slug, Words] | None = None
    tags: dict[str, Text] | None = None
    cdr: dict[str, Text] | None = None
    share: dict[str, Share] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expects nothing (write path, targets, outcome, billable, ...)")
        unknown = sorted(set(self.cdr or ()) - CDR_FIELDS)
        if unknown:
            raise ValueError(f'a CDR has no field "{unknown[0]}" (ppc call show --json has them all)')
        return self


class Case(Model):
    """One test."""

    name: Title
    given: Given = Given()
    expect: Expect


class CaseFile(Model):
    """A file of tests of one flow, which has the file's name: flows/roofing.test.yaml tests flows/roofing.yaml."""

    flow: Slug | None = None
    given: Given = Given()
    tests: Annotated[tuple[Case, ...], Field(max_length=TESTS_MAX)]


def compares(written: str, value: object) -> bool:
    """Whether a CDR's value is as written: the same text, or "<= 500"."""
    match = _COMPARED.match(written)
    if match is None or isinstance(value, bool) or not isinstance(value, int):
        return written == (str(value).lower() if isinstance(value, bool) else str(value))
    limit = int(match[2])
    return {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}[match[1]]
