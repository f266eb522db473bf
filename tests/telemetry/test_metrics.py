"""What /metrics tells: right sums, names that stay, and labels that no traffic can grow."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ppc_engine.calls.record import ATTEMPT_OUTCOMES, CALL_OUTCOMES
from ppc_engine.ports import Telemetry
from ppc_engine.telemetry.families import Distribution, Tally
from ppc_engine.telemetry.metrics import GAUGES, OWNERS_MAX, Metrics


def scrape(metrics):
    """Every sample that a Prometheus would store: (name, labels as a sorted tuple) -> value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


def value(metrics, name, **labels):
    return scrape(metrics)[name, tuple(sorted(labels.items()))]


def test_every_method_of_the_port_is_there_with_its_signature():
    for name, method in vars(Telemetry).items():
        if not name.startswith("_"):
            assert inspect.signature(getattr(Metrics, name)) == inspect.signature(method), name


def test_a_call_is_counted_from_claim_to_record():
    metrics = Metrics()
    for _ in range(3):
        metrics.call_started()
    metrics.call_adopted()
    metrics.call_ended("connected", 0)
    metrics.call_ended("all_capped", 1_500)
    metrics.call_ended("connected", 0, end_estimated=True)
    assert value(metrics, "ppc_calls_started_total") == 3
    assert value(metrics, "ppc_calls_adopted_total") == 1
    assert value(metrics, "ppc_calls_total", outcome="connected") == 2
    assert value(metrics, "ppc_calls_total", outcome="all_capped") == 1
    assert value(metrics, "ppc_calls_estimated_total") == 1
    assert value(metrics, "ppc_call_silence_seconds_sum") == 1.5
    assert value(metrics, "ppc_call_silence_seconds_bucket", le="0.0") == 2
    assert value(metrics, "ppc_call_silence_seconds_bucket", le="2.0") == 3


def test_every_outcome_has_its_row_from_the_start():
    samples = scrape(Metrics())
    assert all(samples["ppc_calls_total", (("outcome", outcome),)] == 0 for outcome in CALL_OUTCOMES)
    assert all(samples["ppc_attempts_total", (("outcome", outcome),)] == 0 for outcome in ATTEMPT_OUTCOMES)


def test_commands_and_events_are_counted_by_their_two_labels():
    metrics = Metrics()
    metrics.command_performed("Dial", "ok")
    metrics.command_performed("Dial", "timeout")
    metrics.command_performed("Dial", "timeout")
    metrics.command_performed("Teleport", "ok")
    metrics.event_read("CHANNEL_PARK")
    metrics.event_dropped("lost", 7)
    assert value(metrics, "ppc_commands_total", command="Dial", result="timeout") == 2
    assert value(metrics, "ppc_commands_total", command="other", result="ok") == 1
    assert value(metrics, "ppc_switch_events_total", event="CHANNEL_PARK") == 1
    assert value(metrics, "ppc_switch_events_dropped_total", reason="lost") == 7


def test_a_switch_that_comes_back_is_a_reconnect_and_its_first_connection_is_none():
    metrics = Metrics(switches=["east"])
    assert value(metrics, "ppc_switch_up", switch="east") == 0
    metrics.switch_connected("east", True)
    assert value(metrics, "ppc_switch_up", switch="east") == 1
    assert value(metrics, "ppc_switch_reconnects_total", switch="east") == 0
    metrics.switch_connected("east", False)
    metrics.switch_connected("east", False)
    assert value(metrics, "ppc_switch_up", switch="east") == 0
    metrics.switch_connected("east", True)
    assert value(metrics, "ppc_switch_reconnects_total", switch="east") == 1
    metrics.switch_connected("10.9.8.7:8021", True)
    assert value(metrics, "ppc_switch_up", switch="other") == 1


