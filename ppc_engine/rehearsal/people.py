"""The people of a rehearsed call: what the caller keys and when they hang up, how each buyer's telephone behaves.

They are models of YAML, so that a flow test says them in a word (``acme-la: busy``) or in full
(``acme-la: {does: answer, rings_ms: 4000, talks_ms: 95000}``). All lengths are milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ppc_engine.catalog.model import Model, Slug

MS = 1_000  # microseconds
DAY_MS = 86_400_000
PAUSES_MS = {"w": 500, "W": 1_000}  # As FreeSWITCH's send_dtmf has them.
THINK_MS = 1_000  # From the end of a prompt to the first key.
KEY_MS = 300  # From one key to the next.
MESSAGE_MS = 10_000  # What a caller says to a voicemail.
REJECTED = 603  # SIP "Decline", what a telephone says that rejects.

Milliseconds = Annotated[int, Field(ge=0, le=DAY_MS)]
Keys = Annotated[str, StringConstraints(pattern=r"^[0-9*#wW]{0,64}$")]


class Phone(Model):
    """How a telephone treats one call. ``rings_ms`` counts from the dial to the answer or refusal.

    answer: talks for ``talks_ms``, then ``hangs_up`` says which side ends it. no_answer rings for ever; silent never
    says a word, not even 180; unreachable: nobody listens there; fail: its own system refuses with 503;
    gateway_down makes no leg. ``presses`` is what whoever answers keys when asked to accept the call.
    """

    does: Literal["answer", "busy", "reject", "no_answer", "silent", "unreachable", "fail", "gateway_down"] = "answer"
    rings_ms: Milliseconds = 3_000
    talks_ms: Milliseconds = 180_000
    hangs_up: Literal["target", "caller"] = "target"
    presses: Keys = "1"
    leaves_ms: Milliseconds | None = None
    status: Annotated[int, Field(ge=300, le=699)] = REJECTED

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("talks_ms", "hangs_up", "presses", "leaves_ms"):
            if self.does != "answer" and name in self.model_fields_set:
                raise ValueError(
                    f'a telephone that does "{self.does}" has no {name} (remove it, or write does: answer)'
                )
        if self.does != "reject" and "status" in self.model_fields_set:
            raise ValueError("only a telephone that does reject has a status (remove it)")
        return self


def _phone(value: Any) -> Any:
    return {"does": value} if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


AnyPhone = Annotated[Phone, BeforeValidator(_phone)]
Phones = Annotated[tuple[AnyPhone, ...], BeforeValidator(_several), Field(min_length=1)]
"""One behaviour, or one for each time that it is dialled; the last goes on for ever."""

AllKeys = Annotated[tuple[Keys, ...], BeforeValidator(_several)]
"""What is keyed at each asking, in order; afterwards nothing."""


class HangUp(Model):
    """The caller hangs up ``after_ms`` from a moment: the offer, a node that is entered, the answer, the first ringing
    of a target, the first connection."""

    node: Slug | None = None
    on: Literal["offered", "answered", "ringing", "connected"] = "offered"
    after_ms: Milliseconds = 0

    @model_validator(mode="after")
    def _one_moment(self) -> Self:
        if self.node is not None and "on" in self.model_fields_set:
            raise ValueError('write "node:" or "on:", not both')
        return self


def _hang_up(value: Any) -> Any:
    return {"after_ms": value} if isinstance(value, str) else value


AnyHangUp = Annotated[HangUp, BeforeValidator(_hang_up)]


def _data(value: Any) -> Any:
    """YAML holds text only; where a number must stay a number, the whole is written as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("is no JSON (write a block of keys, or '{\"calls\": 3}')") from None


class Found(Model):
    """What a look-up answers, and after how long. ``data`` is a block of texts, or JSON in quotes."""

    status: Literal["ok", "unavailable", "timeout", "refused", "failed", "bad_answer"] = "ok"
    data: Annotated[dict[str, Any], BeforeValidator(_data)] = {}
    after_ms: Milliseconds = 100


class People(Protocol):
    """Who acts in a rehearsal: written down (``Script``), or asked one question after another in a terminal.

    A node is "flow/node" in a sub-flow.
    """

    def keys(self, node: str, prompt: str) -> str | None:
        """What the caller keys when asked at this node with this prompt, pauses included; None: hangs up."""

    def message_ms(self, node: str) -> int:
        """For how long the caller speaks when recorded at this node."""

    def phone(self, target: str) -> Phone:
        """How this target's telephone treats the call that it gets now."""

    def looked_up(self, node: str, kind: str, params: Mapping[str, Any]) -> Found | None:
        """What a look-up at this node finds; None when nobody said."""

    @property
    def hang_up(self) -> HangUp | None:
        """When the caller gives up; None: stays to the end."""


class Script:
    """People whose every act is written down beforehand. ``digits`` is keyed by node, else by prompt, else ``*``."""

    def __init__(
        self,
        *,
        digits: Mapping[str, tuple[str, ...]] | None = None,
        phones: Mapping[str, tuple[Phone, ...]] | None = None,
        hang_up: HangUp | None = None,
        messages_ms: Mapping[str, int] | None = None,
        found: Mapping[str, Found] | None = None,
        history: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.hang_up = hang_up
        self._messages_ms = messages_ms or {}
        self._found = found or {}
        self._history = history
        self._digits = {name: iter(keys) for name, keys in (digits or {}).items()}
        self._phones: dict[str, Iterator[Phone]] = {}
        self._behaviours = phones or {}

    def keys(self, node: str, prompt: str) -> str:
        for name in (node, own_name(node), prompt, "*"):
            if name in self._digits:
                return next(self._digits[name], "")
        return ""

    def message_ms(self, node: str) -> int:
        return self._messages_ms.get(node, self._messages_ms.get(own_name(node), MESSAGE_MS))

    def looked_up(self, node: str, kind: str, params: Mapping[str, Any]) -> Found | None:
        found = self._found.get(node) or self._found.get(own_name(node)) or self._found.get(kind)
        if found is None and kind == "history" and self._history is not None:
            return Found(data=self._history(params), after_ms=0)
        if found is None and kind == "velocity":
            return Found(data={"calls": 1}, after_ms=0)  # This very call.
        return found

    def phone(self, target: str) -> Phone:
        known = self._behaviours
        behaviours = known.get(target) or known.get(own_name(target)) or known.get("*") or (Phone(),)
        if target not in self._phones:
            self._phones[target] = iter(behaviours)
        return next(self._phones[target], behaviours[-1])


def own_name(node: str) -> str:
    """A node's name without that of its sub-flow: people need not write it."""
    return node.rpartition("/")[2]


def timed_keys(keys: str) -> Iterator[tuple[int, str]]:
    """Each key with the milliseconds that pass before it: "9w0" is (1000, "9"), (800, "0")."""
    pause_ms, wait_ms = 0, THINK_MS
    for key in keys:
        if key in PAUSES_MS:
            pause_ms += PAUSES_MS[key]
            continue
        yield wait_ms + pause_ms, key
        pause_ms, wait_ms = 0, KEY_MS
