"""How each figure is taken. Every arm is measured in the same way on the same switch, one after another."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from free_ports import free_ports
from processes import wait_for

from bench.controllers import DIRECT_NUMBER, ZIP_NUMBER, BareProgram, Engine, Nobody
from bench.cost import cpu_s
from bench.load import ZIP, Answered, Callers, Target
from bench.switch import DIALPLAN_NUMBER, BenchSwitch
from bench.tap import Tap

WARM_CALLS, WARM_RATE, WARM_TALK_MS = 10, 10.0, 500
IDLE_S = 2.0
QUIET_S = 20.0
RECORDS_S = 30.0

RAMP_START, RAMP_STEP = 16, 2  # Calls a second at first, and how many more in each second that follows.
RAMP_S_MAX = 40
WAIT_MS_MAX = 500.0  # Half a second from INVITE to answer, of which an idle switch needs 20 to 40 ms.
LATE_SHARE_MAX = 0.1
BAD_SECONDS_MAX = 2

Controller = Nobody | BareProgram | Engine


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to control the same calls."""

    name: str
    label: str
    number: str
    keys: str = ""
    module: str = ""
    ours: bool = False


ARMS = {
    arm.name: arm
    for arm in (
        Arm("dialplan", "FreeSWITCH's own dialplan", DIALPLAN_NUMBER),
        Arm("reader", "handler that does nothing", DIRECT_NUMBER, module="bench.bare_reader"),
        Arm("greenswitch", "bare greenswitch", DIRECT_NUMBER, module="bench.bare_greenswitch"),
        Arm("direct", "ppc-engine, direct", DIRECT_NUMBER, ours=True),
        Arm("zip", "ppc-engine, ZIP asked", ZIP_NUMBER, keys=ZIP, ours=True),
    )
}


def in_turn(arms: Sequence[Arm], number: int) -> Sequence[Arm]:
    """The order of the arms in a round: forwards and backwards in turn, so that no arm always has the tired switch."""
    return arms[::-1] if number % 2 else arms


@dataclass(slots=True)
class World:
    """One switch, one target, and the figures that hold for the whole run."""

    directory: Path
    target: Target
    switch: BenchSwitch
    idle: float = 0.0  # Seconds of processor that the switch takes a second when nothing happens.
    counter: int = 0
    problems: list[str] = field(default_factory=list)
    engines: dict[int, Engine] = field(default_factory=dict)
    tap_port: int = field(default_factory=free_ports)

    def next_directory(self, name: str) -> Path:
        self.counter += 1
        return self.directory / f"{self.counter:03d}-{name}"

    def measure_idle(self) -> None:
        before = cpu_s(self.switch.pid)
        time.sleep(IDLE_S)
        self.idle = (cpu_s(self.switch.pid) - before) / IDLE_S

    def start(self, arm: Arm, esl_port: int = 0) -> Controller:
        """The arm's controller, ready for calls."""
        known = {
            "esl_port": esl_port or self.switch.esl_port,
            "password": self.switch.password,
            "target": f"sip:buyer@127.0.0.1:{self.target.port}",
        }
        if arm.ours:
            return self._engine(known)
        return BareProgram(arm.module, self.next_directory(arm.name), **known) if arm.module else Nobody()

    def _engine(self, known: dict[str, Any]) -> Engine:
        """Set up once in a run, started anew for every measurement."""
        port = known["esl_port"]
        if port not in self.engines:
            self.engines[port] = Engine(self.next_directory("engine"), **known, prompts=self.switch.prompts)
        self.engines[port].start()
        return self.engines[port]

    def callers(self, arm: Arm, **load: Any) -> Callers:
        directory = self.next_directory(f"load-{arm.name}")
        return Callers(directory, sip_port=self.switch.sip_port, number=arm.number, keys=arm.keys, **load)

    def warm_up(self, arm: Arm, controller: Controller) -> None:
        """A few calls that do not count, so that nothing is loaded or made for the first time later."""
        self.callers(arm, rate=WARM_RATE, calls=WARM_CALLS, talk_ms=WARM_TALK_MS).wait()
        self.wait_done(controller, WARM_CALLS)

    def wait_done(self, controller: Controller, calls: int) -> None:
        """Until no leg lives and, where records are kept, the last one is committed."""
        wait_for("the switch to be empty", lambda: self.switch.channels() == 0, QUIET_S, every_s=0.1)
        wait_for(f"{calls} CDRs", lambda: controller.records() in (None, calls), RECORDS_S)

    def complain(self, arm: Arm, what: str, failed: int) -> None:
        if failed:
            self.problems.append(f"{what}, {arm.label}: {failed} calls failed")


