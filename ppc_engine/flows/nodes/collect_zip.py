"""``collect_zip``: ask for a ZIP code until one that exists was keyed, or tries or time are used up.

Partial digits are never accepted: the switch hands them over as if they were a result (reference A10), so every answer
is judged here again. A ZIP must exist, not only have five digits (semantics.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import DIGITS_SLACK_MS, PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import DigitsWait, Resume
from ppc_engine.values.document import Path

ZIP_DIGITS = 5
TRIES_MAX = 5
TOTAL_MS_MAX = 180_000


class CollectZipNode(Node):
    """Ask for the caller's ZIP; sets the tags zip_code, zip_source and state.

    Example::

        ask_zip:
          type: collect_zip
          prompt: enter_zip
          retry_prompt: bad_zip
          tries: 3
          first_digit_ms_max: 6000
          next_digit_ms_max: 3000
          total_ms_max: 45000
          exits: {ok: sell, zip_failed: sorry}
    """

    NEEDS_ANSWER: ClassVar[bool] = True
    WAITS: ClassVar[bool] = True

    type: Literal["collect_zip"]
    prompt: Slug
    retry_prompt: Slug | None = None
    tries: Annotated[int, Field(ge=1, le=TRIES_MAX)] = 3
    first_digit_ms_max: Annotated[int, Field(ge=1_000, le=30_000)] = 6_000
    next_digit_ms_max: Annotated[int, Field(ge=1_000, le=30_000)] = 3_000
    total_ms_max: Annotated[int, Field(ge=5_000, le=TOTAL_MS_MAX)] = 45_000

    def exit_names(self) -> frozenset[str]:
        return frozenset({"ok", "zip_failed"})

    def tags_set(self, exit_name: str) -> frozenset[str]:
        return frozenset({"zip_code", "zip_source", "state"}) if exit_name == "ok" else frozenset()

    def prompt_names(self) -> Mapping[Path, str]:
        retry: dict[Path, str] = {("retry_prompt",): self.retry_prompt} if self.retry_prompt else {}
        return {("prompt",): self.prompt, **retry}

    def stay_ms_max(self) -> int:
        return self.total_ms_max

    def enter(self, view: View) -> Step:
        return self._ask({"try": 1, "began_at": view.at}, view)

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        verdict = judge_zip(answer.digits, view)
        facts = {"try": state["try"], "digits": answer.digits, "verdict": verdict}
        if verdict == "ok":
            place = view.places.zip_state(answer.digits)
            tags = {"zip_code": answer.digits, "zip_source": "ivr", "state": place}
            return Leave(exit="ok", tags=tags, facts={**facts, "state": place})
        spent_ms = (view.at - state["began_at"]) // 1000
        if state["try"] >= self.tries or spent_ms >= self.total_ms_max:
            if spent_ms >= self.total_ms_max:
                facts["spent_ms"] = spent_ms
            return Leave(exit="zip_failed", failure="zip_failed", facts=facts)
        return self._ask({**state, "try": state["try"] + 1}, view, facts)

    def _ask(self, state: dict[str, Any], view: View, facts: dict[str, Any] | None = None) -> Step:
        again = state["try"] > 1 and self.retry_prompt is not None
        left_ms = self.total_ms_max - (view.at - state["began_at"]) // 1000
        own_ms = PROMPT_MS_MAX + self.first_digit_ms_max + ZIP_DIGITS * self.next_digit_ms_max + DIGITS_SLACK_MS
        wait = DigitsWait(
            ms_max=max(1, min(left_ms, own_ms)),
            prompt=self.retry_prompt if again and self.retry_prompt else self.prompt,
            digits_min=ZIP_DIGITS,
            digits_max=ZIP_DIGITS,
            first_digit_ms_max=self.first_digit_ms_max,
            next_digit_ms_max=self.next_digit_ms_max,
        )
        return Pause(wait=wait, state=state, facts=facts or {})


def judge_zip(digits: str, view: View) -> str:
    """ok, no_input, partial or unknown_zip."""
    if not digits:
        return "no_input"
    if len(digits) != ZIP_DIGITS or not (digits.isascii() and digits.isdigit()):
        return "partial"
    return "ok" if view.places.zip_exists(digits) else "unknown_zip"
