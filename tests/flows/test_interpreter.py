"""Flows call flows, come back by a named exit, and never run away; the run is plain data at every pause."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from ppc_engine.flows import interpreter
from ppc_engine.flows.interpreter import FlowRun
from ppc_engine.flows.model import STACK_MAX, TAG_CHARS_MAX, TAGS_MAX, Flow
from ppc_engine.flows.nodes import NODE_TYPES
from ppc_engine.flows.waits import End, PlayWait, Resume, Wait
from tests.flows.node_views import view

RUNS = TypeAdapter(FlowRun)


def flow(name: str, **nodes: dict[str, Any]) -> Flow:
    made = {key: NODE_TYPES[raw["type"]].model_validate(raw) for key, raw in nodes.items()}
    return Flow(id=name, start=next(iter(nodes)), nodes=made)


def flows(*known: Flow) -> dict[str, Flow]:
    return {one.id: one for one in known}


MAIN = flow(
    "main",
    place={"type": "subflow", "flow": "ask", "args": {"lang": "es"}, "exits": {"placed": "thanks", "lost": "bye"}},
    thanks={"type": "play", "prompt": "thanks", "exits": {"done": "bye"}},
    bye={"type": "hangup"},
)
ASK = flow(
    "ask",
    by_lang={
        "type": "branch",
        "cases": [{"if": "args.lang == 'es'", "exit": "es"}],
        "exits": {"es": "pregunta", "otherwise": "got"},
    },
    pregunta={"type": "play", "prompt": "pregunta", "exits": {"done": "got"}},
    got={"type": "return", "exit": "placed"},
)


class Walk:
    """A run that is saved and read back at every pause, with all it told."""

    def __init__(self, *known: Flow, **more: Any) -> None:
        self.flows = flows(*known)
        self.run = FlowRun(flow=known[0].id, **more)
        self.told: list[tuple[str, dict[str, Any]]] = []

    def start(self) -> Wait | End:
        return interpreter.start(self.flows, self.run, view(), self.tell)

    def resume(self) -> Wait | End:
        self.run = RUNS.validate_json(RUNS.dump_json(self.run))
        return interpreter.resume(self.flows, self.run, view(), Resume(), self.tell)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.told.append((kind, data))

    def path(self) -> list[str]:
        return [f"{data.get('flow', '-')}/{data['node']}" for kind, data in self.told if kind == "node"]


def test_subflow_sees_its_arguments_and_comes_back_by_the_exit_it_names() -> None:
    walk = Walk(MAIN, ASK)
    step = walk.start()
    assert isinstance(step, PlayWait) and step.prompt == "pregunta"
    assert (walk.run.where, walk.run.args, len(walk.run.stack)) == ("ask/pregunta", {"lang": "es"}, 1)
    step = walk.resume()
    assert isinstance(step, PlayWait) and step.prompt == "thanks"
    assert (walk.run.where, walk.run.args, walk.run.stack) == ("main/thanks", {}, [])
    assert walk.path() == [
        "-/place", "ask/by_lang", "ask/pregunta", "ask/pregunta", "ask/got", "-/place", "-/thanks"
    ]  # fmt: skip
    assert ("node", {"node": "place", "calls": "ask", "args": {"lang": "es"}}) in walk.told
    assert ("node", {"node": "place", "exit": "placed"}) in walk.told
    assert walk.resume() == End(cause="NORMAL_CLEARING")


def test_goto_forgets_who_called() -> None:
    leaving = flow("leaving", away={"type": "goto", "flow": "other", "node": "second"})
    other = flow("other", first={"type": "hangup"}, second={"type": "return", "exit": "placed"})
    caller = flow("caller", sub={"type": "subflow", "flow": "leaving", "exits": {"placed": "sub"}})
    walk = Walk(caller, leaving, other)
    assert walk.start() == End(cause=interpreter.RETURN_CAUSE)
    assert walk.run.stack == [] and walk.run.where == "other/second"


def test_flow_that_calls_itself_ends_the_call() -> None:
    walk = Walk(flow("deep", again={"type": "subflow", "flow": "deep", "exits": {"x": "again"}}))
    assert walk.start() == End(cause=interpreter.LOOP_CAUSE)
    assert len(walk.run.stack) == STACK_MAX and walk.told[-1][0] == "flow_loops"


def test_flow_that_only_loops_ends_the_call() -> None:
    loop = {"type": "match", "on": "state", "cases": {"a": ["CA"]}, "exits": {"a": "loop", "no_match": "loop"}}
    walk = Walk(flow("loop", loop=loop))
    assert walk.start() == End(cause=interpreter.LOOP_CAUSE)


def test_tags_are_bounded_in_number_and_length() -> None:
    setting = {"type": "set_tags", "tags": {"long": "x"}, "exits": {"done": "bye"}}
    walk = Walk(flow("f", setting=setting, bye={"type": "hangup"}), tags={f"t{n}": "" for n in range(TAGS_MAX - 1)})
    walk.start()
    assert len(walk.run.tags) == TAGS_MAX
    again = Walk(flow("f", setting=setting, bye={"type": "hangup"}), tags={f"t{n}": "" for n in range(TAGS_MAX)})
    again.start()
    assert "long" not in again.run.tags
    computed = {
        "type": "set_tags",
        "computed": {"long": "'" + "x" * 300 + "'"},
        "exits": dict.fromkeys(("done", "otherwise"), "bye"),
    }
    longer = Walk(flow("f", setting=computed, bye={"type": "hangup"}))
    longer.start()
    assert len(longer.run.tags["long"]) == TAG_CHARS_MAX
