"""The hand-computed money cases that issue 2's terms can express, each by its id, exact to the micro and the ms.

Every case is judged by the pure function alone and again as ``ppc qualify`` does it, through the database. Figures are
those of the case; a line of arithmetic stands where the case has one.
"""

from __future__ import annotations

import pytest

from tests.billing.traces import (
    ACME,
    PEAK,
    ZENITH,
    Try,
    buyer,
    call,
    catalog,
    money,
    offer,
    publisher,
    side,
    told,
    unique,
)

DAY = "2026-05-04T"


def verdicts(judgement):
    """(revenue side, payout side) of a call that dialled one buyer."""
    return told(side(judgement, "buyer")), told(side(judgement, "publisher"))


# A. Clocks and lengths


def test_m01_floor_never_round_not_billsec(judged):
    cdr = call("call", f"{DAY}13:59:50Z", Try("acme", at=f"{DAY}14:00:00.900000Z", to=f"{DAY}14:01:30.899999Z"))
    found = judged(catalog(ACME, PEAK), cdr)["call"]
    revenue, payout = side(found, "buyer"), side(found, "publisher")
    assert told(revenue) == "no: connected 89.999 s, needs 90 s, short by 0.001 s"
    assert (revenue.reasons[0].measured, revenue.reasons[0].limit) == (89_999, 90_000)
    assert told(payout) == "yes"
    assert payout.flags == ("payout_without_revenue",)
    assert money(found) == ("0.00", "25.00", "-25.00")


def test_m03_only_bridged_time_counts(judged):
    at = "2026-05-05T10:"
    cdr = call("call", f"{at}00:00Z", Try("acme", at=f"{at}00:47.850Z", to=f"{at}02:15.270Z"))
    found = judged(catalog(ACME, PEAK), cdr)["call"]
    # 135.270 - 47.850 = 87.420; 90 - 87.420 = 2.580. Telecom cost is not priced yet.
    assert verdicts(found) == ("no: connected 87.420 s, needs 90 s, short by 2.580 s", "yes")
    assert money(found) == ("0.00", "25.00", "-25.00")


# B. Several attempts, recovery, who is paid


def test_m07_recovered_only_the_second_buyer_pays_the_publisher_is_paid_once(judged):
    cdr = call("call", f"{DAY}10:00:00Z", Try("acme", "55.000"), Try("zenith", "100.000"))
    found = judged(catalog(ACME, ZENITH, PEAK), cdr)["call"]
    assert told(side(found, "buyer", "acme")) == "no: connected 55.000 s, needs 90 s, short by 35.000 s"
    zenith, peak = side(found, "buyer", "zenith"), side(found, "publisher")
    assert (zenith.verdict, zenith.amount_micros, zenith.attempt_number) == ("yes", 45_000_000, 2)
    assert (peak.verdict, peak.amount_micros, peak.attempt_number, peak.flags) == ("yes", 25_000_000, 2, ())
    assert money(found) == ("45.00", "25.00", "20.00")


def test_m09_two_connections_of_45_s_are_not_one_of_90_s(judged):
    cdr = call("call", f"{DAY}10:00:00Z", Try("acme", "45.000"), Try("zenith", "45.000"))
    found = judged(catalog(ACME, ZENITH, PEAK), cdr)["call"]
    assert told(side(found, "buyer", "acme")) == "no: connected 45.000 s, needs 90 s, short by 45.000 s"
    assert told(side(found, "buyer", "zenith")) == "no: connected 45.000 s, needs 90 s, short by 45.000 s"
    assert told(side(found, "publisher")) == "no: longest attempt 45.000 s, needs 60 s, short by 15.000 s"
    assert money(found) == ("0.00", "0.00", "0.00")


# C. Duplicates


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (
            "2026-03-31T14:30:00.000Z",
            "no: duplicate of call 1, 29 d 23:28:20.000 since converted_at, needs 30 d, short by 00:31:40.000 "
            "(scope campaign)",
        ),
        (
            "2026-03-31T15:01:39.999Z",
            "no: duplicate of call 1, 29 d 23:59:59.999 since converted_at, needs 30 d, short by 0.001 s "
            "(scope campaign)",
        ),
        ("2026-03-31T15:01:40.000Z", "yes"),
    ],
    ids=["a", "b", "c"],
)
def test_m15_half_open_edge_and_absolute_days_across_a_clock_change(judged, offered, expected):
    first = call("1", "2026-03-01T15:00:00.000Z", Try("acme", "120.000", at="2026-03-01T15:00:10.000Z"), publisher="")
    later = call("2", offered, Try("acme", "120.000"), publisher="")
    found = judged(catalog(ACME), first, later)
    assert told(side(found["1"], "buyer")) == "yes"
    assert told(side(found["2"], "buyer")) == expected
    assert money(found["2"])[0] == ("40.00" if expected == "yes" else "0.00")


