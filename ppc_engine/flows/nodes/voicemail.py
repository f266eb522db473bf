"""``voicemail``: a greeting, a beep, and the caller's message in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import PlayWait, RecordWait, Resume
from ppc_engine.values.document import Path

MESSAGE_MS_MAX = 600_000
MESSAGE_SLACK_MS = 5_000  # The switch counts a message in whole seconds, and beeps before it.


class VoicemailNode(Node):
    """Take a message: silence of ``silence_ms_max``, or ``message_ms_max``, ends it; hanging up keeps it.

    A message shorter than ``message_ms_min`` is none: ``empty``.

    Example::

        closed_mail:
          type: voicemail
          prompt: leave_message
          message_ms_max: 120000
          exits: {recorded: bye, empty: bye}
    """

    NEEDS_ANSWER: ClassVar[bool] = True
    WAITS: ClassVar[bool] = True

    type: Literal["voicemail"]
    prompt: Slug
    message_ms_max: Annotated[int, Field(ge=5_000, le=MESSAGE_MS_MAX)] = 120_000
    message_ms_min: Annotated[int, Field(ge=0, le=60_000)] = 1_000
    silence_ms_max: Annotated[int, Field(ge=1_000, le=30_000)] = 5_000

    def exit_names(self) -> frozenset[str]:
        return frozenset({"recorded", "empty"})

    def prompt_names(self) -> Mapping[Path, str]:
        return {("prompt",): self.prompt}

    def stay_ms_max(self) -> int:
        return PROMPT_MS_MAX + self.message_ms_max + MESSAGE_SLACK_MS

    def enter(self, view: View) -> Step:
        return Pause(wait=PlayWait(ms_max=PROMPT_MS_MAX, prompt=self.prompt), state={"part": "greeting"})

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        if state["part"] == "greeting":
            wait = RecordWait(
                ms_max=self.message_ms_max + MESSAGE_SLACK_MS,
                message_ms_max=self.message_ms_max,
                silence_ms_max=self.silence_ms_max,
            )
            return Pause(wait=wait, state={"part": "message"})
        name = "recorded" if answer.recorded_ms >= max(1, self.message_ms_min) else "empty"
        return Leave(exit=name, facts={"recorded_ms": answer.recorded_ms})
