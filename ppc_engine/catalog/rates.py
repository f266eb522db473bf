"""What a qualified call is worth: fixed, by the minute, by length, a share, a bid, or as a postback says.

Amounts are exact until they are posted: ``Exact`` is a numerator and a denominator in micros, and it is rounded once,
after minimum and maximum (semantics.md, "Rounding").
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ppc_engine.catalog.scalars import CONNECTED_MS_MAX, Micros, Model
from ppc_engine.values.money import MICROS, MINOR_MICROS, divide_half_even, parse_micros

INCREMENT_S_MAX = 3_600
TIERS_MAX = 20
PERCENT = 100 * MICROS  # All of it, in the unit of ``share_percent``.

Exact = tuple[int, int]  # numerator, denominator: micros without any rounding
Percent = Annotated[int, BeforeValidator(parse_micros), Field(ge=0, le=PERCENT)]  # millionths of a percent
Increment = Annotated[int, Field(ge=1, le=INCREMENT_S_MAX)]
LengthMin = Annotated[int, Field(ge=0, le=CONNECTED_MS_MAX)]


class PerMinute(Model):
    """So much a minute: at least ``initial_s`` are billed, then every begun ``next_s``; of the whole length."""

    amount: Micros
    initial_s: Increment
    next_s: Increment

    def exact(self, length_ms: int) -> Exact:
        """The price of a length, exact."""
        return self.amount * self.billed_ms(length_ms), 60_000

    def billed_ms(self, length_ms: int) -> int:
        """initial when the length is no longer, else initial + ceil((length - initial) / next) x next; in ms."""
        initial, step = self.initial_s * 1000, self.next_s * 1000
        return initial if length_ms <= initial else initial - (initial - length_ms) // step * step


class TelecomPrice(PerMinute):
    """What a carrier charges for one answered leg: by the minute, and once for the connection."""

    connect_fee: Micros = 0

    def cost_micros(self, length_ms: int) -> int:
        """The cost of a leg: micros, half-even, never rounded to the minor unit (semantics.md, "Rounding")."""
        return divide_half_even(*self.exact(length_ms)) + self.connect_fee


class Tier(Model):
    """This amount from this length on."""

    ms_min: LengthMin
    amount: Micros


class Rate(Model):
    """One way to price a call. ``share_percent`` is of the posted revenue of all buyers of the call; ``bid`` is the
    amount that was bid for it, ``postback`` the one that the buyer reports.

    Example::

        rate: {per_minute: {amount: "1.15", initial_s: 30, next_s: 6}}
    """

    fixed: Micros | None = None
    per_minute: PerMinute | None = None
    tiers: Annotated[tuple[Tier, ...], Field(max_length=TIERS_MAX)] | None = None
    share_percent: Percent | None = None
    bid: Literal["accepted"] | None = None
    postback: Literal["amount"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            said = ", ".join(given) or "none"
            raise ValueError(
                f"a rate is one of fixed, per_minute, tiers, share_percent, bid and postback, not {said} (keep one)"
            )
        if self.tiers is not None and (
            not self.tiers or any(a.ms_min >= b.ms_min for a, b in zip(self.tiers, self.tiers[1:], strict=False))
        ):
            raise ValueError("tiers go from the shortest length to the longest, each once (sort them by ms_min)")
        return self

    def reached(self, length_ms: int) -> int:
        """The highest tier that a length reaches, alone; 0 for none."""
        reached = [(tier.ms_min, tier.amount) for tier in self.tiers or () if tier.ms_min <= length_ms]
        return max(reached, default=(0, 0))[1]


def posted(exact: Exact, minimum: int | None, maximum: int | None) -> int:
    """The posting: minimum and maximum first, then half-even to the minor unit, once."""
    numerator, denominator = exact
    if minimum is not None and numerator < minimum * denominator:
        numerator, denominator = minimum, 1
    if maximum is not None and numerator > maximum * denominator:
        numerator, denominator = maximum, 1
    return divide_half_even(numerator, denominator * MINOR_MICROS) * MINOR_MICROS


def share(percent: int, revenue_micros: int) -> Exact:
    """A share of posted revenue, exact."""
    return revenue_micros * percent, PERCENT
