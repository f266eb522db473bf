"""What dialling and bridging do to the legs, in the claim pattern and beyond the recordings (A6, A12, 4.3)."""

import pytest

from tests.emulator.driving import Drive, answers, behaves

THERE = "trunks/b@127.0.0.1:6001"
LEGS = ("ANSWER", "BRIDGE", "UNBRIDGE", "HANGUP", "UNPARK", "PARK")


def test_the_claim_pattern_rings_stamps_arms_and_parks():
    drive = Drive(buyers=[answers()]).run(1)
    applications = [said.split()[2] for said in drive.trace("EXECUTE")]
    assert applications == ["ring_ready", "multiset", "sched_transfer", "park"]
    parked = drive.last("PARK")
    assert parked["variable_ppc_dialed_number"] == "+18005550100"
    assert parked["variable_ppc_dialplan"] == "1"
    assert parked["variable_last_sched_id"] == "1"
    assert parked["variable_transfer_ringback"] == "%(2000,4000,440,480)"


def test_buyer_hangs_up_and_the_caller_is_hung_up_with_the_same_cause():
    drive = Drive(buyers=[answers(hangs_up_after_ms=3000)]).run(1)
    drive.bridge(THERE, uuid="x").run(10)
    assert drive.trace(*LEGS) == [
        "A PARK",
        "B ANSWER",
        "A ANSWER",
        "A BRIDGE",
        "B HANGUP NORMAL_CLEARING",
        "A UNBRIDGE",
        "A HANGUP NORMAL_CLEARING",
        "A UNPARK NORMAL_CLEARING",
    ]
    # The bridge completes after the caller's leg began to hang up (reference A6).
    order = [said.split()[1] for said in drive.trace("HANGUP", "EXECUTE_COMPLETE", leg="A")]
    assert order[-3:] == ["HANGUP", "EXECUTE_COMPLETE", "EXECUTE_COMPLETE"]
    ended = drive.last("HANGUP_COMPLETE")
    assert ended["variable_sip_hangup_disposition"] == "send_bye"
    assert drive.last("HANGUP_COMPLETE", "B")["variable_sip_hangup_disposition"] == "recv_bye"


def test_with_transfer_after_bridge_the_caller_parks_again_with_a_new_timer():
    drive = Drive(buyers=[answers(hangs_up_after_ms=3000)]).run(1)
    drive.execute("multiset", "hangup_after_bridge=false transfer_after_bridge=ppc_reclaim:XML:ppc")
    drive.bridge(THERE).run(10)
    first, second = [event for event in drive.events if event["Event-Name"] == "CHANNEL_PARK"]
    assert (first["variable_last_sched_id"], second["variable_last_sched_id"]) == ("1", "2")
    assert second["Caller-Destination-Number"] == "ppc_reclaim"
    assert second["variable_ppc_dialed_number"] == "+18005550100"
    assert second["variable_ppc_reclaimed"] == "true"
    assert second["variable_hangup_after_bridge"] == "true"
    assert "variable_transfer_after_bridge" not in second


def test_transfer_after_bridge_moves_number_and_clock_even_when_the_caller_hung_up():
    drive = Drive(callers=[{"talk_ms": 2000}], buyers=[answers()]).run(1)
    drive.execute("multiset", "hangup_after_bridge=false transfer_after_bridge=ppc_reclaim:XML:ppc")
    drive.bridge(THERE).run(10)
    ended = drive.last("HANGUP_COMPLETE")
    assert ended["Caller-Destination-Number"] == "ppc_reclaim"
    assert ended["variable_bridge_uepoch"] == "0"
    assert int(drive.last("HANGUP_COMPLETE", "B")["variable_bridge_uepoch"]) > 0
    assert drive.trace("PARK") == ["A PARK"]


def test_nobody_claims_and_the_carrier_gets_503():
    drive = Drive().run(20)
    assert drive.at("HANGUP") == pytest.approx(15, abs=0.6)
    assert drive.last("HANGUP")["Hangup-Cause"] == "NORMAL_TEMPORARY_FAILURE"
    (result,) = drive.model.results
    assert (result.status, result.answered, result.hung_up_by) == (503, False, "switch")


def test_an_answered_call_that_nobody_holds_hears_an_apology():
    drive = Drive(prompts={"apology": 4000}).run(1)
    drive.execute("answer").run(30)
    assert drive.trace("EXECUTE")[-2:] == [
        "A EXECUTE playback /usr/share/freeswitch/sounds/ppc/apology.wav",
        "A EXECUTE hangup NORMAL_TEMPORARY_FAILURE",
    ]
    assert drive.model.results[0].status == 200


