"""Revenue recovery, and what a restarted engine does with a call in every phase."""

from __future__ import annotations

from tests.calls.call_traces import DIRECT, Trace, buyer, context, target

RECOVERY = {"connected_ms_max": 20_000, "reroutes_max": 2}


def talking(*more_targets: dict[str, object], **campaign: object) -> Trace:
    """A direct call, recovery on, talking to Acme since 2.0 s."""
    trace = Trace(
        context(
            buyer("acme", target("acme-la")),
            buyer("zenith", target("zenith-1", priority=2), *more_targets),
            flow=DIRECT,
            recovery=RECOVERY,
            **campaign,
        )
    )
    assert trace.park() == ["dial acme-la"]
    assert trace.facts[-1]["c"][0]["returns"] is True
    assert trace.bridged(2.0) == []
    return trace


def target_hangs_up(trace: Trace, at: float) -> list[str]:
    assert trace.leg_ended(at, "NORMAL_CLEARING", bridged=2.0) == []
    assert trace.done(at + 0.02) == []
    return trace.park(at + 0.03)


def test_target_that_hangs_up_early_is_followed_by_the_next_and_stays_on_record() -> None:
    trace = talking()
    assert target_hangs_up(trace, 10.0) == ["dial zenith-1"]
    assert trace.told("recovery") == {"number": 1, "try_next": True, "against": []}
    trace.bridged(14.0, number=2)
    trace.hung_up(130)
    trace.leg_ended(130.02, "NORMAL_CLEARING", 2, dialed=10.03, bridged=14.0, by="send_bye")
    assert trace.ended(130.03) == ["finish"]
    cdr = trace.cdr()
    assert [(a.target, a.connected_ms, a.hung_up_by) for a in cdr.attempts] == [
        ("acme-la", 8_000, "target"),
        ("zenith-1", 116_020, "caller"),
    ]
    assert (cdr.connected_ms, cdr.silent_ms < 100) == (124_020, True)


def test_no_recovery_after_a_long_talk() -> None:
    trace = talking()
    assert target_hangs_up(trace, 23.0) == ["hangup NORMAL_TEMPORARY_FAILURE"]
    assert trace.told("recovery")["against"] == ["talked_too_long"]
    trace.ended(23.1, by="send_bye")
    assert trace.cdr().outcome == "connected"


def test_no_recovery_once_the_buyer_may_owe() -> None:
    short = buyer(
        "acme",
        target("acme-la"),
        offers=({"id": "o", "campaign": "roofing", "amount": "40", "connected_ms_min": 5_000},),
    )
    trace = Trace(context(short, buyer("zenith", target("zenith-1", priority=2)), flow=DIRECT, recovery=RECOVERY))
    trace.park()
    trace.bridged(2.0)
    assert target_hangs_up(trace, 10.0) == ["hangup NORMAL_TEMPORARY_FAILURE"]
    assert trace.told("recovery")["against"] == ["buyer_may_owe"]


def test_no_recovery_when_the_switch_ended_the_target() -> None:
    trace = talking()
    trace.leg_ended(10, "MEDIA_TIMEOUT", bridged=2.0, by="send_bye")
    trace.done(10.02)
    trace.park(10.03)
    assert trace.told("recovery")["against"] == ["not_ended_by_target"]


def test_another_target_on_the_same_destination_is_not_tried() -> None:
    twin = {**target("acme-twin", priority=2), "destination": "sip:acme-la@127.0.0.1:6001"}
    trace = talking(twin)
    assert target_hangs_up(trace, 10.0) == ["dial zenith-1"]
    told = {c["target"]: c["reasons"][0]["measured"] for c in trace.candidates() if "reasons" in c}
    assert told == {"acme-la": "this target", "acme-twin": "its destination"}


def test_recovery_that_finds_nobody_leaves_by_its_own_exit() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=DIRECT, recovery=RECOVERY))
    trace.park()
    trace.bridged(2.0)
    assert target_hangs_up(trace, 10.0) == ["hangup NORMAL_TEMPORARY_FAILURE"]
    assert trace.told("route") == {"exit": "recovered_none"}


def test_leg_that_reports_after_the_caller_came_back_still_decides() -> None:
    trace = talking()
    trace.done(10.0)
    assert trace.park(10.01) == []
    assert trace.leg_ended(10.02, "NORMAL_CLEARING", bridged=2.0) == ["dial zenith-1"]


def test_restart_in_the_ivr_asks_the_same_node_again() -> None:
    trace = Trace(context(buyer("acme", target("acme-la"))))
    trace.park()
    trace.done(0.1)
    assert trace.done(3) == ["collect enter_zip"]
    assert trace.adopted(9, "play_and_get_digits") == ["break", "collect enter_zip"]
    assert trace.done(9.1, command=3, digits="10") == []  # the interrupted one reports: nobody waits for it
    assert trace.done(15, digits="90210") == ["dial acme-la"]
    trace.check_replay()


def test_lost_connection_leaves_a_running_prompt_alone() -> None:
    trace = Trace(context(buyer("acme", target("acme-la"))))
    trace.park()
    assert trace.done(0.1) == ["play welcome"]
    assert trace.adopted(2, "playback", restarted=False) == []
    assert trace.adopted(5, "park", restarted=False) == ["play welcome"]  # its end was missed


def test_restart_while_ringing_waits_for_the_running_bridge() -> None:
    trace = Trace(context(buyer("acme", target("acme-la")), flow=DIRECT))
    trace.park()
    assert trace.adopted(5, "bridge") == []
    assert trace.bridged(9) == []
    trace.hung_up(60)
    trace.leg_ended(60.02, "NORMAL_CLEARING", bridged=9, by="send_bye")
    trace.ended(60.03)
    cdr = trace.cdr()
    assert [a.connected_ms for a in cdr.attempts] == [51_020] and not cdr.end_estimated


def test_restart_during_a_talk_lets_it_go_on() -> None:
    trace = talking()
    assert trace.adopted(30, "bridge", bridged=1) == []
    assert trace.call.needs_claim is False
    trace.hung_up(60)
    trace.leg_ended(60.02, "NORMAL_CLEARING", bridged=2, by="send_bye")
    assert trace.ended(60.03) == ["finish"]


def test_restart_after_a_target_failed_unseen_goes_on_with_the_next() -> None:
    trace = Trace(context(buyer("acme", target("acme-la"), target("acme-2", priority=2)), flow=DIRECT))
    trace.park()
    assert trace.adopted(9, "park") == ["dial acme-2"]


def test_restart_between_reservation_and_answer_reserves_the_same_lease_again() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", concurrency_cap=1)), flow=DIRECT))
    trace.park()
    assert trace.usage() == ["reserve :1 target:acme-la"]
    assert trace.adopted(2, "park") == ["reserve :1 target:acme-la"]
    assert trace.slot() == ["dial acme-la"]


def test_stuck_bridge_is_cut_at_the_leg_and_then_at_the_call() -> None:
    trace = Trace(context(buyer("acme", target("acme-la", ring_ms_max=10_000)), flow=DIRECT))
    trace.park()
    assert trace.timers["dial:1"] == 16_000
    assert trace.fires(16, "dial:1") == ["hangup leg ALLOTTED_TIMEOUT"]
    assert trace.fires(21, "stuck:1") == ["hangup NORMAL_TEMPORARY_FAILURE"]
    trace.ended(21.1, by="send_refuse")
    assert trace.fires(23.1, "legs") == ["finish"]
    assert trace.cdr().outcome == "failed"
