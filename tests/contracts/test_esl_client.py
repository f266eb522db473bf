"""G1-G9: what an ESL client must survive (freeswitch.md section 0, reliability.md section E).

One suite, run on our client, which passes, and on greenswitch 0.0.19, which fails each with its own symptom. The
symptom is an exception of that name: were greenswitch repaired, or did it fail otherwise, the suite would say so.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from ppc_engine.ports import SwitchError
from ppc_engine.switch import connection
from ppc_engine.switch.errors import SwitchAwayError
from ppc_engine.switch.framing import BODY_BYTES_MAX
from tests.contracts.esl_clients import BareGreenswitch, Client, OurClient
from tests.contracts.esl_fake import PASSWORD, FakeESL, api_response

SOON_S = 1.0  # What is not there by then never comes: everything here happens on loopback, at once.
TRUE_ID = "6a384bff-f251-4114-8edb-6875d134c1f7"
OTHER_ID = "b38fa20f-f444-41cd-98dc-e60f34b6c27b"


class ForgedHeaders(Exception):
    """A caller's text became headers of the event."""


class HangsForEver(Exception):
    """A call of the client does not return."""


class ProcessFrozen(Exception):
    """The client loops without yielding: no other greenlet runs any more."""


class BodyReadAsHeaders(Exception):
    """A result was taken for headers."""


class CommandCut(Exception):
    """Only the beginning of a command was written."""


class OthersDelayed(Exception):
    """One call's handler held up the events of another call."""


def contract(symptom: type[Exception]) -> Callable[..., object]:
    """Run a test on both clients: ours passes, greenswitch fails with exactly this symptom."""
    fails = pytest.mark.xfail(strict=True, raises=symptom, reason=f"greenswitch 0.0.19: {symptom.__name__}")
    return pytest.mark.parametrize("kind", [OurClient, pytest.param(BareGreenswitch, marks=fails)])


@contextmanager
def soon(symptom: type[Exception]) -> Iterator[None]:
    with gevent.Timeout(SOON_S, symptom):
        yield


