"""Walk flows from node to node until one waits or the call ends. Pure: the run is plain data between any two steps.

The path taken comes out as decisions, one a node that was left, for the journal and for ``explain``. A sub-flow runs on
a stack of frames; ``goto`` forgets it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc_engine.flows.model import (
    NODE_VISITS_MAX,
    STACK_MAX,
    TAG_CHARS_MAX,
    TAGS_MAX,
    Back,
    Flow,
    Jump,
    Leave,
    Pause,
    Step,
    View,
)
from ppc_engine.flows.waits import End, Resume, Wait

LOOP_CAUSE = "NORMAL_TEMPORARY_FAILURE"
RETURN_CAUSE = "NORMAL_CLEARING"  # A `return` where nothing called: the flow is simply over.

Flows = Mapping[str, Flow]


@dataclass(slots=True)
class Frame:
    """A flow that waits for its sub-flow, at the node that called it."""

    flow: str
    node: str
    args: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FlowRun:
    """Where one call stands in its flow: plain JSON. ``visits`` counts nodes entered over the whole call.

    ``failure`` is the call's outcome if it ends here without having been connected, "" for none. ``root`` is the flow
    of the campaign; ``stack`` are the callers of the sub-flow that runs, outermost first.
    """

    flow: str
    node: str = ""
    visits: int = 0
    failure: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    root: str = ""
    args: dict[str, str] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)
    stack: list[Frame] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The node that the call stands at, as "flow/node"."""
        return f"{self.flow}/{self.node}"


Tell = Callable[[str, dict[str, Any]], None]


def start(flows: Flows, run: FlowRun, view: View, tell: Tell) -> Wait | End:
    """Enter the flow of the run at its start."""
    run.root, run.node = run.flow, flows[run.flow].start
    return enter(flows, run, view, tell)


def enter(flows: Flows, run: FlowRun, view: View, tell: Tell) -> Wait | End:
    """Enter the current node (again): at the start, and when a restarted engine asks once more."""
    run.visits += 1
    return _walk(flows, run, view, _enter(flows, run, view), tell)


def resume(flows: Flows, run: FlowRun, view: View, answer: Resume, tell: Tell) -> Wait | End:
    """Hand the answer of a wait to the node that waits, and go on."""
    step = flows[run.flow].nodes[run.node].resume(_at(run, view), run.state, answer)
    return _walk(flows, run, view, step, tell)


def _walk(flows: Flows, run: FlowRun, view: View, step: Step, tell: Tell) -> Wait | End:
    while isinstance(step, (Leave, Jump, Back)):
        if run.visits >= NODE_VISITS_MAX or (isinstance(step, Jump) and len(run.stack) >= STACK_MAX):
            tell("flow_loops", {**_node(run), "visits": run.visits, "limit": NODE_VISITS_MAX})
            return End(cause=LOOP_CAUSE)
        if isinstance(step, Back) and not run.stack:
            tell("node", {**_node(run), "hangs_up": RETURN_CAUSE})
            return End(cause=RETURN_CAUSE)
        _move(flows, run, step, tell)
        run.visits += 1
        step = _enter(flows, run, view)
    if isinstance(step, Pause):
        run.state = step.state
        tell("node", {**_node(run), "waits": type(step.wait).__name__, **_facts(step.facts)})
        return step.wait
    tell("node", {**_node(run), "hangs_up": step.cause})
    return step


def _move(flows: Flows, run: FlowRun, step: Leave | Jump | Back, tell: Tell) -> None:
    """Stand at the next node."""
    if isinstance(step, Jump):
        args = {"args": dict(step.args)} if step.args else {}
        tell("node", {**_node(run), "calls" if step.comes_back else "goes_to": step.flow, **args})
        if step.comes_back:
            run.stack.append(Frame(run.flow, run.node, run.args))
        else:
            run.stack.clear()
        run.flow, run.node, run.args = step.flow, step.node or flows[step.flow].start, dict(step.args)
    else:
        tell("node", {**_node(run), "exit": step.exit, **_facts(getattr(step, "facts", None))})
        if isinstance(step, Back):
            frame = run.stack.pop()
            run.flow, run.node, run.args = frame.flow, frame.node, frame.args
            tell("node", {**_node(run), "exit": step.exit})
        else:
            _learn(run, step)
        run.node = flows[run.flow].nodes[run.node].exits[step.exit]
    run.state = {}


def _learn(run: FlowRun, step: Leave) -> None:
    for name, value in step.tags.items():
        if name in run.tags or len(run.tags) < TAGS_MAX:
            run.tags[name] = value[:TAG_CHARS_MAX]
    if step.history:
        run.history = dict(step.history)
    run.failure = step.failure or run.failure


def _enter(flows: Flows, run: FlowRun, view: View) -> Step:
    return flows[run.flow].nodes[run.node].enter(_at(run, view))


def _at(run: FlowRun, view: View) -> View:
    """What the node that the call stands at may look at."""
    return dataclasses.replace(
        view, tags=dict(run.tags), args=dict(run.args), history=dict(run.history), where=run.where
    )


def _node(run: FlowRun) -> dict[str, str]:
    """The node, with its flow where that is not the campaign's own."""
    return {"node": run.node} if run.flow == (run.root or run.flow) else {"flow": run.flow, "node": run.node}


def _facts(facts: Any) -> dict[str, Any]:
    return {"facts": dict(facts)} if facts else {}
