"""``record``: record both sides of the call from here on, after telling the caller where that is demanded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import PROMPT_MS_MAX, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import PlayWait, Resume, StartRecordingWait
from ppc_engine.values.consent import demands_consent
from ppc_engine.values.document import Path
from ppc_engine.values.phone import area_code

START_MS_MAX = 5_000


class RecordNode(Node):
    """Begin a recording that ends with the call.

    ``consent`` where_demanded plays ``consent_prompt`` when the caller's place or that of any target of the campaign
    (by ZIP, else area code; unknown counts) demands every party's knowledge (values/consent.py); always plays it;
    given_earlier never does: an earlier prompt has told. Where it is demanded and there is no prompt, nothing is
    recorded: ``not_recorded``, as when the switch cannot.

    Example::

        recording:
          type: record
          consent_prompt: call_recorded
          exits: {recording: sell, not_recorded: sell}
    """

    NEEDS_ANSWER: ClassVar[bool] = True

    type: Literal["record"]
    consent: Literal["where_demanded", "always", "given_earlier"] = "where_demanded"
    consent_prompt: Slug | None = None

    def exit_names(self) -> frozenset[str]:
        return frozenset({"recording", "not_recorded"})

    def prompt_names(self) -> Mapping[Path, str]:
        return {("consent_prompt",): self.consent_prompt} if self.consent_prompt else {}

    def stay_ms_max(self) -> int:
        return START_MS_MAX + (PROMPT_MS_MAX if self.consent_prompt else 0)

    def enter(self, view: View) -> Step:
        demanded = _demanded_by(view) if self.consent == "where_demanded" else []
        if self.consent != "always" and not demanded:
            told = {"consent": "given_earlier" if self.consent == "given_earlier" else "not_demanded"}
            return Pause(wait=StartRecordingWait(ms_max=START_MS_MAX), state={"part": "start"}, facts=told)
        facts = {"consent": self.consent, **({"demanded_by": demanded} if demanded else {})}
        if self.consent_prompt is None:
            return Leave(exit="not_recorded", facts={**facts, "consent_prompt": "none"})
        wait = PlayWait(ms_max=PROMPT_MS_MAX, prompt=self.consent_prompt)
        return Pause(wait=wait, state={"part": "consent"}, facts=facts)

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        if state["part"] == "consent":
            if answer.timed_out:  # Cut off: nobody knows what the caller heard of it.
                return Leave(exit="not_recorded", facts={"timed_out": True})
            return Pause(wait=StartRecordingWait(ms_max=START_MS_MAX), state={"part": "start"})
        return Leave(exit="not_recorded" if answer.failed or answer.timed_out else "recording")


def _demanded_by(view: View) -> list[str]:
    """Who demands it, as ["caller:CA", "target:WA", "target:?"]; [] when nobody does."""
    known = view.known()
    states = {"caller": {str(known["place.state"])}, "target": _target_states(view)}
    return [f"{who}:{state or '?'}" for who, of in states.items() for state in sorted(of) if demands_consent(state)]


def _target_states(view: View) -> set[str]:
    if view.catalog is None:
        return {""}
    campaign = view.catalog.campaigns[view.campaign]
    destinations = [view.catalog.targets[name][1].destination for name in campaign.targets]
    return {view.places.area_code_state(area_code(destination)) for destination in destinations}
