"""What happens on an emulated switch: who calls, when, with how much patience, and how each buyer's telephone behaves.

A scenario is a YAML file (or the same models made in Python). Every length may be one number or ``[lowest, highest]``,
drawn for each call from the seed. A file that is not right is refused with every issue in it.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ppc_engine.catalog.issues import validation_issues
from ppc_engine.emulator.dialplan import CLAIM_DIALPLAN, Dialplan
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import ConfigError, Issue

FILE_BYTES_MAX = 4 * 1024 * 1024
NODES_MAX = 500_000  # A few lines of YAML aliases can unfold into more than any scenario holds.
DAY_MS = 24 * 60 * 60 * 1000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Milliseconds = Annotated[int, Field(ge=0, le=DAY_MS)]


def _span(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value, value)


Span = Annotated[tuple[Milliseconds, Milliseconds], BeforeValidator(_span)]


class Part(BaseModel):
    """What every piece of a scenario has in common: unknown keys are refused, lowest comes before highest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _lowest_first(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) == 2 and name.endswith("_ms") and value[0] > value[1]:
                raise ValueError(f"{name}: {value[0]} is more than {value[1]} (write the lowest first)")
        return self


class Keys(Part):
    """Digits keyed into one collection: the first ``after_ms`` from its start, each next one ``gap_ms`` later.

    ``prompts``: only into a collection that plays one of these; none: into any.
    """

    prompts: frozenset[str] = frozenset()
    digits: str = Field(pattern=r"^[0-9A-D*#]*$")
    after_ms: Span = (1500, 1500)
    gap_ms: Span = (400, 400)


class HangUp(Part):
    """The caller hangs up ``after_ms`` from the ``nth`` time that something happens to the call."""

    on: Literal["offered", "answered", "prompt", "keys", "ringing", "connected"]
    nth: int = Field(default=1, ge=1)
    after_ms: Span = (0, 0)


class Caller(Part):
    """A person, or many alike, who dial. ``###`` in a number is the number of the call, so that each has its own.

    ``number`` is what the switch takes for the caller's number ("anonymous" for one who hides it); ``private`` asks for
    it to be kept from others. ``keys`` are used up one for each digit collection, the first that is for its prompt;
    then nothing is keyed. ``patience_ms`` is how long the caller waits to be connected, at first and after each
    connection; ``talk_ms`` how long they then talk (None: until the other side ends it).
    """

    id: Name
    number: str = Field(pattern=r"^\+?[0-9A-Za-z.]+#*$", max_length=64)
    name: str = Field(default="", max_length=256)
    private: bool = False
    dials: Annotated[list[str], Field(min_length=1)]
    calls: int = Field(default=1, ge=1, le=1_000_000)
    first_ms: Milliseconds = 0
    every_ms: Span = (1000, 1000)
    keys: list[Keys] = []
    patience_ms: Span = (120_000, 120_000)
    talk_ms: Span | None = None
    hang_up: HangUp | None = None
    before_answer: Literal["cancel", "bye"] = "cancel"
    headers: dict[str, str] = {}
    address: str = Field(default="127.0.0.1:5901", pattern=r"^[0-9.]+:[0-9]+$")


class Behaviour(Part):
    """One way in which a buyer's telephone treats a call. ``rings_ms`` counts from the dial to the answer or refusal.

    Who answers hears a whisper or a question first, if the dial string has one, and keys ``presses`` that long after
    the answer. busy is 486; reject needs its ``status``; no_answer rings for ever; silent takes the call and never says
    a word, not even 180; unreachable is 503 at once, as an address where nobody listens is reported; gateway_down makes
    no leg.
    """

    does: Literal["answer", "busy", "reject", "no_answer", "silent", "unreachable", "gateway_down"]
    weight: int = Field(default=1, ge=1)
    progress_ms: Span = (0, 0)
    rings_ms: Span = (0, 0)
    status: int | None = Field(default=None, ge=400, le=699)
    hangs_up_after_ms: Span | None = None
    presses: str = Field(default="", pattern=r"^[0-9A-D*#]*$")
    presses_after_ms: Span = (2_000, 2_000)

    @model_validator(mode="after")
    def _status_fits(self) -> Self:
        if (self.does == "reject") != (self.status is not None):
            raise ValueError("reject needs a status (such as 480), and nothing else has one")
        if (self.hangs_up_after_ms is not None or self.presses) and self.does != "answer":
            raise ValueError(f"{self.does} never talks, so hangs_up_after_ms and presses have no meaning (remove them)")
        return self


