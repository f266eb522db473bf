"""Test calls (semantics.md): a marked caller, number or target; routed as live, and known for it in the record."""

import dataclasses

from ppc_engine.catalog.model import TrackingNumber
from tests.calls.call_traces import DIRECT, Trace, buyer, context, target

CALLER = "+13105550123"


def network(*targets, **more):
    targets = targets or (target("acme-la"),)
    return context(buyer("acme", *targets), flow=DIRECT, **more)


def talked(call_context, *ends):
    """A call: each of ``ends`` is how an attempt ends; "talk" is thirty seconds of it, after which the caller goes."""
    trace = Trace(call_context)
    trace.park()
    for number, end in enumerate(ends, 1):
        at = 10 * number
        if trace.call.state.leases:
            trace.slot()
        if end == "talk":
            trace.bridged(at, number=number)
            trace.leg_ended(at + 30, "NORMAL_CLEARING", number=number, dialed=at - 1, bridged=at, by="send_bye")
        else:
            trace.leg_ended(at, end, number=number, dialed=at - 1, by="recv_refuse", sip=486)
            trace.done(at + 0.1, cause=end, answered=False)
    trace.hung_up(90)
    trace.ended(90.1)
    return trace


def test_a_marked_number_makes_a_test_call():
    number = TrackingNumber(number="+18005550100", campaign="roofing", publisher="peak", test=True)
    trace = talked(dataclasses.replace(network(), numbers={number.number: number}), "talk")
    assert trace.told("opened")["test"] == ["number"]
    assert trace.call.state.test and trace.cdr().test


def test_a_caller_is_marked_by_the_campaign_or_by_the_engine():
    for marked in (
        network(test_callers={CALLER}),
        dataclasses.replace(network(), test_callers=frozenset({CALLER})),
    ):
        trace = talked(marked, "talk")
        assert trace.told("opened")["test"] == ["caller"]
        assert trace.cdr().test
    live = talked(network(test_callers={"+13105550199"}), "talk")
    assert "test" not in live.told("opened")
    assert not live.call.state.test and not live.cdr().test


def test_a_marked_target_that_takes_the_call_makes_it_a_test():
    trace = talked(network(target("engineer", test=True)), "talk")
    assert trace.told("dialed")["test"] is True
    assert trace.cdr().test


def test_a_live_caller_who_goes_on_to_a_buyer_is_no_test():
    targets = target("engineer", test=True), target("acme-la", priority=2)
    assert talked(network(targets[0]), "USER_BUSY").cdr().test
    trace = talked(network(*targets), "USER_BUSY", "talk")
    assert [attempt.target for attempt in trace.cdr().attempts] == ["engineer", "acme-la"]
    assert not trace.cdr().test
