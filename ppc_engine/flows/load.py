"""Documents -> flows, or every issue in them: nothing half-valid reaches a call.

Here is what a call would stumble over: names that do not exist (targets, prompts, lists, flows and their exits), and
prompts played to a call that may not have been answered (many carriers pass no digits before a 200 OK). What works but
is a mistake is found by flows/checks.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.flows.checks import answered, subflows
from ppc_engine.flows.drafts import FlowDraft, read_draft
from ppc_engine.flows.model import Flow, Node
from ppc_engine.flows.waits import RINGING
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue

SUGGESTIONS_MAX = 20  # In one file: each compares with every name there is.


def load_flows(
    documents: Iterable[Document],
    *,
    targets: Container[str],
    prompts: Container[str] | None,
    lists: Container[str] | None = None,
    unread: Collection[str] = (),
) -> tuple[dict[str, Flow], list[Issue]]:
    """Every flow that is right and every issue of those that are not. ``prompts`` or ``lists`` None: not checked."""
    drafts = read_flows(documents, targets=targets, prompts=prompts, lists=lists, unread=unread)
    flows = {flow.id: flow for draft in drafts if (flow := draft.flow()) is not None}
    return flows, [issue for draft in drafts for issue in draft.issues]


def read_flows(
    documents: Iterable[Document],
    *,
    targets: Container[str],
    prompts: Container[str] | None,
    lists: Container[str] | None = None,
    unread: Collection[str] = (),
) -> list[FlowDraft]:
    """Drafts of all flows, with what is wrong in each. ``unread`` are flows whose file could not be read."""
    drafts = [read_draft(document) for document in documents]
    by_id: dict[str, FlowDraft] = {}
    for draft in drafts:
        if draft.id and by_id.setdefault(draft.id, draft) is not draft:
            draft.say(("id",), f'a second flow "{draft.id}"; rename one of the two')
    known: dict[str, Container[str] | None] = {"target": targets, "prompt": prompts, "list": lists}
    for draft in drafts:
        _check_names(draft, {**known, "flow": {*by_id, *unread}})
    subflows.check_calls(by_id)
    answered.check(by_id)
    return drafts


def _check_names(draft: FlowDraft, known: Mapping[str, Container[str] | None]) -> None:
    """What a node names exists."""
    said = 0
    for name, node in draft.nodes.items():
        for kind, path, word in _names(node):
            choices = known[kind]
            if choices is None or word in choices:
                continue
            said += 1
            likely = choices if isinstance(choices, Iterable) and said <= SUGGESTIONS_MAX else ()
            draft.say(("nodes", name, *path), f'no {kind} "{word}"{did_you_mean(word, likely)}')


def _names(node: Node) -> list[tuple[str, Path, str]]:
    return [
        *(("target", path, word) for path, word in node.target_names().items()),
        *(("prompt", path, word) for path, word in node.prompt_names().items() if word != RINGING),
        *(("list", path, word) for path, word in node.list_names().items()),
        *(("flow", path, word) for path, word in node.flow_names().items()),
    ]
