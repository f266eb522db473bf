"""The switch port as a whole, on a fake event socket: connecting for ever, commands, claims, and what lives."""

from __future__ import annotations

import re

import gevent
import orjson
import pytest

from ppc_engine.calls.commands import Answer, BreakApp, Command, Hangup
from ppc_engine.calls.events import AppCompleted, CallEnded, LegEnded
from ppc_engine.ports import CommandRefusedError, SwitchError
from ppc_engine.switch.errors import ChannelGoneError, ForbiddenTextError, SwitchAwayError
from ppc_engine.switch.esl_switch import MESSAGES_OPEN_MAX, SwitchState
from ppc_engine.switch.event_stream import SUBSCRIPTION
from ppc_engine.values.errors import BadValueError
from tests.contracts.esl_fake import CORE_UUID, PASSWORD, FakeESL, api_response, reply
from tests.contracts.esl_fake import Answer as FakeAnswer
from tests.switch.switch_bench import ENDED, HUNG_UP, WAIT_S_MAX, Bench, completed, dial, play
from tests.switch.test_decode import BODIES, CALL

pytestmark = pytest.mark.usefixtures("impatient")


# Connecting


def test_one_connection_subscribes_and_another_is_for_api(bench: Bench) -> None:
    assert bench.states == [SwitchState(True, CORE_UUID, f"connected to 127.0.0.1:{bench.fake.port}")]
    events, api = bench.fake.connections
    assert tuple(events.received[1 : 1 + len(SUBSCRIPTION)]) == SUBSCRIPTION
    assert api.received[:2] == [f"auth {PASSWORD}", "api global_getvar core_uuid"]
    assert not any(command.startswith("api") for command in events.received)


@pytest.mark.parametrize("which", [0, 1])
def test_when_either_connection_ends_both_are_made_anew(bench: Bench, which: int) -> None:
    bench.fake.connections[which].close()
    bench.wait_up(2)
    assert [state.up for state in bench.states] == [True, False, True]
    assert re.search("closed the connection|was lost", bench.states[1].detail)
    assert len(bench.fake.connections) == 4
    bench.send(BODIES[0], number=2)
    assert bench.events[0].call_id == CALL


@pytest.mark.parametrize("ping", ["api global_getvar", "nolog"])
def test_a_switch_that_answers_no_ping_is_dead(bench: Bench, ping: str) -> None:
    usual = bench.fake.answers.copy()
    bench.fake.answers[ping] = None
    bench.wait_until(lambda: len(bench.states) > 1, "noticing")
    assert "gave no answer within 0.3 s" in bench.states[1].detail
    bench.fake.answers = usual
    bench.wait_up(2)


def test_a_wrong_password_is_told_once_and_tried_for_ever(fake: FakeESL) -> None:
    bench = Bench(fake, password="not-the-password")
    bench.switch.start()
    fake.wait_for(lambda: len(fake.connections) > 4, "trying again")
    bench.switch.stop()
    assert bench.states[0] == SwitchState(False, "", f"ESL password refused by 127.0.0.1:{fake.port}")
    assert len(bench.states) <= 2  # Of the attempts that followed only the stop has something new to say.


def test_the_well_known_password_is_refused_at_construction(fake: FakeESL) -> None:
    with pytest.raises(BadValueError, match="ClueCon"):
        Bench(fake, password="ClueCon")


def test_a_refused_subscription_is_no_connection(fake: FakeESL) -> None:
    fake.answers["filter Application-UUID"] = reply("-ERR invalid syntax")
    bench = Bench(fake)
    bench.switch.start()
    bench.wait_until(lambda: bench.states, "telling")
    bench.switch.stop()
    assert bench.states[0].detail == "the switch refuses 'filter Application-UUID': -ERR invalid syntax"


def test_stopping_ends_everything_even_while_connecting() -> None:
    with FakeESL(greeting=b"") as silent:
        bench = Bench(silent)
        bench.switch.start()
        silent.wait_for(lambda: silent.connections, "connecting")
        with gevent.Timeout(1):
            bench.switch.stop()


