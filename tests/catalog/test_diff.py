"""What a person reads when two catalogs are compared."""

from __future__ import annotations

from typing import Any

import pytest

from ppc_engine.catalog.diff import catalog_changes, plain
from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher
from ppc_engine.values.differences import TOPICS

TARGET = {
    "id": "acme-la",
    "destination": "+13105550123",
    "gateway": "carrier",
    "concurrency_cap": 2,
    "ring_ms_max": 20_000,
    "area": {"zips": ["90210"], "states": ["CA"]},
    "hours": {"zone": "America/Los_Angeles", "monday": ["09:00-17:00"]},
}
OFFER = {"id": "acme-roofing", "campaign": "roofing", "amount": "40.00", "connected_ms_min": 90_000}


def catalog(
    target: dict[str, Any] | None = None,
    offer: dict[str, Any] | None = None,
    buyer: dict[str, Any] | None = None,
    campaign: dict[str, Any] | None = None,
    targets: tuple[dict[str, Any], ...] | None = None,
    **parts: Any,
) -> Catalog:
    rows = targets if targets is not None else ({**TARGET, **(target or {})},)
    acme = Buyer.model_validate(
        {
            "id": "acme", "name": "Acme", "zone": "UTC", "targets": rows, "offers": [{**OFFER, **(offer or {})}],
            **(buyer or {}),
        }
    )  # fmt: skip
    roofing = {"id": "roofing", "name": "Roofing", "flow": "roofing", "targets": [row["id"] for row in rows]}
    return Catalog(
        campaigns={"roofing": Campaign.model_validate({**roofing, **(campaign or {})})},
        publishers={"peak": Publisher.model_validate({"id": "peak", "name": "Peak", "zone": "UTC"})},
        buyers={"acme": acme},
        targets={t.id: (acme, t) for t in acme.targets},
        **parts,
    )


def told(before: Catalog, after: Catalog) -> list[str]:
    changes = catalog_changes(before, after)
    assert {change.topic for change in changes} <= set(TOPICS)
    assert all(
        set(plain(change)) == {"kind", "name", "topic", "what", "field", "before", "after"} for change in changes
    )
    return [f"{change.topic}: {change}" for change in changes]


def test_equal_catalogs_have_no_changes() -> None:
    assert told(catalog(), catalog()) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"target": {"concurrency_cap": 4}}, "caps: target acme-la: calls at once is now 4 (was 2)"),
        ({"target": {"concurrency_cap": None}}, "caps: target acme-la: calls at once is now none (was 2)"),
        ({"target": {"ring_ms_max": 92_500}}, "targets: target acme-la: ring time is now 1 min 32.5 s (was 20 s)"),
        ({"target": {"paused": True}}, "targets: target acme-la: is paused now"),
        (
            {"target": {"hours": {**TARGET["hours"], "monday": ["08:00-12:00", "13:00-17:00"]}}},
            "hours: target acme-la: hours monday is now 08:00-12:00, 13:00-17:00 (was 09:00-17:00)",
        ),
        (
            {"target": {"hours": {**TARGET["hours"], "sunday": ["10:00-12:00"]}}},
            "hours: target acme-la: hours sunday is now 10:00-12:00 (was closed)",
        ),
        (
            {"target": {"area": {"zips": ["90210"], "states": ["NV", "TX"]}}},
            "places: target acme-la: area states gained NV, TX; lost CA",
        ),
        (
            {"target": {"area": {"zips": [str(zip_code) for zip_code in range(90_201, 90_211)], "states": ["CA"]}}},
            "places: target acme-la: area zips gained 90201, 90202, 90203, 90204, 90205, 90206, 90207, 90208 "
            "and 1 more",
        ),
        ({"target": {"caps": [{"calls": 50, "per": "day"}]}},
         "caps: target acme-la: is capped now at 50 calls connected a day"),
        ({"offer": {"amount": "45.50"}}, "prices: offer acme-roofing: amount is now 45.50 (was 40.00)"),
        ({"offer": {"connected_ms_min": 60_000}},
         "prices: offer acme-roofing: length that pays is now 1 min (was 1 min 30 s)"),
        ({"buyer": {"zone": "America/Denver"}}, "hours: buyer acme: zone is now America/Denver (was UTC)"),
        ({"campaign": {"flow": "short"}}, "paths: campaign roofing: flow is now short (was roofing)"),
        ({"campaign": {"margin_min": "2.00"}}, "prices: campaign roofing: least margin is now 2.00 (was none)"),
        (
            {"lists": {"lists/west.txt": frozenset({"90210", "90211"})}},
            "lists: list lists/west.txt: is new: 2 entries",
        ),
    ],
)  # fmt: skip
def test_one_change_is_one_line(changed: dict[str, Any], words: str) -> None:
    assert told(catalog(), catalog(**changed)) == [words]


def test_a_cap_with_another_limit_is_the_same_cap() -> None:
    def caps(*listed: dict[str, Any]) -> Catalog:
        return catalog(target={"caps": listed})

    by_day, by_month = {"calls": 50, "per": "day"}, {"spend": "2500.00", "per": "month"}
    assert told(caps(by_day, by_month), caps(by_month, {**by_day, "calls": 1_060})) == [
        "caps: target acme-la: may have 1,060 calls connected a day now (was 50)"
    ]
    assert told(caps(by_day, by_month), caps({**by_day, "counted": "attempt"})) == [
        "caps: target acme-la: is no longer capped at 50 calls connected a day",
        "caps: target acme-la: is capped now at 50 calls tried a day",
        "caps: target acme-la: is no longer capped at 2500.00 of money a month",
    ]


def test_targets_that_come_and_go_are_told_with_who_and_where() -> None:
    other = {"id": "acme-sf", "destination": "sip:sf@10.0.0.1", "priority": 3}
    assert told(catalog(), catalog(targets=(TARGET, other))) == [
        "targets: target acme-sf: is new: of buyer acme, rings sip:sf@10.0.0.1, priority 3, weight 100",
        "paths: campaign roofing: targets gained acme-sf",
    ]
    assert [line.split(":")[2] for line in told(catalog(targets=(TARGET, other)), catalog())] == [
        " is gone",
        " targets lost acme-sf",
    ]


def test_a_target_of_another_buyer_is_the_same_target() -> None:
    before = catalog()
    zenith = Buyer.model_validate({"id": "zenith", "name": "Zenith", "zone": "UTC", "targets": [TARGET]})
    after = Catalog(
        campaigns=before.campaigns,
        publishers=before.publishers,
        buyers={**before.buyers, "zenith": zenith},
        targets={"acme-la": (zenith, zenith.targets[0])},
    )
    assert told(before, after) == [
        "other: buyer zenith: is new",
        "targets: target acme-la: belongs to buyer zenith now (was acme)",
    ]


def test_a_changed_list_is_told_once_and_not_for_every_target_that_names_it() -> None:
    def with_list(*zips: str) -> Catalog:
        lists = {"lists/west.txt": frozenset(zips)}
        area = {"zips_file": "lists/west.txt", "zips": zips}
        rows = tuple({**TARGET, "id": f"acme-{number}", "area": area} for number in range(5))
        return catalog(targets=rows, lists=lists)

    assert told(with_list("90210", "90211"), with_list("90211", "90212")) == [
        "lists: list lists/west.txt: gained 90212; lost 90210 (2 entries now)"
    ]
