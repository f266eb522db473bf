"""The emulated switch behind its socket, as an engine meets it."""

import json

import gevent
import pytest
from gevent import socket

from ppc_engine.emulator.clock import ScaledClock
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.server import EmulatedSwitch
from tests.emulator.recording import parse

DEADLINE_S = 20
SPEED = 50

SCENARIO = {
    "callers": [
        {
            "id": "ann",
            "number": "+13105550123",
            "dials": ["+18005550100"],
            "keys": [{"digits": "90210", "after_ms": 1000, "gap_ms": 200}],
            "talk_ms": 20_000,
        }
    ],
    "buyers": [{"id": "b", "address": "b@127.0.0.1:6001", "behaviours": [{"does": "answer", "rings_ms": 3000}]}],
    "prompts": {"enter_zip": 800},
}


class Client:
    """An ESL client that waits for what it wants to hear, with a deadline."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.buffer = ""
        self.frames = []

    def send(self, *lines):
        self.socket.sendall(("\n".join(lines) + "\n\n").encode())

    def next(self):
        """The next frame; None when the switch has closed the connection."""
        while not self.frames:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.buffer = parse(self.buffer + data.decode(), 0, self.frames)
        return self.frames.pop(0)

    def event(self, name, **wanted):
        """The next event of this name with these headers."""
        with gevent.Timeout(DEADLINE_S):
            while (frame := self.next()) is not None:
                event = frame.event
                if event and event["Event-Name"] == name and all(event.get(h) == v for h, v in wanted.items()):
                    return event
        raise AssertionError(f"closed before {name}")

    def login(self, password="secret"):
        self.next()
        self.send(f"auth {password}")
        return self.next().headers["Reply-Text"]

    def execute(self, uuid, app, data="", event_uuid=""):
        lines = [f"sendmsg {uuid}", "call-command: execute", f"execute-app-name: {app}", "event-lock: true"]
        self.send(*lines, f"execute-app-arg: {data}", f"Event-UUID: {event_uuid}")


@pytest.fixture
def switch():
    with ScaledClock(SPEED) as clock:
        emulated = EmulatedSwitch(Scenario.model_validate(SCENARIO), seed=1, clock=clock, password="secret")
        emulated.start()
        yield emulated
        emulated.stop()


@pytest.fixture
def client(switch):
    connected = Client(switch.port)
    assert connected.login() == "+OK accepted"
    connected.send("event json CHANNEL_PARK CHANNEL_EXECUTE_COMPLETE CHANNEL_BRIDGE CHANNEL_HANGUP_COMPLETE")
    assert connected.next().headers["Reply-Text"] == "+OK event listener enabled json"
    yield connected
    connected.socket.close()


def test_a_whole_call(switch, client):
    switch.begin_calls()
    uuid = client.event("CHANNEL_PARK")["Unique-ID"]
    client.execute(uuid, "answer")
    client.execute(
        uuid, "play_and_get_digits", r"5 5 1 5000 # /p/enter_zip.wav silence_stream://10 ppc_d2 \d+ 3000", f"{uuid}.2"
    )
    keyed = client.event("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": f"{uuid}.2"})
    assert keyed["variable_ppc_d2"] == "90210"
    client.execute(uuid, "bridge", "[leg_timeout=20]sofia/trunks/b@127.0.0.1:6001", f"{uuid}.3")
    leg = client.event("CHANNEL_BRIDGE", **{"Unique-ID": uuid})["Bridge-B-Unique-ID"]
    ended = client.event("CHANNEL_HANGUP_COMPLETE", **{"Unique-ID": leg})
    assert int(ended["variable_end_uepoch"]) - int(ended["variable_bridge_uepoch"]) == pytest.approx(20e6, abs=40_000)
    assert switch.wait(DEADLINE_S)
    (told,) = switch.results
    assert told.connected_ms == (20_000,)
    assert (switch.calls_offered, switch.calls_finished, switch.calls_planned) == (1, 1, 1)


def test_nobody_calls_before_the_lines_are_open(switch, client):
    client.send("api status")
    assert "0 session(s) since startup" in client.next().body
    assert not switch.wait(0.05)


def test_a_wrong_password_is_told_and_the_connection_closed(switch):
    client = Client(switch.port)
    assert client.login("wrong") == "-ERR invalid"
    assert client.next().headers["Content-Type"] == "text/disconnect-notice"
    assert client.next() is None
    client.socket.close()


def test_when_the_wire_is_cut_calls_go_on_and_clients_may_come_back(switch, client):
    switch.begin_calls()
    uuid = client.event("CHANNEL_PARK")["Unique-ID"]
    client.execute(uuid, "bridge", "sofia/trunks/b@127.0.0.1:6001", f"{uuid}.1")
    client.event("CHANNEL_BRIDGE")
    switch.cut()
    with pytest.raises((AssertionError, OSError)):
        client.event("NEVER")
    again = Client(switch.port)
    again.login()
    again.send(f"api uuid_dump {uuid} json")
    dump = json.loads(again.next().body)
    assert dump["variable_bridge_uuid"] in switch.model.channels
    again.send("event json CHANNEL_HANGUP_COMPLETE")
    assert again.event("CHANNEL_HANGUP_COMPLETE", **{"Unique-ID": uuid})["variable_hangup_cause"] == "NORMAL_CLEARING"
    again.socket.close()


def test_a_client_that_reads_nothing_is_cut_off(switch, client, monkeypatch):
    monkeypatch.setattr("ppc_engine.emulator.server.UNSENT_BYTES_MAX", 1000)
    client.send("event json ALL")
    switch.begin_calls()
    with pytest.raises((AssertionError, OSError)):
        client.event("NEVER")


def test_two_switches_with_one_clock_and_a_switch_with_its_own():
    own = EmulatedSwitch(Scenario.model_validate(SCENARIO), seed=1, speed=SPEED, password="secret")
    own.start()
    own.begin_calls()
    assert own.wait(DEADLINE_S)
    own.stop()
    assert own.results[0].status == 503  # Nobody claimed the call.
