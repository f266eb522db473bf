"""``queue``: wait in a line, with music, until a target can take the call; served in the order of coming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ppc_engine.catalog.model import CONNECTED_MS_MAX, Slug
from ppc_engine.flows.hunting import HUNT_MS_MAX, ROUTE_EXITS, HuntingNode
from ppc_engine.flows.model import Leave, Pause, Step, View
from ppc_engine.flows.waits import RINGING, QueueWait, Resume
from ppc_engine.values.document import Path

CALLERS_MAX = 1_000
WAIT_MS_MAX = 30 * 60_000
POSITIONS_MAX = 20
QUEUE_EXITS = ROUTE_EXITS | {"full", "waited_too_long"}


class QueueNode(HuntingNode):
    """As ``route``, and whoever finds all targets busy waits: up to ``callers_max`` callers, each ``wait_ms_max`` long.

    A target that is closed, paused or out of place is not waited for: then the exits of ``route`` are taken at once.
    ``music`` is a prompt, or the word ringing. ``positions`` are prompts by place in the line (the last one serves all
    places behind), said every ``position_ms``. ``full``: too many wait already; ``waited_too_long``: time is up.

    Example::

        hold:
          type: queue
          callers_max: 20
          wait_ms_max: 180000
          music: hold_music
          positions: [you_are_next, please_hold]
          position_ms: 30000
          exits: {ended: bye, no_match: sorry, all_closed: sorry, all_capped: sorry, all_no_answer: sorry,
                  recovered_none: bye, full: sorry, waited_too_long: sorry}
    """

    NEEDS_ANSWER: ClassVar[bool] = True

    type: Literal["queue"]
    callers_max: Annotated[int, Field(ge=1, le=CALLERS_MAX)] = 20
    wait_ms_max: Annotated[int, Field(ge=5_000, le=WAIT_MS_MAX)] = 180_000
    music: Slug = RINGING
    positions: Annotated[tuple[Slug, ...], Field(max_length=POSITIONS_MAX)] = ()
    position_ms: Annotated[int, Field(ge=10_000, le=WAIT_MS_MAX)] = 30_000

    def exit_names(self) -> frozenset[str]:
        return QUEUE_EXITS

    def prompt_names(self) -> Mapping[Path, str]:
        music: dict[Path, str] = {} if self.music == RINGING else {("music",): self.music}
        return music | {("positions", place): prompt for place, prompt in enumerate(self.positions)}

    def stay_ms_max(self) -> int:
        return self.wait_ms_max

    def enter(self, view: View) -> Step:
        wait = QueueWait(
            ms_max=CONNECTED_MS_MAX + HUNT_MS_MAX + self.wait_ms_max,
            queue=f"{view.campaign}/{view.where}",
            callers_max=self.callers_max,
            wait_ms_max=self.wait_ms_max,
            music=self.music,
            positions=self.positions,
            position_ms=self.position_ms,
            **self.hunt(view),
        )
        return Pause(wait=wait)

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        if answer.route_exit in ("full", "waited_too_long"):
            return Leave(exit=answer.route_exit, failure="all_capped")
        return super().resume(view, state, answer)
