"""``goto``: go on in another flow for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import Jump, Node, Step, View
from ppc_engine.flows.nodes.subflow import ARGS_MAX, ArgumentName, ArgumentText
from ppc_engine.values.document import Path


class GotoNode(Node):
    """Go to ``node`` of another flow, or to its start. Whatever called this flow is forgotten; tags stay.

    Example::

        spanish: {type: goto, flow: roofing_es, args: {language: es}}
    """

    type: Literal["goto"]
    flow: Slug
    node: Slug | None = None
    args: Annotated[dict[ArgumentName, ArgumentText], Field(max_length=ARGS_MAX)] = {}

    def exit_names(self) -> frozenset[str]:
        return frozenset()

    def flow_names(self) -> Mapping[Path, str]:
        return {("flow",): self.flow}

    def enter(self, view: View) -> Step:
        return Jump(flow=self.flow, node=self.node or "", args=self.args)
