"""The node types, one file each. A type exists when it stands in this table; the loader and the tests walk it."""

from __future__ import annotations

from ppc_engine.flows.model import Node
from ppc_engine.flows.nodes.answer import AnswerNode
from ppc_engine.flows.nodes.block import BlockNode
from ppc_engine.flows.nodes.branch import BranchNode
from ppc_engine.flows.nodes.caller_history import CallerHistoryNode
from ppc_engine.flows.nodes.collect_digits import CollectDigitsNode
from ppc_engine.flows.nodes.collect_zip import CollectZipNode
from ppc_engine.flows.nodes.dial import DialNode
from ppc_engine.flows.nodes.goto import GotoNode
from ppc_engine.flows.nodes.hangup import HangupNode
from ppc_engine.flows.nodes.lookup import LookupNode
from ppc_engine.flows.nodes.match import MatchNode
from ppc_engine.flows.nodes.menu import MenuNode
from ppc_engine.flows.nodes.open_hours import OpenHoursNode
from ppc_engine.flows.nodes.play import PlayNode
from ppc_engine.flows.nodes.queue import QueueNode
from ppc_engine.flows.nodes.record import RecordNode
from ppc_engine.flows.nodes.returning import ReturnNode
from ppc_engine.flows.nodes.route import RouteNode
from ppc_engine.flows.nodes.say import SayNode
from ppc_engine.flows.nodes.set_tags import SetTagsNode
from ppc_engine.flows.nodes.split import SplitNode
from ppc_engine.flows.nodes.subflow import SubflowNode
from ppc_engine.flows.nodes.voicemail import VoicemailNode

NODE_TYPES: dict[str, type[Node]] = {
    "answer": AnswerNode,
    "block": BlockNode,
    "branch": BranchNode,
    "caller_history": CallerHistoryNode,
    "collect_digits": CollectDigitsNode,
    "collect_zip": CollectZipNode,
    "dial": DialNode,
    "goto": GotoNode,
    "hangup": HangupNode,
    "lookup": LookupNode,
    "match": MatchNode,
    "menu": MenuNode,
    "open_hours": OpenHoursNode,
    "play": PlayNode,
    "queue": QueueNode,
    "record": RecordNode,
    "return": ReturnNode,
    "route": RouteNode,
    "say": SayNode,
    "set_tags": SetTagsNode,
    "split": SplitNode,
    "subflow": SubflowNode,
    "voicemail": VoicemailNode,
}
