"""``split``: send shares of the calls different ways, by the call's own id, so that a replay goes the same way."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import Leave, Node, Step, View

SHARES_MAX = 20
SHARE_MAX = 10_000


class SplitNode(Node):
    """Take each exit for its share of the calls. Shares are parts of their sum: 1 and 3 are 25 % and 75 %.

    Two nodes draw independently of each other, the same node draws the same for a call each time it comes by.

    Example::

        try_new_prompt: {type: split, shares: {new: 10, old: 90}, exits: {new: welcome_new, old: welcome}}
    """

    type: Literal["split"]
    shares: Annotated[dict[Slug, Annotated[int, Field(ge=1, le=SHARE_MAX)]], Field(min_length=2, max_length=SHARES_MAX)]

    def exit_names(self) -> frozenset[str]:
        return frozenset(self.shares)

    def enter(self, view: View) -> Step:
        digest = hashlib.sha256(f"{view.call_id} {view.where}".encode()).digest()
        draw = int.from_bytes(digest[:8], "big") % sum(self.shares.values())
        left = draw
        for name, share in self.shares.items():
            if left < share:
                return Leave(exit=name, facts={"draw": draw})
            left -= share
        raise AssertionError("a draw is below the sum of the shares")
