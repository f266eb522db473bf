"""Documents -> flows, or every issue in them: nothing half-valid reaches a call.

Checked: known keys and types, exits that exist and lead somewhere, a start, targets and prompts that exist, and that no
prompt is played to a call that may not have been answered (many carriers pass no digits before a 200 OK).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ppc_engine.catalog.issues import did_you_mean, nearest, quoted, validation_issues
from ppc_engine.catalog.model import Slug
from ppc_engine.flows.model import NODES_MAX, Flow, Node
from ppc_engine.flows.nodes import NODE_TYPES
from ppc_engine.flows.nodes.collect_zip import CollectZipNode
from ppc_engine.flows.nodes.play import PlayNode
from ppc_engine.flows.nodes.route import RouteNode
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

FLOW_KEYS = ("id", "start", "nodes")
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)


def load_flows(
    documents: Iterable[Document], *, targets: Container[str], prompts: Container[str] | None
) -> tuple[dict[str, Flow], list[Issue]]:
    """Every flow that is right and every issue of those that are not. ``prompts`` None: names are not checked."""
    flows: dict[str, Flow] = {}
    issues: list[Issue] = []
    for document in documents:
        loader = _Loader(document, targets, prompts)
        flow = loader.load()
        if flow is not None and flow.id in flows:
            loader.say(("id",), f'a second flow "{flow.id}"; rename one of the two')
        elif flow is not None:
            flows[flow.id] = flow
        issues += loader.issues
    return flows, issues


class _Loader:
    """Reads one document; what is wrong collects in ``issues``."""

    def __init__(self, document: Document, targets: Container[str], prompts: Container[str] | None) -> None:
        self.document = document
        self.targets = targets
        self.prompts = prompts
        self.issues: list[Issue] = []

    def say(self, path: Path, message: str) -> None:
        self.issues.append(self.document.issue(path, message))

    def load(self) -> Flow | None:
        data = self.document.data
        if not isinstance(data, dict):
            self.say((), 'a flow is a block of "id:", "start:" and "nodes:"')
            return None
        unknown = [key for key in data if key not in FLOW_KEYS]
        for key in unknown:
            self.say((key,), f"unknown key {quoted(key)}{did_you_mean(key, FLOW_KEYS)}")
        misspelt = {nearest(key, FLOW_KEYS) for key in unknown}
        for key in FLOW_KEYS:
            if key not in data and key not in misspelt:  # One slip of the finger is one issue.
                self.say((), f'a flow needs "{key}:"')
        flow_id, start, raw_nodes = (data.get(key) for key in FLOW_KEYS)
        if flow_id is not None:
            self._check_slug(("id",), flow_id)
        if raw_nodes is None:
            return None
        if not isinstance(raw_nodes, dict) or not raw_nodes:
            self.say(("nodes",), 'needs a block of nodes ("name: {type: ..., exits: {...}}")')
            return None
        if len(raw_nodes) > NODES_MAX:
            self.say(("nodes",), f"{len(raw_nodes)} nodes; at most {NODES_MAX} (split the flow)")
            return None
        nodes = {name: node for name, raw in raw_nodes.items() if (node := self._node(name, raw)) is not None}
        for name, node in nodes.items():
            self._check_node(name, node, raw_nodes)
        if start is not None and start not in raw_nodes:
            self.say(("start",), f"no node {quoted(start)}{did_you_mean(start, raw_nodes)}")
        if self.issues or not isinstance(flow_id, str) or not isinstance(start, str):
            return None
        self._check_answered(start, nodes)
        return None if self.issues else Flow(id=flow_id, start=start, nodes=nodes)

    def _check_slug(self, path: Path, value: object) -> None:
        try:
            _SLUG.validate_python(value)
        except ValidationError as error:
            self.issues += validation_issues(self.document, error, path)

    def _node(self, name: str, raw: Any) -> Node | None:
        path: Path = ("nodes", name)
        self._check_slug(path, name)
        if not isinstance(raw, dict):
            self.say(path, 'a node is a block ("{type: play, prompt: welcome, exits: {done: next}}")')
            return None
        kind = raw.get("type")
        node_type = NODE_TYPES.get(kind) if isinstance(kind, str) else None
        if node_type is None:
            told = f"no node type {quoted(kind)}" if kind is not None else "a node needs a type"
            self.say((*path, "type"), f"{told}{did_you_mean(kind, NODE_TYPES) or '; known: ' + ', '.join(NODE_TYPES)}")
            return None
        try:
            return node_type.model_validate(raw)
        except ValidationError as error:
            self.issues += validation_issues(self.document, error, path, model=node_type)
            return None

    def _check_node(self, name: str, node: Node, names: Mapping[str, Any]) -> None:
        path: Path = ("nodes", name, "exits")
        wanted = node.exit_names()
        for exit_name in sorted(wanted - set(node.exits)):
            self.say(path, f'exit "{exit_name}" leads nowhere; add "{exit_name}: <node>"')
        for exit_name, leads_to in node.exits.items():
            if exit_name not in wanted:
                self.say((*path, exit_name), f'there is no exit "{exit_name}"{did_you_mean(exit_name, wanted)}')
            elif leads_to not in names:
                self.say((*path, exit_name), f'no node "{leads_to}"{did_you_mean(leads_to, names)}')
        if isinstance(node, RouteNode):
            for index, target in enumerate(node.targets):
                if target not in self.targets:
                    known = self.targets if isinstance(self.targets, Iterable) else ()
                    self.say(("nodes", name, "targets", index), f'no target "{target}"{did_you_mean(target, known)}')
        for key in ("prompt", "retry_prompt"):
            prompt = getattr(node, key, None) if isinstance(node, (PlayNode, CollectZipNode)) else None
            if prompt is not None and self.prompts is not None and prompt not in self.prompts:
                known = self.prompts if isinstance(self.prompts, Iterable) else ()
                self.say(("nodes", name, key), f'no prompt "{prompt}"{did_you_mean(prompt, known)}')

    def _check_answered(self, start: str, nodes: Mapping[str, Node]) -> None:
        """Follow every way from the start that passes no ``answer``; what needs one must not lie on it."""
        seen, todo = {start}, [start]
        while todo:
            name = todo.pop()
            node = nodes[name]
            if node.NEEDS_ANSWER:
                kind = getattr(node, "type", "")
                self.say(
                    ("nodes", name), f'{kind} needs an answered call, but "{name}" can be reached before an answer'
                )
            ways = () if node.ANSWERS or node.NEEDS_ANSWER else node.exits.values()
            for leads_to in ways:
                if leads_to not in seen:
                    seen.add(leads_to)
                    todo.append(leads_to)
