"""Commercial terms: when a call counts, what it is then worth, and for which calls, when, the terms hold.

Source: semantics.md, "Conversions, terms and money". The short form of an offer (an amount or a rate, a length, a
unique caller, an area) is one rule; ``rules`` say more.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ppc_engine.catalog.area import Area
from ppc_engine.catalog.policies import Attestation, UniqueCaller
from ppc_engine.catalog.rates import LengthMin, Rate
from ppc_engine.catalog.scalars import E164, ListName, Micros, Model, Slug
from ppc_engine.values.condition import ConditionText
from ppc_engine.values.money import format_micros
from ppc_engine.values.schedule import WeeklyHours, instant

RULES_MAX = 20
LEAVES_MAX = 30  # Under one ALL or ANY.
DAYS_MAX = 365
SCORE_MAX = 100

Days = Annotated[int, Field(ge=0, le=DAYS_MAX)]
IfMissing = Literal["pass", "fail"]


def parse_instant(value: object) -> int:
    """ "2026-05-01T00:00:00-04:00" -> UTC microseconds; an int is that already. Raises ValueError without an offset."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        wall = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is None:
        raise ValueError(f'"{value}" is not an instant with its offset (write 2026-05-01T00:00:00-04:00)')
    return instant(wall)


Instant = Annotated[int, BeforeValidator(parse_instant)]


class Length(Model):
    """At least so long. ``clock``: connected (bridged), answered (since the caller's leg was answered) or dialed
    (since the target was dialled); of one attempt, or of the whole call."""

    ms_min: LengthMin
    clock: Literal["connected", "answered", "dialed"] = "connected"
    scope: Literal["attempt", "call"] = "attempt"


class Postback(Model):
    """The buyer reports, within so many days of the call's end; ``name`` is the event, "" any. Until then the leaf is
    unknown."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,64}$")] = ""
    within_days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 30
    if_missing: IfMissing = "fail"


class QualityScore(Model):
    """A score of at least so much out of 100, given within so many days of the call's end."""

    score_min: Annotated[int, Field(ge=0, le=SCORE_MAX)]
    within_days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 1
    if_missing: IfMissing = "fail"


class CallerList(Model):
    """The caller is on a list of config/lists; with ``listed: false`` the caller is not on it."""

    name: ListName
    listed: bool = True


