"""Everything the running engine counts: every metric's name, its labels and the words that a label may take.

Implements the Telemetry port. No caller's number ever becomes a label (security.md D16); owners of caps are labels only
while the catalog names them. Use from the hub's thread only (families.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric

from ppc_engine import __version__
from ppc_engine.calls.commands import Command
from ppc_engine.calls.record import ATTEMPT_OUTCOMES, CALL_OUTCOMES
from ppc_engine.routing.caps import CAP_KINDS
from ppc_engine.telemetry.families import OTHER, Distribution, Tally

EVENTS = (
    "CHANNEL_PARK", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE",
    "BACKGROUND_JOB", "HEARTBEAT", "SHUTDOWN",
)  # fmt: skip
DROP_REASONS = ("foreign", "malformed", "repeated", "unknown_call", "late", "lost", "mailbox_full", "not_claimed")
COMMAND_RESULTS = ("ok", "refused", "timeout", "away")
BUGS = ("call", "fold", "replay", "dispatch", "lease_released_twice", "service", "operator", "scrape", "http")
ORDER_VERBS = ("pause", "drain", "cap_reset", "hangup", "redirect", "reload")
NEVER_CONNECTED = -1
OWNERS_MAX = 2_000  # Label values of ppc_leases; a network with more owners sees the rest under "other".

DECISION_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
SILENCE_BOUNDS_S = (0.0, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
WRITE_BOUNDS_S = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
HUB_BOUNDS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1, 5)

# Gauges that are read when somebody scrapes; ``Metrics.watch`` says where from.
GAUGES = {
    "live_calls": ("ppc_calls_live", "Calls that this engine holds now."),
    "queue_waiting": ("ppc_queue_waiting", "Callers who wait in queues now."),
    "journal_facts": ("ppc_journal_backlog_facts", "Facts in the journal whose CDR is not committed."),
    "journal_bytes": ("ppc_journal_bytes", "Size of the journal on disk."),
    "journal_oldest_s": ("ppc_journal_backlog_seconds", "Age of the oldest finished call without a committed CDR."),
    "events_late": ("ppc_switch_events_late", "Events read more than a second after they happened, since the start."),
    "event_delay_s": ("ppc_switch_event_delay_max_seconds", "Longest time from an event's stamp to its reading."),
    "cdr_backlog": ("ppc_cdr_backlog", "Finished calls whose CDR waits to be committed."),
    "paused": ("ppc_paused", "Targets, buyers, publishers, campaigns and numbers that an operator has paused."),
    "draining": ("ppc_draining", "1 while no new calls are taken because an operator said so."),
}

T = TypeVar("T")


class Metrics:
    """What was counted since the process began. ``switches`` are the names that switch_connected may be given."""

    def __init__(self, switches: Collection[str] = ("main",)) -> None:
        self._started = Tally("ppc_calls_started", "Calls claimed.")
        self._adopted = Tally("ppc_calls_adopted", "Calls taken over from an earlier process.")
        self._estimated = Tally("ppc_calls_estimated", "Calls whose end was not seen; they go to review.")
        self._calls = Tally("ppc_calls", "Finished calls by outcome.", {"outcome": CALL_OUTCOMES})
        self._attempts = Tally("ppc_attempts", "Tries at targets by outcome.", {"outcome": ATTEMPT_OUTCOMES})
        self._refused = Tally("ppc_slots_refused", "Reservations that met a full cap.", {"cap_kind": CAP_KINDS})
        self._events = Tally("ppc_switch_events", "Events read from the switch.", {"event": EVENTS})
        self._dropped = Tally("ppc_switch_events_dropped", "Events not acted on.", {"reason": DROP_REASONS})
        kinds = {kind.__name__ for kind in Command.__subclasses__()}
        self._commands = Tally("ppc_commands", "Commands to the switch.", {"command": kinds, "result": COMMAND_RESULTS})
        self._claims = Tally("ppc_claim_renewals", "Renewals of dead-man's timers.", {"result": ("ok", "failed")})
        self._reconnects = Tally(
            "ppc_switch_reconnects", "Connections to a switch that came back.", {"switch": switches}
        )
        self._written = Tally("ppc_cdrs_written", "CDRs committed.")
        self._write_failures = Tally("ppc_cdr_write_failures", "Batches of CDRs that could not be committed.")
        self._orders = Tally("ppc_operator_orders", "Orders of operators that were obeyed.", {"verb": ORDER_VERBS})
        self._bugs = Tally("ppc_bugs", "Things that happened and cannot.", {"where": BUGS})
        self._decision = Distribution("ppc_decision_seconds", "From park event to first command.", DECISION_BOUNDS_S)
        self._silence = Distribution("ppc_call_silence_seconds", "How long a caller heard nothing.", SILENCE_BOUNDS_S)
        self._write = Distribution("ppc_cdr_write_seconds", "Time to commit a batch of CDRs.", WRITE_BOUNDS_S)
        self._hub = Distribution("ppc_hub_delay_seconds", "How late the event loop ran.", HUB_BOUNDS_S)
        self._switch_up = dict.fromkeys((*switches, OTHER), NEVER_CONNECTED)
        self._readers: dict[str, Callable[[], float]] = {}
        self._read_leases: Callable[[], Mapping[str, int]] = dict
        self._owners: frozenset[str] = frozenset()
        self._revision = ""
        self.registry = CollectorRegistry()
        self.registry.register(_Collector(self))
        ProcessCollector(registry=self.registry)

    # What the engine tells (ports.Telemetry)

    def call_started(self) -> None:
        self._started.add()

    def call_adopted(self) -> None:
        self._adopted.add()

    def call_ended(self, outcome: str, silent_ms: int, end_estimated: bool = False) -> None:
        self._calls.add(outcome)
        self._silence.observe(silent_ms / 1000)
        if end_estimated:
            self._estimated.add()

    def attempt_ended(self, outcome: str) -> None:
        self._attempts.add(outcome)

    def slot_refused(self, cap_kind: str) -> None:
        self._refused.add(cap_kind)

    def decided(self, seconds: float) -> None:
        self._decision.observe(seconds)

    def event_read(self, kind: str) -> None:
        self._events.add(kind)

    def event_dropped(self, reason: str, count: int = 1) -> None:
        self._dropped.add(reason, count=count)

    def command_performed(self, kind: str, result: str) -> None:
        self._commands.add(kind, result)

    def claim_renewed(self, result: str) -> None:
        self._claims.add(result)

    def switch_connected(self, switch: str, up: bool) -> None:
        name = switch if switch in self._switch_up else OTHER
        if up and self._switch_up[name] == 0:
            self._reconnects.add(name)
        self._switch_up[name] = int(up)

    def cdrs_written(self, count: int, seconds: float) -> None:
        self._written.add(count=count)
        self._write.observe(seconds)

    def cdr_write_failed(self) -> None:
        self._write_failures.add()

    def bug(self, where: str) -> None:
        self._bugs.add(where)

    # What wiring and this package tell

    def order_obeyed(self, verb: str) -> None:
        """An order of an operator came into force or was done."""
        self._orders.add(verb)

    def hub_delayed(self, seconds: float) -> None:
        """How much later than asked the event loop came back to a sleeper."""
        self._hub.observe(seconds)

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """Read this gauge (a key of GAUGES) from here at every scrape. Raises KeyError for any other name."""
        self._readers[GAUGES[gauge][0]] = read

    def watch_leases(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Where to read slots in use from, by cap ("buyer:acme")."""
        self._read_leases = read

    def use_catalog(self, revision: str, owners: Iterable[str]) -> None:
        """A catalog came into force: its revision, and whose caps may be named in labels ("buyer:acme")."""
        self._revision = revision
        self._owners = frozenset(sorted(owners)[:OWNERS_MAX])

    def render(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)

    def families(self) -> Iterator[Metric]:
        """All of it as metric families, in the order of /metrics."""
        for counted in (
            self._started, self._adopted, self._estimated, self._calls, self._attempts, self._refused, self._decision,
            self._silence, self._events, self._dropped, self._commands, self._claims, self._reconnects, self._written,
            self._write_failures, self._write, self._hub, self._orders, self._bugs,
        ):  # fmt: skip
            yield counted.family()
        yield self._switch_family()
        for name, help_text in GAUGES.values():
            value = self._read(self._readers[name]) if name in self._readers else None
            if value is not None:
                yield GaugeMetricFamily(name, help_text, value=value)
        yield self._lease_family()
        build = {"version": __version__, "revision": self._revision}
        yield InfoMetricFamily("ppc_engine", "The code and the configuration in force.", value=build)

    def _switch_family(self) -> Metric:
        family = GaugeMetricFamily("ppc_switch_up", "Whether the connection to a switch is up.", labels=["switch"])
        for name, state in self._switch_up.items():
            if state != NEVER_CONNECTED or name != OTHER:
                family.add_metric([name], max(state, 0))
        return family

    def _lease_family(self) -> Metric:
        """Slots in use by kind of cap and owner; callers are summed, owners that the catalog has not are "other"."""
        used = dict.fromkeys(((kind, "") for kind in CAP_KINDS), 0)
        for cap, count in (self._read(self._read_leases) or {}).items():
            kind, _, owner = cap.partition(":")
            kind = kind if kind in CAP_KINDS else OTHER
            owner = "" if kind == "caller" else owner if cap in self._owners else OTHER
            used[kind, owner] = used.get((kind, owner), 0) + count
        family = GaugeMetricFamily("ppc_leases", "Slots of concurrency caps in use.", labels=["cap_kind", "owner"])
        for labels, count in used.items():
            family.add_metric(labels, count)
        return family

    def _read(self, read: Callable[[], T]) -> T | None:
        """A gauge that cannot be read is missing and counted; the others are still told."""
        try:
            return read()
        except Exception:
            self.bug("scrape")
            return None


class _Collector:
    """What the registry asks at every scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()
