"""Caps of volume and money, and pacing, as they are written in files.

Source: semantics.md, "Caps". Periods are fixed ones in the owner's zone: hour, day, week from Monday, month, ever.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ppc_engine.catalog.scalars import Micros, Model
from ppc_engine.values.schedule import ZoneName

CALLS_MAX = 1_000_000_000
CALLS_PER_SECOND_MAX = 1_000
SECONDS_BETWEEN_MAX = 86_400
CAPS_MAX = 20  # Of one owner: more is a mistake.

Period = Literal["hour", "day", "week", "month", "ever"]
Counted = Literal["attempt", "connect", "conversion"]
CapSide = Literal["revenue", "payout"]


class Cap(Model):
    """So many calls, or so much money, a period.

    ``counted`` says when a call counts: when it is tried, when it is connected (the default), or when it converts;
    money counts when it converts. ``zone`` is the owner's unless it is given. ``side`` says which money or conversion a
    campaign's cap counts (revenue unless given); buyers, targets and groups count revenue, publishers payout.

    Example::

        caps: [{calls: 50, per: day}, {calls: 8, per: hour, counted: attempt}, {spend: "2500.00", per: month}]
    """

    calls: Annotated[int, Field(ge=0, le=CALLS_MAX)] | None = None
    spend: Micros | None = None
    per: Period
    counted: Counted | None = None
    zone: ZoneName | None = None
    side: CapSide | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.calls is None) == (self.spend is None):
            raise ValueError("a cap is of calls or of money (write calls: 50, or spend: 500.00)")
        if self.spend is not None and self.counted not in (None, "conversion"):
            raise ValueError("money counts when a call converts (remove counted)")
        return self

    @property
    def counts(self) -> Counted:
        """When a call counts, the default filled in."""
        return self.counted or ("connect" if self.spend is None else "conversion")

    @property
    def limit(self) -> int:
        """Calls, or micros of money."""
        return self.calls if self.calls is not None else self.spend or 0


Caps = Annotated[tuple[Cap, ...], Field(max_length=CAPS_MAX)]


class Pace(Model):
    """How fast calls may follow each other. Dials count for a target, offered calls for a trunk."""

    calls_per_second: Annotated[int, Field(ge=1, le=CALLS_PER_SECOND_MAX)] | None = None
    seconds_between_min: Annotated[int, Field(ge=1, le=SECONDS_BETWEEN_MAX)] | None = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.calls_per_second is None and self.seconds_between_min is None:
            raise ValueError("a pace says how fast (write calls_per_second or seconds_between_min)")
        return self