class Term(Model):
    """One condition of a rule, or several of which all or any must hold.

    Example::

        all: [{length: {ms_min: 90000}}, {any: [{attestation_min: B}, {condition: 'tags.plan == "gold"'}]}]
    """

    all: Annotated[tuple[Term, ...], Field(max_length=LEAVES_MAX)] | None = None
    any: Annotated[tuple[Term, ...], Field(max_length=LEAVES_MAX)] | None = None
    length: Length | None = None
    unique_caller: UniqueCaller | None = None
    area: Area | None = None
    hours: WeeklyHours | None = None
    attestation_min: Attestation | None = None
    condition: ConditionText | None = None
    quality_score: QualityScore | None = None
    postback: Postback | None = None
    caller_list: CallerList | None = None
    revenue: Literal["required"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            said = ", ".join(given) or "none"
            raise ValueError(f"one condition at a time, not {said} (put several under all or any)")
        if given[0] in ("all", "any") and not getattr(self, given[0]):
            raise ValueError(f"{given[0]} of nothing (name a condition)")
        return self

    @cached_property
    def kind(self) -> str:
        """The name of the one field that is given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)


class Rule(Model):
    """When ``when`` holds, the call is worth ``rate``, within minimum and maximum. The best rule of an offer is paid;
    one that ``adds`` is paid on top."""

    id: Slug
    adds: bool = False
    when: Term | None = None
    rate: Rate
    minimum: Micros | None = None
    maximum: Micros | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        in_order(self.minimum, self.maximum)
        return self


def in_order(minimum: int | None, maximum: int | None) -> None:
    """Raises ValueError for a minimum above the maximum."""
    if minimum is not None and maximum is not None and minimum > maximum:
        told = f"{format_micros(minimum)} is above the maximum {format_micros(maximum)}"
        raise ValueError(f"the minimum {told} (exchange them)")


class OnlyFor(Model):
    """The offer holds for these calls only, and stands before offers for all (semantics.md, "Overrides")."""

    target: Slug | None = None
    buyer: Slug | None = None
    number: E164 | None = None
    publisher: Slug | None = None


class Returns(Model):
    """A buyer may give calls back within so many days, for these reasons. ``payout``: whether the publisher's payout
    follows or is kept."""

    within_days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 30
    reasons: frozenset[Slug] = frozenset()
    payout: Literal["follow", "keep"] = "follow"


class Offer(Model):
    """Commercial terms between the network and one buyer (revenue) or one publisher (payout) for one campaign.

    Either ``amount`` (per qualified call, in millionths of the currency unit), or ``rate``, or ``rules``. The length is
    rounded to whole seconds as ``length_rounding`` says (nearest: half a second up). Versions of one id hold for calls
    offered in [valid_from, valid_to) and after ``published_at``. ``hold_days``: so long is a payable call not approved.

    Example::

        {id: acme-roofing, campaign: roofing, connected_ms_min: 60000, maximum: 35,
         rate: {tiers: [{ms_min: 60000, amount: 20}, {ms_min: 120000, amount: 35}]},
         valid_from: "2026-05-01T00:00:00-04:00", version: 2}
    """

    id: Slug
    campaign: Slug
    amount: Micros = 0
    rate: Rate | None = None
    minimum: Micros | None = None
    maximum: Micros | None = None
    connected_ms_min: LengthMin = 0
    unique_caller: UniqueCaller | None = None
    area: Area | None = None
    when: Term | None = None
    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)] = ()
    length_rounding: Literal["none", "up", "down", "nearest"] = "none"
    only_for: OnlyFor | None = None
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    valid_from: Instant = 0
    valid_to: Instant | None = None
    published_at: Instant = 0
    hold_days: Days = 0
    returns: Returns | None = None

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        given = self.model_fields_set & {"amount", "rate", "rules"}
        if len(given) != 1:
            said = " and ".join(sorted(given)) or "none of them"
            raise ValueError(f"an offer has an amount, a rate or rules, not {said} (keep one)")
        of_rules = self.model_fields_set & {"connected_ms_min", "unique_caller", "area", "when", "minimum", "maximum"}
        if self.rules and of_rules:
            raise ValueError(f"{', '.join(sorted(of_rules))}: an offer with rules says this in each of them (move it)")
        if len({rule.id for rule in self.rules}) < len(self.rules):
            raise ValueError("two rules with the same id (rename one)")
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to is not after valid_from (correct one)")
        in_order(self.minimum, self.maximum)
        return self

    @cached_property
    def every_rule(self) -> tuple[Rule, ...]:
        """Its rules; the short form is one, whose id is ""."""
        return self.rules or (self._short_form(),)

    def _short_form(self) -> Rule:
        leaves = [Term(length=Length(ms_min=self.connected_ms_min))]
        leaves += [Term(unique_caller=self.unique_caller)] if self.unique_caller else []
        leaves += [Term(area=self.area)] if self.area else []
        leaves += [self.when] if self.when else []
        rate = self.rate or Rate(fixed=self.amount)
        return Rule.model_construct(
            id="", adds=False, when=Term(all=tuple(leaves)), rate=rate, minimum=self.minimum, maximum=self.maximum
        )

    def rounded_ms(self, length_ms: int) -> int:
        """A length as both parties measure it."""
        if self.length_rounding == "none":
            return length_ms
        more = {"up": 999, "down": 0, "nearest": 500}[self.length_rounding]
        return (length_ms + more) // 1000 * 1000

    def holds_at(self, at_us: int, published_by: int | None = None) -> bool:
        """Whether these terms are in force for a call offered at an instant, and were published by then.

        ``published_by`` is another instant for the latter, when terms are back-dated on purpose.
        """
        known_at = at_us if published_by is None else published_by
        return self.valid_from <= at_us < (self.valid_to or at_us + 1) and self.published_at <= known_at
