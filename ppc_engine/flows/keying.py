"""What every node that lets the caller key digits has in common: tries, prompts, and a limit on the whole time.

Partial digits are never accepted: the switch hands them over as if they were a result (reference A10), so every answer
is judged here again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import DIGITS_SLACK_MS, PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import DigitsWait, Resume
from ppc_engine.values.document import Path

TRIES_MAX = 5
TOTAL_MS_MAX = 180_000
DIGITS_MAX = 32


class KeyingNode(Node):
    """Asks until the digits are right, or tries or time are used up; from the second try on with ``retry_prompt``."""

    NEEDS_ANSWER: ClassVar[bool] = True
    WAITS: ClassVar[bool] = True

    prompt: Slug
    retry_prompt: Slug | None = None
    tries: Annotated[int, Field(ge=1, le=TRIES_MAX)] = 3
    first_digit_ms_max: Annotated[int, Field(ge=1_000, le=30_000)] = 6_000
    next_digit_ms_max: Annotated[int, Field(ge=1_000, le=30_000)] = 3_000
    total_ms_max: Annotated[int, Field(ge=5_000, le=TOTAL_MS_MAX)] = 45_000

    def digits_wanted(self) -> tuple[int, int]:
        """The least and the most digits of an answer."""
        raise NotImplementedError

    def taken(self, digits: str, view: View, facts: Mapping[str, Any]) -> Leave | str:
        """Leave when the digits are right, else in a word what is wrong with them. ``facts`` are told either way."""
        raise NotImplementedError

    def failed(self, facts: Mapping[str, Any]) -> Leave:
        """Nothing right was keyed in all tries."""
        raise NotImplementedError

    def prompt_names(self) -> Mapping[Path, str]:
        retry: dict[Path, str] = {("retry_prompt",): self.retry_prompt} if self.retry_prompt else {}
        return {("prompt",): self.prompt, **retry}

    def stay_ms_max(self) -> int:
        return self.total_ms_max

    def enter(self, view: View) -> Step:
        return self._ask({"try": 1, "began_at": view.at}, view, {})

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        facts: dict[str, Any] = {"try": state["try"], "digits": answer.digits}
        step = self.taken(answer.digits, view, facts)
        if isinstance(step, Leave):
            return step
        facts["verdict"] = step
        spent_ms = (view.at - state["began_at"]) // 1000
        if state["try"] >= self.tries or spent_ms >= self.total_ms_max:
            if spent_ms >= self.total_ms_max:
                facts["spent_ms"] = spent_ms
            return self.failed(facts)
        return self._ask({**state, "try": state["try"] + 1}, view, facts)

    def _ask(self, state: dict[str, Any], view: View, facts: dict[str, Any]) -> Step:
        again = state["try"] > 1 and self.retry_prompt is not None
        digits_min, digits_max = self.digits_wanted()
        left_ms = self.total_ms_max - (view.at - state["began_at"]) // 1000
        own_ms = PROMPT_MS_MAX + self.first_digit_ms_max + digits_max * self.next_digit_ms_max + DIGITS_SLACK_MS
        wait = DigitsWait(
            ms_max=max(1, min(left_ms, own_ms)),
            prompt=self.retry_prompt if again and self.retry_prompt else self.prompt,
            digits_min=digits_min,
            digits_max=digits_max,
            first_digit_ms_max=self.first_digit_ms_max,
            next_digit_ms_max=self.next_digit_ms_max,
        )
        return Pause(wait=wait, state=state, facts=facts)