def measure_cost(world: World, arm: Arm, *, rate: float, calls: int, talk_ms: int) -> dict[str, float]:
    """Processor milliseconds a call, of the controller and of the switch, until the last record is committed."""
    controller = world.start(arm)
    try:
        world.warm_up(arm, controller)
        began = time.monotonic()
        switch_before = cpu_s(world.switch.pid)
        controller_before = cpu_s(controller.pid) if controller.pid else 0.0
        result = world.callers(arm, rate=rate, calls=calls, talk_ms=talk_ms).wait()
        world.wait_done(controller, WARM_CALLS + calls)
        controller_s = cpu_s(controller.pid) - controller_before if controller.pid else 0.0
        idle_s = world.idle * (time.monotonic() - began)
        switch_s = cpu_s(world.switch.pid) - switch_before - idle_s
    finally:
        controller.stop()
    world.complain(arm, "cost", result.failed)
    done = max(1, result.succeeded)
    waited = sorted(answer.waited_ms for answer in result.answered)
    return {
        "controller_ms": controller_s * 1000 / done,
        "switch_ms": switch_s * 1000 / done,
        "answered_p50_ms": percentile(waited, 50),
        "answered_p99_ms": percentile(waited, 99),
        "failed": result.failed,
    }


def measure_reaction(world: World, arm: Arm, *, rate: float, calls: int, talk_ms: int) -> dict[str, Any]:
    """From park event to first command in ms (every call's value), and what the switch had to tell, through a tap."""
    tap = Tap(world.switch.esl_port, world.tap_port)
    try:
        controller = world.start(arm, tap.port)
        try:
            world.warm_up(arm, controller)
            tap.start_over()
            result = world.callers(arm, rate=rate, calls=calls, talk_ms=talk_ms).wait()
            world.wait_done(controller, WARM_CALLS + calls)
            seen = tap.seen()
        finally:
            controller.stop()
    finally:
        tap.stop()
    world.complain(arm, "reaction", result.failed)
    return {
        "reaction_ms": seen.reaction_ms,
        "events": seen.events / calls,
        "event_kb": seen.event_bytes / calls / 1000,
        "commands": seen.commands / calls,
        "failed": result.failed,
    }


def measure_capacity(world: World, arm: Arm, *, talk_ms: int) -> dict[str, float]:
    """Calls a second that are answered in time, while each second brings more than the one before."""
    controller = world.start(arm)
    try:
        world.warm_up(arm, controller)
        callers = world.callers(arm, rate=RAMP_START, calls=RAMP_S_MAX * 200, talk_ms=talk_ms, faster_each_s=RAMP_STEP)
        try:
            _wait_until(lambda: len(_bad_seconds(callers.answered())) > BAD_SECONDS_MAX, RAMP_S_MAX)
        finally:
            callers.stop()  # Under overload SIPp may end by itself, and leave its calls where they are.
        result = callers.result()
        world.switch.api("hupall NORMAL_CLEARING")
        wait_for("the switch to be empty", lambda: world.switch.channels() == 0, QUIET_S, every_s=0.1)
    finally:
        controller.stop()
    return {"calls_per_s": sustained(list(result.answered)), "failed": result.failed}


def sustained(answered: list[Answered]) -> float:
    """The rate of the last second before the first that was bad, and was followed by another."""
    bad = _bad_seconds(answered)
    first = next((second for second in bad if second + 1 in bad), None)
    last_good = max((int(_began_s(answer)) for answer in answered), default=0) if first is None else first - 1
    return float(RAMP_START + RAMP_STEP * last_good)


def _bad_seconds(answered: list[Answered]) -> list[int]:
    """Seconds in which more than a tenth of the calls began that were answered late, or not at all."""
    good: dict[int, int] = {}
    for answer in answered:
        if answer.waited_ms <= WAIT_MS_MAX:
            second = int(_began_s(answer))
            good[second] = good.get(second, 0) + 1
    latest = max((int(answer.at_s) for answer in answered), default=0)
    # The latest two may still be waiting for their answers.
    return [
        second
        for second in range(latest - 1)
        if good.get(second, 0) < (1 - LATE_SHARE_MAX) * (RAMP_START + RAMP_STEP * second)
    ]


def _began_s(answer: Answered) -> float:
    return answer.at_s - answer.waited_ms / 1000


def _wait_until(condition: Callable[[], bool], seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.5)


def percentile(ordered: list[float], percent: float) -> float:
    """The value that this share of an ordered list does not exceed; 0 for an empty list."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * percent / 100) - 1))]