def test_a_bug_in_a_handler_is_counted_and_the_connection_lives(fake: FakeESL) -> None:
    bench = Bench(fake)
    bench.switch.start()
    bench.wait_up()
    bench.events = None  # type: ignore[assignment] # The handler that was given cannot notice; this one fails:
    bench.switch._on_event = lambda event: 1 / 0
    bench.send(BODIES[0])
    bench.switch.stop()
    assert bench.telemetry.bugs == ["dispatch"]
    assert [state.up for state in bench.states] == [True, False]


# Commands


def test_applications_go_the_way_of_the_events_and_interruptions_do_not(bench: Bench) -> None:
    commands: list[Command] = [Answer(call_id=CALL, command_id=f"{CALL}.1"), BreakApp(call_id=CALL)]
    commands += [Hangup(call_id=CALL, cause="NORMAL_CLEARING")]
    assert [bench.switch.perform(command) for command in commands] == ["+OK"] * 3
    events, api = bench.fake.connections
    assert [command for command in events.received if command.startswith("sendmsg")] != []
    assert [command for command in api.received if "uuid_" in command] == [
        f"api uuid_break {CALL}",
        f"api uuid_kill {CALL} NORMAL_CLEARING",
    ]


def test_recovery_is_switched_on_and_off_on_the_channel(bench: Bench) -> None:
    for number, returns in ((1, False), (2, True), (3, True), (4, False), (5, False)):
        bench.switch.perform(dial(number, returns=returns))
        bench.send(completed(number))
    sent = [c for c in bench.fake.connections[0].received if c.startswith("sendmsg")]
    argument = [command.split("execute-app-arg: ")[1].split("\n")[0] for command in sent]
    on = "hangup_after_bridge=false transfer_after_bridge=ppc_reclaim:XML:ppc"
    off = "hangup_after_bridge=true transfer_after_bridge="
    assert [text if not text.startswith("[") else "bridge" for text in argument] == [
        "bridge", on, "bridge", on, "bridge", off, "bridge", "bridge",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(f"-ERR invalid session id [{CALL}]"), ChannelGoneError),
        (reply("-ERR anything else"), CommandRefusedError),
        (reply(""), CommandRefusedError),
        (lambda link, _: link.close(), SwitchAwayError),
    ],
)
def test_a_command_that_did_not_run_says_so(bench: Bench, answer: FakeAnswer, error: type[SwitchError]) -> None:
    bench.fake.answers["sendmsg"] = answer
    with pytest.raises(error):
        bench.switch.perform(play(1))


@pytest.mark.parametrize(
    ("silent", "command"),
    [(("sendmsg", "nolog"), play(1)), (("api uuid_break", "api global_getvar"), BreakApp(call_id=CALL))],
)
def test_a_command_without_answer_is_overdue_with_the_next_ping(
    bench: Bench, silent: tuple[str, ...], command: Command
) -> None:
    bench.fake.answers.update(dict.fromkeys(silent))
    with gevent.Timeout(WAIT_S_MAX), pytest.raises(SwitchAwayError, match=r"gave no answer within 0\.3 s"):
        bench.switch.perform(command)
    with pytest.raises(SwitchAwayError):
        bench.switch.perform(play(2))
    bench.fake.answers.clear()
    bench.wait_up(2)
    assert bench.switch.perform(play(3)) == "+OK"


@pytest.mark.parametrize(("lost", "command"), [("sendmsg", play(1)), ("api uuid_break", BreakApp(call_id=CALL))])
def test_the_answer_to_a_ping_is_never_taken_for_that_to_a_command(bench: Bench, lost: str, command: Command) -> None:
    bench.fake.answers[lost] = None
    with pytest.raises(SwitchAwayError, match="an answer that belongs to another command"):
        bench.switch.perform(command)
    bench.wait_up(2)


def test_nothing_foreign_is_sent(bench: Bench) -> None:
    with pytest.raises(ForbiddenTextError):
        bench.switch.perform(Hangup(call_id=CALL, cause="NORMAL_CLEARING\n\napi fsctl crash"))
    assert not any("fsctl" in command for command in bench.fake.commands)


