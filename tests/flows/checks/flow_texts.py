"""Small flows as text, for tests of one check at a time: what it says, word by word, and that it is silent else."""

from collections.abc import Callable, Iterator, Mapping

from ppc_engine.catalog.load import load_catalog
from ppc_engine.catalog.model import Catalog
from ppc_engine.flows.checks.case import FlowCase
from ppc_engine.flows.load import read_flows
from ppc_engine.storage.strict_yaml import parse_yaml
from ppc_engine.values.document import Document
from ppc_engine.values.errors import Issue
from ppc_engine.values.places import places_of
from tests.catalog.catalog_texts import documents

PLACES = places_of({"90001": "CA", "90002": "CA", "90003": "CA", "75201": "TX", "89101": "NV", "89102": "NV"})
SOLD = "ended: bye, no_match: bye, all_closed: bye, all_capped: bye, all_no_answer: bye, recovered_none: bye"
BYE = "bye: {type: hangup}"


def flow(name: str, start: str, *nodes: str) -> str:
    """A flow of nodes, a line each; the nodes begin on line 4."""
    return f"id: {name}\nstart: {start}\nnodes:\n" + "".join(f"  {node}\n" for node in nodes)


def read(text: str, file: str) -> Document:
    document, issues = parse_yaml(file, text.encode())
    assert document is not None, issues
    return document


def catalog_of(texts: Mapping[str, str]) -> Catalog:
    catalog, issues = load_catalog(documents(texts), flows=None)
    assert catalog is not None, issues
    return catalog


def case_of(*flows: str, catalog: Catalog | None = None, **known) -> FlowCase:
    """The flows as a case. They must be without errors of their own, so that nothing but the check speaks."""
    drafts = read_flows(
        [read(text, f"{text.split()[1]}.yaml") for text in flows],
        targets=catalog.targets if catalog else (),
        prompts=None,
    )  # Lists are not looked for: what they hold is what matters here.
    assert [issue for draft in drafts for issue in draft.issues] == []
    return FlowCase(drafts={draft.id: draft for draft in drafts}, catalog=catalog, **known)


def told(check: Callable[[FlowCase], Iterator[Issue]], *flows: str, catalog: Catalog | None = None, **known):
    """What a check says, a line an issue."""
    return [str(issue) for issue in sorted(check(case_of(*flows, catalog=catalog, **known)))]
