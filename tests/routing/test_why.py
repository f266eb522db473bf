"""Why a target gets no calls: how it stands, what the recent choices say, and what would help."""

from datetime import UTC, datetime

import pytest

from ppc_engine.catalog.model import Buyer, Campaign, Catalog
from ppc_engine.routing.why import RecentChoices, advice, standing
from ppc_engine.values.schedule import instant

MONDAY_NOON = instant(datetime(2026, 11, 23, 20, tzinfo=UTC))  # In Los Angeles.
HOURS = {"zone": "America/Los_Angeles", "monday": ["09:00-17:00"], "tuesday": ["09:00-17:00"]}


def network(buyer=None, campaign=None, **target):
    acme = Buyer.model_validate(
        {
            "id": "acme", "name": "Acme", "zone": "America/Los_Angeles",
            "targets": [{"id": "acme-la", "destination": "sip:la@10.0.0.1", **target}],
            "offers": [{"id": "acme-roofing", "campaign": "roofing", "amount": "40.00"}], **(buyer or {}),
        }
    )  # fmt: skip
    roofing = {"id": "roofing", "name": "Roofing", "flow": "roofing", "targets": ["acme-la"], **(campaign or {})}
    return Catalog(
        campaigns={"roofing": Campaign.model_validate(roofing)},
        publishers={},
        buyers={"acme": acme},
        targets={"acme-la": (acme, acme.targets[0])},
    )


def stands(at=MONDAY_NOON, used=None, paused=None, **network_of):
    return standing(network(**network_of), "acme-la", at, used=used, paused=paused)


def told(now, recent=None):
    return advice(now, recent or RecentChoices("acme-la", calls=5, choices=5, chosen=5), lambda at: f"<{at}>")


def test_nothing_stands_against_an_open_target_with_room():
    now = stands(hours=HOURS, concurrency_cap=2, used={"target:acme-la": (1, 0)})
    assert (now.blocked, now.is_open, now.campaigns) == ((), True, ("roofing",))
    assert told(now) == ["nothing stands against it: it gets the next call that it fits"]