class Buyer(Part):
    """A telephone that can be dialled by ``address`` (user@host:port), or by ``gateway`` and ``number`` or one of them.

    Above ``capacity`` calls at once it is busy. Which of its behaviours a call meets is drawn by their weights.
    """

    id: Name
    address: str = ""
    gateway: str = ""
    number: str = ""
    capacity: int | None = Field(default=None, ge=0)
    behaviours: Annotated[list[Behaviour], Field(min_length=1)]

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if bool(self.address) == bool(self.gateway or self.number):
            raise ValueError("give an address, or a gateway or number (and not both ways)")
        return self

    def listens_to(self, address: str, gateway: str, number: str) -> bool:
        """Whether this buyer is who such a dial string reaches."""
        if self.address:
            return not gateway and self.address == address
        return (not self.gateway or self.gateway == gateway) and (not self.number or self.number == number)


class Scenario(Part):
    """Everybody there is, and the dialplan. ``prompts`` gives lengths in ms by file name without directory or .wav."""

    callers: list[Caller] = []
    buyers: list[Buyer] = []
    prompts: dict[str, Milliseconds] = {}
    prompt_ms: Milliseconds = 1500
    context: str = "ppc"
    dialplan: Dialplan = CLAIM_DIALPLAN
    globals: dict[str, str] = {}
    profile: Name = "trunks"
    heartbeat_ms: Annotated[int, Field(ge=1000, le=DAY_MS)] = 20_000

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind, parts in (("caller", self.callers), ("buyer", self.buyers)):
            ids = [part.id for part in parts]
            for twice in sorted({name for name in ids if ids.count(name) > 1} if len(set(ids)) < len(ids) else ()):
                raise ValueError(f'two {kind}s are called "{twice}" (give each its own id)')
        if self.context not in self.dialplan:
            raise ValueError(f'the dialplan has no context "{self.context}"')
        return self


def load_scenario(path: str | FilePath) -> Scenario:
    """Read a scenario file. Raises ConfigError with every issue, each with file, line and column."""
    file = str(path)
    try:
        raw = FilePath(path).read_bytes()
        if len(raw) > FILE_BYTES_MAX:
            raise ConfigError([Issue(file=file, message=f"more than {FILE_BYTES_MAX} bytes (split it)")])
        node = yaml.compose(raw.decode("utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise ConfigError([Issue(file=file, message=f"cannot be read ({error.strerror})")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Issue(file=file, message=f"is not UTF-8 (byte {error.start})")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        issue = Issue(file=file, line=line, column=column, message=f"is not YAML: {error.problem}")
        raise ConfigError([issue]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([Issue(file=file, message=f"is not YAML: {error}")]) from None
    places: dict[Path, tuple[int, int]] = {}
    issues: list[Issue] = []
    document = Document(file, _plain(node, (), places, issues, file), places)
    if issues:
        raise ConfigError(issues)
    return scenario_of(document)


def scenario_of(document: Document) -> Scenario:
    """A scenario from a document whose scalars are all text. Raises ConfigError with every issue."""
    try:
        return Scenario.model_validate(document.data)
    except pydantic.ValidationError as error:
        raise ConfigError(validation_issues(document, error, model=Scenario)) from None


def _plain(
    node: yaml.Node | None, path: Path, places: dict[Path, tuple[int, int]], issues: list[Issue], file: str
) -> Any:
    """A parsed node as dict, list and text, noting where everything stands and which keys come twice."""
    if node is None:
        return {}
    if len(places) > NODES_MAX:
        raise ConfigError([Issue(file=file, message=f"holds more than {NODES_MAX} values (make it smaller)")])
    places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), places, issues, file) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    held: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        if key in held:
            message = f'"{key}" is written twice (keep one)'
            issues.append(
                Issue(file=file, line=place[0], column=place[1], path=".".join(map(str, path)), message=message)
            )
        places[*path, key] = place
        held[key] = _plain(value_node, (*path, key), places, issues, file)
    return held
