"""What is read of real events, and what hostile ones cannot do. The events were recorded on a FreeSWITCH 1.11.1: one
caller who answers, keys 902, and is dialled to a busy target, an unknown gateway, a target that hangs up after 3 s
(recovery on, so he comes back), and a last one during which he is hung up."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.calls.events import AppCompleted, CallEnded, CallHungUp, CallParked, Event, LegBridged, LegEnded
from ppc_engine.switch.decode import Heartbeat, decode_dump, decode_event, event_name
from ppc_engine.switch.framing import FrameParser
from ppc_engine.switch.headers import TEXT_CHARS_MAX, Headers, MalformedError, load

DATA = Path(__file__).parents[1] / "data"
RECORDED = json.loads(gzip.decompress((DATA / "switch-events.json.gz").read_bytes()))
BODIES = [text.encode() for text in RECORDED["events"]]
CALL = "dade2ef3-af38-4a68-b8e0-d6c106369fb9"
CORE = "8b78316c-14f3-4342-97da-10fde018f31a"
LEG_2 = "aaaaaaaa-bbbb-4ccc-8ddd-0029cd3d368a"
LEG_3 = "aaaaaaaa-bbbb-4ccc-8ddd-0029cd3d37dc"
BASE = 1_795_370_000_000_000
RECORD_AT = 1  # An application that completed, made into one that recorded.


def decode(body: bytes) -> Event | Heartbeat | None:
    return decode_event(event_name(body), body)


def changed(number: int, **headers: Any) -> bytes:
    """One recorded event with some headers set, or removed by None; ``_`` of a name stands for ``-``."""
    event = orjson.loads(BODIES[number])
    for name, value in headers.items():
        name = name if name.startswith("variable_") else name.replace("_", "-")
        event.pop(name, None) if value is None else event.update({name: value})
    return orjson.dumps(event)


def test_the_story_of_a_recorded_call() -> None:
    asked = BASE + 176_385
    answered = BASE + 196_389
    parked = CallParked(
        call_id=CALL, at=asked, core_uuid=CORE, dialed_number="+18005550100", caller_number="+13105550123",
        caller_name="ANN", offered_at=asked, trunk="127.0.0.1", dialplan=1, timer_id="27", sub_ids={"sub_id": "fb-77"},
    )  # fmt: skip

    def completed(at: int, number: int, app: str, **more: Any) -> AppCompleted:
        return AppCompleted(call_id=CALL, at=at, command_id=f"{CALL}.{number}", app=app, answered_at=answered, **more)

    story = [event for event in map(decode, BODIES) if not isinstance(event, Heartbeat)]
    assert story == [
        parked,
        completed(answered, 1, "answer"),
        completed(BASE + 636_393, 2, "play_and_get_digits", digits="902"),
        LegEnded(
            call_id=CALL, at=BASE + 656_394, leg_id="aaaaaaaa-bbbb-4ccc-8ddd-0029cd3d3681", cause="USER_BUSY", q850=17,
            sip_status=486, disposition="recv_refuse", created_at=BASE + 656_394, ended_at=BASE + 656_394,
        ),
        completed(BASE + 676_405, 3, "bridge", cause="USER_BUSY"),
        completed(BASE + 696_395, 4, "bridge", cause="INVALID_GATEWAY"),
        LegBridged(call_id=CALL, at=BASE + 1_036_392, leg_id=LEG_2),
        LegEnded(
            call_id=CALL, at=BASE + 4_036_382, leg_id=LEG_2, cause="NORMAL_CLEARING", q850=16, sip_status=200,
            disposition="recv_bye", created_at=BASE + 716_404, ringing_at=BASE + 716_404,
            answered_at=BASE + 1_016_393, bridged_at=BASE + 1_036_392, ended_at=BASE + 4_036_382,
        ),
        completed(BASE + 4_056_389, 5, "bridge"),
        CallParked(
            call_id=CALL, at=BASE + 4_056_389, core_uuid=CORE, dialed_number="+18005550100",
            caller_number="+13105550123", caller_name="ANN", offered_at=asked, answered_at=answered,
            trunk="127.0.0.1", dialplan=1, timer_id="29", sub_ids={"sub_id": "fb-77"},
        ),
        LegBridged(call_id=CALL, at=BASE + 4_396_391, leg_id=LEG_3),
        CallHungUp(call_id=CALL, at=BASE + 4_916_388, cause="NORMAL_CLEARING"),
        LegEnded(
            call_id=CALL, at=BASE + 4_916_388, leg_id=LEG_3, cause="NORMAL_CLEARING", q850=16, disposition="send_bye",
            created_at=BASE + 4_076_381, ringing_at=BASE + 4_076_381, answered_at=BASE + 4_376_383,
            bridged_at=BASE + 4_396_391, ended_at=BASE + 4_916_388,
        ),
        completed(BASE + 4_936_375, 6, "bridge"),
        CallEnded(
            call_id=CALL, at=BASE + 4_936_375, cause="NORMAL_CLEARING", q850=16, disposition="send_bye",
            offered_at=asked, answered_at=answered, ended_at=BASE + 4_936_375, destination="ppc_reclaim",
        ),
    ]  # fmt: skip


def test_what_a_way_in_says_of_its_caller() -> None:
    said = decode(
        changed(
            0, Caller_Privacy_Hide_Number="true", variable_sip_Privacy="id",
            **{
                "variable_sip_P-Asserted-Identity": "+13105550177", "variable_sip_from_user": "anonymous",
                "variable_sip_h_P-Attestation-Indicator": "B", "variable_sip_h_X-Attestation": "A",
                "variable_sip_h_X-Zip": "90210", "variable_sip_h_X-Tag-Lead-Id": "77%0aq",
                "variable_sip_h_X-Tag-Plan": "gold", "variable_sip_h_X-Tag-Plan-1": "silver",
            },
        )
    )  # fmt: skip
    assert isinstance(said, CallParked)
    assert (said.asserted_number, said.from_number, said.attestation) == ("+13105550177", "anonymous", "B")
    assert said.private is True
    assert said.tags == {"lead_id": "77%0aq", "plan": "gold", "plan_1": "silver", "zip_code": "90210"}


@pytest.mark.parametrize(
    ("headers", "attestation"),
    [
        ({"variable_sip_verstat_detailed": "TN-Validation-Passed-C"}, "C"),
        ({"variable_sip_verstat_detailed": "TN-Validation-Failed-A"}, ""),
        ({"variable_sip_verstat_detailed": "No-TN-Validation", "variable_sip_h_X-Attestation": "A"}, "A"),
        ({"variable_sip_h_P-Attestation-Indicator": "AA"}, ""),
    ],
)
def test_only_a_b_or_c_is_an_attestation(headers: dict[str, str], attestation: str) -> None:
    said = decode(changed(0, **headers))
    assert isinstance(said, CallParked) and said.attestation == attestation


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=200), max_size=40))
def test_tags_of_a_stranger_are_few_short_and_of_one_line(tags: dict[str, str]) -> None:
    said = decode(changed(0, **{f"variable_sip_h_X-Tag-{name}": value for name, value in tags.items()}))
    assert isinstance(said, CallParked) and len(said.tags) <= 30
    for name, value in said.tags.items():
        assert name.isidentifier() and name == name.lower() and len(value) <= TEXT_CHARS_MAX and value.isprintable()


def recorded(app: str, **headers: str) -> AppCompleted:
    completed = decode(changed(RECORD_AT, Application=app, **headers))
    assert isinstance(completed, AppCompleted)
    return completed


def test_a_message_is_as_long_as_somebody_spoke() -> None:
    said = {"Application_Data": "/r/a.wav 20 200 3", "variable_record_ms": "3980"}  # As recorded: 1 s of speech.
    assert recorded("record", **said, variable_silence_hits_exhausted="true").recorded_ms == 980
    assert recorded("record", **said, variable_silence_hits_exhausted="false").recorded_ms == 3_980
    short = {**said, "variable_record_ms": "1980"}
    assert recorded("record", **short, variable_silence_hits_exhausted="true").recorded_ms == 0
    assert recorded("playback", **said).recorded_ms == 0


def test_a_recording_that_cannot_be_written_says_so() -> None:
    assert recorded("record_session", variable_record_completion_cause="uri-failure").cause == "uri-failure"
    assert recorded("record_session").cause == recorded("playback").cause == ""


def test_the_switch_s_own_pulse() -> None:
    beats = [event for event in map(decode, BODIES) if isinstance(event, Heartbeat)]
    assert [(beat.legs_started, beat.legs_live, beat.core_uuid) for beat in beats] == [(28, 2, CORE), (29, 0, CORE)]


def test_a_live_call_as_the_switch_describes_it_at_each_stage() -> None:
    def app(name: str) -> str | None:
        channel = decode_dump(RECORDED["dumps"][name].encode(), {})
        return channel and channel.app

    stages = ["parked", "answered_and_idle", "collecting", "ringing", "bridged", "reclaimed", "target_leg"]
    assert [app(stage) for stage in stages] == [
        "park", "park", "play_and_get_digits", "bridge", "bridge", "park", None,
    ]  # fmt: skip


def test_adoption_learns_leg_timers_and_the_offer() -> None:
    channel = decode_dump(RECORDED["dumps"]["bridged"].encode(), {CALL: ("31", "32"), LEG_2: ("28",)})
    assert channel is not None
    assert (channel.call_id, channel.bridged_leg_id, channel.answered_at) == (CALL, LEG_2, BASE + 196_389)
    assert channel.timer_ids == ("31", "32", "27")  # Those of its group, and the one that its dialplan armed.
    assert channel.variables["transfer_after_bridge"] == "ppc_reclaim:XML:ppc"
    assert channel.parked is not None
    assert (channel.parked.offered_at, channel.parked.dialed_number) == (BASE + 176_385, "+18005550100")


def test_a_call_that_fell_back_is_the_dialplan_s() -> None:
    dump = json.loads(RECORDED["dumps"]["answered_and_idle"])
    channel = decode_dump(json.dumps(dump | {"Caller-Destination-Number": "ppc_fallback"}).encode(), {})
    assert channel is not None
    assert channel.app == "ppc_fallback"


@pytest.mark.parametrize(
    "body",
    [
        changed(0, variable_ppc_dialplan=None),  # Some other park of the switch.
        changed(0, Call_Direction="outbound"),
        changed(1, Application_UUID="405a3f21-720f-419f-85d9-5b7a97201eb5"),  # The dialplan's own application.
        changed(1, Application_UUID=f"{LEG_2}.1"),  # A command of another call.
        changed(1, Application_UUID=f"{CALL}.1234567"),
        changed(3, variable_ppc_call=None),  # A leg that we did not make.
        changed(3, variable_ppc_call="not-a-call"),
        changed(3, Call_Direction="inbound"),
        changed(0, Event_Name="CHANNEL_CREATE"),
        b'{"Event-Name":"SHUTDOWN"}',
    ],
)
def test_what_is_not_about_a_call_of_ours_is_foreign(body: bytes) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    "body",
    [
        changed(0, Unique_ID=None),
        changed(0, Unique_ID="dead-beef"),
        changed(0, Unique_ID=[CALL, LEG_2]),
        changed(0, Event_Date_Timestamp="yesterday"),
        changed(0, Caller_Channel_Created_Time="0"),
        changed(7, Bridge_B_Unique_ID="\n"),
        BODIES[0][:-1],
        b"{}",
        b"[]",
        BODIES[0].replace(b'"Core-UUID"', b"'Core-UUID'"),
        b'{"Event-Name":"CHANNEL_PARK",' + b'"x":[' * 5_000,
    ],
)
def test_what_lacks_what_its_kind_always_has_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(body)


def test_a_recorded_attempt_to_forge_an_event_stays_a_name() -> None:
    """esl-transcripts/forged_display_name_json: the display name was ANN%0aUnique-ID: dead-beef%0avariable_..."""
    lines = lzma.decompress((DATA / "esl-transcripts" / "forged_display_name_json.jsonl.xz").read_bytes()).splitlines()
    stream = b"".join(record["data"].encode("latin-1") for record in map(orjson.loads, lines) if record["dir"] == "<")
    bodies = [frame.body for frame in FrameParser().feed(stream) if event_name(frame.body) == "CHANNEL_PARK"]
    event = orjson.loads(bodies[0]) | {"variable_ppc_dialplan": "1"}
    parked = decode(orjson.dumps(event))
    assert isinstance(parked, CallParked)
    assert parked.call_id == "4c5cb386-3991-4e44-a8d5-f46a5587a663"
    assert parked.caller_name == "ANNUnique-ID: dead-beefvariable_billusec: 3600000000"


def test_bytes_that_are_no_utf8_and_control_bytes_cost_only_themselves() -> None:
    body = BODIES[0].replace(b'"Caller-Caller-ID-Name":"ANN"', b'"Caller-Caller-ID-Name":"A\xff\x01N\xe2\x80\xa8N"')
    parked = decode(body)
    assert isinstance(parked, CallParked)
    assert parked.caller_name == "A\ufffdNN"


def test_a_value_that_became_a_list_is_text() -> None:
    parked = decode(changed(0, Caller_Caller_ID_Name=["ANN", 7, None], variable_ppc_dialed_number=["+1", "+2"]))
    assert isinstance(parked, CallParked)
    assert (parked.caller_name, parked.dialed_number) == ("ANN, 7, None", "+1, +2")


def test_only_the_dialplan_s_own_word_names_the_dialled_number() -> None:
    parked = decode(changed(0, variable_ppc_dialed_number=None, Caller_Destination_Number="+19005550100"))
    assert isinstance(parked, CallParked)
    assert parked.dialed_number == ""


def test_sub_ids_come_from_listed_headers_only() -> None:
    headers = {"X-Sub-ID-3": "b" * 500, "X-Evil": "x", "X-Sub-ID-6": "y"}
    parked = decode(changed(0, **{f"variable_sip_h_{name}": value for name, value in headers.items()}))
    assert isinstance(parked, CallParked)
    assert parked.sub_ids == {"sub_id": "fb-77", "sub_id_3": "b" * TEXT_CHARS_MAX}


def test_digits_of_another_try_are_not_read() -> None:
    completed = decode(changed(2, variable_ppc_d2=None, variable_ppc_d1="12345"))
    assert isinstance(completed, AppCompleted)
    assert completed.digits == ""


@pytest.mark.parametrize(
    ("ringing", "early_media", "ringing_at"),
    [(0, 0, 0), (5, 0, 5), (0, 7, 7), (5, 7, 5), (7, 5, 5)],
)
def test_a_target_rings_from_its_first_sign_of_life(ringing: int, early_media: int, ringing_at: int) -> None:
    stamps = {"variable_progress_uepoch": str(ringing), "variable_progress_media_uepoch": str(early_media)}
    running = {"Caller_Channel_Progress_Time": "0", "Caller_Channel_Progress_Media_Time": "0"}
    ended = decode(changed(8, **stamps, **running))
    assert isinstance(ended, LegEnded)
    assert ended.ringing_at == ringing_at


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"variable_sip_term_status": "603"}, 603),
        ({"variable_sip_term_status": None}, 486),  # Still told by proto_specific_hangup_cause.
        ({"variable_sip_term_status": None, "variable_proto_specific_hangup_cause": "sip:503"}, 503),
        ({"variable_sip_term_status": None, "variable_proto_specific_hangup_cause": None}, 486),
        ({"variable_sip_term_status": "x", "variable_proto_specific_hangup_cause": None}, 486),
    ],
)
def test_the_sip_status_is_found_where_the_switch_left_it(headers: dict[str, Any], status: int) -> None:
    ended = decode(changed(3, variable_sip_invite_failure_status="486", **headers))
    assert isinstance(ended, LegEnded)
    assert ended.sip_status == status


@pytest.mark.parametrize(("network", "status"), [({}, 503), ({"variable_sip_network_port": "0"}, 0)])
def test_a_503_that_the_switch_made_up_itself_is_no_answer(network: dict[str, Any], status: int) -> None:
    """As in esl-transcripts unavailable_then_answer and unreachable_then_answer."""
    made_up = {"variable_sip_term_status": "503", "variable_proto_specific_hangup_cause": "sip:503"}
    ended = decode(changed(3, **made_up, **network))
    assert isinstance(ended, LegEnded)
    assert ended.sip_status == status


@given(st.sampled_from(range(len(BODIES))), st.data())
def test_no_text_of_a_stranger_breaks_or_moves_an_event(number: int, data: st.DataObject) -> None:
    """Any text in any header that a stranger writes: the event keeps its call, or is refused; nothing else."""
    event = orjson.loads(BODIES[number])
    written = [
        n for n in event if n.startswith(("variable_sip_", "Caller-Caller-ID", "Caller-Dest", "variable_switch"))
    ]
    anything = st.one_of(st.text(max_size=60), st.lists(st.text(max_size=9), max_size=3), st.none())
    for name in data.draw(st.lists(st.sampled_from(written or ["variable_sip_x"]), max_size=5)):
        event[name] = data.draw(anything)
    decoded = decode(orjson.dumps(event))
    before = decode(BODIES[number])
    assert type(decoded) is type(before)
    if isinstance(decoded, Event) and isinstance(before, Event):
        assert (decoded.call_id, decoded.at) == (before.call_id, before.at)
        orjson.dumps(decoded)  # What the journal will do with it.


anything_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
WANTED = ("Unique-ID", "Hangup-Cause", "variable_ppc_call", "Application", "Application-UUID", "Bridge-B")
names = st.sampled_from(WANTED)
tricks = st.sampled_from(
    ['"Unique-ID":"x"', "\\", '\\"', '","Unique-ID":"', "{", "}", '":"', "variable_ppc_call", "\x00"]
)
values = st.one_of(anything_json, tricks, st.lists(tricks).map("".join))


@given(st.dictionaries(st.one_of(names, tricks), values, max_size=9))
def test_finding_a_header_gives_what_parsing_gives(event: dict[str, Any]) -> None:
    body = orjson.dumps(event)
    for name in WANTED:
        assert Headers(body).get(name) == event.get(name)


def test_every_header_of_recorded_events_is_found() -> None:
    for body in BODIES:
        for name, value in orjson.loads(body).items():
            assert Headers(body).get(name) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_a_foreign_one_or_malformed(body: bytes) -> None:
    for candidate in (body, BODIES[1][:60] + body, BODIES[3].replace(b"USER_BUSY", body)):
        try:
            decode(candidate)
        except MalformedError:
            continue


def test_reading_the_name_reads_no_further_than_the_name() -> None:
    assert event_name(b'{"Event-Name":"HEARTBEAT", broken') == "HEARTBEAT"
    assert event_name(b'{"Core-UUID":"x","Event-Name":"HEARTBEAT"}') == "HEARTBEAT"
    assert event_name(b'{"Event-Name":"' + b"x" * 100) == ""
    assert event_name(b"") == ""
    assert load(b'{"a":"\xff"}') == {"a": "\ufffd"}
