"""The priority of the process that controls calls: the lowest real-time one, as FreeSWITCH takes it for itself.

FreeSWITCH runs all its threads under SCHED_FIFO when it may. Beside a busy one, a program of ordinary priority gets
what is left of the processors: park event to first command took up to 0.4 s at 30 calls a second, and with this a few
milliseconds (docs/speed.md). All threads take it, because each of them may hold what the event loop waits for.

A bug must not cost the machine its processors: after ``BUSY_S_MAX`` of one thread without a pause (RLIMIT_RTTIME,
sched(7)) the process goes back to ordinary priority by itself, and says so.
"""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from ppc_engine.engine.dispatcher import Log

PRIORITY = 1  # FreeSWITCH's own; its media timer has 99.
BUSY_S_MAX = 2

_TASKS = Path("/proc/self/task")


def take_realtime(log: Log) -> bool:
    """Give every thread of this process real-time priority; later ones inherit it. False where that is not allowed."""
    if not hasattr(os, "sched_setscheduler"):
        return False  # Not Linux.
    hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
    soft = BUSY_S_MAX * 1_000_000
    resource.setrlimit(resource.RLIMIT_RTTIME, (soft if hard < 0 else min(soft, hard), hard))
    signal.signal(signal.SIGXCPU, lambda number, frame: _give_up(log))
    try:
        _schedule(os.SCHED_RR, PRIORITY)
    except PermissionError:
        _schedule(os.SCHED_OTHER, 0)
        log("ordinary_priority", detail="real-time priority is not allowed here (LimitRTPRIO=1 in the unit allows it)")
        return False
    return True


def _give_up(log: Log) -> None:
    """The kernel's SIGXCPU."""
    _schedule(os.SCHED_OTHER, 0)
    log("realtime_given_up", detail=f"a thread was busy for {BUSY_S_MAX} s without a pause")


def _schedule(policy: int, priority: int) -> None:
    for task in _TASKS.iterdir():
        try:
            os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))
        except ProcessLookupError:
            continue  # It has just ended.
