"""The api commands that an engine asks a switch."""

import json

import pytest

from tests.emulator.driving import Drive, answers

UUID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("no_such_command", "-ERR no_such_command Command not found!\n"),
        (f"uuid_exists {UUID}", "false"),
        (f"uuid_dump {UUID} json", "-ERR No such channel!\n"),
        (f"uuid_kill {UUID}", "-ERR No such channel!\n"),
        (f"uuid_break {UUID}", "-ERR No such channel!\n"),
        (f"uuid_getvar {UUID} x", "-ERR No such channel!\n"),
        (f"uuid_setvar {UUID} x 1", "-ERR No such channel!\n"),
        (f"uuid_transfer {UUID} x XML ppc", "-ERR No such channel!\n"),
        (f"uuid_recv_dtmf {UUID} 1", "-ERR Cannot locate session!\n"),
        (f"sched_transfer +5 {UUID} x XML ppc", "-ERR No such channel!\n"),
        (f"sched_hangup +5 {UUID}", "-ERR No such channel!\n"),
        ("sched_del 99", "+OK Deleted: 0\n"),
        ("sched_del", "-ERR Invalid syntax\n"),
        ("show channels as json", '{"row_count":0}'),
        ("show tasks as json", '{"row_count":0}'),
        ("echo hello", "hello"),
        ("module_exists mod_sofia", "true"),
        ("module_exists mod_xml_rpc", "false"),
    ],
)
def test_replies_without_a_call(command, reply):
    assert Drive(callers=[{"first_ms": 60_000}]).api(command) == reply


def test_core_uuid_is_that_of_the_events_and_of_this_start():
    drive = Drive().run(1)
    assert drive.api("global_getvar core_uuid") == drive.last("PARK")["Core-UUID"]


def test_a_live_call_and_its_timer_are_listed_and_a_dead_one_is_not():
    drive = Drive().run(1)
    (row,) = json.loads(drive.api("show channels as json"))["rows"]
    assert (row["uuid"], row["direction"], row["application"]) == (drive.uuid(), "inbound", "park")
    (task,) = json.loads(drive.api("show tasks as json"))["rows"]
    assert (task["task_group"], task["task_id"], task["task_desc"]) == (
        drive.uuid(),
        "1",
        "switch_ivr_schedule_transfer",
    )
    assert drive.api(f"uuid_exists {drive.uuid()}") == "true"
    drive.api(f"uuid_kill {drive.uuid()}")
    drive.run(2)
    assert drive.api(f"uuid_exists {drive.uuid()}") == "false"
    assert drive.api("show channels as json") == '{"row_count":0}'


def test_variables_are_read_and_written():
    drive = Drive().run(1)
    uuid = drive.uuid()
    assert drive.api(f"uuid_getvar {uuid} ppc_step") == "_undef_"
    assert drive.api(f"uuid_setvar {uuid} ppc_step 7") == "+OK\n"
    assert drive.api(f"uuid_getvar {uuid} ppc_step") == "7"
    assert drive.api(f"uuid_setvar_multi {uuid} a=1;b=2") == "+OK\n"
    assert drive.api(f"uuid_getvar {uuid} b") == "2"


def test_a_dump_of_a_bridged_call_says_with_whom():
    drive = Drive(buyers=[answers()]).run(1)
    drive.bridge("trunks/b@127.0.0.1:6001", uuid="call.1").run(3)
    dump = json.loads(drive.api(f"uuid_dump {drive.uuid()} json"))
    assert dump["Answer-State"] == "answered"
    assert dump["variable_bridge_uuid"] == dump["variable_signal_bond"] == drive.uuid("B")
    assert dump["variable_current_application"] == "sched_cancel"  # The hook ran last; the bridge runs still.
    assert dump["variable_current_loop"] == "1"


def test_a_transfer_ends_what_runs_and_runs_the_extension():
    drive = Drive(buyers=[answers()]).run(1)
    drive.bridge("trunks/b@127.0.0.1:6001").run(3)
    drive.api(f"uuid_transfer {drive.uuid()} ppc_fallback XML ppc")
    drive.run(20)
    assert drive.trace("HANGUP") == ["B HANGUP NORMAL_CLEARING", "A HANGUP NORMAL_TEMPORARY_FAILURE"]
    history = drive.last("HANGUP_COMPLETE")["variable_transfer_history"]
    assert history.endswith(":bl_xfer:ppc_fallback/ppc/XML")


def test_schedules_are_events_too():
    drive = Drive(wanted=["ADD_SCHEDULE", "DEL_SCHEDULE"]).run(1)
    drive.api(f"sched_hangup +3 {next(iter(drive.model.channels))} USER_BUSY")
    drive.run(10)
    assert [(event["Event-Name"], event["Task-ID"]) for event in drive.events] == [
        ("ADD_SCHEDULE", "1"),
        ("ADD_SCHEDULE", "2"),
        ("DEL_SCHEDULE", "2"),
        ("DEL_SCHEDULE", "1"),
    ]
    assert drive.model.results[0].cause == "USER_BUSY"


def test_a_heartbeat_comes_each_twenty_seconds():
    drive = Drive(callers=[{"first_ms": 1000}], wanted=["HEARTBEAT"]).run(65)
    assert [event["Uptime-msec"] for event in drive.events] == ["20000", "40000", "60000"]
    assert [event["Session-Since-Startup"] for event in drive.events] == ["1", "1", "1"]