def test_a_channel_takes_eight_open_commands_and_no_more(bench: Bench) -> None:
    for number in range(1, MESSAGES_OPEN_MAX):
        bench.switch.perform(play(number))
    with pytest.raises(CommandRefusedError, match="7 commands are open"):
        bench.switch.perform(dial(8, returns=True))  # Two messages.
    bench.switch.perform(play(8))
    with pytest.raises(CommandRefusedError, match="8 commands are open"):
        bench.switch.perform(play(9))
    assert bench.switch.perform(play(1, "c38fa20f-f444-41cd-98dc-e60f34b6c27b")) == "+OK"  # Another call's are its own.
    bench.send(completed(3))  # The switch runs them in order: the first three are over.
    for number in (10, 11, 12):
        bench.switch.perform(play(number))
    with pytest.raises(CommandRefusedError, match="8 commands are open"):
        bench.switch.perform(play(13))


@pytest.mark.parametrize("end", [HUNG_UP, ENDED])
def test_a_hangup_closes_all_that_will_never_complete(bench: Bench, end: bytes) -> None:
    for number in range(1, MESSAGES_OPEN_MAX + 1):
        bench.switch.perform(play(number))
    bench.send(end)
    assert bench.switch.perform(play(9)) == "+OK"


def test_a_lost_connection_forgets_what_was_open_because_its_end_may_have_been_missed(bench: Bench) -> None:
    for number in range(1, MESSAGES_OPEN_MAX + 1):
        bench.switch.perform(play(number))
    bench.fake.connections[0].close()
    bench.wait_up(2)
    assert bench.switch.perform(play(9)) == "+OK"


def test_a_refused_command_is_not_open(bench: Bench) -> None:
    bench.fake.answers["sendmsg"] = reply("-ERR no")
    for number in range(1, 2 * MESSAGES_OPEN_MAX):
        with pytest.raises(CommandRefusedError, match="-ERR no"):
            bench.switch.perform(play(number))


def test_events_come_in_order_and_nothing_is_kept_of_a_call_that_ended(bench: Bench) -> None:
    bench.switch.perform(dial(6, returns=True))
    bench.send(*BODIES)
    assert [type(event) for event in bench.events[-3:]] == [LegEnded, AppCompleted, CallEnded]
    assert len(bench.events) == 15
    assert (bench.switch._open, bench.switch._returning) == ({}, set())


def test_legs_that_ended_while_we_were_away_are_no_lost_events(bench: Bench) -> None:
    def beat(legs_started: int) -> bytes:
        return orjson.dumps(orjson.loads(BODIES[6]) | {"Session-Since-Startup": str(legs_started)})

    bench.send(beat(10), beat(10))
    bench.fake.connections[0].close()
    bench.wait_up(2)
    bench.send(beat(90), beat(90), number=2)
    assert bench.switch.stream.events_lost == 0
    bench.send(beat(91), beat(91), number=2)
    assert bench.switch.stream.events_lost == 1


# Claims


def test_a_claim_is_renewed_new_timer_first(bench: Bench) -> None:
    assert bench.switch.extend_claim(CALL, "7") == "17"
    api = bench.fake.connections[1]
    assert [command for command in api.received if "sched" in command] == [
        f"api sched_api +15 {CALL} uuid_transfer {CALL} ppc_fallback XML ppc",
        "api sched_del 7",
    ]
    assert bench.switch.extend_claim(CALL, "") == "17"
    assert "api sched_del" not in api.received[-1]


def test_a_timer_whose_id_is_not_told_is_no_renewal(bench: Bench) -> None:
    bench.fake.answers["api sched_api"] = api_response("+OK\n")
    with pytest.raises(CommandRefusedError):
        bench.switch.extend_claim(CALL, "")


def test_dropping_a_claim_that_is_no_more_is_no_error(bench: Bench) -> None:
    bench.fake.answers["api sched_del"] = api_response("+OK Deleted: 0\n")
    bench.switch.drop_claim(CALL, "17")
    bench.switch.drop_claim(CALL, "")
    assert [command for command in bench.fake.commands if "sched_del" in command] == ["api sched_del 17"]
