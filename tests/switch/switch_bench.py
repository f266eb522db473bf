"""An ESLSwitch on a fake event socket, everything that it told, and commands to give it."""

from __future__ import annotations

from typing import Any

import orjson

from ppc_engine.calls.commands import Dial, Leg, Play
from ppc_engine.calls.events import Event
from ppc_engine.ports import NoTelemetry
from ppc_engine.switch.esl_switch import ESLSwitch, SwitchState
from tests.contracts.esl_fake import PASSWORD, FakeESL, json_event
from tests.switch.test_decode import BODIES, CALL

WAIT_S_MAX = 5.0


class Telemetry(NoTelemetry):
    def __init__(self) -> None:
        self.bugs: list[str] = []

    def bug(self, where: str) -> None:
        self.bugs.append(where)


class Bench:
    """An ESLSwitch, what it told, and the fake that it talks to."""

    def __init__(self, fake: FakeESL, password: str = PASSWORD) -> None:
        self.fake = fake
        self.events: list[Event] = []
        self.states: list[SwitchState] = []
        self.telemetry = Telemetry()
        self.switch = ESLSwitch(
            host="127.0.0.1",
            port=fake.port,
            password=password,
            profile="trunks",
            prompts_dir="/prompts",
            claim_s=15,
            on_event=self.events.append,
            on_state=self.states.append,
            telemetry=self.telemetry,
        )

    def wait_until(self, condition: Any, what: str) -> None:
        self.fake.wait_for(condition, what)

    def wait_up(self, times: int = 1) -> None:
        self.wait_until(lambda: len([s for s in self.states if s.up]) >= times, f"connection {times}")

    def send(self, *bodies: bytes, number: int = 1) -> None:
        seen = self.switch.stream.events_read
        self.fake.events_connection(number).write(b"".join(map(json_event, bodies)))
        self.wait_until(lambda: self.switch.stream.events_read == seen + len(bodies), "reading the events")


def play(number: int, call_id: str = CALL) -> Play:
    return Play(call_id=call_id, command_id=f"{call_id}.{number}", prompt="welcome")


def dial(number: int, *, returns: bool) -> Dial:
    leg = Leg(
        attempt_id=f"{CALL}:{number}", leg_id=f"b38fa20f-f444-41cd-98dc-e60f34b6c2{number:02}",
        destination="+18005550100", gateway="carrier", ring_ms_max=20_000, progress_ms_max=8_000,
        connected_ms_max=60_000,
    )  # fmt: skip
    return Dial(call_id=CALL, command_id=f"{CALL}.{number}", legs=[leg], returns=returns)


def completed(number: int) -> bytes:
    return orjson.dumps(orjson.loads(BODIES[1]) | {"Application-UUID": f"{CALL}.{number}"})


HUNG_UP, ENDED = BODIES[12], BODIES[15]
