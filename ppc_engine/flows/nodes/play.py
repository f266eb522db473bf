"""``play``: one prompt, once. Keys pressed meanwhile are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import PlayWait, Resume
from ppc_engine.values.document import Path


class PlayNode(Node):
    """Play a prompt by its name in freeswitch/prompts.

    Example::

        welcome: {type: play, prompt: welcome, exits: {done: ask_zip}}
    """

    NEEDS_ANSWER: ClassVar[bool] = True
    WAITS: ClassVar[bool] = True

    type: Literal["play"]
    prompt: Slug

    def exit_names(self) -> frozenset[str]:
        return frozenset({"done"})

    def prompt_names(self) -> Mapping[Path, str]:
        return {("prompt",): self.prompt}

    def stay_ms_max(self) -> int:
        return PROMPT_MS_MAX

    def enter(self, view: View) -> Step:
        return Pause(wait=PlayWait(ms_max=PROMPT_MS_MAX, prompt=self.prompt))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        return Leave(exit="done", facts={"timed_out": True} if answer.timed_out else {})
