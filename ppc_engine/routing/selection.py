"""Which target gets this attempt: eligible first, then priority (lower first), then a weighted draw.

The draw is SHA-256 of call id and attempt number, so a replay draws the same. A lower level is used only when every
target of the level above is ineligible or was tried (semantics.md, "Choosing a target").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ppc_engine.catalog.model import Buyer, Target
from ppc_engine.routing.eligibility import Situation, rejections


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of one choice: the winner, if any, and what was said of every candidate, in plain JSON."""

    buyer: Buyer | None
    target: Target | None
    candidates: list[dict[str, Any]]
    draw: int
    weight_total: int

    def exception(self) -> str:
        """The named exception when nothing is eligible and nothing was tried yet.

        no_match: nowhere near; all_closed: nobody of those in place is open; all_capped: open, but full.
        """
        in_place = [c for c in self.candidates if not _has(c, "out_of_area") and not _has(c, "paused")]
        if not in_place:
            return "no_match"
        return "all_closed" if all(_has(c, "closed") for c in in_place) else "all_capped"


def _has(candidate: dict[str, Any], code: str) -> bool:
    return any(reason["code"] == code for reason in candidate.get("reasons", ()))


def draw_below(total: int, *seeds: object) -> int:
    """A number in [0, total) that depends on the seeds alone."""
    digest = hashlib.sha256(":".join(str(seed) for seed in seeds).encode()).digest()
    return int.from_bytes(digest[:8], "big") % total


def select(candidates: Iterable[tuple[Buyer, Target]], situation: Situation, attempt_number: int) -> Selection:
    """Choose one target for one attempt. Candidates come in any order; their order does not matter."""
    told: list[dict[str, Any]] = []
    eligible: list[tuple[Buyer, Target]] = []
    for buyer, target in sorted(candidates, key=lambda pair: (pair[1].priority, pair[1].id)):
        line: dict[str, Any] = {"target": target.id, "priority": target.priority, "weight": target.weight}
        reasons = rejections(buyer, target, situation)
        if reasons:
            line["reasons"] = reasons
        else:
            eligible.append((buyer, target))
        told.append(line)
    if not eligible:
        return Selection(None, None, told, 0, 0)
    level = [pair for pair in eligible if pair[1].priority == eligible[0][1].priority]
    total = sum(target.weight for _, target in level)
    draw = draw_below(total, situation.call_id, attempt_number)
    rest = draw
    for buyer, target in level:
        if rest < target.weight:
            return Selection(buyer, target, told, draw, total)
        rest -= target.weight
    raise AssertionError("a draw below the sum of weights falls into one of them")