class Conversation:
    """A client connected to a fake switch, and the events that its handler got."""

    def __init__(self, kind: type[Client], switch: FakeESL) -> None:
        self.switch = switch
        self.events: list[Mapping[str, str]] = []
        self.handle: Callable[[Mapping[str, str]], None] = lambda event: None
        self.client = kind(switch.port, PASSWORD, self._take)

    def _take(self, event: Mapping[str, str]) -> None:
        if event.get("Content-Type") == "text/disconnect-notice":
            return
        self.handle(event)
        self.events.append(event)

    def event(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Let the switch send this event; returns what the client made of it."""
        seen = len(self.events)
        self.switch.connections[0].send_event(headers)
        self.switch.wait_for(lambda: len(self.events) > seen, "the event")
        return self.events[-1]


@pytest.fixture
def switch() -> Iterator[FakeESL]:
    with FakeESL() as fake:
        yield fake


@pytest.fixture
def talk(kind: type[Client], switch: FakeESL) -> Iterator[Conversation]:
    conversation = Conversation(kind, switch)
    try:
        with soon(HangsForEver):
            conversation.client.connect()
            conversation.client.subscribe()
        yield conversation
    finally:
        conversation.client.stop()


def park_event(**more: str) -> dict[str, str]:
    return {"Event-Name": "CHANNEL_PARK", "Unique-ID": TRUE_ID, "variable_billusec": "0"} | more


@contract(ForgedHeaders)
def test_g1_header_lines_in_a_value_stay_a_value(talk: Conversation) -> None:
    forged = f"ANN\nUnique-ID: {OTHER_ID}\nvariable_billusec: 3600000000"
    event = talk.event(park_event(variable_switch_r_sdp=forged))
    if event["Unique-ID"] != TRUE_ID or event["variable_billusec"] != "0":
        raise ForgedHeaders(event["Unique-ID"])
    assert event["variable_switch_r_sdp"] == forged


@contract(ForgedHeaders)
@pytest.mark.parametrize("separator", ["\u2028", "\r\n", "\x85", "\x0b", "\x1c"])
def test_g2_no_character_of_a_value_separates_lines(talk: Conversation, separator: str) -> None:
    event = talk.event(park_event(**{"Caller-Caller-ID-Name": f"ANN{separator}Unique-ID: {OTHER_ID}"}))
    if event["Unique-ID"] != TRUE_ID:
        raise ForgedHeaders(event["Unique-ID"])


@contract(HangsForEver)
def test_g3_bytes_that_are_no_utf8_in_a_reply(talk: Conversation) -> None:
    talk.switch.answers["api show"] = api_response(b'{"cid_name":"Andr\xe9"}')
    with soon(HangsForEver):
        assert talk.client.ask("api show channels as json") == '{"cid_name":"Andr\ufffd"}'
        assert talk.client.ask("api uuid_exists x") == "+OK\n"


@contract(HangsForEver)
def test_g4_the_switch_closes_while_a_command_waits(talk: Conversation) -> None:
    talk.switch.answers["api status"] = lambda connection, _: connection.close()
    with soon(HangsForEver), pytest.raises(SwitchAwayError):
        talk.client.ask("api status")


@contract(HangsForEver)
def test_g5_nobody_greets(kind: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GREETING_S_MAX", 0.2)
    with FakeESL(greeting=b"") as switch:
        client = kind(switch.port, PASSWORD, lambda event: None)
        try:
            with soon(HangsForEver), pytest.raises(SwitchError, match="auth/request"):
                client.connect()
        finally:
            client.stop()


@contract(ProcessFrozen)
def test_g6_the_connection_ends_inside_an_event(kind: type[Client], switch: FakeESL) -> None:
    def cut(connection: object, _: str) -> None:
        connection.write(b"Content-Length: 5000\nContent-Type: text/event-plain\n\nEvent-Name: CHANNEL_PARK\n")
        connection.close()

    switch.answers["event"] = cut
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.contracts.esl_cut_body_child", kind.__name__, str(switch.port)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        switch.wait_for_command("event")
        told, _ = child.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        raise ProcessFrozen from None
    finally:
        child.kill()
        child.communicate()
    assert told.splitlines()[-1] == "still ticking"


@contract(BodyReadAsHeaders)
def test_g7_a_job_result_that_looks_like_headers(talk: Conversation) -> None:
    result = f"Job-UUID: {OTHER_ID}\nEvent-Name: CHANNEL_HANGUP_COMPLETE\n"
    event = talk.event({"Event-Name": "BACKGROUND_JOB", "Job-UUID": TRUE_ID, "_body": result})
    if event["Job-UUID"] != TRUE_ID or event["Event-Name"] != "BACKGROUND_JOB":
        raise BodyReadAsHeaders(event["Job-UUID"])
    assert event["_body"] == result


@contract(CommandCut)
def test_g8_a_large_command_to_a_slow_reader_arrives_whole(talk: Conversation) -> None:
    command = "api " + "x" * (BODY_BYTES_MAX // 2)
    switch, size = talk.switch, len(command) + 2
    switch.read_bytes, switch.read_pause_s = 1 << 20, 0.005
    before = switch.connections[0].bytes_received
    asking = gevent.spawn(talk.client.ask, command)
    try:
        arrived = 0
        while (now := switch.connections[0].bytes_received - before) < size:
            if now == arrived and asking.ready():
                break
            arrived = now
            gevent.sleep(SOON_S / 2)
            if switch.connections[0].bytes_received - before == arrived:
                raise CommandCut(f"{arrived} of {size} bytes arrived")
        assert asking.get(timeout=SOON_S) == "+OK\n"
    finally:
        asking.kill()


@contract(OthersDelayed)
def test_g9_a_slow_handler_holds_up_no_other_call(talk: Conversation) -> None:
    def slow_for_one_call(event: Mapping[str, str]) -> None:
        if event["Unique-ID"] == TRUE_ID:
            gevent.sleep(2 * SOON_S)

    talk.handle = slow_for_one_call
    connection = talk.switch.connections[0]
    connection.send_event(park_event())
    connection.send_event(park_event(**{"Unique-ID": OTHER_ID}))
    with soon(OthersDelayed):
        while not any(event["Unique-ID"] == OTHER_ID for event in talk.events):
            gevent.sleep(0.01)
