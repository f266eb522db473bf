"""Why a call was refused, in a closed set of words: what the carrier reads in the Reason of our SIP answer.

Rules: only these words leave us, never an id, a number or text from outside; a call that was answered has no refusal,
it has an ending. The words are call outcomes (semantics.md, "Clocks of a call"), and two for what people switched off.
"""

from __future__ import annotations

REFUSAL_WORDS = frozenset(
    {
        "no_match", "all_closed", "all_capped", "all_no_answer", "zip_failed", "blocked", "unknown_number",
        "refused_overload", "engine_fallback", "failed", "paused", "draining",
    }
)  # fmt: skip


def refusal_word(failure: str, *, answered: bool) -> str:
    """The word for a call that ends with this failure, "" when none is to be told."""
    return failure if failure in REFUSAL_WORDS and not answered else ""
