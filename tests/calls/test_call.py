"""Whole calls through the pure core, as traces: what the switch says, what the engine answers, what the CDR holds."""

from __future__ import annotations

import pytest

from ppc_engine.calls.states import Phase
from tests.calls.call_traces import DIRECT, Trace, buyer, context, target

ACME = buyer("acme", target("acme-la", concurrency_cap=2, area={"states": ["CA"]}))
ZENITH = buyer("zenith", target("zenith-1", priority=2))


def in_ivr(**campaign: object) -> Trace:
    """A caller from Los Angeles who has been welcomed and is asked for the ZIP."""
    trace = Trace(context(ACME, ZENITH, **campaign))
    assert trace.park() == ["answer"]
    assert trace.done(0.1) == ["play welcome"]
    assert trace.done(3.1) == ["collect enter_zip"]
    return trace


def ringing(**campaign: object) -> Trace:
    """The same caller, with Acme ringing."""
    trace = in_ivr(**campaign)
    assert trace.done(8.0, digits="90210") == ["usage target:acme-la"]
    assert trace.usage() == ["reserve :1 target:acme-la"]
    assert trace.slot() == ["dial acme-la"]
    return trace


def test_answered_call_ends_with_the_callers_hang_up() -> None:
    trace = ringing()
    assert trace.bridged(12.0) == []
    assert trace.call.needs_claim is False
    assert trace.hung_up(132.0) == []
    assert trace.leg_ended(132.02, "NORMAL_CLEARING", dialed=8.02, bridged=12.0, by="send_bye") == ["release :1"]
    assert trace.ended(132.03) == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.hung_up_by, cdr.campaign, cdr.publisher) == ("connected", "caller", "roofing", "peak")
    assert (cdr.zip_code, cdr.zip_source, cdr.state) == ("90210", "ivr", "CA")
    assert (cdr.total_ms, cdr.ivr_ms, cdr.connected_ms) == (132_030, 8_020, 120_020)
    assert [(a.target, a.outcome, a.hung_up_by, a.ring_ms) for a in cdr.attempts] == [
        ("acme-la", "answered", "caller", 3_980)
    ]
    assert cdr.silent_ms == 0


def test_busy_target_is_followed_by_the_next_one() -> None:
    trace = ringing()
    assert trace.leg_ended(8.2, "USER_BUSY", sip=486, dialed=8.0, by="recv_refuse") == ["release :1"]
    assert trace.done(8.22) == ["usage target:acme-la"]
    assert trace.usage() == ["dial zenith-1"]
    assert trace.candidates()[0]["reasons"][0]["code"] == "already_tried"
    assert trace.bridged(10, number=2) == []
    assert trace.leg_ended(40, "NORMAL_CLEARING", 2, dialed=8.22, bridged=10) == []
    assert trace.hung_up(40.01) == []
    assert trace.done(40.02) == []
    assert trace.ended(40.03, by="send_bye") == ["finish"]
    cdr = trace.cdr()
    assert [(a.target, a.outcome, a.sip_status) for a in cdr.attempts] == [
        ("acme-la", "busy", 486),
        ("zenith-1", "answered", 0),
    ]
    assert (cdr.hung_up_by, cdr.connected_ms) == ("target", 30_000)


def test_slot_is_given_back_when_the_leg_ends_before_the_bridge_application_does() -> None:
    trace = ringing()
    assert trace.done(8.2) == []  # the application is done; the leg's own end is still awaited
    assert "leg:1" in trace.timers
    assert trace.leg_ended(8.21, "ALLOTTED_TIMEOUT", dialed=8.0, by="send_cancel") == [
        "release :1",
        "usage target:acme-la",
    ]
    assert trace.told("attempt")["outcome"] == "no_answer"


def test_bridge_that_made_no_leg_gives_its_slot_back_after_a_deadline() -> None:
    trace = ringing()
    assert trace.done(8.2) == []
    assert trace.fires(10.2, "leg:1") == ["release :1", "usage target:acme-la"]
    assert trace.told("attempt")["outcome"] == "failed"


def test_gateway_that_makes_no_leg_is_not_waited_for() -> None:
    trace = ringing()
    assert trace.done(8.1, cause="GATEWAY_DOWN") == ["release :1", "usage target:acme-la"]
    assert trace.told("attempt")["outcome"] == "unreachable"
    trace.hung_up(9)
    trace.ended(9.1)
    assert [(a.outcome, a.hangup_cause) for a in trace.cdr().attempts] == [("unreachable", "GATEWAY_DOWN")]


