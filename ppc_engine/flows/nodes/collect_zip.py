"""``collect_zip``: ask for a ZIP code until one that exists was keyed, or tries or time are used up.

A ZIP must exist, not only have five digits (semantics.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ppc_engine.flows.keying import KeyingNode
from ppc_engine.flows.model import PLACED_TAGS, Leave, View

ZIP_DIGITS = 5


class CollectZipNode(KeyingNode):
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

    type: Literal["collect_zip"]

    def exit_names(self) -> frozenset[str]:
        return frozenset({"ok", "zip_failed"})

    def tags_set(self, exit_name: str) -> frozenset[str]:
        return PLACED_TAGS if exit_name == "ok" else frozenset()

    def digits_wanted(self) -> tuple[int, int]:
        return ZIP_DIGITS, ZIP_DIGITS

    def taken(self, digits: str, view: View, facts: Mapping[str, Any]) -> Leave | str:
        verdict = judge_zip(digits, view)
        if verdict != "ok":
            return verdict
        place = view.places.zip_state(digits)
        tags = {"zip_code": digits, "zip_source": "ivr", "state": place}
        return Leave(exit="ok", tags=tags, facts={**facts, "verdict": "ok", "state": place})

    def failed(self, facts: Mapping[str, Any]) -> Leave:
        return Leave(exit="zip_failed", failure="zip_failed", facts=facts)


def judge_zip(digits: str, view: View) -> str:
    """ok, no_input, partial or unknown_zip."""
    if not digits:
        return "no_input"
    if len(digits) != ZIP_DIGITS or not (digits.isascii() and digits.isdigit()):
        return "partial"
    return "ok" if view.places.zip_exists(digits) else "unknown_zip"
