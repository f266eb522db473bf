"""The event socket byte by byte: framing, encodings, subscriptions and filters (reference A1)."""

import json
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.emulator.model import SwitchModel
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.wire import BODY_BYTES_MAX, EventSocket, json_body, plain_body
from tests.emulator.driving import START_US
from tests.emulator.recording import parse

ONE_CALLER = {"callers": [{"id": "c", "number": "+13105550123", "dials": ["+18005550100"], "first_ms": 100}]}


class Client:
    """A client of a switch with one caller, who calls at once."""

    def __init__(self, login=True):
        self.model = SwitchModel(Scenario.model_validate(ONE_CALLER), seed=1, start_us=START_US)
        self.socket = EventSocket(self.model, "secret")
        self.connection = self.socket.open()
        self.model.open_lines()
        if login:
            self.say("auth secret\n\n")

    def say(self, text, after_s=0.0):
        """Send bytes and return what has come since."""
        data = text if isinstance(text, bytes) else text.encode()
        self.socket.feed(self.connection, data, self.model.now + int(after_s * 1e6))
        return self.read()

    def read(self):
        said = self.connection.out.decode()
        self.connection.out.clear()
        return said

    def wait(self, seconds):
        self.socket.step(self.model.now + int(seconds * 1e6))
        return self.read()


def names(said):
    """The names of the events in what was said."""
    frames = []
    assert parse(said, 0, frames) == ""
    return [frame.event["Event-Name"] for frame in frames if frame.event]


def test_a_client_must_know_the_password():
    client = Client(login=False)
    assert client.read() == "Content-Type: auth/request\n\n"
    assert client.say("api status\n\n") == "Content-Type: command/reply\nReply-Text: -ERR command not found\n\n"
    said = client.say("auth wrong\n\n")
    assert "Reply-Text: -ERR invalid\n\nContent-Type: text/disconnect-notice\n" in said
    assert client.connection.closed


def test_exit_says_bye():
    client = Client()
    client.read()
    assert client.say("exit\n\n").startswith("Content-Type: command/reply\nReply-Text: +OK bye\n\n")
    assert client.connection.closed


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("nonsense", "-ERR command not found"),
        ("event json", "-ERR no keywords supplied"),
        ("event json NO_SUCH_EVENT", "-ERR no keywords supplied"),
        ("event json NO_SUCH_EVENT CHANNEL_PARK", "+OK event listener enabled json"),
        ("event plain ALL", "+OK event listener enabled plain"),
        ("event json CUSTOM CHANNEL_PARK", "-ERR no keywords supplied"),
        ("filter Event-Name CHANNEL_PARK", "+OK filter added. [Event-Name]=[CHANNEL_PARK]"),
        ("filter Event-Name", "-ERR invalid syntax"),
        ("filter delete all", "+OK filter deleted. [all][]"),
        ("nolog", "-ERR not loging"),
        ("noevents", "+OK no longer listening for events"),
        ("sendmsg nobody", "-ERR invalid session id [nobody]"),
    ],
)
def test_replies(command, reply):
    client = Client()
    client.read()
    assert client.say(f"{command}\n\n") == f"Content-Type: command/reply\nReply-Text: {reply}\n\n"


def test_an_api_command_that_says_nothing_says_so():
    client = Client()
    client.read()
    assert (
        client.say("api global_getvar nothing\n\n")
        == "Content-Type: api/response\nContent-Length: 14\n\n-ERR no reply\n"
    )


@given(st.lists(st.integers(min_value=1, max_value=200)))
def test_commands_may_come_in_pieces_of_any_size(sizes):
    whole = b"\nevent json CHANNEL_PARK\r\n\r\napi status\n\n"
    whole += b"sendmsg x\ncontent-length: 5\n\nab\n\nc\n\napi uuid_exists x\n\n"
    client = Client()
    client.read()
    said = ""
    for size in [*sizes, len(whole)]:
        said += client.say(whole[:size])
        whole = whole[size:]
    assert [line for line in said.split("\n") if line.startswith(("Reply-Text", "false", "UP"))] == [
        "Reply-Text: +OK event listener enabled json",
        "UP 0 years, 0 days, 0 hours, 0 minutes, 0 seconds, 0 milliseconds, 0 microseconds",
        "Reply-Text: -ERR invalid session id [x]",
        "false",
    ]


