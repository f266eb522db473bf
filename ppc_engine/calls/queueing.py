"""Waiting for a target: in the line of a queue, or for the pause before one is rung again. Something always plays.

Source: semantics.md, "Choosing a target"; reference pay-per-call F7, F13. Who waits in a queue is served in the order
of coming: nobody is tried before it is their turn, which the engine's queue board gives to the first in line for whom
something may be free. Only the core decides whether it is. What plays is stopped, and its end awaited, before anything
else is done on the caller's leg: a break that the switch lost is given again.
"""

from __future__ import annotations

from ppc_engine.calls.commands import BreakApp, CancelTimer, JoinQueue, LeaveQueue, Play
from ppc_engine.calls.events import AppCompleted, QueueFull, QueueJoined, QueueTurn, UsageRead
from ppc_engine.calls.ringing import Ringing
from ppc_engine.calls.state import AttemptState, QueueState
from ppc_engine.calls.states import Phase, Step
from ppc_engine.flows.waits import RINGING, QueueWait
from ppc_engine.routing.selection import Selection

MUSIC_BREAK_MS = 700  # A break that came before the music had begun is lost on the switch, and given again.
MUSIC_BREAKS_MAX = 5
MUSIC_MS_MIN = 1_000  # What ends sooner is a file that is not there: the ring tone is played instead.