def test_lost_race_for_a_slot_tries_the_next_target_and_uses_the_attempt_number_up() -> None:
    trace = in_ivr()
    trace.done(8.0, digits="90210")
    trace.usage()
    assert trace.full(**{"target:acme-la": [2, 2]}) == ["usage target:acme-la"]
    assert trace.usage(target__acme_la=2) == ["dial zenith-1"]
    assert trace.call.state.attempts[-1].number == 2
    reasons = trace.candidates()[0]["reasons"]
    assert reasons == [{"code": "concurrency_cap", "measured": 2, "limit": 2, "cap": "target:acme-la"}]


def test_caller_who_cancels_while_ringing_leaves_no_slot_behind() -> None:
    trace = ringing()
    assert trace.hung_up(11, "ORIGINATOR_CANCEL") == []
    assert trace.ended(11.01, by="recv_cancel") == []  # the target's leg has not reported yet
    assert trace.leg_ended(11.02, "ORIGINATOR_CANCEL", dialed=8, by="send_cancel") == ["release :1", "finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.hung_up_by, cdr.attempts[0].outcome) == ("abandoned_ringing", "caller", "cancelled")
    assert cdr.attempts[0].hung_up_by == "caller"


def test_leg_that_never_reports_is_given_up_and_its_end_estimated_when_it_talked() -> None:
    trace = ringing()
    trace.bridged(12)
    trace.hung_up(60)
    assert trace.ended(60.01) == []
    assert trace.fires(62.01, "legs") == ["release :1", "finish"]
    cdr = trace.cdr()
    assert cdr.end_estimated and cdr.attempts[0].end_estimated and cdr.outcome == "connected"


def test_wrong_partial_and_no_zip() -> None:
    trace = in_ivr()
    assert trace.done(8, digits="99999") == ["collect bad_zip"]
    assert trace.told("node")["facts"] == {"try": 1, "digits": "99999", "verdict": "unknown_zip"}
    assert trace.done(14, digits="902") == ["play sorry"]
    assert trace.told("node") == {"node": "sorry", "waits": "PlayWait"}
    assert trace.done(17) == ["hangup NORMAL_CLEARING"]
    assert trace.hung_up(17.1) == []
    assert trace.ended(17.2, by="send_bye") == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.zip_code, cdr.hung_up_by) == ("zip_failed", "", "engine")


def test_total_time_for_the_zip_is_bounded_whatever_the_caller_does() -> None:
    trace = in_ivr()
    assert trace.timers["wait:3"] == 30_000
    assert trace.fires(33.1, "wait:3") == ["break"]
    assert trace.done(33.2, digits="9021") == ["play sorry"]


def test_application_that_cannot_be_interrupted_ends_the_call() -> None:
    trace = in_ivr()
    trace.fires(33.1, "wait:3")
    assert trace.fires(36.1, "break:3") == ["hangup NORMAL_TEMPORARY_FAILURE"]
    trace.ended(36.2, by="send_bye")
    assert trace.cdr().outcome == "failed"


def test_caller_hangs_up_in_the_ivr() -> None:
    trace = in_ivr()
    assert trace.hung_up(5) == []
    assert trace.done(5.01, digits="90") == []  # completion after hang-up changes nothing
    assert trace.ended(5.02) == ["finish"]
    assert trace.cdr().outcome == "abandoned_in_ivr"


def test_command_refused_because_the_caller_just_left_is_no_failure_of_ours() -> None:
    trace = in_ivr()
    assert trace.refused(5) == []
    assert trace.hung_up(5.01) == []
    trace.ended(5.02)
    assert trace.cdr().outcome == "abandoned_in_ivr"
    trace = ringing()
    assert trace.refused(8.1) == []
    trace.hung_up(8.11)
    trace.ended(8.12)
    assert trace.fires(10.12, "legs") == ["release :1", "finish"]
    assert trace.cdr().outcome == "abandoned_ringing"


def test_command_refused_for_no_such_reason_ends_the_call_or_the_attempt() -> None:
    trace = in_ivr()
    trace.refused(5)
    assert trace.fires(6, "refused:3") == ["hangup NORMAL_TEMPORARY_FAILURE"]
    trace = ringing()
    trace.refused(8.1)
    assert trace.fires(9.1, "refused:1") == ["release :1", "usage target:acme-la"]


