"""The example configuration: a whole network without a warning, whose flow tests pass."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.catalog.policies import Order
from ppc_engine.cli import run
from ppc_engine.flows.nodes import NODE_TYPES
from ppc_engine.storage.catalog_files import load_config
from ppc_engine.storage.places import load_places

EXAMPLE = Path(__file__).parents[1] / "config"


@pytest.fixture(scope="module")
def loaded():
    places = load_places()
    return load_config(EXAMPLE, known_zips=places.zips, places=places)


def test_it_is_a_network_of_some_size_without_a_warning(loaded):
    catalog = loaded.catalog
    counts = [len(part) for part in (catalog.campaigns, catalog.buyers, catalog.targets, catalog.publishers)]
    assert all(count >= least for count, least in zip(counts, (3, 20, 60, 12), strict=True)), counts
    assert len(loaded.flows) >= 5
    assert loaded.warnings == ()


def test_every_node_type_but_those_that_others_replace_is_in_some_flow(loaded):
    used = {type(node) for flow in loaded.flows.values() for node in flow.nodes.values()}
    assert {name for name, kind in NODE_TYPES.items() if kind not in used} <= {"match"}


def test_every_way_of_choosing_and_every_kind_of_cap_is_used(loaded):
    catalog = loaded.catalog
    routes = [node for flow in loaded.flows.values() for node in flow.nodes.values() if hasattr(node, "order")]
    orders = {campaign.order for campaign in catalog.campaigns.values()} | {node.order for node in routes}
    assert set(get_args(Order)) <= orders
    owners = [*catalog.buyers.values(), *catalog.publishers.values(), *catalog.campaigns.values()]
    owners += [*catalog.groups.values(), *(target for _, target in catalog.targets.values())]
    caps = [cap for owner in owners for cap in owner.caps]
    assert {cap.per for cap in caps} >= {"hour", "day", "week", "month"}
    assert {cap.counts for cap in caps} == {"attempt", "connect", "conversion"}
    assert any(cap.spend for cap in caps) and catalog.groups and catalog.trunks and catalog.lists


def test_its_numbers_belong_to_campaigns_and_publishers_with_an_offer(loaded):
    rows = csv.DictReader(io.StringIO((EXAMPLE / "numbers.csv").read_text()))
    numbers = [TrackingNumber.model_validate(row) for row in rows]
    assert max(Counter(number.number for number in numbers).values()) == 1
    assert {number.campaign for number in numbers} == set(loaded.catalog.campaigns)
    assert all(loaded.catalog.publisher_offer(number.publisher, number.campaign) for number in numbers)


def test_its_flow_tests_pass_and_visit_most_of_the_flows(capsys):
    assert run(["flow", "test", "--config", str(EXAMPLE), "--require-coverage", "80"]) == 0, capsys.readouterr().out
