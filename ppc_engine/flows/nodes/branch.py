"""``branch``: the first condition that holds decides. Conditions are CEL (values/condition.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import Leave, Node, Step, View
from ppc_engine.values import condition
from ppc_engine.values.condition import ConditionError, ConditionText

CASES_MAX = 50


class Case(BaseModel):
    """One condition and the exit that it leads to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: Annotated[ConditionText, Field(alias="if")]
    exit: Slug


class BranchNode(Node):
    """Go by the exit of the first case whose condition holds, else by ``otherwise``.

    A condition that comes to no answer for this call (a text that is no number, say) leads to ``otherwise`` too, and
    is told. Names: tags.NAME, args.NAME, caller.*, place.*, call.*, history.*, time.now.

    Example::

        by_age:
          type: branch
          cases:
            - {if: "int(tags.age) >= 65 && place.state in ['FL', 'AZ']", exit: medicare}
            - {if: "history.bought > 0", exit: known}
          exits: {medicare: sell_medicare, known: thanks, otherwise: sell}
    """

    type: Literal["branch"]
    cases: Annotated[tuple[Case, ...], Field(max_length=CASES_MAX)]

    @model_validator(mode="after")
    def _has_cases(self) -> BranchNode:
        if not self.cases:
            raise ValueError('no cases (add "cases: [{if: CONDITION, exit: NAME}]")')
        return self

    def exit_names(self) -> frozenset[str]:
        return frozenset(case.exit for case in self.cases) | {"otherwise"}

    def tags_read(self) -> frozenset[str]:
        return frozenset().union(*(condition.tags_read(case.condition) for case in self.cases))

    def args_read(self) -> frozenset[str]:
        return frozenset().union(*(condition.args_read(case.condition) for case in self.cases))

    def reads_history(self) -> bool:
        return any(condition.reads_history(case.condition) for case in self.cases)

    def enter(self, view: View) -> Step:
        known = view.known()
        for number, case in enumerate(self.cases, 1):
            try:
                if condition.holds(case.condition, known):
                    return Leave(exit=case.exit, facts={"case": number})
            except ConditionError as error:
                return Leave(exit="otherwise", facts={"case": number, "error": str(error)})
        return Leave(exit="otherwise")