def test_a_closed_target_says_when_it_opens():
    sunday = MONDAY_NOON - 24 * 3_600_000_000
    now = stands(sunday, hours=HOURS)
    opens = instant(datetime(2026, 11, 23, 17, tzinfo=UTC))
    assert (now.blocked, now.next_opening) == (("closed",), opens)
    assert told(now) == [f"it is closed (sunday closed): it opens <{opens}>"]
    assert stands(hours=HOURS).closes_at == instant(datetime(2026, 11, 24, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("network_of", "paused", "expected"),
    [
        ({"paused": True}, {}, "target acme-la is paused, in its file (remove paused from its target file)"),
        ({"buyer": {"paused": True}}, {}, "buyer acme is paused, in its file (remove paused from its buyer file)"),
        ({}, {"buyer:acme": "by ann: unpaid"}, "buyer acme is paused, by ann: unpaid (ppc buyer resume acme)"),
        ({}, {"target:acme-la": "by bo: down"}, "target acme-la is paused, by bo: down (ppc target resume acme-la)"),
    ],
)
def test_a_pause_says_by_whom_and_how_to_undo_it(network_of, paused, expected):
    now = standing(network(**network_of), "acme-la", MONDAY_NOON, paused=paused)
    assert now.blocked == ("paused",)
    assert told(now) == [expected]


def test_a_pause_of_somebody_else_is_none_of_its_business():
    assert stands(paused={"target:acme-ny": "by ann: x", "publisher:acme-la": "by ann: x"}).blocked == ()


def test_full_caps_say_how_full_and_when_they_reset():
    day = "buyer:acme/connect/day/2026-11-23-0800"
    month = "target:acme-la/revenue/month/2026-11-0700"
    now = stands(
        buyer={"caps": [{"calls": 50, "per": "day"}]},
        caps=[{"spend": "100.00", "per": "month"}],
        concurrency_cap=2,
        used={"target:acme-la": (2, 0), day: (50, 3), month: (70_000_000, 40_000_000)},
    )
    assert set(now.blocked) == {"concurrency_cap", "volume_cap", "spend_cap"}
    lines = dict.fromkeys(told(now))
    midnight = instant(datetime(2026, 11, 24, 8, tzinfo=UTC))
    december = instant(datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert "target:acme-la is full: 2 of 2 (raise it, or wait until a call ends)" in lines
    assert f"{day} is full: 50 of 50 (raise it, or wait until it resets <{midnight}>)" in lines
    assert f"{month} is full: 70.00 of 100.00 (raise it, or wait until it resets <{december}>)" in lines


def test_money_is_full_when_the_next_call_would_not_fit():
    month = "target:acme-la/revenue/month/2026-11-0700"
    caps = [{"spend": "100.00", "per": "month"}]
    assert stands(caps=caps, used={month: (60_000_000, 0)}).blocked == ()
    assert stands(caps=caps, used={month: (60_000_001, 0)}).blocked == ("spend_cap",)


def test_a_cap_smaller_than_one_call_never_lets_one_through():
    (line,) = told(stands(caps=[{"spend": "30.00", "per": "day"}], used={}))
    assert line.endswith("one call takes 40.00, the limit is 30.00 (raise it)")


def test_a_spread_cap_says_that_its_share_is_used():
    # Noon of an open day from nine to five: three of eight hours are over, and the minute that runs.
    now = stands(hours=HOURS, spread_caps=True, caps=[{"calls": 80, "per": "day", "counted": "attempt"}], used={
        "target:acme-la/attempt/day/2026-11-23-0800": (31, 0)
    })  # fmt: skip
    assert now.caps[0].limit == 31
    assert told(now) == [
        "target:acme-la/attempt/day/2026-11-23-0800: 31 of 80 by now, because it is spread over the open hours"
    ]


def test_a_target_that_no_campaign_lists_is_told_so():
    now = stands(campaign={"targets": []})
    assert told(now, RecentChoices("acme-la"))[0] == "no campaign lists it (add acme-la to the targets of a campaign)"


def choice(own_reasons=(), others=("zenith",), winner="zenith"):
    codes = [{"code": code, "measured": "", "limit": ""} for code in own_reasons]
    candidates = [{"target": "acme-la", "reasons": codes} if codes else {"target": "acme-la"}]
    return [*candidates, *({"target": name} for name in others)], winner


def test_recent_choices_are_counted_by_reason_and_by_who_won():
    recent = RecentChoices("acme-la", calls=6)
    recent.take(*choice(["out_of_area"]))
    recent.take(*choice(["out_of_area", "closed"]))
    recent.take(*choice([], winner="acme-la"))
    recent.take(*choice([]))
    recent.take(*choice(["already_tried"]))
    recent.take([{"target": "zenith"}], "zenith")
    assert (recent.choices, recent.chosen, recent.passed_over, recent.elsewhere) == (5, 1, 1, 1)
    assert (recent.reasons, recent.alone) == ({"out_of_area": 2, "closed": 1}, {"out_of_area": 1})
    assert recent.winners == {"zenith": 3}
    lines = told(stands(), recent)
    assert lines[0] == "callers came from elsewhere in 2 of 5 recent choices (out_of_area, 1 times for this alone)"
    assert lines[1] == "it was closed in 1 of 5 recent choices (closed)"
    assert lines[2] == (
        "in 1 of 5 it could have had the call and another was preferred (zenith 1): its priority is 1, its weight 100"
    )


def test_a_campaign_without_calls_is_told_so():
    assert told(stands(), RecentChoices("acme-la")) == ["no call of roofing came in that time"]
    early = RecentChoices("acme-la", calls=7)
    assert told(stands(), early) == ["none of 7 recent calls came to a choice that it is part of"]
