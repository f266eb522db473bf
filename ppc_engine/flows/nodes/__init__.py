"""The node types, one file each. A type exists when it stands in this table; the loader and the tests walk it."""

from __future__ import annotations

from ppc_engine.flows.model import Node
from ppc_engine.flows.nodes.answer import AnswerNode
from ppc_engine.flows.nodes.collect_zip import CollectZipNode
from ppc_engine.flows.nodes.hangup import HangupNode
from ppc_engine.flows.nodes.match import MatchNode
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from ppc_engine.flows.nodes.play import PlayNode
from ppc_engine.flows.nodes.route import RouteNode

NODE_TYPES: dict[str, type[Node]] = {
    "answer": AnswerNode,
    "collect_zip": CollectZipNode,
    "hangup": HangupNode,
    "match": MatchNode,
    "open_hours": OpenHoursNode,
    "play": PlayNode,
    "route": RouteNode,
}
