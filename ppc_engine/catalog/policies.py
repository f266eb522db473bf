"""How a target is rung, what it is shown of the caller, and how a campaign chooses among targets.

Nothing of a publisher leaks to a buyer by default (deny): a header or a tag goes out only when it is named here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ppc_engine.catalog.scalars import CONNECTED_MS_MAX, E164, Model, Slug
from ppc_engine.values.schedule import ZoneName, instant, local_time, zone

REDIALS_MAX = 5
HEADERS_MAX = 10
DAY_US = 86_400_000_000  # Absolute: a day of a window is 86,400 s whatever the clocks do.
FOREVER_US = 2**63 - 1

AttemptStop = Annotated[
    str, StringConstraints(pattern=r"^(busy|no_answer|rejected|unreachable|failed|[A-Z][A-Z0-9_]{2,48}|[3-6][0-9]{2})$")
]  # An attempt's outcome, a FreeSWITCH cause, or a SIP status.
Attestation = Literal["A", "B", "C"]
NoNumber = Literal["unique", "duplicate", "block"]
Order = Literal[
    "priority_weight", "highest_revenue", "expected_revenue", "round_robin", "least_busy", "longest_idle",
    "most_capacity", "most_budget",
]  # fmt: skip
HeaderName = Annotated[str, StringConstraints(pattern=r"^X-[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
HeaderWord = Annotated[
    str,
    StringConstraints(pattern=r"^(token|zip_code|state|campaign|publisher|target|tag\.[a-z0-9][a-z0-9_-]{0,63})$"),
]
Headers = Annotated[dict[HeaderName, HeaderWord], Field(max_length=HEADERS_MAX)]


class EarlierCallRule(Model):
    """Which earlier calls of the same caller are looked for; a day is 86,400 s (semantics.md, "Duplicates")."""

    event: Literal["connected", "counted", "converted"] = "converted"
    window_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    no_number: NoNumber = "duplicate"


class UniqueCaller(EarlierCallRule):
    """No earlier call of this caller within the window (semantics.md, "Duplicates").

    ``window`` says never or forever in place of days. With ``calendar: day`` the window ends at a midnight of ``zone``
    (``window_days: 1`` is the same day), with ``calendar: month`` at the end of the month of the earlier call.
    ``by_kind`` says for callers without a number of their own what ``no_number`` says for all of them.
    """

    scope: Literal[
        "target", "buyer", "target_group", "campaign", "campaign_group", "publisher", "tracking_number"
    ] = "campaign"  # fmt: skip
    window: Literal["never", "forever"] | None = None
    calendar: Literal["day", "month"] | None = None
    zone: ZoneName = "UTC"
    by_kind: dict[Literal["anonymous", "invalid", "toll_free", "shared"], NoNumber] = {}

    def window_end(self, at_us: int) -> int:
        """The first instant that an event at ``at_us`` no longer makes a duplicate of; both UTC microseconds."""
        if self.window is not None:
            return at_us if self.window == "never" else FOREVER_US
        if self.calendar is None:
            return at_us + self.window_days * DAY_US
        day = local_time(at_us, self.zone).date()
        end = (
            (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            if self.calendar == "month"
            else (day + timedelta(days=self.window_days))
        )
        return instant(datetime(end.year, end.month, end.day, tzinfo=zone(self.zone)))


class RoutedUniqueCaller(EarlierCallRule):
    """The same rule where a call is routed: a duplicate is not sent. ``pending``: whether an earlier call that still
    lives, and may yet count, blocks this one too."""

    scope: Literal["target", "buyer", "campaign", "publisher", "tracking_number"] = "target"
    pending: Literal["block", "allow"] = "block"


class Redial(Model):
    """So many more tries at the same target after these outcomes, each after a pause with ringing in the ear."""

    no_answer: Annotated[int, Field(ge=0, le=REDIALS_MAX)] = 0
    busy: Annotated[int, Field(ge=0, le=REDIALS_MAX)] = 0
    unreachable: Annotated[int, Field(ge=0, le=REDIALS_MAX)] = 0
    failed: Annotated[int, Field(ge=0, le=REDIALS_MAX)] = 0
    after_s: Annotated[int, Field(ge=0, le=60)] = 5


class Accept(Model):
    """The target must press a digit before the caller is connected; it hears the prompt until then."""

    prompt: Slug
    digit: Annotated[str, StringConstraints(pattern=r"^[0-9*]$")] = "1"
    ms_max: Annotated[int, Field(ge=2_000, le=60_000)] = 10_000


class CallerID(Model):
    """Whose number the target sees. A caller who asked for privacy is withheld, whatever stands here."""

    show: Literal["caller", "tracking_number", "fixed", "withheld"] = "caller"
    number: E164 | None = None

    @model_validator(mode="after")
    def _fixed_has_a_number(self) -> Self:
        if (self.show == "fixed") != (self.number is not None):
            raise ValueError(
                "a number belongs to show: fixed, and only to it (write show: fixed, number: +13105550123)"
            )
        return self


class Recovery(Model):
    """Revenue recovery: when a target hangs up within ``connected_ms_max`` and cannot owe us yet, try the next."""

    connected_ms_max: Annotated[int, Field(ge=1_000, le=CONNECTED_MS_MAX)]
    reroutes_max: Annotated[int, Field(ge=1, le=5)] = 5


class ExpectedRevenue(Model):
    """What a call to a target was worth lately; with fewer calls than ``calls_min`` its offer is taken instead."""

    window_days: Annotated[int, Field(ge=1, le=90)] = 7
    calls_min: Annotated[int, Field(ge=1, le=10_000)] = 20
