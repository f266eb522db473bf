"""What holds for any terms, any calls and any signals: margins, one payout, bounds, tiers, shares."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.billing.evidence import Evidence, Return, Signal
from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.catalog.bounds import amount_max
from ppc_engine.catalog.rates import PerMinute, posted, share
from ppc_engine.values.money import MINOR_MICROS, divide_half_even
from tests.billing.case_tables import terms_of
from tests.billing.traces import Try, call, us

AT = us("2026-05-04T12:00:00Z")
HOUR_MS = 3_600_000
AMOUNTS = st.integers(0, 200_000_000)
LENGTHS = st.integers(0, HOUR_MS)
PER_MINUTE = st.fixed_dictionaries({"amount": AMOUNTS, "initial_s": st.integers(1, 120), "next_s": st.integers(1, 120)})
STEPS = st.tuples(st.integers(0, 600_000), AMOUNTS)
TIERS = st.lists(STEPS, min_size=1, max_size=4, unique_by=lambda tier: tier[0]).map(
    lambda found: [{"ms_min": ms, "amount": amount} for ms, amount in sorted(found)]
)
OWN_RATES = st.one_of(
    AMOUNTS.map(lambda amount: {"fixed": amount}),
    PER_MINUTE.map(lambda rate: {"per_minute": rate}),
    TIERS.map(lambda tiers: {"tiers": tiers}),
    st.just({"postback": "amount"}),
)
LEAVES = st.recursive(
    st.one_of(
        st.integers(0, 200_000).map(lambda ms: {"length": {"ms_min": ms}}),
        st.sampled_from([{"attestation_min": "B"}, {"postback": {}}, {"area": {"states": ["CA"]}}]),
        st.just({"unique_caller": {}}),
    ),
    lambda inner: st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(
        lambda found: {found[0]: found[1]}
    ),
    max_leaves=5,
)  # fmt: skip
BOUNDS = st.lists(AMOUNTS, min_size=2, max_size=2).map(sorted)


@st.composite
def rules(draw, rates):
    found = []
    for n in range(draw(st.integers(1, 3))):
        rule = {"id": f"r{n}", "adds": draw(st.booleans()), "rate": draw(rates), "when": draw(LEAVES)}
        if draw(st.booleans()):
            rule["minimum"], rule["maximum"] = draw(BOUNDS)
        found.append(rule)
    return {"rules": found}


PAYOUT_RATES = OWN_RATES | st.integers(0, 100_000_000).map(lambda percent: {"share_percent": percent})
TRIES = st.lists(st.tuples(st.sampled_from(["acme", "zenith"]), st.integers(0, 400_000)), min_size=1, max_size=4)
SIGNALS = st.lists(st.tuples(st.integers(0, 4), AMOUNTS | st.none(), st.integers(0, 40)), max_size=3)


@st.composite
def judged(draw):
    terms = terms_of(
        {
            "buyers": {"acme": draw(rules(OWN_RATES)), "zenith": draw(rules(OWN_RATES))},
            "publishers": {"peak": draw(rules(PAYOUT_RATES))},
            "trunk": {"gateways": [{"id": "west", "price": draw(PER_MINUTE)}]},
        }
    )
    tries = [Try(buyer, f"{ms // 1000}.{ms % 1000:03d}") for buyer, ms in draw(TRIES)]
    cdr = call("1", AT, *tries, state=draw(st.sampled_from(["CA", ""])))
    signals = tuple(
        Signal(key=f"{n}", attempt_number=number, amount_micros=amount, received_at=AT + days * 86_400_000_000)
        for n, (number, amount, days) in enumerate(draw(SIGNALS))
    )
    returns = draw(st.lists(AMOUNTS.map(lambda amount: Return(party="acme", amount_micros=amount, at=AT)), max_size=2))
    at = draw(st.sampled_from([0, AT + 31 * 86_400_000_000]))
    evidence = Evidence(signals=signals, returns=tuple(returns))
    return terms, judge(cdr, terms, History(), evidence, at=at)


@given(judged())
def test_any_judgement_adds_up(made):
    terms, found = made
    buyers = [record for record in found.records if record.side == "buyer"]
    publishers = [record for record in found.records if record.side == "publisher"]
    assert len({record.party for record in buyers}) == len(buyers)
    assert len(publishers) == 1
    assert found.margin_micros == found.revenue_micros - found.payout_micros - found.cost_micros
    assert found.revenue_micros == sum(record.amount_micros - record.returned_micros for record in buyers)
    for record in found.records:
        assert record.amount_micros % MINOR_MICROS == 0
        assert 0 <= record.returned_micros <= record.amount_micros
        assert (record.verdict == "yes") == (record.attempt_number is not None)
        if record.verdict != "yes":
            assert record.amount_micros == 0
            assert record.reasons, "somebody will ask why"
        if record.verdict == "pending":
            assert record.deadline > 0
        if record.parts:
            assert sum(part.amount_micros for part in record.parts) == record.amount_micros
            assert len({part.rule for part in record.parts}) == len(record.parts)
        party = (terms.buyers if record.side == "buyer" else terms.publishers)[record.party]
        most = amount_max(party.offers[0], HOUR_MS, sum(one.amount_micros for one in buyers))
        assert most is None or record.amount_micros <= most


@given(st.integers(0, 10**12), st.integers(1, 10**6), AMOUNTS, AMOUNTS)
def test_a_posting_is_between_minimum_and_maximum_and_nearest(numerator, denominator, one, other):
    minimum, maximum = sorted((one, other))
    exact = Fraction(numerator, denominator)
    clamped = min(max(exact, Fraction(minimum)), Fraction(maximum))
    found = posted((numerator, denominator), minimum, maximum)
    assert abs(found - clamped) <= MINOR_MICROS // 2
    assert found == round(clamped / MINOR_MICROS) * MINOR_MICROS  # Fraction rounds half to even.


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_even_is_that_of_fractions(numerator, denominator):
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(PER_MINUTE, LENGTHS, LENGTHS)
def test_a_longer_call_never_costs_less_by_the_minute(rate, one, other):
    shorter, longer = sorted((one, other))
    price = PerMinute(**rate)
    assert price.billed_ms(shorter) <= price.billed_ms(longer)
    assert price.billed_ms(longer) >= longer
    assert price.billed_ms(longer) - longer < 1000 * max(rate["initial_s"], rate["next_s"]) + 1


@given(TIERS, LENGTHS, LENGTHS)
def test_rising_tiers_never_pay_less_for_more(tiers, one, other):
    amounts = sorted(tier["amount"] for tier in tiers)
    rising = [{"ms_min": tier["ms_min"], "amount": amount} for tier, amount in zip(tiers, amounts, strict=True)]
    terms = terms_of({"buyers": {"acme": {"rate": {"tiers": rising}}}})
    paid = []
    for ms in sorted((one, other)):
        cdr = call("1", AT, Try("acme", f"{ms // 1000}.{ms % 1000:03d}"), publisher="")
        paid.append(judge(cdr, terms, History()).revenue_micros)
    assert paid[0] <= paid[1]


@given(st.integers(0, 100_000_000), st.integers(0, 20_000_000_000))
def test_a_share_is_never_more_than_the_revenue(percent, cents):
    revenue = cents // MINOR_MICROS * MINOR_MICROS
    found = posted(share(percent, revenue), None, None)
    assert 0 <= found <= revenue
    assert found + posted(share(100_000_000 - percent, revenue), None, None) - revenue in (
        -MINOR_MICROS,
        0,
        MINOR_MICROS,
    )
