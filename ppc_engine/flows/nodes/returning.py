"""``return``: end a sub-flow and leave the node that called it by the exit named here."""

from __future__ import annotations

from typing import Literal

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import Back, Node, Step, View


class ReturnNode(Node):
    """Back to the ``subflow`` node. In a flow that nothing called the call is hung up.

    Example::

        got_it: {type: return, exit: placed}
    """

    type: Literal["return"]
    exit: Slug

    def exit_names(self) -> frozenset[str]:
        return frozenset()

    def enter(self, view: View) -> Step:
        return Back(exit=self.exit)
