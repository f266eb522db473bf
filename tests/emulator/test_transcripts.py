"""The emulated switch is held against every recorded conversation of a real FreeSWITCH 1.11.1.

Commands are taken from the recording (or rebuilt, where another connection sent them) and sent at the recorded moments;
what comes back must be what came back then: the events of every leg in their order, pairs across legs, causes, every
header, and the replies. Then each scenario is changed, and what is said must change as predicted: a canned playback
would not.
"""

import json
import re

import pytest

from tests.emulator import comparing, recording
from tests.emulator.recording import NAMES, Cast, events_of, replies_of

HANGS_UP = "CHANNEL_HANGUP "
BRIDGED = [("B CHANNEL_ANSWER", "A CHANNEL_BRIDGE"), ("A CHANNEL_EXECUTE bridge", "B CHANNEL_OUTGOING")]
CALLER_ENDS = [
    ("A " + HANGS_UP, "B " + HANGS_UP),
    ("B " + HANGS_UP, "A CHANNEL_UNBRIDGE"),
    ("A CHANNEL_UNBRIDGE", "A CHANNEL_EXECUTE_COMPLETE bridge"),
    ("A CHANNEL_EXECUTE_COMPLETE bridge", "A CHANNEL_UNPARK"),
]
BUYER_ENDS = [("B " + HANGS_UP, "A CHANNEL_UNBRIDGE"), ("A CHANNEL_UNBRIDGE", "A CHANNEL_EXECUTE_COMPLETE bridge")]
BUYER_FAILS = [("B " + HANGS_UP, "A CHANNEL_EXECUTE_COMPLETE bridge"), ("B CHANNEL_ORIGINATE", "B " + HANGS_UP)]
NEXT_BUYER = [
    ("A CHANNEL_EXECUTE_COMPLETE bridge", "C CHANNEL_OUTGOING"),
    ("C CHANNEL_ANSWER", "A CHANNEL_BRIDGE"),
    ("A " + HANGS_UP, "C " + HANGS_UP),
    ("C " + HANGS_UP, "A CHANNEL_UNBRIDGE"),
]
# Which events of one leg come before which of another, in the recording and from the emulator.
PAIRS = {
    "answer_buyer_hangs_up": [*BRIDGED, *BUYER_ENDS, ("B CHANNEL_HANGUP_COMPLETE", "A " + HANGS_UP)],
    "answer_caller_hangs_up": BRIDGED + CALLER_ENDS,
    "api_and_errors": [*BRIDGED, *CALLER_ENDS, ("- BACKGROUND_JOB", "A " + HANGS_UP)],
    "busy_then_answer": BUYER_FAILS + NEXT_BUYER,
    "buyer_hangs_up_then_next_buyer": BRIDGED + BUYER_ENDS + NEXT_BUYER[:1],
    "caller_cancels_while_ringing": [("A " + HANGS_UP, "B " + HANGS_UP), *BUYER_FAILS],
    "engine_dies_during_bridge": [*BRIDGED, *BUYER_ENDS, ("A CHANNEL_EXECUTE sched_cancel", "B " + HANGS_UP)],
    "engine_dies_while_ringing": [*BUYER_FAILS, ("B " + HANGS_UP, "A " + HANGS_UP)],
    "no_answer_then_answer": BUYER_FAILS + NEXT_BUYER,
    "reclaimed_after_bridge": BRIDGED + BUYER_ENDS,
    "record_session": [*BRIDGED, *CALLER_ENDS, ("A RECORD_START", "B CHANNEL_OUTGOING")],
    "unavailable_then_answer": BUYER_FAILS + NEXT_BUYER,
    "unreachable_then_answer": BUYER_FAILS + NEXT_BUYER,
    "zip_captured": BRIDGED + CALLER_ENDS,
}
TAIL_S = 0.2


def converse(name, change=None, *, tail_s=TAIL_S):
    """The recording of this name, and the same conversation with the emulator, its scenario changed or not."""
    sent, said = recording.load(name)
    recorded = events_of(said)
    created_t = next(one.t for one in said if one.event and one.event["Event-Name"] == "CHANNEL_CREATE")
    commands = recording.commands_of(sent, recorded, created_t)
    scenario = recording.specification(name)
    if change:
        change(scenario)
    # One recording ends in the middle of a call.
    until_s = comparing.offset_s(recorded, recorded[-1]) + (0 if name == "reclaimed_after_bridge" else tail_s)
    emulated, _ = recording.converse(sent, commands, recorded, scenario, until_s=until_s)
    return said, emulated