@pytest.mark.parametrize("length", ["-1", "nonsense", str(BODY_BYTES_MAX + 1)])
def test_a_length_that_cannot_be_closes_the_connection(length):
    client = Client()
    client.say(f"sendmsg x\nContent-Length: {length}\n\n")
    assert client.connection.closed


def test_events_come_in_order_and_only_those_asked_for():
    client = Client()
    client.read()
    client.say("event json CHANNEL_CREATE CHANNEL_PARK\n\n")
    assert names(client.wait(1)) == ["CHANNEL_CREATE", "CHANNEL_PARK"]
    client.say("nixevent CHANNEL_PARK\n\n")
    assert client.model.wanted == {"CHANNEL_CREATE"}


def test_filters_let_pass_what_any_of_them_matches_and_stop_what_a_minus_matches():
    client = Client()
    client.say("event json ALL\n\n")
    client.say("filter Event-Name CHANNEL_PARK\n\n")
    client.say("filter Application /^ring_/\n\n")
    client.say("filter Event-Name -CHANNEL_EXECUTE\n\n")
    assert names(client.wait(1)) == ["CHANNEL_EXECUTE_COMPLETE", "CHANNEL_PARK"]


def test_two_clients_each_get_their_own_form():
    client = Client()
    other = client.socket.open()
    client.socket.feed(other, b"auth secret\n\nevent plain CHANNEL_PARK\n\n", client.model.now)
    client.say("event json CHANNEL_PARK\n\n")
    other.out.clear()
    as_json, as_plain = client.wait(1), other.out.decode()
    assert "Content-Type: text/event-json\n\n{" in as_json
    assert "Content-Type: text/event-plain\n\nEvent-Name: CHANNEL_PARK\n" in as_plain
    client.socket.close(other)
    assert client.model.wanted == {"CHANNEL_PARK"}


def test_the_reply_to_a_job_comes_before_its_result():
    client = Client()
    client.say("event json BACKGROUND_JOB\n\n")
    said = client.say("bgapi uuid_exists x\nJob-UUID: mine\n\n")
    reply, result = said.split("Content-Length", 1)
    assert reply == "Content-Type: command/reply\nReply-Text: +OK Job-UUID: mine\nJob-UUID: mine\n\n"
    event = json.loads(result.split("\n\n", 1)[1])
    assert (event["Job-UUID"], event["Job-Command-Arg"], event["_body"]) == ("mine", "x", "false")


def test_hanging_up_by_api_is_answered_before_the_event():
    client = Client()
    client.say("event json CHANNEL_HANGUP\n\n")
    client.wait(1)
    uuid = next(iter(client.model.channels))
    said = client.say(f"api uuid_kill {uuid} USER_BUSY\n\n")
    assert said.startswith("Content-Type: api/response\nContent-Length: 4\n\n+OK\nContent-Length: ")


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_any_value_survives_the_plain_format_and_never_makes_a_line_of_its_own(text):
    lines = plain_body({"Event-Name": "X", "value": text}).decode().split("\n")
    assert len(lines) == 4
    assert unquote_to_bytes(lines[1].removeprefix("value: ")).decode() == text


@given(TEXT)
def test_any_value_survives_the_json_format(text):
    body = json_body({"Event-Name": "X", "value": text, "list": [text, "b"]})
    assert b"\n" not in body
    assert json.loads(body) == {"Event-Name": "X", "value": text, "list": [text, "b"]}


def test_lists_are_arrays_in_json_and_one_value_in_plain():
    assert plain_body({"causes": ["a;USER_BUSY", "b;NONE"]}) == b"causes: ARRAY%3A%3Aa%3BUSER_BUSY%7C%3Ab%3BNONE\n\n"
    assert json_body({"causes": ["a", "b"]}) == b'{"causes":["a","b"]}'
