"""One document -> the draft of a flow: what of it can be read, and everything wrong with its shape.

A draft with mistakes is kept, so that the checks can look at the rest of it and one slip hides no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from ppc_engine.catalog.issues import did_you_mean, nearest, quoted, validation_issues
from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import NODES_MAX, Flow, Node
from ppc_engine.flows.nodes import NODE_TYPES
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

FLOW_KEYS = ("id", "start", "nodes")
OPTIONAL_KEYS = ("patience_ms_max",)
PATIENCE_MS_MAX = 300_000  # A caller who was promised help and heard nobody for five minutes has hung up.

_SLUG: TypeAdapter[str] = TypeAdapter(Slug)
_PATIENCE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1_000, le=3_600_000)])


@dataclass(slots=True)
class FlowDraft:
    """A flow as far as it can be read. ``whole``: no node and no way is missing from the graph."""

    document: Document
    id: str = ""
    start: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    whole: bool = True
    patience_ms_max: int = PATIENCE_MS_MAX
    issues: list[Issue] = field(default_factory=list)

    def say(self, path: Path, message: str, severity: str = "error") -> None:
        """Something is wrong at a path of the file."""
        self.issues.append(self.document.issue(path, message, severity))

    def ways(self, name: str) -> list[tuple[str, str]]:
        """(exit, node) of every way out of a node that leads to a node of this flow."""
        wanted = self.nodes[name].exit_names()
        return [(exit, to) for exit, to in self.nodes[name].exits.items() if exit in wanted and to in self.nodes]

    def flow(self) -> Flow | None:
        """The flow that calls walk; None when anything is an error."""
        if any(issue.severity == "error" for issue in self.issues):
            return None
        return Flow(id=self.id, start=self.start, nodes=self.nodes)


def read_draft(document: Document) -> FlowDraft:
    """Known keys, names, node types and values, and exits that exist and lead somewhere."""
    draft = FlowDraft(document)
    data = document.data
    if not isinstance(data, dict):
        draft.say((), 'a flow is a block of "id:", "start:" and "nodes:"')
        draft.whole = False
        return draft
    _check_keys(draft, data)
    flow_id, start, raw_nodes = (data.get(key) for key in FLOW_KEYS)
    if flow_id is not None and _valid(draft, _SLUG, ("id",), flow_id):
        draft.id = flow_id
    if "patience_ms_max" in data and _valid(draft, _PATIENCE, ("patience_ms_max",), data["patience_ms_max"]):
        draft.patience_ms_max = _PATIENCE.validate_python(data["patience_ms_max"])
    if raw_nodes is None:
        draft.whole = False
    elif not isinstance(raw_nodes, dict) or not raw_nodes:
        draft.say(("nodes",), 'needs a block of nodes ("name: {type: ..., exits: {...}}")')
        draft.whole = False
    elif len(raw_nodes) > NODES_MAX:
        draft.say(("nodes",), f"{len(raw_nodes)} nodes; at most {NODES_MAX} (split the flow)")
        draft.whole = False
    else:
        _read_nodes(draft, raw_nodes, start)
    return draft


def _check_keys(draft: FlowDraft, data: Mapping[str, Any]) -> None:
    known = (*FLOW_KEYS, *OPTIONAL_KEYS)
    unknown = [key for key in data if key not in known]
    for key in unknown:
        draft.say((key,), f"unknown key {quoted(key)}{did_you_mean(key, known)}")
    misspelt = {nearest(key, known) for key in unknown}
    for key in FLOW_KEYS:
        if key not in data and key not in misspelt:  # One slip of the finger is one issue.
            draft.say((), f'a flow needs "{key}:"')


def _read_nodes(draft: FlowDraft, raw_nodes: Mapping[str, Any], start: Any) -> None:
    for name, raw in raw_nodes.items():
        node = _node(draft, name, raw)
        if node is not None:
            draft.nodes[name] = node
    draft.whole = len(draft.nodes) == len(raw_nodes)
    for name, node in draft.nodes.items():
        _check_exits(draft, name, node, raw_nodes)
    if isinstance(start, str) and start in raw_nodes:
        draft.start = start if start in draft.nodes else ""
    else:
        draft.whole = False
        if start is not None:
            draft.say(("start",), f"no node {quoted(start)}{did_you_mean(start, raw_nodes)}")


def _valid(draft: FlowDraft, adapter: TypeAdapter[Any], path: Path, value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        draft.issues += validation_issues(draft.document, error, path)
        return False
    return True


def _node(draft: FlowDraft, name: str, raw: Any) -> Node | None:
    path: Path = ("nodes", name)
    _valid(draft, _SLUG, path, name)
    if not isinstance(raw, dict):
        draft.say(path, 'a node is a block ("{type: play, prompt: welcome, exits: {done: next}}")')
        return None
    kind = raw.get("type")
    node_type = NODE_TYPES.get(kind) if isinstance(kind, str) else None
    if node_type is None:
        told = f"no node type {quoted(kind)}" if kind is not None else "a node needs a type"
        draft.say((*path, "type"), f"{told}{did_you_mean(kind, NODE_TYPES) or '; known: ' + ', '.join(NODE_TYPES)}")
        return None
    try:
        return node_type.model_validate(raw)
    except ValidationError as error:
        draft.issues += validation_issues(draft.document, error, path, model=node_type)
        return None


def _check_exits(draft: FlowDraft, name: str, node: Node, names: Mapping[str, Any]) -> None:
    path: Path = ("nodes", name, "exits")
    wanted = node.exit_names()
    for exit_name in sorted(wanted - set(node.exits)):
        draft.say(path, f'exit "{exit_name}" leads nowhere; add "{exit_name}: <node>"')
        draft.whole = False
    for exit_name, leads_to in node.exits.items():
        if exit_name not in wanted:
            draft.say((*path, exit_name), f'there is no exit "{exit_name}"{did_you_mean(exit_name, wanted)}')
            draft.whole = False
        elif leads_to not in names:
            draft.say((*path, exit_name), f'no node "{leads_to}"{did_you_mean(leads_to, names)}')
            draft.whole = False
