"""``menu``: one key (or a few), one exit each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.keying import KeyingNode
from ppc_engine.flows.model import Leave, TagName, View

CHOICES_MAX = 50

Keys = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$")]


class MenuNode(KeyingNode):
    """Let the caller choose. ``choices`` maps what is keyed to an exit; ``tag`` keeps what was keyed.

    A key that is no choice, or none, is asked for again with ``retry_prompt``; after the last try: ``no_choice``.

    Example::

        department:
          type: menu
          prompt: menu_department
          retry_prompt: menu_again
          choices: {1: sales, 2: service}
          tag: department
          exits: {sales: sell, service: service_line, no_choice: sell}
    """

    type: Literal["menu"]
    choices: Annotated[dict[Keys, Slug], Field(min_length=1, max_length=CHOICES_MAX)]
    tag: TagName | None = None

    def exit_names(self) -> frozenset[str]:
        return frozenset(self.choices.values()) | {"no_choice"}

    def tags_set(self, exit_name: str) -> frozenset[str]:
        return frozenset({self.tag} if self.tag and exit_name != "no_choice" else ())

    def digits_wanted(self) -> tuple[int, int]:
        lengths = [len(keys) for keys in self.choices]
        return min(lengths), max(lengths)

    def taken(self, digits: str, view: View, facts: Mapping[str, Any]) -> Leave | str:
        if digits not in self.choices:
            return "wrong_choice" if digits else "no_input"
        return Leave(exit=self.choices[digits], tags={self.tag: digits} if self.tag else {}, facts=facts)

    def failed(self, facts: Mapping[str, Any]) -> Leave:
        return Leave(exit="no_choice", facts=facts)