def test_a_renewed_timer_fires_at_its_own_time_and_the_old_one_never():
    drive = Drive().run(7)
    uuid = drive.uuid()
    added = drive.api(f"sched_api +15 {uuid} uuid_transfer {uuid} ppc_fallback XML ppc")
    assert added == "+OK Added: 2\n"
    assert drive.api("sched_del 1") == "+OK Deleted: 1\n"
    assert drive.api("sched_del 1") == "+OK Deleted: 0\n"
    drive.run(21)
    assert drive.trace("HANGUP") == []
    drive.run(23)
    assert drive.at("HANGUP") == pytest.approx(22, abs=0.6)


def test_the_bridge_itself_cancels_every_timer_of_the_call():
    drive = Drive(buyers=[answers()]).run(1)
    drive.bridge(THERE).run(1.6)
    assert len(drive.model.tasks.waiting) == 1
    drive.run(1.9)
    assert drive.model.tasks.waiting == {}
    drive.run(40)
    assert drive.trace("HANGUP") == []


def test_a_timer_that_fires_while_it_rings_cancels_the_buyer():
    drive = Drive(buyers=[behaves("no_answer")]).run(1)
    drive.bridge(THERE).run(20)
    assert drive.trace("HANGUP") == ["B HANGUP ORIGINATOR_CANCEL", "A HANGUP NORMAL_TEMPORARY_FAILURE"]
    cancelled = drive.last("HANGUP_COMPLETE", "B")
    assert cancelled["variable_sip_hangup_disposition"] == "send_cancel"
    assert "variable_sip_term_status" not in cancelled


@pytest.mark.parametrize(
    ("buyer", "options", "cause", "seconds"),
    [
        (behaves("no_answer"), "[leg_timeout=4]", "ALLOTTED_TIMEOUT", 5),
        (behaves("silent"), "[leg_timeout=9,leg_progress_timeout=3]", "PROGRESS_TIMEOUT", 4),
        (behaves("no_answer"), "{originate_timeout=6}[leg_timeout=60]", "NO_ANSWER", 6),
        (behaves("no_answer"), "[leg_timeout=9,leg_progress_timeout=3]", "ALLOTTED_TIMEOUT", 10),
    ],
)
def test_timers_of_a_dial_compare_whole_seconds(buyer, options, cause, seconds):
    drive = Drive(buyers=[buyer]).run(0.98)
    drive.hold().bridge(THERE, options=options).run(20)
    assert drive.last("HANGUP", "B")["Hangup-Cause"] == cause
    assert drive.at("HANGUP", "B") == pytest.approx(1 + seconds, abs=0.001)
    assert drive.last("EXECUTE_COMPLETE")["variable_originate_disposition"] == cause


def test_a_dial_that_is_looked_at_within_the_last_second_goes_on():
    drive = Drive(buyers=[behaves("no_answer")]).run(0.98).hold()
    drive.bridge(THERE, options="[leg_timeout=4]").run(5.5)
    drive.model.poke(drive.model.channels[drive.uuid()])
    assert drive.run(5.9).trace("HANGUP") == []
    assert drive.run(6.1).trace("HANGUP") == ["B HANGUP ALLOTTED_TIMEOUT"]


@pytest.mark.parametrize(
    ("buyer", "cause", "status"),
    [
        (behaves("busy"), "USER_BUSY", "486"),
        (behaves("reject", status=480), "NO_USER_RESPONSE", "480"),
        (behaves("reject", status=603), "CALL_REJECTED", "603"),
        (behaves("reject", status=404), "UNALLOCATED_NUMBER", "404"),
        (behaves("unreachable"), "NORMAL_TEMPORARY_FAILURE", "503"),
    ],
)
def test_refusals_become_causes_and_the_caller_stays(buyer, cause, status):
    drive = Drive(buyers=[buyer]).run(1)
    drive.bridge(THERE).run(2)
    ended = drive.last("HANGUP_COMPLETE", "B")
    assert (ended["variable_hangup_cause"], ended["variable_sip_term_status"]) == (cause, status)
    assert drive.last("EXECUTE_COMPLETE")["variable_originate_disposition"] == cause
    assert drive.trace("HANGUP", leg="A") == []


