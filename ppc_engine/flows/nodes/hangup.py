"""``hangup``: end the call with a cause that the carrier understands."""

from __future__ import annotations

from typing import Literal

from ppc_engine.flows.model import Node, Step, View
from ppc_engine.flows.waits import End


class HangupNode(Node):
    """Hang up. Before the answer the cause becomes a SIP refusal: USER_BUSY is 486, NORMAL_TEMPORARY_FAILURE 503.

    ``outcome`` is that of a call which nobody took, where no node before has said why: a ``branch`` to "sorry", say.

    Example::

        bye: {type: hangup, cause: NORMAL_CLEARING, outcome: no_match}
    """

    type: Literal["hangup"]
    cause: Literal[
        "NORMAL_CLEARING", "USER_BUSY", "CALL_REJECTED", "NO_ROUTE_DESTINATION", "UNALLOCATED_NUMBER",
        "NORMAL_TEMPORARY_FAILURE", "NO_ANSWER",
    ] = "NORMAL_CLEARING"  # fmt: skip
    outcome: Literal["no_match", "all_closed", "all_capped", "all_no_answer", "zip_failed", "blocked"] | None = None

    def exit_names(self) -> frozenset[str]:
        return frozenset()

    def enter(self, view: View) -> Step:
        return End(cause=self.cause, outcome=self.outcome or "")
