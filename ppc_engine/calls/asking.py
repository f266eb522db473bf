"""The flow of a call: one question to the world at a time, each with a deadline, and what comes back.

A question is an application on the caller's leg, or a look-up outside of the call. While a look-up takes its time an
answered caller hears ringing or music, which is stopped before the flow goes on.
"""

from __future__ import annotations

from typing import Any

from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CancelTimer,
    CollectDigits,
    Command,
    LookUp,
    Play,
    RecordMessage,
    Say,
    StartRecording,
)
from ppc_engine.calls.events import AppCompleted, CallAdopted, CommandFailed, LookedUp, TimerFired
from ppc_engine.calls.states import Phase
from ppc_engine.calls.turning import BREAK_MS_MAX, REFUSED_MS, Turning
from ppc_engine.flows import interpreter
from ppc_engine.flows.interpreter import FlowRun
from ppc_engine.flows.waits import (
    RINGING,
    AnswerWait,
    DialWait,
    DigitsWait,
    End,
    LookUpWait,
    PlayWait,
    QueueWait,
    RecordWait,
    Resume,
    RouteWait,
    SayWait,
    StartRecordingWait,
    Wait,
)

LOOK_UP_SLACK_MS = 1_000  # The engine answers a look-up in time by itself; past this it is not waited for.
MUSIC_BREAK_MS = 700  # A break that came before the music had begun is lost on the switch, and given again.
MUSIC_BREAKS_MAX = 5
MUSIC_MS_MIN = 1_000  # What ends sooner is a file that is not there: the ring tone is played instead.