class Queueing(Ringing):
    """The part of the call machine that waits with the caller."""

    def _after_hunt(self, route_exit: str) -> None:
        """Go on with the flow: nothing plays, nobody rings."""
        raise NotImplementedError

    def _hunt_over(self, route_exit: str) -> None:
        self._leave_line()
        self._let_go()
        for timer in self._hunt().timers:
            self._give(CancelTimer(call_id=self.state.call_id, name=timer))
        self._hunt().timers = []
        if not self._holds_the_leg(route_exit):
            self._after_hunt(route_exit)

    def _start_hunt_timer(self, name: str, after_ms: int) -> None:
        """A timer that belongs to waiting, and not to one attempt."""
        hunt = self._hunt()
        if name not in hunt.timers:
            hunt.timers.append(name)
        self._start_timer(name, max(0, after_ms))

    # What plays meanwhile.

    def _start_music(self, prompt: str, *, loops: bool = True) -> None:
        state = self.state
        state.music, state.music_prompt, state.music_breaks = self._next_command_id(), prompt, 0
        state.music_at = self._at
        self._give(Play(call_id=state.call_id, command_id=state.music, prompt=prompt, loops=loops))

    def _holds_the_leg(self, then: str) -> bool:
        if not self.state.music:
            return False
        hunt = self._hunt()
        hunt.step, hunt.after_music = Step.BREAK, then
        self._break_hunt_music()
        return True

    def _break_hunt_music(self) -> None:
        self.state.music_breaks += 1
        self._give(BreakApp(call_id=self.state.call_id))
        self._start_timer("hunt_music", MUSIC_BREAK_MS)

    def _on_music_timer(self) -> None:
        if not self.state.music or not self._hunt().after_music:
            return
        if self.state.music_breaks < MUSIC_BREAKS_MAX:
            self._break_hunt_music()
        else:
            self._leave("NORMAL_TEMPORARY_FAILURE", "failed")

    def _music_over(self) -> None:
        """What played has ended: because it was stopped for something, or by itself."""
        state, hunt = self.state, self._hunt()
        ended, state.music = state.music_prompt, ""
        self._give(CancelTimer(call_id=state.call_id, name="hunt_music"))
        then, hunt.after_music = hunt.after_music, ""
        if then:
            self._go_on(then)
        elif ended not in (RINGING, *self._music()) or self._at - state.music_at >= MUSIC_MS_MIN * 1000:
            self._play_while_waiting()
        elif ended != RINGING:
            self._start_music(RINGING)

    def _music(self) -> tuple[str, ...]:
        queue = self._hunt().queue
        return (queue.music,) if queue is not None else ()

    def _go_on(self, then: str) -> None:
        """What waited for the caller's leg to be free."""
        if then == "dial":
            self._dial()
        elif then == "usage":
            self._read_usage()
        elif then == "position":
            self._say_position()
        else:
            self._after_hunt(then)

    def _play_while_waiting(self) -> None:
        if self.state.answered_at and self._hunt().step in (Step.PAUSE, Step.QUEUE):
            self._start_music(*(self._music() or (RINGING,)))

    # The pause before somebody is rung again.

    def _redials(self) -> list[AttemptState]:
        """Of the round, whose target may be rung again after this outcome: so often by its own rule."""
        found = []
        for attempt in self._round():
            if attempt.target:
                redial = self.context.catalog.targets[attempt.target][1].redial
                same = [a for a in self.state.attempts if (a.target, a.outcome) == (attempt.target, attempt.outcome)]
                if redial is not None and len(same) <= getattr(redial, attempt.outcome, 0):
                    found.append(attempt)
        return found

    def _pause(self, attempts: list[AttemptState]) -> None:
        """Ring these again later; an answered caller hears ringing, another one does from the network anyway."""
        hunt, known = self._hunt(), self.context.catalog.targets
        redials = {attempt.target: known[attempt.target][1].redial for attempt in attempts}
        after_s = max(redial.after_s for redial in redials.values() if redial is not None)
        hunt.redial = list(redials)
        self._tell("redial", {"targets": hunt.redial, "after_s": after_s})
        hunt.step, hunt.until = Step.PAUSE, self._at + after_s * 1_000_000
        if after_s and not self.state.music:
            self._play_while_waiting()
        self._start_hunt_timer("redial", after_s * 1_000)

    # The line of a queue.

    def _start_queue(self, wait: QueueWait) -> None:
        self.state.phase = Phase.HUNTING
        self.state.hunt = self._new_hunt(wait)
        self.state.hunt.queue = QueueState(
            name=wait.queue,
            callers_max=wait.callers_max,
            since=self._at,
            until=self._at + wait.wait_ms_max * 1000,
            music=wait.music,
            positions=list(wait.positions),
            position_ms=wait.position_ms,
        )
        self._join()

    def _queue(self) -> QueueState:
        queue = self._hunt().queue
        assert queue is not None
        return queue

    def _join(self) -> None:
        """Stand in the line, where the time of coming puts one; or ask where one stands. Only a newcomer is refused."""
        queue = self._queue()
        self._hunt().step = Step.QUEUE
        limit = 0 if queue.position else queue.callers_max
        self._give(JoinQueue(call_id=self.state.call_id, queue=queue.name, callers_max=limit, since=queue.since))

    def _on_queue_joined(self, event: QueueJoined) -> None:
        hunt, queue = self._hunt(), self._queue()
        if hunt.step is not Step.QUEUE:
            return
        first_time, queue.position, queue.in_line = not queue.position, event.position, True
        if first_time:
            self._tell("queued", {"queue": queue.name, "position": event.position, "waiting": event.waiting})
        if first_time and event.position == 1:
            self._read_usage()
        elif queue.asked and self.state.music and not hunt.after_music:
            hunt.after_music = "position"
            self._break_hunt_music()
        else:
            self._wait_in_line()
        queue.asked = False

    def _on_queue_full(self, event: QueueFull) -> None:
        if self._hunt().step is Step.QUEUE:
            self._tell("queue_full", {"queue": event.queue, "waiting": event.waiting, "limit": event.limit})
            self._hunt_over("full")

    def _wait_in_line(self) -> None:
        """Let the caller wait, with what remains of the longest time."""
        hunt, queue = self._hunt(), self._queue()
        if self._at >= queue.until:
            self._waited_too_long()
        elif not queue.in_line:
            self._join()
        else:
            hunt.step = Step.QUEUE
            self._start_hunt_timer("queue", (queue.until - self._at) // 1000)
            if queue.positions and not queue.position_due:
                self._position_later()
            if not self.state.music:
                self._play_while_waiting()

    def _position_later(self) -> None:
        queue = self._queue()
        queue.position_due = self._at + queue.position_ms * 1000
        self._start_hunt_timer("position", queue.position_ms)

    def _on_waiting_timer(self, name: str) -> None:
        hunt = self._hunt()
        if name == "hunt_music":
            self._on_music_timer()
        elif name == "redial" and hunt.step is Step.PAUSE:
            self._read_usage()
        elif name == "queue" and hunt.step is Step.QUEUE:
            self._waited_too_long()
        elif name == "position" and hunt.step is Step.QUEUE:
            self._queue().asked = True
            self._join()

    def _waited_too_long(self) -> None:
        queue = self._queue()
        self._tell("waited_too_long", {"queue": queue.name, "waited_ms": (self._at - queue.since) // 1000})
        self._hunt_over("waited_too_long")

    def _on_queue_turn(self, event: QueueTurn) -> None:
        hunt = self._hunt()
        if hunt.step is Step.QUEUE and not hunt.after_music and event.queue == self._queue().name:
            self._read_usage()

    def _say_position(self) -> None:
        queue = self._queue()
        self._position_later()
        self._start_music(queue.positions[min(queue.position, len(queue.positions)) - 1], loops=False)

    def _may_come_free(self, selection: Selection) -> bool:
        """Whether somebody has no other reason against the call than that it is busy now."""
        if selection.nobody != "all_capped":
            return False
        return self.context.routes.soon_free(self._pool(), self._situation(self._usage))

    def could_be_served(self, usage: UsageRead) -> bool:
        """Whether a turn would lead to a dial now. Changes nothing: the queue board asks it of one after another."""
        self._at = usage.at
        return self._select(usage).target is not None

    def _leave_line(self) -> None:
        queue = self.state.hunt.queue if self.state.hunt is not None else None
        if queue is not None and queue.in_line:
            queue.in_line = False
            self._give(LeaveQueue(call_id=self.state.call_id, queue=queue.name))

    @property
    def may_queue(self) -> bool:
        """Whether this call looks for a target in a node that queues."""
        return self.state.phase is Phase.HUNTING and self._hunt().queue is not None

    @property
    def waits_in_line(self) -> bool:
        """Whether it waits for its turn, and nothing else is being done for it."""
        return self.may_queue and self._hunt().step is Step.QUEUE and not self._hunt().after_music

    def _stray_over(self) -> None:
        """A bridge that the journal did not know of has ended (hunt.py)."""
        raise NotImplementedError

    def _on_hunt_app(self, event: AppCompleted) -> None:
        if self.state.music and event.command_id == self.state.music:
            self._music_over()
        elif self._hunt().step is Step.STRAY and event.app == "bridge":
            self._stray_over()
        else:
            self._on_bridge_completed(event)
