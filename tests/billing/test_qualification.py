"""The leaves of the terms one by one, and what is told where several fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.billing.history import DAY_US, Conversion, History, Occasion, find_duplicate
from ppc_engine.billing.leaves import seconds, span
from ppc_engine.billing.qualification import judge, tracking_number
from ppc_engine.billing.verdict import Reason
from ppc_engine.catalog.model import Area
from tests.billing.traces import (
    ACME,
    CALLER,
    PEAK,
    ZENITH,
    Try,
    buyer,
    call,
    catalog,
    judge_all,
    money,
    offer,
    publisher,
    side,
    told,
    unique,
    us,
)

AT = "2026-05-04T12:00:00Z"
START = us(AT)
HOUR = 3_600_000_000


def judged(terms, cdr):
    return judge(cdr, terms, History())


# Length


@pytest.mark.parametrize(("length", "verdict"), [("89.999", "no"), ("90.000", "yes"), ("90.001", "yes")])
def test_a_length_is_compared_with_greater_or_equal(length, verdict):
    found = judged(catalog(ACME), call("1", AT, Try("acme", length), publisher=""))
    assert side(found, "buyer").verdict == verdict


def test_the_moment_of_conversion_is_when_the_length_was_reached():
    record = side(judged(catalog(ACME), call("1", AT, Try("acme", "300.000"), publisher="")), "buyer")
    assert (record.connected_at, record.converted_at) == (START + 10_000_000, START + 100_000_000)


def test_terms_without_a_length_still_need_a_connection():
    terms = catalog(buyer("acme", offer("acme", "40.00")), publisher("peak", offer("peak", "25.00")))
    found = judged(terms, call("1", AT, Try("acme", outcome="no_answer"), outcome="all_no_answer"))
    assert told(side(found, "buyer")) == "no: never connected (no_answer)"
    assert told(side(found, "publisher")) == "no: never connected (all_no_answer)"
    assert money(judged(terms, call("2", AT, Try("acme", "0.000")))) == ("40.00", "25.00", "15.00")


def test_a_call_that_dialled_nobody_has_a_publishers_record_alone():
    found = judged(catalog(ACME, PEAK), call("1", AT, outcome="zip_failed"))
    assert [(r.side, told(r)) for r in found.records] == [("publisher", "no: never connected (zip_failed)")]


def test_a_destination_of_our_own_buys_nothing_and_pays_nobody():
    found = judged(catalog(ACME, PEAK), call("1", AT, Try("acme"), Try("", "300.000", target="office")))
    assert [record.party for record in found.records] == ["acme", "peak"]
    assert told(side(found, "publisher")) == "no: never connected (sold_to_nobody)"
    alone = judged(catalog(ACME, PEAK), call("2", AT, Try("", "300.000", target="office")))
    assert [(record.party, record.verdict) for record in alone.records] == [("peak", "no")]


def test_a_call_to_an_unknown_number_has_no_record():
    assert judged(catalog(ACME, PEAK), call("1", AT, campaign="", publisher="")).records == ()


# Several attempts


def test_two_buyers_may_both_pay_and_the_publisher_is_paid_once():
    found = judged(catalog(ACME, ZENITH, PEAK), call("1", AT, Try("acme", "95.000"), Try("zenith", "95.000")))
    assert money(found) == ("85.00", "25.00", "60.00")
    assert side(found, "publisher").attempt_number == 1  # Both pay the same; ties go to the earlier attempt.


def test_one_buyer_pays_once_on_the_earlier_of_two_attempts_that_qualify():
    tries = Try("acme", "95.000", target="acme-2"), Try("acme", "300.000", target="acme-1")
    record = side(judged(catalog(ACME), call("1", AT, *tries, publisher="")), "buyer")
    assert (record.amount_micros, record.attempt_number, record.target) == (40_000_000, 1, "acme-2")


def test_every_connected_attempt_of_a_buyer_is_told_with_its_number():
    tries = Try("acme"), Try("acme", "50.000"), Try("acme", "70.000", target="acme-2")
    record = side(judged(catalog(ACME), call("1", AT, *tries, publisher="")), "buyer")
    assert [(r.code, r.attempt, r.measured) for r in record.reasons] == [
        ("too_short", 2, 50_000),
        ("too_short", 3, 70_000),
    ]
    assert (record.target, record.attempt_number, record.connected_at > 0) == ("acme-2", None, True)


def test_a_buyer_without_terms_pays_nothing_and_it_is_said():
    terms = catalog(buyer("acme", offer("acme", "40.00", campaign="plumbing")))
    found = judged(terms, call("1", AT, Try("acme", "95.000")))
    assert told(side(found, "buyer")) == "no: buyer acme has no offer for campaign roofing in the catalog of this call"
    assert told(side(found, "publisher")).startswith("no: publisher peak has no offer for campaign roofing")


# Every reason


def test_every_leaf_that_fails_is_told():
    rule, area = unique(scope="buyer"), Area(states={"CA"}, require_zip_source="keyed")
    terms = catalog(buyer("acme", offer("acme", "40.00", "90", rule, area)))
    calls = [
        call("1", START, Try("acme", "120.000"), zip_code="90210", state="CA", publisher=""),
        call("2", START + HOUR, Try("acme", "89.000"), state="CA", publisher=""),
    ]
    found = judge_all(terms, calls)
    assert side(found["1"], "buyer").verdict == "yes"
    assert side(found["2"], "buyer").reasons == (
        Reason(
            code="too_short",
            text="connected 89.000 s, needs 90 s, short by 1.000 s",
            measured=89_000,
            limit=90_000,
            attempt=1,
        ),
        Reason(
            code="duplicate",
            text=(
                "duplicate of call 1, 00:58:20.000 since converted_at, needs 30 d, short by 29 d 23:01:40.000 "
                "(scope buyer)"
            ),
            measured=3_500_000,
            limit=2_592_000_000,
            earlier_call="1",
        ),
        Reason(
            code="area_unknown",
            text="place not known (area code 310 (CA)), needs states CA, by a ZIP that the caller keyed",
            measured="area code 310 (CA)",
            limit="states CA, by a ZIP that the caller keyed",
        ),
    )


def test_a_reason_is_told_once_where_several_attempts_share_it():
    calls = [
        call("1", START, Try("acme", "120.000"), publisher=""),
        call("2", START + HOUR, Try("acme", "10.000"), Try("acme", "20.000"), publisher=""),
    ]
    record = side(judge_all(catalog(ACME), calls)["2"], "buyer")
    assert [(reason.code, reason.attempt) for reason in record.reasons] == [
        ("too_short", 1),
        ("duplicate", 0),
        ("too_short", 2),
    ]


# Area


@pytest.mark.parametrize(
    ("area", "place", "expected"),
    [
        (Area(states={"CA"}), {"zip_code": "90210", "state": "CA"}, "yes"),
        (Area(zips={"90210"}), {"zip_code": "90210", "state": "CA"}, "yes"),
        (Area(states={"CA"}), {"state": "CA"}, "yes"),  # By area code.
        (Area(area_codes={"310"}), {}, "yes"),
        (
            Area(states={"NV"}),
            {"zip_code": "90210", "state": "CA"},
            "no: ZIP 90210 (CA) is not in states NV",
        ),
        (Area(states={"NV"}), {"state": "CA"}, "no: area code 310 (CA) is not in states NV"),
        (
            Area(states={"NV"}),
            {"caller": "+18005550123", "kind": "toll_free"},
            "no: place not known (no ZIP, no area code), needs states NV",
        ),
        (
            Area(states={"CA"}, require_zip_source="keyed"),
            {"state": "CA"},
            "no: place not known (area code 310 (CA)), needs states CA, by a ZIP that the caller keyed",
        ),
        (
            Area(zips={f"{n:05d}" for n in range(10, 20)}, area_codes={"702"}),
            {"zip_code": "90210", "state": "CA"},
            "no: ZIP 90210 (CA) is not in ZIPs 00010, 00011, 00012, 00013, 00014, 00015, 00016, 00017 and 2 more; "
            "area codes 702",
        ),
    ],
)
def test_area(area, place, expected):
    terms = catalog(buyer("acme", offer("acme", "40.00", "90", area=area)))
    found = judged(terms, call("1", AT, Try("acme", "95.000"), publisher="", **place))
    assert told(side(found, "buyer")) == expected
    assert {r.code for r in side(found, "buyer").reasons} <= {"out_of_area", "area_unknown"}
    if expected.startswith("no: place"):
        assert side(found, "buyer").reasons[0].code == "area_unknown"


# Duplicates


def repeat(rule, first, second, *between):
    """The verdict on the last of several calls, an hour apart, of the same caller."""
    terms = catalog(
        buyer("acme", offer("acme", "40.00", "90", rule), offer("acme", "40.00", "90", rule, campaign="plumbing")),
        buyer("zenith", offer("zenith", "45.00", "90"), offer("zenith", "45.00", "90", campaign="plumbing")),
    )
    calls = [
        call(f"{n}", START + n * HOUR, *tries, **facts) for n, (tries, facts) in enumerate([first, *between, second])
    ]
    return side(judge_all(terms, calls)[f"{len(calls) - 1}"], "buyer", "acme").verdict


LONG = (Try("acme", "120.000"),)
BASE = {"publisher": "peak", "campaign": "roofing", "dialed": "+18005550100"}


@pytest.mark.parametrize(
    ("scope", "other"),
    [
        ("campaign", {"campaign": "plumbing"}),
        ("publisher", {"publisher": "quinn"}),
        ("tracking_number", {"dialed": "+18005550101"}),
    ],
)
def test_a_scope_of_the_call(scope, other):
    rule = unique(scope=scope)
    assert repeat(rule, (LONG, BASE), (LONG, BASE)) == "no"
    assert repeat(rule, (LONG, BASE), (LONG, BASE | other)) == "yes"


@pytest.mark.parametrize(
    ("scope", "tries", "verdict"),
    [
        ("buyer", (Try("acme", "120.000", target="acme-2"),), "no"),
        ("buyer", (Try("zenith", "120.000"),), "yes"),
        ("target", (Try("acme", "120.000", target="acme-2"),), "yes"),
        ("target", (Try("acme", "120.000", target="acme-1"),), "no"),
    ],
)
def test_a_scope_of_the_attempt(scope, tries, verdict):
    assert repeat(unique(scope=scope), (tries, BASE), (LONG, BASE)) == verdict


def test_a_number_that_trunks_spell_differently_is_one_number():
    assert {tracking_number(text) for text in ("18005550100", "+18005550100", "8005550100")} == {"+18005550100"}
    assert tracking_number("911") == "911"
    rule = unique(scope="tracking_number")
    assert repeat(rule, (LONG, BASE), (LONG, BASE | {"dialed": "18005550100"})) == "no"


SHORT = (Try("acme", "30.000"),)


@pytest.mark.parametrize(
    ("event", "hours", "verdicts"),
    [
        # A short call is connected and counted but does not convert.
        ("converted", [(0, SHORT), (1, LONG)], ["no", "yes"]),
        ("connected", [(0, SHORT), (1, LONG)], ["no", "no"]),
        ("counted", [(0, SHORT), (1, LONG)], ["no", "no"]),
        # Each repeat renews the window of "connected"; of "counted" only a call that was unique itself does.
        ("connected", [(0, LONG), (20, LONG), (30, LONG)], ["yes", "no", "no"]),
        ("counted", [(0, LONG), (20, LONG), (30, LONG)], ["yes", "no", "yes"]),
        ("counted", [(0, LONG), (20, LONG), (30, LONG), (50, LONG)], ["yes", "no", "yes", "no"]),
        ("converted", [(0, LONG), (20, LONG), (30, LONG)], ["yes", "no", "yes"]),
    ],
)
def test_events(event, hours, verdicts):
    terms = catalog(buyer("acme", offer("acme", "40.00", "90", unique(event=event, days=1))))
    calls = [call(f"{n}", START + hour * HOUR, *tries, publisher="") for n, (hour, tries) in enumerate(hours)]
    found = judge_all(terms, calls)
    assert [side(found[f"{n}"], "buyer").verdict for n in range(len(calls))] == verdicts


def test_counted_is_the_mark_of_a_connected_call_that_is_no_repeat():
    calls = [
        call(f"{n}", START + n * HOUR, *tries, publisher="") for n, tries in enumerate([LONG, LONG, (Try("acme"),)])
    ]
    found = judge_all(catalog(ACME), calls)
    assert [side(found[name], "buyer").is_counted for name in "012"] == [True, False, False]
    assert not side(judged(catalog(ACME), call("3", AT, *LONG, publisher="", test=True)), "buyer").is_counted


def test_a_conversion_of_the_other_side_is_not_this_sides():
    # Peak is paid for 60 s without a question; the buyer's first conversion is still to come.
    calls = [call("1", START, Try("acme", "70.000")), call("2", START + HOUR, Try("acme", "95.000"))]
    found = judge_all(catalog(ACME, PEAK), calls)
    assert [told(side(found["1"], "buyer"))[:2], told(side(found["2"], "buyer"))] == ["no", "yes"]
    assert side(found["2"], "publisher").verdict == "no"


def test_the_same_moment_is_ordered_by_call_id():
    found = judge_all(catalog(ACME), [call(name, START, *LONG, publisher="") for name in ("b", "a")])
    assert [side(found[name], "buyer").verdict for name in ("a", "b")] == ["yes", "no"]


def occasion(offered, at, ended, call_id="earlier"):
    return Occasion(
        offered_at=offered, call_id=call_id, ended_at=ended, at=at, campaign="roofing", publisher="peak",
        tracking_number="", buyer="acme", target="acme-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "is_duplicate"),
    [
        (HOUR - 1, False),  # Earlier than the other call itself.
        (HOUR + 1, True),  # The other is live and will convert.
        (2 * HOUR - 1, True),
        (2 * HOUR, True),
        (2 * HOUR + DAY_US - 1, True),
        (2 * HOUR + DAY_US, False),
    ],
)
def test_a_window_begins_with_the_event_and_reaches_back_over_the_live_call(offered, is_duplicate):
    event = occasion(HOUR, 2 * HOUR, 3 * HOUR)
    history = History(conversions=[Conversion("buyer", event)])
    found = find_duplicate(unique(days=1), "buyer", (offered, "this"), "roofing", history)
    assert found == (event if is_duplicate else None)


def test_an_event_after_the_end_of_its_call_binds_only_calls_after_it():
    # A call that ended before this one was offered, and converted later still (by a signal, say).
    history = History(conversions=[Conversion("buyer", occasion(0, 5 * HOUR, HOUR))])
    assert find_duplicate(unique(), "buyer", (2 * HOUR, "this"), "roofing", history) is None
    assert find_duplicate(unique(), "buyer", (6 * HOUR, "this"), "roofing", history) is not None


def test_an_event_at_the_very_moment_of_the_offer_counts_though_its_call_is_over():
    event = occasion(0, HOUR, HOUR)
    history = History(conversions=[Conversion("buyer", event)])
    assert find_duplicate(unique(), "buyer", (HOUR, "this"), "roofing", history) == event


def test_the_latest_of_several_events_is_named():
    history = History(conversions=[Conversion("buyer", occasion(n, n, n, f"{n}")) for n in (1, 3, 2)])
    found = find_duplicate(unique(), "buyer", (HOUR, "this"), "roofing", history)
    assert found is not None
    assert found.call_id == "3"


# Texts


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(1, "0.001 s"), (59_999, "59.999 s"), (60_000, "00:01:00.000"), (2_591_999_999, "29 d 23:59:59.999")],
)
def test_spans(length_ms, text):
    assert span(length_ms) == text


@given(st.integers(0, 10**9))
def test_seconds_lose_nothing(length_ms):
    assert seconds(length_ms, whole=True) in (f"{length_ms // 1000} s", seconds(length_ms))
    assert int(seconds(length_ms).removesuffix(" s").replace(".", "")) == length_ms


def test_a_reason_says_as_json_only_what_it_knows():
    found = judge_all(
        catalog(ACME), [call(f"{n}", START + n * HOUR, *LONG, publisher="", caller=CALLER) for n in (0, 1)]
    )
    (reason,) = side(found["1"], "buyer").reasons
    assert sorted(reason.to_plain()) == ["code", "earlier_call", "limit", "measured", "text"]
    assert Reason(**reason.to_plain()) == reason