def test_unknown_number_is_refused_politely_and_recorded() -> None:
    trace = Trace(context(ACME))
    assert trace.park(dialed_number="+18005559999") == ["hangup UNALLOCATED_NUMBER"]
    trace.hung_up(0.1, "UNALLOCATED_NUMBER")
    assert trace.ended(0.2, by="send_refuse", cause="UNALLOCATED_NUMBER") == ["finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.campaign, cdr.dialed_number) == ("unknown_number", "", "+18005559999")


@pytest.mark.parametrize(
    ("area", "hours", "used", "outcome"),
    [
        ({"states": ["NY"]}, None, 0, "no_match"),
        ({"states": ["CA"]}, {"zone": "UTC", "sunday": ["00:00-24:00"]}, 0, "all_closed"),
        ({"states": ["CA"]}, None, 2, "all_capped"),
    ],
)
def test_named_exceptions(area: dict[str, object], hours: object, used: int, outcome: str) -> None:
    only = buyer("acme", target("acme-la", concurrency_cap=2, area=area, hours=hours))
    trace = Trace(context(only, flow=DIRECT))
    assert trace.park() == ["usage target:acme-la"]
    assert trace.usage(target__acme_la=used) == ["hangup NORMAL_TEMPORARY_FAILURE"]
    trace.ended(0.3, by="send_refuse")
    assert trace.cdr().outcome == outcome


def test_all_no_answer_when_every_target_was_tried() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=DIRECT))
    assert trace.park() == ["dial acme-la"]
    trace.leg_ended(25, "ALLOTTED_TIMEOUT", by="send_cancel")
    assert trace.done(25.1, answered=False) == ["hangup NORMAL_TEMPORARY_FAILURE"]
    trace.ended(25.2, by="send_refuse")
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.silent_ms, cdr.answered_at) == ("all_no_answer", 0, 0)


def test_campaign_publisher_and_caller_count_calls() -> None:
    trace = Trace(
        context(ACME, flow=DIRECT, concurrency_cap=5, caller_concurrency_cap=1, publisher={"concurrency_cap": 3})
    )
    assert trace.park() == ["reserve :call campaign:roofing publisher:peak caller:+13105550123"]
    assert trace.full(**{"caller:+13105550123": [1, 1]}) == ["hangup USER_BUSY"]
    assert trace.ended(0.1, by="send_refuse") == ["finish"]
    assert trace.cdr().outcome == "all_capped"


def test_callers_without_a_number_share_no_caller_cap() -> None:
    trace = Trace(context(ACME, flow=DIRECT, caller_concurrency_cap=1))
    assert trace.park(caller_number="anonymous") == ["usage target:acme-la"]
    assert trace.told("opened")["caller_kind"] == "anonymous"


def test_events_told_twice_change_nothing() -> None:
    trace = ringing()
    assert trace.park(8.1) == []
    assert trace.slot() == []
    trace.bridged(12)
    assert trace.bridged(12) == []
    trace.hung_up(60)
    assert trace.leg_ended(60.1, "NORMAL_CLEARING", bridged=12) == ["release :1"]
    assert trace.leg_ended(60.1, "NORMAL_CLEARING", bridged=12) == []
    assert trace.ended(60.2) == ["finish"]
    assert trace.ended(60.2) == []
    assert trace.call.state.phase is Phase.ENDED
    assert trace.cdr().connected_ms == 48_100


def test_call_that_an_engine_lost_to_the_fallback() -> None:
    trace = in_ivr()
    trace.hung_up(20, "NORMAL_TEMPORARY_FAILURE")
    trace.ended(20.1, by="send_bye", destination="ppc_fallback")
    assert trace.cdr().outcome == "engine_fallback"


def test_ringing_call_that_was_gone_when_the_engine_came_back_fell_back() -> None:
    trace = ringing()
    assert trace.vanished(8.1) == ["release :1", "finish"]
    cdr = trace.cdr()
    assert (cdr.outcome, cdr.end_estimated, cdr.attempts[0].end_estimated) == ("engine_fallback", True, True)


def test_end_that_nobody_saw_is_estimated_and_gives_every_slot_back() -> None:
    trace = ringing()
    trace.bridged(12)
    assert trace.vanished(50) == ["release :1", "finish"]
    cdr = trace.cdr()
    assert cdr.end_estimated and cdr.outcome == "connected" and cdr.ended_at == trace.at