def test_leases_are_told_by_owner_but_callers_are_summed_and_nameless():
    metrics = Metrics()
    metrics.use_catalog("r1", ["buyer:acme", "target:acme-1"])
    held = {"buyer:acme": 2, "target:acme-1": 1, "target:gone": 4, "caller:+13105550123": 1, "caller:+12125550100": 2}
    metrics.watch_leases(lambda: held)
    assert value(metrics, "ppc_leases", cap_kind="buyer", owner="acme") == 2
    assert value(metrics, "ppc_leases", cap_kind="target", owner="acme-1") == 1
    assert value(metrics, "ppc_leases", cap_kind="target", owner="other") == 4
    assert value(metrics, "ppc_leases", cap_kind="caller", owner="") == 3
    assert b"3105550123" not in metrics.render()


def test_gauges_are_read_when_scraped():
    metrics = Metrics()
    held = [1, 2]
    metrics.watch("live_calls", lambda: len(held))
    assert value(metrics, "ppc_calls_live") == 2
    held.clear()
    assert value(metrics, "ppc_calls_live") == 0
    with pytest.raises(KeyError):
        metrics.watch("weather", lambda: 0)


def test_a_gauge_that_cannot_be_read_is_missing_and_the_rest_is_told():
    metrics = Metrics()
    metrics.watch("journal_facts", lambda: 1 / 0)
    metrics.watch_leases(lambda: [][0])
    metrics.watch("live_calls", lambda: 5)
    samples = scrape(metrics)
    assert ("ppc_journal_backlog_facts", ()) not in samples
    assert samples["ppc_calls_live", ()] == 5
    assert value(metrics, "ppc_bugs_total", where="scrape") >= 2


def test_only_the_revision_in_force_is_told():
    metrics = Metrics()
    metrics.use_catalog("r1", [])
    metrics.use_catalog("r2", [])
    infos = [labels for name, labels in scrape(metrics) if name == "ppc_engine_info"]
    assert [dict(labels)["revision"] for labels in infos] == ["r2"]


words = st.text(max_size=30)


@given(st.lists(st.tuples(words, words, st.integers(min_value=0, max_value=10**9)), max_size=30))
def test_no_word_grows_the_labels(told):
    metrics = Metrics()
    metrics.use_catalog("r", (f"buyer:{n}" for n in range(3)))
    for gauge in GAUGES:
        metrics.watch(gauge, lambda: 0)
    before = set(scrape(metrics))
    for one, two, number in told:
        metrics.call_ended(one, number)
        metrics.attempt_ended(one)
        metrics.slot_refused(one)
        metrics.event_read(one)
        metrics.event_dropped(one, number)
        metrics.command_performed(one, two)
        metrics.claim_renewed(one)
        metrics.switch_connected(one, bool(number % 2))
        metrics.bug(one)
    metrics.watch_leases(lambda: {f"{one}:{two}": number for one, two, number in told})
    grown = {sample for sample in set(scrape(metrics)) - before if not sample[0].startswith("ppc_switch_up")}
    assert grown <= {("ppc_leases", (("cap_kind", kind), ("owner", "other"))) for kind in ("other",)}


@given(st.lists(words, max_size=20))
def test_nothing_is_lost_in_a_tally(told):
    tally = Tally("t", "", {"word": ["a", "b"]})
    for word in told:
        tally.add(word)
    assert tally.read("a") == told.count("a")
    assert tally.read("a") + tally.read("b") + tally.read("other") == len(told)


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=40))
def test_a_distribution_counts_each_value_in_every_bucket_that_holds_it(values):
    bounds = (0.5, 1.0, 10.0)
    distribution = Distribution("d", "", bounds)
    for measured in values:
        distribution.observe(measured)
    samples = {s.labels.get("le"): s.value for s in distribution.family().samples if s.name == "d_bucket"}
    assert samples == {**{str(b): sum(v <= b for v in values) for b in bounds}, "+Inf": len(values)}


def test_owners_are_bounded():
    metrics = Metrics()
    metrics.use_catalog("r", (f"buyer:b{n:06d}" for n in range(OWNERS_MAX + 10)))
    metrics.watch_leases(lambda: {f"buyer:b{n:06d}": 1 for n in range(OWNERS_MAX + 10)})
    owners = [labels for name, labels in scrape(metrics) if name == "ppc_leases" and ("cap_kind", "buyer") in labels]
    assert len(owners) == OWNERS_MAX + 2  # and "" and "other"
    assert value(metrics, "ppc_leases", cap_kind="buyer", owner="other") == 10