class Asking(Turning):
    """The part of the call machine that runs a flow."""

    def _run(self) -> FlowRun:
        assert self.state.run is not None
        return self.state.run

    def _start_flow(self) -> None:
        self.state.phase = Phase.FLOW
        self.state.run = FlowRun(flow=self._campaign().flow, tags=dict(self.state.brought))
        self._follow(interpreter.start(self.context.flows, self.state.run, self._view(), self._tell))

    def _resume_flow(self, answer: Resume) -> None:
        self.state.phase, self.state.pending = Phase.FLOW, ""
        self._follow(interpreter.resume(self.context.flows, self._run(), self._view(), answer, self._tell))

    def _follow(self, next_step: Wait | End) -> None:
        if isinstance(next_step, End):
            self._leave(next_step.cause, self._run().failure or next_step.outcome or "failed")
        elif isinstance(next_step, QueueWait):
            self._run().failure = ""
            self._start_queue(next_step)
        elif isinstance(next_step, RouteWait):
            self._run().failure = ""
            self._start_hunt(next_step)
        elif isinstance(next_step, DialWait):
            self._run().failure = ""
            self._start_dial(next_step)
        else:
            self._ask(next_step)

    # Asking.

    def _ask(self, wait: Wait) -> None:
        """Ask for what a flow waits for, with a deadline on it."""
        state = self.state
        state.pending, state.timed_out, state.optional = (
            self._next_command_id(),
            False,
            isinstance(wait, StartRecordingWait),
        )
        state.gathering, state.looking = isinstance(wait, DigitsWait), isinstance(wait, LookUpWait)
        state.music, state.looked_up = "", {}
        self._give(self._question(wait, state.pending))
        slack_ms = LOOK_UP_SLACK_MS if state.looking else 0
        self._start_timer(f"wait:{_number(state.pending)}", wait.ms_max + slack_ms)
        if isinstance(wait, LookUpWait) and wait.music and state.answered_at:
            self._play_music(wait.music)

    def _question(self, wait: Wait, command_id: str) -> Command:
        named: dict[str, Any] = {"call_id": self.state.call_id, "command_id": command_id}
        match wait:
            case AnswerWait():
                return Answer(**named)
            case PlayWait():
                return Play(**named, prompt=wait.prompt)
            case SayWait():
                return Say(**named, text=wait.text, prompt=wait.prompt)
            case RecordWait():
                recording_id = self._recording_id(command_id)
                self._tell("recording", {"recording_id": recording_id, "of": "message"})
                return RecordMessage(
                    **named,
                    recording_id=recording_id,
                    message_ms_max=wait.message_ms_max,
                    silence_ms_max=wait.silence_ms_max,
                )
            case StartRecordingWait():
                recording_id = self._recording_id(command_id)
                self._tell("recording", {"recording_id": recording_id, "of": "call"})
                return StartRecording(**named, recording_id=recording_id)
            case LookUpWait():
                return LookUp(**named, kind=wait.kind, key=wait.key, params=dict(wait.params), ms_max=wait.ms_max)
        assert isinstance(wait, DigitsWait), wait
        return CollectDigits(
            **named,
            prompt=wait.prompt,
            digits_min=wait.digits_min,
            digits_max=wait.digits_max,
            first_digit_ms_max=wait.first_digit_ms_max,
            next_digit_ms_max=wait.next_digit_ms_max,
            terminator=wait.terminator,
        )

    def _play_music(self, prompt: str) -> None:
        self.state.music, self.state.music_prompt, self.state.music_breaks = self._next_command_id(), prompt, 0
        self.state.music_at = self._at
        self._give(Play(call_id=self.state.call_id, command_id=self.state.music, prompt=prompt, loops=True))

    # What comes back.

    def _on_app_completed(self, event: AppCompleted) -> None:
        state = self.state
        if event.command_id == state.music and state.music:
            self._music_ended()
        elif event.command_id != state.pending or state.looking:
            self._tell("ignored", {"phase": str(state.phase), "command_id": event.command_id})
        else:
            self._take_answer(event.answered_at)
            failed = state.optional and event.cause != ""
            answer = Resume(
                digits=event.digits, recorded_ms=event.recorded_ms, timed_out=state.timed_out, failed=failed
            )
            self._answered(answer)

    def _on_looked_up(self, event: LookedUp) -> None:
        if event.command_id != self.state.pending:
            self._tell("ignored", {"phase": str(self.state.phase), "command_id": event.command_id})
            return
        self._look_up_over(event.status, event.data)

    def _look_up_over(self, status: str, data: dict[str, object]) -> None:
        state = self.state
        if state.looked_up:
            return
        state.looked_up = {"status": status, "data": data}
        self._give(CancelTimer(call_id=state.call_id, name=f"wait:{_number(state.pending)}"))
        if state.music:
            self._break_music()
        else:
            self._answered(Resume(status=status, data=data))

    def _break_music(self) -> None:
        self.state.music_breaks += 1
        self._give(BreakApp(call_id=self.state.call_id))
        self._start_timer(f"music:{_number(self.state.pending)}", MUSIC_BREAK_MS)

    def _music_ended(self) -> None:
        """It was stopped, and the flow goes on; or it came to its end, and begins again; or there is no such file."""
        state = self.state
        ended, state.music = state.music_prompt, ""
        if not state.looked_up:
            if self._at - state.music_at >= MUSIC_MS_MIN * 1000:
                self._play_music(ended)
            elif ended != RINGING:
                self._play_music(RINGING)
            return
        self._give(CancelTimer(call_id=state.call_id, name=f"music:{_number(state.pending)}"))
        self._answered(Resume(status=state.looked_up["status"], data=state.looked_up["data"]))

    def _answered(self, answer: Resume) -> None:
        """The question is answered and nothing runs on the caller's leg: the flow goes on, or where an order says."""
        number = _number(self.state.pending)
        if not self.state.looking:
            self._give(CancelTimer(call_id=self.state.call_id, name=f"wait:{number}"))
        if self.state.timed_out and not self.state.looking:
            self._give(CancelTimer(call_id=self.state.call_id, name=f"break:{number}"))
        self.state.looking = False
        if not self._redirected():
            self._resume_flow(answer)

    def _on_flow_timer(self, event: TimerFired) -> None:
        name, _, number = event.name.partition(":")
        if not self.state.pending or number != _number(self.state.pending):
            return
        self._tell("deadline", {"timer": event.name})
        if name == "wait" and self.state.looking:
            self._look_up_over("timeout", {})
        elif name == "wait":
            self._interrupt()
        elif name == "music" and self.state.music_breaks < MUSIC_BREAKS_MAX:
            self._break_music()
        elif name == "refused" and self.state.optional:
            self._answered(Resume(failed=True))
        elif name in ("break", "refused", "music"):
            self._leave("NORMAL_TEMPORARY_FAILURE", "failed")

    def _interrupt(self) -> None:
        """Stop what the flow waits for; its own end follows. Once is enough. A look-up ends by itself."""
        if self.state.pending and not self.state.timed_out and not self.state.looking:
            self.state.timed_out = True
            self._give(BreakApp(call_id=self.state.call_id, gathering=self.state.gathering))
            self._start_timer(f"break:{_number(self.state.pending)}", BREAK_MS_MAX)

    def _on_app_failed(self, event: CommandFailed) -> None:
        state = self.state
        if event.command_id not in (state.pending, state.music) or not event.command_id:
            return
        self._tell("command_failed", {"command_id": event.command_id, "reason": event.reason})
        if event.command_id == state.music:
            # Waiting in silence is better than no answer.
            state.music = ""
            if state.looked_up:
                self._answered(Resume(status=state.looked_up["status"], data=state.looked_up["data"]))
        else:
            self._start_timer(f"refused:{_number(state.pending)}", REFUSED_MS)

    # After a restart of the engine, or of its connection.

    def _ask_again(self, event: CallAdopted) -> None:
        """Enter the node that waited once more, unless its application still runs and we never went away."""
        idle = event.app in ("park", "")
        if event.app == "bridge":
            self._stray_bridge(event)
            return
        if not event.restarted and (not idle or (self.state.looking and not self.state.music)):
            return
        if not idle:
            self._give(BreakApp(call_id=self.state.call_id, gathering=self.state.gathering))
        if not self._redirected():
            self._enter_node(self._run().node)

    def _enter_node(self, node: str) -> None:
        """Begin again at a node of the flow that runs."""
        run = self._run()
        self.state.phase, self.state.pending = Phase.FLOW, ""
        run.node, run.state = node, {}
        self._follow(interpreter.enter(self.context.flows, run, self._view(), self._tell))


def _number(command_id: str) -> str:
    return command_id.rpartition(".")[2]
