"""``answer``: send the caller a 200 OK. The carrier bills from here, so direct campaigns leave it out."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ppc_engine.flows.model import ANSWER_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import AnswerWait, Resume


class AnswerNode(Node):
    """Answer the call; a call that is answered already goes straight on.

    Example::

        hello: {type: answer, exits: {done: welcome}}
    """

    ANSWERS: ClassVar[bool] = True
    WAITS: ClassVar[bool] = False  # A call that is answered already goes straight on.

    type: Literal["answer"]

    def exit_names(self) -> frozenset[str]:
        return frozenset({"done"})

    def stay_ms_max(self) -> int:
        return ANSWER_MS_MAX

    def enter(self, view: View) -> Step:
        return Leave(exit="done") if view.answered else Pause(wait=AnswerWait(ms_max=ANSWER_MS_MAX))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        return Leave(exit="done")