def test_every_recording_is_described():
    assert len(NAMES) == 20
    assert {path.stem for path in recording.SPECIFICATIONS.glob("*.yaml")} - {"common"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_emulated_switch_says_what_the_real_one_said(name):
    said, emulated = converse(name)
    assert comparing.differences(said, emulated, PAIRS.get(name, [])) == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(recording.REBUILT)))
def test_it_replies_what_the_real_one_replied(name):
    said, emulated = converse(name)
    theirs, ours = replies_of(said), replies_of(emulated)
    assert [_reply(one, said) for one in theirs] == [_reply(one, emulated) for one in ours]


def _reply(reply, said):
    """A reply without what belongs to one run: ids, counts and times. JSON is compared by its keys."""
    cast = Cast(events_of(said))
    body = cast.rename(reply.body)
    if body.startswith("{"):
        body = _keys(json.loads(body))
    elif body.startswith("UP "):
        body = re.sub(r"\d+", "N", re.sub(r"(year|day|hour|minute|second)s\b", r"\1", body))
    text = re.sub(comparing.UUID, "UUID", cast.rename(reply.headers.get("Reply-Text", "")))
    return reply.headers.get("Content-Type"), text, body


def _keys(data):
    """The real switch has a table of calls beside that of channels; the emulated one shows the same for both."""
    if "rows" in data:
        return data["row_count"], [{key: row[key] for key in SHOWN} for row in data["rows"]]
    return sorted(data.keys() - SET_LATER)


SHOWN = ("uuid", "direction", "name", "cid_name", "cid_num", "ip_addr", "dest")
SET_LATER = {"variable_last_sent_callee_id_name", "variable_last_sent_callee_id_number"}


def test_a_dump_tells_what_an_engine_needs_to_take_a_call_over():
    said, emulated = converse("api_and_errors")

    def dump(conversation):
        body = next(one.body for one in replies_of(conversation) if one.body.startswith('{"Event-Name":"CHANNEL_DATA"'))
        return json.loads(Cast(events_of(conversation)).rename(body))

    theirs, ours = dump(said), dump(emulated)
    said = ["bridge_uuid", "signal_bond", "current_application", "current_application_data", "current_loop"]
    for header in ("Answer-State", "Channel-State", "Other-Leg-Unique-ID", *(f"variable_{name}" for name in said)):
        assert ours[header] == theirs[header]


# --- another scenario, another conversation


def mutate(name, change, *, tail_s=TAIL_S):
    """The emulated conversation with a changed scenario, which must not pass for the recorded one."""
    said, emulated = converse(name, change, tail_s=tail_s)
    assert comparing.differences(said, emulated, PAIRS.get(name, [])) != []
    return events_of(emulated)


def last(events, name, leg):
    cast = Cast(events)
    return [event for event in events if event["Event-Name"] == name and cast.of(event) == leg][-1]


def buyer(scenario, name, **behaviour):
    found = next(one for one in scenario["buyers"] if one["id"] == name)
    found["behaviours"] = [{**found["behaviours"][0], **behaviour}]


def test_a_buyer_who_refuses_otherwise_gives_another_cause():
    events = mutate(
        "busy_then_answer", lambda scenario: buyer(scenario, "busy", does="reject", status="480", rings_ms="0")
    )
    ended = last(events, "CHANNEL_HANGUP_COMPLETE", "B")
    assert ended["variable_hangup_cause"] == "NO_USER_RESPONSE"
    assert ended["variable_proto_specific_hangup_cause"] == "sip:480"
    done = last(events, "CHANNEL_EXECUTE_COMPLETE", "A")
    assert "NO_USER_RESPONSE" in str(done["variable_originate_causes"])


def test_a_buyer_who_talks_three_seconds_longer_is_billed_three_seconds_longer():
    before = events_of(converse("answer_buyer_hangs_up")[1])
    events = mutate(
        "answer_buyer_hangs_up", lambda scenario: buyer(scenario, "hangs-up", hangs_up_after_ms="3520"), tail_s=3
    )
    longer = [int(last(these, "CHANNEL_HANGUP_COMPLETE", "B")["variable_billusec"]) for these in (before, events)]
    assert longer[1] - longer[0] == 1_500_000


def test_a_caller_who_hangs_up_later_ends_the_call_later():
    def later(scenario):
        scenario["callers"][0]["hang_up"]["after_ms"] = "5020"

    events = mutate("answer_caller_hangs_up", later, tail_s=2)
    ended = last(events, "CHANNEL_HANGUP_COMPLETE", "A")
    assert int(ended["variable_billmsec"]) == 5020
    assert last(events, "CHANNEL_HANGUP_COMPLETE", "B")["variable_sip_hangup_disposition"] == "send_bye"


