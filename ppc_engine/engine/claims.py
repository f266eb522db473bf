"""Keeps the dead-man's switch of every unbridged call from firing while this engine lives (architecture.md, 2).

New timer first, then the old one by its id; a call that was bridged meanwhile gets the new one deleted at once, since
the switch cancels only what was there at the bridge (reference "Seen" 1).
"""

from __future__ import annotations

from collections.abc import Callable

from ppc_engine.engine.call_runner import CallRunner
from ppc_engine.engine.dispatcher import Dispatcher
from ppc_engine.ports import LiveChannel, SwitchError

LOOK_EVERY_S = 0.5


class Claims:
    """Renews what must be renewed. ``renew_s`` is how old a timer may become before it is replaced."""

    def __init__(self, dispatcher: Dispatcher, *, renew_s: float) -> None:
        self._dispatcher = dispatcher
        self._renew_us = int(renew_s * 1_000_000)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Look around until told to stop."""
        while not stopping():
            self.renew_due()
            self._dispatcher.clock.sleep(LOOK_EVERY_S)

    def renew_due(self) -> None:
        """Renew every claim that is old enough."""
        now = self._dispatcher.clock.now_us()
        due = [r for r in self._dispatcher.calls.values() if r.claimed_at and now - r.claimed_at >= self._renew_us]
        for runner in due:
            # A held call may have been bridged while nobody listened: a timer armed now would cut the talk.
            if runner.call.needs_claim and not runner.finished and not runner.held:
                self.renew(runner)

    def renew(self, runner: CallRunner) -> None:
        """One renewal now; a failure is counted and tried again at the next look."""
        dispatcher = self._dispatcher
        started_at = dispatcher.clock.now_us()
        try:
            timer_id = dispatcher.switch.extend_claim(runner.call_id, runner.timer_id)
        except SwitchError as error:
            dispatcher.telemetry.claim_renewed("failed")
            dispatcher.log("claim_not_renewed", runner.call_id, detail=str(error))
            return
        dispatcher.telemetry.claim_renewed("ok")
        runner.timer_id, runner.renewed, runner.claimed_at = timer_id, True, started_at
        if not runner.call.needs_claim:
            self._drop(runner.call_id, timer_id)

    def take_over(self, runner: CallRunner, channel: LiveChannel) -> None:
        """Arm a timer of our own on a call that was away, then delete all others; a talk keeps none."""
        keep = ""
        if not channel.bridged_leg_id and runner.call.needs_claim:
            runner.timer_id = ""
            self.renew(runner)
            keep = runner.timer_id
        self.drop_all(channel, keep)

    def drop_all(self, channel: LiveChannel, keep: str = "") -> None:
        """Delete every dead-man's timer that the switch lists for this call, but for one."""
        for timer_id in channel.timer_ids:
            if timer_id != keep:
                self._drop(channel.call_id, timer_id)

    def _drop(self, call_id: str, timer_id: str) -> None:
        try:
            self._dispatcher.switch.drop_claim(call_id, timer_id)
        except SwitchError as error:
            self._dispatcher.log("claim_not_dropped", call_id, detail=str(error))