def test_m17_the_queue_turns_the_order_round_exactly_one_is_paid(judged):
    call_1 = call("1", f"{DAY}10:00:00Z", Try("acme", at=f"{DAY}10:10:00Z", to=f"{DAY}10:12:00Z"))
    call_2 = call("2", f"{DAY}10:05:00Z", Try("acme", at=f"{DAY}10:05:10Z", to=f"{DAY}10:07:10Z"))
    found = judged(catalog(ACME, PEAK), call_2, call_1)
    assert verdicts(found["1"]) == ("yes", "yes")
    assert money(found["1"]) == ("40.00", "25.00", "15.00")
    # Call 1 was live at 10:05:00 and converted at 10:11:30, 6.5 minutes later.
    same = "no: duplicate of call 1, still live then, converted_at 00:06:30.000 later (scope campaign)"
    assert told(side(found["2"], "buyer")) == same
    # The publisher's 60 s were met at 10:11:00.
    assert told(side(found["2"], "publisher")) == same.replace("06:30", "06:00")
    assert money(found["2"]) == ("0.00", "0.00", "0.00")


@pytest.mark.parametrize(
    ("scope", "payout", "margin"), [("campaign", "0.00", "0.00"), ("publisher", "22.00", "-22.00")]
)
def test_m19_the_same_caller_through_two_publishers(judged, scope, payout, margin):
    quinn = publisher("quinn", offer("quinn", "22.00", "60", unique(scope=scope)))
    found = judged(
        catalog(ACME, PEAK, quinn),
        call("1", "2026-05-01T12:00:00Z", Try("acme", "120.000"), publisher="peak"),
        call("2", "2026-05-03T12:00:00Z", Try("acme", "120.000"), publisher="quinn"),
    )
    assert money(found["1"]) == ("40.00", "25.00", "15.00")
    assert told(side(found["2"], "buyer")).startswith("no: duplicate of call 1, ")
    paid = side(found["2"], "publisher")
    if scope == "campaign":
        # Converted on day 0 at 12:01:10 (10 s to answer, 60 s); 47:58:50 later.
        assert told(paid) == (
            "no: duplicate of call 1, 1 d 23:58:50.000 since converted_at, needs 30 d, short by 28 d 00:01:10.000 "
            "(scope campaign)"
        )
    else:
        assert (told(paid), paid.flags) == ("yes", ("payout_without_revenue",))
    assert money(found["2"]) == ("0.00", payout, margin)


@pytest.mark.parametrize(
    ("policy", "kind", "caller", "first", "second"),
    [
        ("unique", "anonymous", "anonymous", ("40.00", "25.00"), ("40.00", "25.00")),
        ("duplicate", "anonymous", "anonymous", ("0.00", "0.00"), ("0.00", "0.00")),
        # c: the asserted identity of a trusted trunk is the key, whatever From says.
        ("duplicate", "valid", "+12125550107", ("40.00", "25.00"), ("0.00", "0.00")),
    ],
    ids=["a", "b", "c"],
)
def test_m23_callers_without_a_number(judged, policy, kind, caller, first, second):
    rule = unique(no_number=policy)
    terms = catalog(
        buyer("acme", offer("acme", "40.00", "90", rule)), publisher("peak", offer("peak", "25.00", "60", rule))
    )
    found = judged(
        terms,
        call("1", f"{DAY}10:00:00Z", Try("acme", "120.000"), caller=caller, kind=kind),
        call("2", f"{DAY}11:00:00Z", Try("acme", "120.000"), caller=caller, kind=kind),
    )
    assert money(found["1"])[:2] == first
    assert money(found["2"])[:2] == second
    if (policy, kind) == ("duplicate", "anonymous"):
        assert verdicts(found["1"]) == ("no: duplicate (caller has no number; policy duplicate)",) * 2


# D. Rates and rounding


def test_m29a_a_call_that_does_not_qualify_is_worth_nothing(judged):
    acme = buyer("acme", offer("acme", "5.00", "10"))
    found = judged(catalog(acme), call("a", f"{DAY}10:00:00Z", Try("acme", "8.000"), publisher=""))
    assert told(side(found["a"], "buyer")) == "no: connected 8.000 s, needs 10 s, short by 2.000 s"
    assert money(found["a"]) == ("0.00", "0.00", "0.00")


def test_m31_a_total_is_the_sum_of_postings_each_rounded_half_even_once(judged):
    # The case's 0.148 a call as a fixed amount: rounded to 0.15 three times makes 0.45, never 0.444 to 0.44.
    acme = buyer("acme", offer("acme", "0.148", "10"))
    calls = [call(f"{n}", f"{DAY}1{n}:00:00Z", Try("acme", "20.000"), publisher="") for n in range(3)]
    found = judged(catalog(acme), *calls)
    assert [one.revenue_micros for one in found.values()] == [150_000] * 3


