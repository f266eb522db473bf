"""``ppc flow explain``: a flow in words, in the order in which a call meets its nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ppc_engine.cli.flow_picture import Box, exit_told, node_lines, picture
from ppc_engine.cli.flow_stage import known_flow
from ppc_engine.flows.model import Flow
from ppc_engine.storage.catalog_files import load_config
from ppc_engine.storage.places import load_places


@click.command("explain")
@click.argument("flow", metavar="FLOW")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config_dir: Path, flow: str, as_json: bool) -> None:
    """A flow in words: what each node does, and where each of its exits leads on what condition.

    \b
    Example:
      ppc flow explain roofing
    """
    config = load_config(config_dir, known_zips=load_places().zips)
    known_flow(config.flows, flow)
    told = explain_flow(config.flows, flow)
    if as_json:
        campaigns = [campaign.id for campaign in config.catalog.campaigns.values() if campaign.flow == flow]
        click.echo(json.dumps({"flow": flow, "campaigns": campaigns, "nodes": told}))
        return
    for line in _lines(flow, told):
        click.echo(line)


def explain_flow(flows: Mapping[str, Flow], flow: str) -> list[dict[str, Any]]:
    """Every node of the flow and of its sub-flows, as plain JSON; the order is that of a call, never reached last."""
    drawn = picture(flows, flow)
    order = {key: number for number, key in enumerate(_met(flows, flow))}
    boxes = sorted(drawn.boxes, key=lambda box: (drawn.groups.index(box.flow), order.get(box.key, len(order))))
    return [_node(flows, box) for box in boxes]


def _met(flows: Mapping[str, Flow], flow: str) -> Iterator[tuple[str, str]]:
    """Nodes in the order in which a walk along the first exits meets them, flow by flow."""
    for name in [flow, *(other for other in flows if other != flow)]:
        nodes = flows[name].nodes
        todo, seen = [flows[name].start], set()
        while todo:
            node = todo.pop(0)
            if node in seen or node not in nodes:
                continue
            seen.add(node)
            yield name, node
            todo = [*nodes[node].exits.values(), *todo]


def _node(flows: Mapping[str, Flow], box: Box) -> dict[str, Any]:
    node = flows[box.flow].nodes[box.name]
    return {
        "flow": box.flow,
        "node": box.name,
        "type": box.type,
        "does": list(node_lines(node)),
        "start": box.is_start,
        "reachable": box.reachable,
        "exits": [
            {"exit": name, "condition": exit_told(node, name).removeprefix(name).removeprefix(": "), "leads_to": to}
            for name, to in node.exits.items()
        ],
    }


def _lines(flow: str, told: list[dict[str, Any]]) -> Iterator[str]:
    current = ""
    for node in told:
        if node["flow"] != current:
            if current:
                yield ""
            current = node["flow"]
            yield f"flow {current}" if current == flow else f"sub-flow {current}"
        mark = " (start)" if node["start"] else "" if node["reachable"] else " (never reached)"
        does = f": {'; '.join(node['does'])}" if node["does"] else ""
        yield f"  {node['node']}{mark} - {node['type']}{does}"
        width = max((len(leaves["exit"]) for leaves in node["exits"]), default=0)
        for leaves in node["exits"]:
            condition = f"   when {leaves['condition']}" if leaves["condition"] else ""
            yield f"      {leaves['exit']:<{width}} -> {leaves['leads_to']}{condition}"
