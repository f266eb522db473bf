"""After a start or a reconnect: what the switch says is alive, against the calls that we know.

Nothing is ever hung up here because it is missing in a listing (reference B5, CGRateS 3749): a call of ours that the
switch's session table no longer has is closed on our side only, with its end marked as estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ppc_engine.calls.call import Call
from ppc_engine.calls.events import CallAdopted, CallVanished
from ppc_engine.calls.state import CallContext
from ppc_engine.calls.states import Phase
from ppc_engine.engine.claims import Claims
from ppc_engine.engine.dispatcher import Dispatcher
from ppc_engine.ports import LiveChannel


class Reconciler:
    """Brings calls from the journal back, and calls and switch back into step."""

    def __init__(
        self, dispatcher: Dispatcher, claims: Claims, context_of: Callable[[Mapping[str, Any]], CallContext]
    ) -> None:
        self._dispatcher = dispatcher
        self._claims = claims
        self._context_of = context_of
        self._restarted: set[str] = set()

    def restore(self, open_calls: Iterable[tuple[str, list[dict[str, Any]]]]) -> int:
        """Rebuild every call that the journal holds, before the switch is connected; returns how many live on.

        A call whose last fact had ended it only lacks its CDR and is finished at once.
        """
        restored = 0
        for call_id, facts in open_calls:
            opened = next((d for f in facts for kind, d in f.get("d", ()) if kind == "opened"), None)
            if opened is None:
                self._dispatcher.log("journal_without_offer", call_id, facts=len(facts))
                self._dispatcher.journal.close_call(call_id)
                continue
            try:
                call = Call.replay(self._context_of(opened), call_id, facts)
            except Exception as error:
                self._dispatcher.bug("replay", call_id, error)
                continue
            runner = self._dispatcher.adopt(call, list(facts))
            if call.state.phase is Phase.ENDED:
                self._dispatcher.finish(runner)
            else:
                runner.held = True
                self._restarted.add(call_id)
                restored += 1
        return restored

    def resynchronise(self) -> None:
        """Ask the switch what lives and tell every held call. Raises SwitchError when it cannot say."""
        started_at = self._dispatcher.clock.now_us()
        known = {call_id: runner for call_id, runner in self._dispatcher.calls.items() if runner.held}
        channels = {channel.call_id: channel for channel in self._dispatcher.switch.live_channels(list(known))}
        for call_id, runner in known.items():
            channel = channels.get(call_id)
            if channel is None:
                reason = "gone when the engine looked again"
                runner.release(CallVanished(call_id=call_id, at=runner.call.state.last_at, reason=reason))
                continue
            self._claims.take_over(runner, channel)
            runner.release(
                CallAdopted(
                    call_id=call_id,
                    at=max(started_at, runner.call.state.last_at),
                    app=channel.app,
                    answered_at=channel.answered_at,
                    bridged_leg_id=channel.bridged_leg_id,
                    restarted=call_id in self._restarted,
                )
            )
            self._restarted.discard(call_id)
        for call_id, channel in channels.items():
            if call_id not in self._dispatcher.calls:
                self._claim_missed(channel)

    def sweep_timers(self) -> None:
        """Once more, a little later: no timer may stand on a talk. Raises SwitchError when the switch cannot say.

        The switch's list of tasks lags: a renewal whose answer was lost with the connection may not have been on it.
        """
        for channel in self._dispatcher.switch.live_channels():
            if channel.bridged_leg_id:
                self._claims.drop_all(channel)

    def _claim_missed(self, channel: LiveChannel) -> None:
        """A call that parked while nobody listened is claimed now; one that is past its park is left alone."""
        if channel.parked is None or channel.app not in ("park", ""):
            self._dispatcher.telemetry.event_dropped("foreign")
            return
        self._dispatcher.handle_event(channel.parked)
