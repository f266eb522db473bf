"""Walk a flow from node to node until it waits or ends. Pure: the run is plain data, saved between any two steps.

The path taken comes out as decisions, one a node that was left, for the journal and for ``explain``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.flows.model import NODE_VISITS_MAX, Flow, Leave, Pause, Step, View
from ppc_engine.flows.waits import End, Resume, Wait

LOOP_CAUSE = "NORMAL_TEMPORARY_FAILURE"


@dataclass(slots=True)
class FlowRun:
    """Where one call stands in its flow: plain JSON. ``visits`` counts nodes entered over the whole call.

    ``failure`` is the call's outcome if it ends here without having been connected, "" for none.
    """

    flow: str
    node: str = ""
    visits: int = 0
    failure: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


Tell = Callable[[str, dict[str, Any]], None]


def start(flow: Flow, run: FlowRun, view: View, tell: Tell) -> Wait | End:
    """Enter the flow at its start."""
    run.node = flow.start
    return enter(flow, run, view, tell)


def enter(flow: Flow, run: FlowRun, view: View, tell: Tell) -> Wait | End:
    """Enter the current node (again): at the start, and when a restarted engine asks once more."""
    run.visits += 1
    return _walk(flow, run, view, flow.nodes[run.node].enter(view), tell)


def resume(flow: Flow, run: FlowRun, view: View, answer: Resume, tell: Tell) -> Wait | End:
    """Hand the answer of a wait to the node that waits, and go on."""
    return _walk(flow, run, view, flow.nodes[run.node].resume(view, run.state, answer), tell)


def _walk(flow: Flow, run: FlowRun, view: View, step: Step, tell: Tell) -> Wait | End:
    while isinstance(step, Leave):
        node = flow.nodes[run.node]
        tell("node", {"node": run.node, "exit": step.exit, **_facts(step.facts)})
        run.tags.update(step.tags)
        run.failure = step.failure or run.failure
        view = dataclasses.replace(view, tags=dict(run.tags))
        run.node, run.state = node.exits[step.exit], {}
        run.visits += 1
        if run.visits > NODE_VISITS_MAX:
            tell("flow_loops", {"node": run.node, "visits": run.visits, "limit": NODE_VISITS_MAX})
            return End(cause=LOOP_CAUSE)
        step = flow.nodes[run.node].enter(view)
    if isinstance(step, Pause):
        run.state = step.state
        tell("node", {"node": run.node, "waits": type(step.wait).__name__, **_facts(step.facts)})
        return step.wait
    tell("node", {"node": run.node, "hangs_up": step.cause})
    return step


def _facts(facts: Any) -> dict[str, Any]:
    return {"facts": dict(facts)} if facts else {}
