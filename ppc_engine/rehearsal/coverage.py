"""Which nodes and exits of the flows some test went through, and which none did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ppc_engine.flows.model import Flow
from ppc_engine.rehearsal.told import Visit


@dataclass(slots=True)
class Coverage:
    """What was visited, by flow: nodes, and (node, exit) pairs."""

    nodes: dict[str, set[str]] = field(default_factory=dict)
    exits: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def add(self, flow: str, visits: Iterable[Visit]) -> None:
        """Note a path; ``flow`` is the campaign's own."""
        for visit in visits:
            name = visit.flow or flow
            self.nodes.setdefault(name, set()).add(visit.node)
            if visit.exit:
                self.exits.setdefault(name, set()).add((visit.node, visit.exit))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCoverage:
    """One flow: how much there is, how much was visited, and what was not ("node", "node.exit")."""

    flow: str
    nodes: int
    exits: int
    nodes_missed: tuple[str, ...]
    exits_missed: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Of nodes and exits together; an empty flow is covered."""
        total = self.nodes + self.exits
        return 100 * (total - len(self.nodes_missed) - len(self.exits_missed)) / total if total else 100.0


def cover(flow: Flow, coverage: Coverage) -> FlowCoverage:
    """Hold a flow against what was visited."""
    nodes = coverage.nodes.get(flow.id, set())
    left_by = coverage.exits.get(flow.id, set())
    exits = [(name, exit_name) for name, node in flow.nodes.items() for exit_name in sorted(node.exit_names())]
    return FlowCoverage(
        flow=flow.id,
        nodes=len(flow.nodes),
        exits=len(exits),
        nodes_missed=tuple(name for name in flow.nodes if name not in nodes),
        exits_missed=tuple(f"{name}.{exit_name}" for name, exit_name in exits if (name, exit_name) not in left_by),
    )


def total_percent(covered: Iterable[FlowCoverage]) -> float:
    """Of the nodes and exits of several flows together."""
    flows = list(covered)
    total = sum(flow.nodes + flow.exits for flow in flows)
    missed = sum(len(flow.nodes_missed) + len(flow.exits_missed) for flow in flows)
    return 100 * (total - missed) / total if total else 100.0


def cover_all(flows: Mapping[str, Flow], names: Iterable[str], coverage: Coverage) -> list[FlowCoverage]:
    """Several flows, by name."""
    return [cover(flows[name], coverage) for name in sorted(names)]
