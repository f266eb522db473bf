"""An emulated switch with many long calls, in a process of its own, for the memory of live calls.

Usage: python -m bench.emulated PORT NUMBER CALLS (the password comes from PPC_SWITCH_PASSWORD). It waits for SIGUSR1;
then a few short calls come, and after ``LIVE_FROM_MS`` CALLS calls that stay connected until the process is ended.
"""

from __future__ import annotations

import os
import signal
import sys

import gevent
from ppc_engine.emulator.scenario import Behaviour, Buyer, Caller, Scenario
from ppc_engine.emulator.server import EmulatedSwitch

TARGET = "buyer@127.0.0.1:5999"
WARM_CALLS = 200
WARM_EVERY_MS, LIVE_EVERY_MS = 20, 15
LIVE_FROM_MS = 8_000


def main() -> None:
    port, number, calls = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    scenario = Scenario(
        callers=[
            Caller(
                id="short", number="1212200####", dials=[number], calls=WARM_CALLS, every_ms=WARM_EVERY_MS, talk_ms=500
            ),
            Caller(
                id="long",
                number="1213200####",
                dials=[number],
                calls=calls,
                every_ms=LIVE_EVERY_MS,
                first_ms=LIVE_FROM_MS,
            ),
        ],
        buyers=[Buyer(id="buyer", address=TARGET, behaviours=[Behaviour(does="answer", rings_ms=200)])],
    )
    switch = EmulatedSwitch(scenario, seed=1, port=port, password=os.environ["PPC_SWITCH_PASSWORD"])
    switch.start()
    gevent.signal_handler(signal.SIGUSR1, switch.begin_calls)
    print("ready", flush=True)
    switch.wait()


if __name__ == "__main__":
    main()
