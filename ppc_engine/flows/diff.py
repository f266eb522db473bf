"""What changed between two sets of flows, in words: nodes that came and went, and ways that lead elsewhere now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ppc_engine.flows.model import Flow, Node
from ppc_engine.values.differences import Change, differences, sentence, told


def flow_changes(before: Mapping[str, Flow], after: Mapping[str, Flow]) -> list[Change]:
    """Everything that differs between flows, by flow and node."""
    found: list[Change] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            found.append(Change(kind="flow", name=name, topic="paths", what=f"is new: {_counted(new)}"))
        elif new is None and old is not None:
            found.append(Change(kind="flow", name=name, topic="paths", what=f"is gone: {_counted(old)}"))
        elif old is not None and new is not None:
            found += _flow(name, old, new)
    return found


def _counted(flow: Flow) -> str:
    return f"{len(flow.nodes)} node{'' if len(flow.nodes) == 1 else 's'}, begins at {flow.start}"


def _flow(name: str, before: Flow, after: Flow) -> Iterator[Change]:
    if before.start != after.start:
        what = f"begins at {after.start} now (was {before.start})"
        yield Change(
            kind="flow", name=name, topic="paths", what=what, field="start", before=before.start, after=after.start
        )
    for node in sorted({*before.nodes, *after.nodes}):
        place = f"{name}/{node}"
        old, new = before.nodes.get(node), after.nodes.get(node)
        if old is None and new is not None:
            yield Change(kind="node", name=place, topic="paths", what=f"is new: {_described(new)}")
        elif new is None and old is not None:
            yield Change(kind="node", name=place, topic="paths", what=f"is gone: {_described(old)}")
        elif old is not None and new is not None and type(old) is not type(new):
            what = f"is a {_described(new)} now (was a {_described(old)})"
            yield Change(kind="node", name=place, topic="paths", what=what, field="type")
        elif old is not None and new is not None:
            yield from _node(place, old, new)


def _node(place: str, before: Node, after: Node) -> Iterator[Change]:
    for leaves in sorted({*before.exits, *after.exits}):
        old, new = before.exits.get(leaves, ""), after.exits.get(leaves, "")
        if old == new:
            continue
        if not old:
            what = f"exit {leaves} is new and leads to {new}"
        elif not new:
            what = f"exit {leaves} is gone (led to {old})"
        else:
            what = f"exit {leaves} leads to {new} now (was {old})"
        yield Change(kind="node", name=place, topic="paths", what=what, field=f"exits.{leaves}", before=old, after=new)
    for path, was, now in differences(before, after, skip=("exits",)):
        topic = "hours" if path[0] == "hours" else "paths"
        before_told, after_told = told(path[-1], was), told(path[-1], now)
        yield Change(
            kind="node", name=place, topic=topic, what=sentence(path, was, now), field=".".join(path),
            before=before_told, after=after_told,
        )  # fmt: skip


def _described(node: Node) -> str:
    ways = ", ".join(f"{leaves} to {node.exits[leaves]}" for leaves in sorted(node.exits))
    return f"{getattr(node, 'type', type(node).__name__)}{f' ({ways})' if ways else ''}"
