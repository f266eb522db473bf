"""The state of one call as plain data: it can be saved as JSON and read back between any two events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from ppc_engine.calls.states import Phase, Step
from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.flows.interpreter import FlowRun
from ppc_engine.flows.model import Flow
from ppc_engine.routing.selection import RouteIndex
from ppc_engine.values.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What a call is judged by, fixed for its life: one revision of catalog and flows, and the keys of this engine.

    ``data_hashes`` name the versions of time zone and ZIP data, for replay. ``test_callers`` are those of the whole
    engine, beside the campaign's own; what a call made of them is in its decision ``opened``. ``routes`` are made of
    the catalog.
    """

    catalog: Catalog
    flows: Mapping[str, Flow]
    numbers: Mapping[str, TrackingNumber]
    places: Places
    revision: str
    code_version: str
    key: bytes
    data_hashes: Mapping[str, str] = field(default_factory=dict)
    test_callers: frozenset[str] = frozenset()
    routes: RouteIndex = field(default=None, compare=False, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.routes is None or self.routes.catalog is not self.catalog:
            object.__setattr__(self, "routes", RouteIndex(self.catalog, self.places))


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """One try at one target, while the call lives. ``leg_*`` are from the leg's LegEnded."""

    number: int
    attempt_id: str
    target: str
    leg_id: str = ""
    command_id: str = ""
    returns: bool = False
    dialed: bool = False
    connected: bool = False
    bridge_done: bool = False
    over: bool = False
    returned: bool = False
    leg_ended: bool = False
    leg_cause: str = ""
    leg_sip_status: int = 0
    leg_disposition: str = ""
    leg_connected_ms: int = 0
    leg_answered: bool = False
    talk_ms_max: int = 0
    reserved_at: int = 0
    released: bool = False
    outcome: str = ""


@dataclass(slots=True, kw_only=True)
class QueueState:
    """The line that a caller waits in: ``since`` orders it, ``until`` ends the wait, ``position`` is the last told."""

    name: str
    callers_max: int
    since: int
    until: int
    music: str
    positions: list[str] = field(default_factory=list)
    position_ms: int = 0
    position: int = 0
    position_due: int = 0
    asked: bool = False
    in_line: bool = False


@dataclass(slots=True, kw_only=True)
class HuntState:
    """Hunting in progress for one node. ``round`` are the attempts that ring at once, ``awaited`` those of them whose
    slots are not answered yet; ``fixed`` is the DialWait of a node without targets; ``timers`` are those of waiting."""

    targets: list[str]
    step: Step = Step.USAGE
    recovering: bool = False
    ordered: bool = False
    order: str = ""
    together: int = 1
    sticky: str = ""
    stop_on: list[str] = field(default_factory=list)
    round: list[int] = field(default_factory=list)
    awaited: list[int] = field(default_factory=list)
    redial: list[str] = field(default_factory=list)
    until: int = 0
    ring_ms_max: int = 0
    fixed: dict[str, Any] = field(default_factory=dict)
    queue: QueueState | None = None
    after_music: str = ""
    timers: list[str] = field(default_factory=list)
    stray_talks: bool = False


@dataclass(slots=True, kw_only=True)
class CallState:
    """Everything a call remembers."""

    call_id: str
    phase: Phase = Phase.NEW
    test: bool = False
    dialed_number: str = ""
    campaign: str = ""
    publisher: str = ""
    caller_key: str = ""
    caller_number: str = ""
    caller_kind: str = ""
    attestation: str = ""
    private: bool = False
    trunk: str = ""
    brought: dict[str, str] = field(default_factory=dict)
    area_code: str = ""
    offered_at: int = 0
    answered_at: int = 0
    last_at: int = 0
    timer_id: str = ""
    commands_given: int = 0
    pending: str = ""
    gathering: bool = False
    timed_out: bool = False
    optional: bool = False
    looking: bool = False
    looked_up: dict[str, Any] = field(default_factory=dict)
    music: str = ""
    music_prompt: str = ""
    music_breaks: int = 0
    music_at: int = 0
    run: FlowRun | None = None
    hunt: HuntState | None = None
    attempts: list[AttemptState] = field(default_factory=list)
    attempts_skipped: int = 0
    stray: bool = False
    leases: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    gives: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    refused: dict[str, tuple[int, dict[str, list[int]]]] = field(default_factory=dict)
    earlier: list[dict[str, Any]] | None = None
    earlier_asked: str = ""
    reroutes: int = 0
    failure: str = ""
    hung_up_in: str = ""
    end_seen: bool = False
    redirect: dict[str, str] = field(default_factory=dict)
    last_order: int = 0


@cache
def _adapter() -> TypeAdapter[CallState]:
    """Made when first asked for: it costs a tenth of a second, and a start must be quick."""
    return TypeAdapter(CallState)


def dump_state(state: CallState) -> bytes:
    """The state as JSON."""
    return _adapter().dump_json(state)


def load_state(data: bytes) -> CallState:
    """The inverse of ``dump_state``."""
    return _adapter().validate_json(data)
