"""``subflow``: walk another flow and come back by the exit that its ``return`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import TAG_CHARS_MAX, Jump, Node, Step, View
from ppc_engine.values.document import Path

ARGS_MAX = 20

ArgumentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ArgumentText = Annotated[str, StringConstraints(max_length=TAG_CHARS_MAX)]


class SubflowNode(Node):
    """Call ``flow`` with ``args``, which its conditions see as args.NAME. Its exits are those it returns by.

    Tags are shared: what the sub-flow learns is known afterwards. An argument is seen by that sub-flow alone.

    Example::

        place: {type: subflow, flow: ask_place, args: {tries: "2"}, exits: {placed: sell, lost: sorry}}
    """

    type: Literal["subflow"]
    flow: Slug
    args: Annotated[dict[ArgumentName, ArgumentText], Field(max_length=ARGS_MAX)] = {}

    def exit_names(self) -> frozenset[str]:
        return frozenset(self.exits)

    def flow_names(self) -> Mapping[Path, str]:
        return {("flow",): self.flow}

    def enter(self, view: View) -> Step:
        return Jump(flow=self.flow, args=self.args, comes_back=True)
