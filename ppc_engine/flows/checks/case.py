"""What the checks of flows may look at: every flow that could be read, and as much of the rest as is known."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field

from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Target
from ppc_engine.flows.checks.graph import entries
from ppc_engine.flows.drafts import FlowDraft
from ppc_engine.flows.hunting import HuntingNode
from ppc_engine.flows.model import Node
from ppc_engine.values.document import Document, Path
from ppc_engine.values.errors import Issue
from ppc_engine.values.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCase:
    """``catalog`` is None while it has errors of its own, ``places`` where nobody knows them.

    ``prompt_ms`` are lengths of prompts, as far as their files are on this machine; ``lists`` by lists/NAME.txt;
    ``own_numbers`` are our tracking numbers, ``lookup_hosts`` the servers that may be asked (None: not known).
    """

    drafts: Mapping[str, FlowDraft]
    catalog: Catalog | None = None
    places: Places | None = None
    prompt_ms: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, Document] = field(default_factory=dict)
    own_numbers: Container[str] = ()
    lookup_hosts: Collection[str] | None = None

    def issue(self, place: tuple[str, str], message: str, severity: str = "error", path: Path = ()) -> Issue:
        """An issue at a node, or at a path within it."""
        flow, name = place
        return self.drafts[flow].document.issue(("nodes", name, *path), message, severity)

    def node(self, place: tuple[str, str]) -> Node:
        """The node at a place."""
        return self.drafts[place[0]].nodes[place[1]]

    def entries(self) -> list[str]:
        """Flows that a call may begin with."""
        return entries(self.drafts, self.campaign_flows())

    def campaign_flows(self) -> list[str]:
        """Flows of campaigns, in order, each once."""
        return list(dict.fromkeys(campaign.flow for campaign in self.campaigns()))

    def campaigns(self) -> list[Campaign]:
        """Campaigns whose flow could be read."""
        found = self.catalog.campaigns.values() if self.catalog else ()
        return [campaign for campaign in found if campaign.flow in self.drafts]

    def offered(self, campaign: Campaign, node: Node) -> Iterator[tuple[Buyer, Target]]:
        """The targets that a node offers a campaign's calls to: those that it names, else all of the campaign."""
        assert self.catalog is not None
        named = [name for name in node.target_names().values() if name in self.catalog.targets]
        for name in named or campaign.targets:
            yield self.catalog.targets[name]


def routes(node: Node) -> bool:
    """Whether a node offers the call to targets."""
    return isinstance(node, HuntingNode)
