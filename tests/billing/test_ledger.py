"""Postings: whatever is judged, in whatever order, accounts sum to zero and balances are the judgement in force."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.billing.ledger import (
    JudgedCall,
    account_of,
    chain_faults,
    credit,
    decision,
    payment,
    postings,
    reversal,
    worth,
)
from ppc_engine.billing.verdict import BillableRecord, CostLine, Reason

KEY = (1_780_000_000_000_000, "call-1")
SHORT = Reason(
    code="too_short", text="connected 50.000 s, needs 90 s, short by 40.000 s", measured=50_000, limit=90_000
)
DUPLICATE = Reason(code="duplicate", text="duplicate of call call-0", measured=1, limit=2)


def record(side, party, micros, verdict="yes", **more):
    reasons = () if verdict == "yes" else (SHORT,)
    amount = micros if verdict == "yes" else 0
    return BillableRecord(
        side=side, party=party, offer=f"{party}-roofing", verdict=verdict, amount_micros=amount, reasons=reasons, **more
    )


def judged(*records, currency="USD", costs=()):
    return JudgedCall(key=KEY, currency=currency, records=records, costs=costs)


V1 = judged(record("buyer", "acme", 40_000_000), record("publisher", "peak", 25_000_000))
V2 = judged(record("buyer", "acme", 0, "no"), record("publisher", "peak", 25_000_000))


def balances(transfers):
    sums = Counter()
    for transfer in transfers:
        for account, micros in transfer.entries:
            sums[account, transfer.currency] += micros
    return {key: micros for key, micros in sums.items() if micros}


def books(*versions):
    """The ledger after these versions of one call came in force one after the other."""
    ledger = []
    for at, version in enumerate(versions, 1):
        ledger += postings(version, ledger, at)
    return ledger


def test_a_call_moves_what_it_is_worth():
    acme, peak = books(V1)
    assert acme.entries == (("buyer:acme", 40_000_000), ("revenue", -40_000_000))
    assert peak.entries == (("publisher:peak", -25_000_000), ("payout", 25_000_000))
    assert (acme.kind, acme.reason, acme.corrects, acme.who) == (
        "conversion",
        "yes: offer acme-roofing",
        "",
        "ppc qualify",
    )
    assert (acme.at, acme.offered_at, acme.call_id, acme.currency) == (1, *KEY, "USD")


def test_v1_v2_and_v1_again_are_three_transfers():
    ledger = [transfer for transfer in books(V1, V2, V1) if transfer.entries[0][0] == "buyer:acme"]
    first, second, third = ledger
    assert [transfer.kind for transfer in ledger] == ["conversion", "correction", "correction"]
    assert [transfer.entries[0][1] for transfer in ledger] == [40_000_000, -40_000_000, 40_000_000]
    assert (second.corrects, third.corrects) == (first.id, second.id)
    assert second.reason == f"no: {SHORT.text}"
    assert len({transfer.id for transfer in ledger}) == 3
    assert len(books(V1, V2, V1)) == 4  # The publisher's side never changed.


def test_only_a_yes_moves_money_and_only_what_is_left_of_it():
    for verdict in ("no", "pending", "review"):
        assert books(judged(replace(record("buyer", "acme", 1, verdict), amount_micros=40_000_000))) == []
    returned = judged(record("buyer", "acme", 40_000_000, returned_micros=15_000_000))
    # 40 - 15 = 25
    assert balances(books(V1, returned))["buyer:acme", "USD"] == 25_000_000


def test_carriers_are_owed_every_leg():
    legs = [
        CostLine(leg="in", carrier="west", length_ms=130_000, cost_micros=13_000),
        CostLine(leg="1", carrier="west", length_ms=120_000, cost_micros=12_345),
        CostLine(leg="2", carrier="east", length_ms=0, cost_micros=0),
    ]
    (transfer,) = books(judged(costs=tuple(legs)))
    assert transfer.entries == (("carrier:west", -25_345), ("telecom", 25_345))
    assert transfer.reason == "legs in, 1"


def test_a_party_that_is_gone_gets_its_amount_taken_back():
    assert balances(books(V1, judged())) == {}


def test_another_currency_takes_the_first_one_back():
    euros = judged(*V1.records, currency="EUR")
    ledger = books(V1, euros)
    assert balances(ledger) == {(account, "EUR"): micros for (account, _), micros in balances(books(V1)).items()}
    assert chain_faults(ledger) == []
    assert postings(euros, ledger, 9) == []


def test_a_call_of_no_campaign_moves_nothing():
    assert postings(judged(record("buyer", "acme", 40_000_000), currency=""), [], 1) == []


def decide(kind, ledger, amount, account="buyer:acme"):
    return decision(
        kind, KEY, account, ledger, amount_micros=amount, currency="USD", who="ann", why="they were right", at=7
    )


def test_what_a_person_decided_stands_whatever_is_judged_later():
    ledger = books(V1)
    (waived,) = decide("waive", ledger, 0)
    ledger.append(waived)
    assert (waived.kind, waived.who, waived.reason, waived.corrects) == (
        "waive",
        "ann",
        "they were right",
        ledger[0].id,
    )
    assert worth("buyer:acme", ledger) == {"USD": 0}
    assert postings(V1, ledger, 8) == postings(V2, ledger, 8) == []
    assert decide("waive", ledger, 0) == []
    ledger += decide("bill", ledger, 30_000_000)
    assert worth("buyer:acme", ledger) == {"USD": 30_000_000}
    # The publisher's side is its own: a correction there is still posted.
    later = judged(record("buyer", "acme", 40_000_000), record("publisher", "peak", 0, "no"))
    assert [transfer.entries[0] for transfer in postings(later, ledger, 9)] == [("publisher:peak", 25_000_000)]


def test_a_call_that_was_worth_nothing_can_be_billed():
    nothing = judged(record("buyer", "acme", 0, "no"))
    assert books(nothing) == []
    (billed,) = decide("bill", [], 12_500_000)
    assert (billed.entries[0], billed.corrects) == (("buyer:acme", 12_500_000), "")
    # The qualifier could not post the same call beside it: its first transfer would have the same id.
    assert billed.id == books(V1)[0].id


def test_payments_credits_and_what_takes_them_back():
    words = {"reference": "WIRE-1", "who": "ann", "why": "June", "at": 5}
    received = payment("buyer:acme", 100_000_000, "USD", **words)
    paid = payment("publisher:peak", 60_000_000, "USD", **words)
    note = credit("buyer:acme", 15_000_000, "USD", **words)
    assert dict(received.entries) == {"cash": 100_000_000, "buyer:acme": -100_000_000}
    assert dict(paid.entries) == {"cash": -60_000_000, "publisher:peak": 60_000_000}
    assert dict(note.entries) == {"credits": 15_000_000, "buyer:acme": -15_000_000}
    assert len({received.id, paid.id, note.id}) == 3
    assert payment("buyer:acme", 1, "USD", **{**words, "at": 6}).id == received.id
    assert payment("buyer:acme", 1, "USD", **{**words, "reference": "WIRE-2"}).id != received.id
    back = reversal(received, who="bob", why="bounced", at=6)
    assert balances([received, back]) == {}
    assert (back.corrects, back.faults()) == (received.id, [])


def test_transfers_that_are_not_whole_are_told():
    first, second = books(V1)
    assert first.faults() == second.faults() == []
    assert replace(first, entries=(("buyer:acme", 2), ("revenue", -1))).faults() == ["its entries do not sum to zero"]
    assert replace(first, entries=(("revenue", 0),)).faults() == ["it needs an amount for each of two accounts or more"]
    assert replace(first, id="0" * 32).faults() == ["its id does not follow from its cause"]
    assert replace(first, corrects=second.id).faults() == ["its cause is not the transfer that it corrects"]


def test_chains_that_are_broken_are_told():
    ledger = [transfer for transfer in books(V1, V2) if transfer.entries[0][0] == "buyer:acme"]
    assert chain_faults(ledger) == []
    assert len(chain_faults(ledger[1:])) == 1
    assert len(chain_faults([replace(ledger[0], cause="call 1 call-2 buyer:acme")])) == 1


RECORDS = st.builds(
    record,
    st.sampled_from(["buyer", "publisher"]),
    st.sampled_from(["acme", "zenith"]),
    st.sampled_from([10_000, 22_000_000, 40_000_000]),
    st.sampled_from(["yes", "yes", "no", "pending", "review"]),
)
COSTS = st.builds(
    CostLine,
    leg=st.just("in"),
    carrier=st.sampled_from(["west", "east"]),
    length_ms=st.just(1),
    cost_micros=st.integers(0, 50_000),
)
VERSIONS = st.lists(
    st.builds(
        JudgedCall,
        key=st.just(KEY),
        currency=st.sampled_from(["USD", "USD", "EUR"]),
        records=st.lists(RECORDS, max_size=3).map(tuple),
        costs=st.lists(COSTS, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=6,
)


def expected(version):
    """What the accounts must hold, summed without the code under test."""
    sums = Counter()
    for one in version.records:
        if one.verdict == "yes":
            sign = 1 if one.side == "buyer" else -1
            sums[account_of(one.side, one.party), version.currency] += sign * one.amount_micros
            sums["revenue" if sign > 0 else "payout", version.currency] -= sign * one.amount_micros
    for line in version.costs:
        sums[f"carrier:{line.carrier}", version.currency] -= line.cost_micros
        sums["telecom", version.currency] += line.cost_micros
    return {key: micros for key, micros in sums.items() if micros}


@given(versions=VERSIONS, data=st.data())
def test_any_versions_one_after_the_other_leave_the_last_one(versions, data):
    ledger = []
    for at, version in enumerate(versions):
        before = len(ledger)
        ledger += postings(version, data.draw(st.permutations(ledger)), at)
        assert balances(ledger) == expected(version)
        assert postings(version, data.draw(st.permutations(ledger)), at) == []
        if at and version == versions[at - 1]:
            assert len(ledger) == before
    assert all(transfer.faults() == [] for transfer in ledger)
    assert chain_faults(ledger) == []
    assert len({transfer.id for transfer in ledger}) == len(ledger)
    for currency in ("USD", "EUR"):
        assert sum(micros for (_, name), micros in balances(ledger).items() if name == currency) == 0