def test_a_buyer_who_answers_in_time_is_bridged_instead_of_timing_out():
    events = mutate(
        "no_answer_then_answer", lambda scenario: buyer(scenario, "rings", does="answer", rings_ms="4000"), tail_s=5
    )
    bridged = next(event for event in events if event["Event-Name"] == "CHANNEL_BRIDGE")
    assert bridged["Bridge-B-Unique-ID"] == Cast(events).uuid("B")
    assert comparing.offset_s(events, bridged) == pytest.approx(4.07, abs=0.06)


def test_a_caller_who_cancels_is_not_one_who_says_bye():
    def cancel(scenario):
        scenario["callers"][0]["before_answer"] = "cancel"

    ended = last(mutate("caller_cancels_while_ringing", cancel), "CHANNEL_HANGUP_COMPLETE", "A")
    assert ended["variable_hangup_cause"] == "ORIGINATOR_CANCEL"
    assert ended["variable_sip_hangup_disposition"] == "recv_cancel"
    assert ended["variable_hangup_cause_q850"] == "16"


def test_other_keys_give_another_zip():
    def key(scenario):
        scenario["callers"][0]["keys"][0]["digits"] = "10001"

    done = last(mutate("zip_captured", key), "CHANNEL_HANGUP_COMPLETE", "A")
    assert done["variable_ppc_zip"] == "10001"
    assert done["variable_digits_dialed"] == "10001"


def test_a_caller_who_stops_keying_leaves_the_partial_digits_and_a_failure():
    def key_three(scenario):
        scenario["callers"][0]["keys"][0]["digits"] = "902"

    # The recorded controller dials once it has the digits; here that comes while digits are still awaited.
    events = mutate("zip_captured", key_three, tail_s=8)
    digits = [event["DTMF-Digit"] for event in events if event["Event-Name"] == "DTMF"]
    assert digits == ["9", "0", "2"]
    nested = next(event for event in events if event.get("Application") == "bridge")
    assert nested["variable_current_application"] == "bridge"
    assert not any(event.get("variable_ppc_zip") == "90210" for event in events)


def test_a_longer_dead_man_s_timer_fires_later():
    def six_more(scenario):
        for extension in scenario["dialplan"]["deadman"]:
            extension["actions"] = [
                ["sched_transfer", "+12 fallback XML deadman"] if action[0] == "sched_transfer" else action
                for action in extension["actions"]
            ]

    events = mutate("engine_dies_while_ringing", six_more, tail_s=8)
    assert comparing.offset_s(events, last(events, "CHANNEL_HANGUP", "B")) == pytest.approx(11.5, abs=0.06)
    assert last(events, "CHANNEL_HANGUP", "B")["Hangup-Cause"] == "ORIGINATOR_CANCEL"


def test_another_park_timeout_hangs_up_at_another_second_with_another_cause():
    def three(scenario):
        scenario["dialplan"]["park"][0]["actions"] = [["set", "park_timeout=3:USER_BUSY"], "park"]

    events = mutate("park_timeout_no_controller", three)
    hung_up = last(events, "CHANNEL_HANGUP", "A")
    assert hung_up["Hangup-Cause"] == "USER_BUSY"
    assert comparing.offset_s(events, hung_up) == pytest.approx(2.68, abs=0.03)


def test_without_the_hook_the_timer_is_not_cancelled_by_the_bridge():
    def no_hook(scenario):
        actions = scenario["dialplan"]["deadman"][1]["actions"]
        actions.remove(["set", "execute_on_pre_bridge=sched_cancel"])
        buyer(scenario, "hangs-up", does="answer", hangs_up_after_ms="60000")

    events = mutate("engine_dies_during_bridge", no_hook)
    fired = last(events, "CHANNEL_UNBRIDGE", "A")
    assert comparing.offset_s(events, fired) == pytest.approx(5.5, abs=0.1)
    assert last(events, "CHANNEL_HANGUP", "A")["Hangup-Cause"] == "NORMAL_TEMPORARY_FAILURE"


def test_another_name_is_decoded_as_the_switch_decodes_it():
    def rename(scenario):
        scenario["callers"][0]["name"] = "BOB%0dX"

    created = mutate("forged_display_name_json", rename)[0]
    assert created["Caller-Caller-ID-Name"] == "BOB\rX"
    assert created["variable_sip_from_display"] == "BOB%0dX"
