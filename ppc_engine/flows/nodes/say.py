"""``say``: a text, spoken where the switch has a voice, else a prompt file that says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import StringConstraints

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import Resume, SayWait
from ppc_engine.values.document import Path

# What may be spoken: nothing that the switch could take for more than text.
SpokenText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,?!'-]{0,499}$")]


class SayNode(Node):
    """Speak ``text`` (engine.yaml: switch_voice), or play ``prompt`` where there is no voice.

    Example::

        thanks: {type: say, text: "Thank you. Please hold.", prompt: connecting, exits: {done: sell}}
    """

    NEEDS_ANSWER: ClassVar[bool] = True
    WAITS: ClassVar[bool] = True

    type: Literal["say"]
    text: SpokenText
    prompt: Slug

    def exit_names(self) -> frozenset[str]:
        return frozenset({"done"})

    def prompt_names(self) -> Mapping[Path, str]:
        return {("prompt",): self.prompt}

    def stay_ms_max(self) -> int:
        return PROMPT_MS_MAX

    def enter(self, view: View) -> Step:
        return Pause(wait=SayWait(ms_max=PROMPT_MS_MAX, text=self.text, prompt=self.prompt))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        return Leave(exit="done", facts={"timed_out": True} if answer.timed_out else {})
