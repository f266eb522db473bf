"""``dial``: ring one fixed destination of our own, such as an office: no buyer, no caps, and nobody pays for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ppc_engine.catalog import destinations
from ppc_engine.catalog.model import CONNECTED_MS_MAX, RING_MS_MAX, Slug
from ppc_engine.catalog.scalars import E164, SIPAddress
from ppc_engine.flows.model import Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import DialWait, Resume
from ppc_engine.values.document import Path


class DialNode(Node):
    """Connect the caller to a number behind a gateway, or to a SIP address.

    ``caller_id`` is a number of ours to show; without it the caller's own is shown (none, where the caller asked for
    privacy). ``whisper`` is a prompt that whoever answers hears first. ``ended``: they talked, and the caller is still
    there; ``no_answer``: busy, not there, or nobody answered.

    Example::

        office:
          type: dial
          destination: "+13105550177"
          gateway: carrier-1
          ring_ms_max: 30000
          whisper: overflow_call
          exits: {ended: bye, no_answer: sorry}
    """

    WAITS: ClassVar[bool] = True

    type: Literal["dial"]
    destination: E164 | SIPAddress
    gateway: Slug | None = None
    ring_ms_max: Annotated[int, Field(ge=1_000, le=RING_MS_MAX)] = 25_000
    progress_ms_max: Annotated[int, Field(ge=1_000, le=RING_MS_MAX)] = 8_000
    connected_ms_max: Annotated[int, Field(ge=1_000, le=CONNECTED_MS_MAX)] = 3_600_000
    caller_id: E164 | None = None
    whisper: Slug | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        is_address = self.destination.startswith("sip:")
        if is_address == (self.gateway is not None):
            raise ValueError("a number goes by a gateway, a SIP address by none (add or remove gateway)")
        refusal = "" if is_address else destinations.refusal(self.destination)
        if refusal:
            raise ValueError(refusal)
        return self

    def exit_names(self) -> frozenset[str]:
        return frozenset({"ended", "no_answer"})

    def prompt_names(self) -> Mapping[Path, str]:
        return {("whisper",): self.whisper} if self.whisper else {}

    def stay_ms_max(self) -> int:
        return self.ring_ms_max

    def enter(self, view: View) -> Step:
        wait = DialWait(
            ms_max=self.ring_ms_max + self.connected_ms_max,
            destination=self.destination,
            gateway=self.gateway or "",
            ring_ms_max=self.ring_ms_max,
            progress_ms_max=self.progress_ms_max,
            connected_ms_max=self.connected_ms_max,
            caller_id=self.caller_id or "",
            whisper=self.whisper or "",
        )
        return Pause(wait=wait)

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        return Leave(exit=answer.route_exit, failure="all_no_answer" if answer.route_exit == "no_answer" else "")
