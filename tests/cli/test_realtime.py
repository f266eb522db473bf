"""Real-time priority is taken by every thread, given back by itself, and never needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ppc_engine.cli import realtime
from ppc_engine.cli.realtime import take_realtime

BUSY_FOR_EVER = """
import os, sys
from ppc_engine.cli import realtime
realtime.BUSY_S_MAX = 1
told = []
if not realtime.take_realtime(lambda event, call_id="", **fields: told.append(event)):
    sys.exit(77)
while not told:
    pass
print(*told, os.sched_getscheduler(0) == os.SCHED_OTHER)
"""


class Kernel:
    """Writes down what is asked of it; ``refuses`` real-time priority or not."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.refuses = False

    def __call__(self, task: int, policy: int, param: Any) -> None:
        if self.refuses and policy != os.SCHED_OTHER:
            raise PermissionError(1, "Operation not permitted")
        self.asked.append((task, policy, param.sched_priority))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    kernel = Kernel()
    monkeypatch.setattr(os, "sched_setscheduler", kernel)
    monkeypatch.setattr(realtime.resource, "setrlimit", lambda *limits: None)
    before = signal.getsignal(signal.SIGXCPU)
    yield kernel
    signal.signal(signal.SIGXCPU, before)


def test_every_thread_takes_it_and_gives_it_back_when_one_never_rests(kernel: Kernel) -> None:
    told: list[str] = []
    assert take_realtime(lambda event, call_id="", **fields: told.append(event))
    assert threading.get_native_id() in [task for task, *_ in kernel.asked]
    assert {(policy, priority) for _, policy, priority in kernel.asked} == {(os.SCHED_RR, 1)}
    kernel.asked.clear()
    os.kill(os.getpid(), signal.SIGXCPU)
    assert {(policy, priority) for _, policy, priority in kernel.asked} == {(os.SCHED_OTHER, 0)}
    assert told == ["realtime_given_up"]


def test_where_it_is_not_allowed_the_engine_runs_as_usual_and_says_how_to_allow_it(kernel: Kernel) -> None:
    kernel.refuses = True
    told: list[str] = []
    assert not take_realtime(lambda event, call_id="", **fields: told.append(f"{event}: {fields['detail']}"))
    assert len(told) == 1
    assert "LimitRTPRIO" in told[0]
    assert {policy for _, policy, _ in kernel.asked} == {os.SCHED_OTHER}


def test_a_process_that_never_rests_loses_it() -> None:
    done = subprocess.run([sys.executable, "-c", BUSY_FOR_EVER], capture_output=True, text=True, timeout=30)
    if done.returncode == 77:
        pytest.skip("real-time priority is not allowed here")
    assert done.stdout.split() == ["realtime_given_up", "True"], done.stderr