@pytest.mark.parametrize(
    ("amount", "posted"), [("1.265", 1_260_000), ("1.275", 1_280_000), ("1.26500001", None), ("1.265001", 1_270_000)]
)
def test_m27_an_exact_half_cent_goes_to_the_even_one(judged, amount, posted):
    if posted is None:
        with pytest.raises(ValueError, match="at most six decimals"):
            offer("acme", amount)
        return
    found = judged(
        catalog(buyer("acme", offer("acme", amount, "10"))),
        call("call", f"{DAY}10:00:00Z", Try("acme", "61.001"), publisher=""),
    )
    assert found["call"].revenue_micros == posted


# F. Caps, holds, pending: the verdicts of the calls that were sent


def test_m39_verdicts_of_a_short_call_and_of_the_two_after_it(judged):
    found = judged(
        catalog(ACME, ZENITH, PEAK),
        call("1", f"{DAY}09:00:00Z", Try("acme", "70.000"), caller="+13105550101"),
        call("2", f"{DAY}09:00:30Z", Try("zenith", "100.000"), caller="+13105550102"),
        call("3", f"{DAY}09:02:00Z", Try("acme", "100.000"), caller="+13105550103"),
    )
    assert told(side(found["1"], "buyer")) == "no: connected 70.000 s, needs 90 s, short by 20.000 s"
    assert side(found["1"], "publisher").flags == ("payout_without_revenue",)
    assert [money(found[name]) for name in ("1", "2", "3")] == [
        ("0.00", "25.00", "-25.00"),
        ("45.00", "25.00", "20.00"),
        ("40.00", "25.00", "15.00"),
    ]


def test_m41_one_buyer_two_targets_pays_once_for_the_one_that_qualifies(judged):
    tries = Try("acme", "40.000", target="acme-1"), Try("acme", "100.000", target="acme-2")
    found = judged(catalog(ACME), call("call", f"{DAY}10:00:00Z", *tries, publisher=""))["call"]
    acme = side(found, "buyer")
    assert (acme.verdict, acme.attempt_number, acme.target) == ("yes", 2, "acme-2")
    assert money(found) == ("40.00", "0.00", "40.00")


# G. After the fact


@pytest.mark.parametrize("of_the_call", [True, False], ids=["the call's end", "an attempt's end"])
def test_m49_an_end_nobody_saw_is_not_billed(judged, of_the_call):
    one = Try("acme", at=f"{DAY}10:00:00Z", to=f"{DAY}10:03:20Z", end_estimated=not of_the_call)
    cdr = call("call", f"{DAY}09:59:50Z", one, end_estimated=of_the_call)
    found = judged(catalog(ACME, PEAK), cdr)["call"]
    estimate = "review: end not seen, 200.000 s connected is an estimate"
    assert verdicts(found) == (estimate, estimate)
    assert {record.reasons[0].code for record in found.records} == {"end_estimated"}
    assert money(found) == ("0.00", "0.00", "0.00")


def test_m51_a_test_call_leaves_no_trace_in_money(judged):
    found = judged(
        catalog(ACME, PEAK),
        call("1", f"{DAY}10:00:00Z", Try("acme", "120.000"), test=True),
        call("2", f"{DAY}10:01:00Z", Try("acme", "120.000")),
    )
    assert verdicts(found["1"]) == ("no: test call", "no: test call")
    assert verdicts(found["2"]) == ("yes", "yes")
    assert [money(found[name]) for name in ("1", "2")] == [
        ("0.00", "0.00", "0.00"),
        ("40.00", "25.00", "15.00"),
    ]


def test_m53_a_late_record_of_an_earlier_call_corrects_the_later_one(books):
    network = books(catalog(ACME, PEAK))
    call_1 = call("1", "2026-04-01T10:00:00Z", Try("acme", "120.000"))
    call_2 = call("2", "2026-04-02T10:00:00Z", Try("acme", "120.000"))
    network.arrive(call_2)
    network.qualify()
    before = network.in_force()["2"]
    assert verdicts(before) == ("yes", "yes")
    assert money(before) == ("40.00", "25.00", "15.00")

    network.arrive(call_1)  # Its switch's spool came a day later.
    summary = network.qualify()
    found = network.in_force()
    assert verdicts(found["1"]) == ("yes", "yes")
    assert (found["1"].version, found["2"].version) == (1, 2)
    duplicate = "no: duplicate of call 1, "
    assert all(verdict.startswith(duplicate) for verdict in verdicts(found["2"]))
    assert money(found["2"]) == ("0.00", "0.00", "0.00")  # Corrections of -40.00 and -25.00.
    assert (summary.judged, summary.corrected, summary.money) == (1, 1, {"USD": [0, 0]})
