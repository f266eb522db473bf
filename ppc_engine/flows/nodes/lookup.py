"""``lookup``: ask a server over HTTP about the caller, for a limited time, with an exit for each way it can fail.

Where may be asked is said in engine.yaml (``lookup_hosts``), how safely in web/http_lookup.py (security.md D10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import PLACED_TAGS, AnyTagName, Leave, Node, Pause, Step, View
from ppc_engine.flows.waits import RINGING, LookUpWait, Resume
from ppc_engine.values import condition
from ppc_engine.values.condition import ConditionError, StringExpressionText
from ppc_engine.values.document import Path

FIELDS_MAX = 30
LOOKUP_MS_MAX = 5_000  # security.md D10: 5 s for the whole of it.
FAILURES = ("timeout", "refused", "failed", "bad_answer")
NOT_TAKEN = frozenset({"zip_source", "state", "sticky_target"})


def _may_be_taken(name: str) -> str:
    if name in NOT_TAKEN:
        raise ValueError(f'"{name}" cannot be taken from an answer (zip_code sets zip_source and state by itself)')
    return name


TakenTag = Annotated[AnyTagName, AfterValidator(_may_be_taken)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
AnswerPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$")]
URL = Annotated[
    str, StringConstraints(pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?(/[\x21-\x7e]{0,500})?$")
]


class LookupNode(Node):
    """Ask ``url``, sending what the expressions of ``send`` come to, and keep parts of its JSON answer as tags.

    ``method`` get sends query fields, post a JSON object. ``take`` maps a tag to where the answer has it, with dots
    ("result.score", "people.0.age"); what is not there sets no tag. A tag zip_code must be a ZIP that exists, and
    sets state and zip_source (lead) too. Exits: timeout; refused (engine.yaml does not allow it); failed (no
    connection or no HTTP); bad_answer (no 2xx, no JSON, too long). An answered caller hears ``music`` meanwhile.

    Example::

        enrich:
          type: lookup
          url: https://enrich.example.com/v1/caller
          send: {phone: caller.number, zip: place.zip_code}
          take: {score: result.score}
          ms_max: 2000
          exits: {ok: by_score, timeout: sell, refused: sell, failed: sell, bad_answer: sell}
    """

    type: Literal["lookup"]
    url: URL
    method: Literal["get", "post"] = "get"
    send: Annotated[dict[FieldName, StringExpressionText], Field(max_length=FIELDS_MAX)] = {}
    take: Annotated[dict[TakenTag, AnswerPath], Field(max_length=FIELDS_MAX)] = {}
    ms_max: Annotated[int, Field(ge=100, le=LOOKUP_MS_MAX)] = 2_000
    music: Slug = RINGING

    def exit_names(self) -> frozenset[str]:
        return frozenset({"ok", *FAILURES})

    def tags_read(self) -> frozenset[str]:
        return frozenset().union(*map(condition.tags_read, self.send.values()))

    def args_read(self) -> frozenset[str]:
        return frozenset().union(*map(condition.args_read, self.send.values()))

    def reads_history(self) -> bool:
        return any(map(condition.reads_history, self.send.values()))

    def prompt_names(self) -> Mapping[Path, str]:
        return {} if self.music == RINGING else {("music",): self.music}

    def urls(self) -> Mapping[Path, str]:
        return {("url",): self.url}

    def stay_ms_max(self) -> int:
        return self.ms_max

    def enter(self, view: View) -> Step:
        known = view.known()
        sent: dict[str, str] = {}
        for name, text in self.send.items():
            try:
                sent[name] = condition.text_of(text, known)
            except ConditionError as error:
                return Leave(exit="failed", facts={"field": name, "error": str(error)})
        params = {"method": self.method, "send": sent, "take": dict(self.take)}
        return Pause(wait=LookUpWait(ms_max=self.ms_max, kind="http", key=self.url, params=params, music=self.music))

    def resume(self, view: View, state: dict[str, Any], answer: Resume) -> Step:
        if answer.status != "ok":
            name = answer.status if answer.status in FAILURES else "failed"
            return Leave(exit=name, facts={name: told for name, told in answer.data.items() if name in ("why", "http")})
        tags = {name: str(value) for name, value in answer.data.get("taken", {}).items() if name in self.take}
        facts: dict[str, str] = {}
        zip_code = tags.pop("zip_code", "")
        if view.places.zip_exists(zip_code):
            facts = {"zip_code": zip_code, "zip_source": "lead", "state": view.places.zip_state(zip_code)}
        elif zip_code:
            facts = {"unknown_zip": zip_code[:16]}
        placed = {name: value for name, value in facts.items() if name in PLACED_TAGS}
        return Leave(exit="ok", tags={**tags, **placed}, facts={**tags, **facts})
