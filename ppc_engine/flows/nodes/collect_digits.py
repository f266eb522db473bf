"""``collect_digits``: keep what the caller keys as a tag (an age, an account number, a yes or no)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from ppc_engine.flows.keying import DIGITS_MAX, KeyingNode
from ppc_engine.flows.model import Leave, TagName, View

ONE_OF_MAX = 1_000

Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]


class CollectDigitsNode(KeyingNode):
    """Ask for digits, ended by # or by their number. ``one_of``: only these are right.

    Example::

        ask_age:
          type: collect_digits
          prompt: enter_age
          tag: age
          digits_min: 1
          digits_max: 3
          exits: {ok: by_age, failed: sell}
    """

    type: Literal["collect_digits"]
    tag: TagName
    digits_min: Annotated[int, Field(ge=1, le=DIGITS_MAX)] = 1
    digits_max: Annotated[int, Field(ge=1, le=DIGITS_MAX)] = 10
    one_of: Annotated[frozenset[Digits], Field(max_length=ONE_OF_MAX)] = frozenset()

    @model_validator(mode="after")
    def _some_fit(self) -> CollectDigitsNode:
        if self.digits_min > self.digits_max:
            raise ValueError(f"digits_min {self.digits_min} is more than digits_max {self.digits_max}")
        for digits in sorted(self.one_of):
            if not self.digits_min <= len(digits) <= self.digits_max:
                raise ValueError(f'"{digits}" of one_of has not {self.digits_min} to {self.digits_max} digits')
        return self

    def exit_names(self) -> frozenset[str]:
        return frozenset({"ok", "failed"})

    def tags_set(self, exit_name: str) -> frozenset[str]:
        return frozenset({self.tag} if exit_name == "ok" else ())

    def digits_wanted(self) -> tuple[int, int]:
        return self.digits_min, self.digits_max

    def taken(self, digits: str, view: View, facts: Mapping[str, Any]) -> Leave | str:
        if not digits:
            return "no_input"
        if not (self.digits_min <= len(digits) <= self.digits_max and digits.isascii() and digits.isdigit()):
            return "partial"
        if self.one_of and digits not in self.one_of:
            return "not_one_of"
        return Leave(exit="ok", tags={self.tag: digits}, facts=facts)

    def failed(self, facts: Mapping[str, Any]) -> Leave:
        return Leave(exit="failed", facts=facts)