@pytest.mark.parametrize(
    ("wanted", "stays"),
    [("true", True), ("", False), ("user_busy,no_answer", True), ("17", True), ("call_rejected", False)],
)
def test_continue_on_fail_decides_whether_the_caller_stays(wanted, stays):
    drive = Drive(buyers=[behaves("busy")]).run(1)
    drive.execute("multiset", f"continue_on_fail={wanted}").bridge(THERE).run(2)
    assert (drive.trace("HANGUP", leg="A") == []) is stays
    if not stays:
        assert drive.last("HANGUP")["Hangup-Cause"] == "USER_BUSY"


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        ("gateway/nowhere/+12135550110", "INVALID_GATEWAY"),
        ("gateway/down/+12135550110", "GATEWAY_DOWN"),
        ("strangers/b@127.0.0.1:6001", "INVALID_PROFILE"),
        ("trunks/a@127.0.0.1:1|sofia/trunks/b@127.0.0.1:2", "INVALID_URL"),
    ],
)
def test_what_cannot_be_dialled_ends_at_once_without_a_leg(where, cause):
    down = {"id": "down", "gateway": "down", "behaviours": [{"does": "gateway_down"}]}
    drive = Drive(buyers=[answers(), down]).run(1)
    drive.bridge(where).run(2)
    done = drive.last("EXECUTE_COMPLETE")
    assert (done["Application-UUID"], done["variable_originate_disposition"]) == ("dial", cause)
    assert drive.trace("OUTGOING", "CREATE") == ["A CREATE"]


def test_a_gateway_leads_to_the_number_behind_it():
    behind = {"id": "x", "gateway": "carrier", "number": "+12135550110", "behaviours": [{"does": "answer"}]}
    drive = Drive(buyers=[behind]).run(1)
    drive.bridge("gateway/carrier/+12135550110").run(2)
    leg = drive.last("ANSWER", "B")
    assert leg["Channel-Name"] == "sofia/trunks/+12135550110"
    assert leg["variable_sip_gateway_name"] == "carrier"


def test_above_its_capacity_a_buyer_is_busy():
    drive = Drive(callers=[{}, {"first_ms": 100}], buyers=[{**answers(), "capacity": 1}]).run(1)
    drive.bridge(THERE).execute("bridge", f"sofia/{THERE}", leg="B").run(2)
    assert drive.trace("BRIDGE", "HANGUP") == ["D HANGUP USER_BUSY", "A BRIDGE"]


def test_the_longest_call_is_ended_on_the_buyers_leg_and_the_caller_may_go_on():
    drive = Drive(buyers=[answers()]).run(1)
    drive.execute("multiset", "hangup_after_bridge=false")
    drive.bridge(THERE, options="[execute_on_answer=sched_hangup +5 allotted_timeout]").run(10)
    assert drive.trace("EXECUTE", leg="B") == ["B EXECUTE sched_hangup +5 allotted_timeout"]
    ended = drive.last("HANGUP_COMPLETE", "B")
    assert ended["variable_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert ended["variable_hangup_cause_q850"] == "16"
    assert ended["variable_sip_hangup_disposition"] == "send_bye"
    assert drive.trace("HANGUP", leg="A") == []


def test_our_own_uuid_and_words_reach_the_buyers_leg_and_the_publishers_headers_do_not():
    uuid = "11111111-2222-4333-8444-555555555555"
    drive = Drive(callers=[{"headers": {"X-Sub-ID": "s1"}}], buyers=[answers()]).run(1)
    drive.bridge(THERE, options=f"[origination_uuid={uuid},ppc_call=abc]").run(2)
    leg = drive.last("ANSWER", "B")
    assert leg["Unique-ID"] == uuid
    assert leg["variable_ppc_call"] == "abc"
    assert leg["variable_media_timeout"] == "120000"
    assert "variable_sip_h_X-Sub-ID" not in leg
    assert drive.last("PARK")["variable_sip_h_X-Sub-ID"] == "s1"


def test_killing_the_buyers_leg_frees_the_caller():
    drive = Drive(buyers=[answers()]).run(1)
    drive.execute("multiset", "hangup_after_bridge=false").bridge(THERE).run(3)
    assert drive.api(f"uuid_kill {drive.uuid('B')} USER_BUSY") == "+OK\n"
    drive.run(4)
    assert drive.trace("HANGUP", "UNBRIDGE") == ["B HANGUP USER_BUSY", "A UNBRIDGE"]


def test_an_hangup_complete_of_a_buyer_may_come_before_or_after_the_end_of_the_bridge():
    orders = set()
    for seed in range(12):
        drive = Drive(buyers=[answers(hangs_up_after_ms=1000)], seed=seed).run(1)
        drive.execute("multiset", "hangup_after_bridge=false").bridge(THERE).run(5)
        said = drive.trace("HANGUP_COMPLETE", "EXECUTE_COMPLETE")
        orders.add(
            said.index("B HANGUP_COMPLETE NORMAL_CLEARING") < said.index(f"A EXECUTE_COMPLETE bridge sofia/{THERE}")
        )
    assert orders == {True, False}
