"""``block``: turn callers away, by list, kind of number, attestation, or how often they call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ppc_engine.flows.model import Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import LookUpWait, Resume
from ppc_engine.values.caller_lists import entry_problem, is_listed
from ppc_engine.values.document import Path

LISTS_MAX = 20
PATTERNS_MAX = 100
VELOCITY_MS_MAX = 300
VELOCITY_WINDOW_S_MAX = 24 * 3_600
ATTESTATIONS = ("A", "B", "C")


def _pattern(text: str) -> str:
    problem = entry_problem(text)
    if problem:
        raise ValueError(problem)
    return text


ListName = Annotated[str, StringConstraints(pattern=r"^lists/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.txt$")]
Pattern = Annotated[str, AfterValidator(_pattern)]


class Velocity(BaseModel):
    """More than ``calls_max`` calls within ``window_s`` seconds, by caller, or by caller and dialled number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls_max: Annotated[int, Field(ge=1, le=1_000)]
    window_s: Annotated[int, Field(ge=1, le=VELOCITY_WINDOW_S_MAX)]
    per: Literal["caller", "caller_and_number"] = "caller"


class BlockNode(Node):
    """Leave by ``blocked`` (call outcome: blocked) when anything here fits the caller, else by ``pass``.

    ``lists`` and ``patterns`` hold numbers and beginnings ("+1900*"); ``kinds``: kinds of numbers (anonymous, invalid,
    toll_free); ``attestation_min``: the least that the trunk must vouch for; ``velocity``: calls lately, this one
    counted. A count that cannot be had blocks nobody.

    Example::

        screen:
          type: block
          lists: [lists/spam.txt]
          patterns: ["+1900*"]
          kinds: [anonymous]
          velocity: {calls_max: 5, window_s: 600}
          exits: {pass: answer, blocked: bye}
    """

    type: Literal["block"]
    lists: Annotated[tuple[ListName, ...], Field(max_length=LISTS_MAX)] = ()
    patterns: Annotated[tuple[Pattern, ...], Field(max_length=PATTERNS_MAX)] = ()
    kinds: frozenset[Literal["anonymous", "invalid", "toll_free"]] = frozenset()
    attestation_min: Literal["A", "B", "C"] | None = None
    velocity: Velocity | None = None

    @model_validator(mode="after")
    def _blocks_somebody(self) -> BlockNode:
        if not (self.lists or self.patterns or self.kinds or self.attestation_min or self.velocity):
            raise ValueError("blocks nobody (add lists, patterns, kinds, attestation_min or velocity)")
        return self

    def exit_names(self) -> frozenset[str]:
        return frozenset({"pass", "blocked"})

    def list_names(self) -> Mapping[Path, str]:
        return {("lists", index): name for index, name in enumerate(self.lists)}

    def stay_ms_max(self) -> int:
        return VELOCITY_MS_MAX if self.velocity else 0

    def enter(self, view: View) -> Step:
        why = self._against(view)
        if why:
            return Leave(exit="blocked", failure="blocked", facts=why)
        if self.velocity is None or view.caller.kind != "valid":
            return Leave(exit="pass")
        dialed = f" {view.dialed_number}" if self.velocity.per == "caller_and_number" else ""
        params = {"window_s": self.velocity.window_s, "at": view.offered_at}
        wait = LookUpWait(ms_max=VELOCITY_MS_MAX, kind="velocity", key=f"{view.caller.number}{dialed}", params=params)
        return Pause(wait=wait)

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        assert self.velocity is not None
        if answer.status != "ok":
            return Leave(exit="pass", facts={"velocity": answer.status})
        calls = int(answer.data.get("calls", 0))
        facts = {"velocity": calls, "limit": self.velocity.calls_max}
        if calls > self.velocity.calls_max:
            return Leave(exit="blocked", failure="blocked", facts=facts)
        return Leave(exit="pass", facts=facts)

    def _against(self, view: View) -> dict[str, Any]:
        """What speaks against the caller, {} for nothing."""
        caller = view.caller
        if caller.kind in self.kinds:
            return {"caller_kind": caller.kind}
        if caller.number and is_listed(caller.number, self.patterns):
            return {"pattern": True}
        for name in self.lists if caller.number else ():
            if view.catalog is not None and is_listed(caller.number, view.catalog.lists.get(name, ())):
                return {"list": name}
        if self.attestation_min and not "A" <= (caller.attestation or "Z") <= self.attestation_min:
            return {"attestation": caller.attestation, "attestation_min": self.attestation_min}
        return {}
