"""The caller's side of a rehearsed switch: answering, prompts, keys, hanging up.

It is exact where a real switch is late by some milliseconds: what a flow test says of lengths comes out as written. The
order of events is that of a real switch (reference "Seen" 1-8, and what the emulator was compared with).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ppc_engine.calls.commands import Answer, BreakApp, CollectDigits, Hangup, Play, RecordMessage, Say, StartRecording
from ppc_engine.calls.events import AppCompleted, CallEnded, Event
from ppc_engine.rehearsal.agenda import AT_ONCE, Agenda, Plan
from ppc_engine.rehearsal.people import MS, HangUp, People, timed_keys

PROMPT_MS = 2_000  # A prompt whose length nobody said.
SIP_STATUS = {
    "UNALLOCATED_NUMBER": 404, "NO_ROUTE_DESTINATION": 404, "USER_BUSY": 486, "CALL_REJECTED": 603,
    "NO_ANSWER": 480, "SUBSCRIBER_ABSENT": 480, "NORMAL_CLEARING": 480, "NORMAL_TEMPORARY_FAILURE": 503,
}  # fmt: skip


@dataclass(slots=True)
class Running:
    """The application that runs on the caller's leg. ``keyed`` tells what was keyed until a moment."""

    command_id: str
    app: str
    done: Plan | None = None
    keyed: Callable[[int], str] = lambda _at: ""


class CallerLeg:
    """The caller, as the switch has them. ``heard`` collects every prompt that was begun."""

    def __init__(
        self,
        agenda: Agenda,
        call_id: str,
        people: People,
        *,
        prompts_ms: Mapping[str, int],
        where: Callable[[], str],
        on_over: Callable[[], list[Event]],
    ) -> None:
        self.agenda = agenda
        self.call_id = call_id
        self.offered_at = agenda.now
        self.answered_at = 0
        self.up = True
        self.heard: list[str] = []
        self._people = people
        self._prompts_ms = prompts_ms
        self._where = where
        self._on_over = on_over
        self._running: Running | None = None
        self._leaving: Plan | None = None
        self._entered = ""
        if people.hang_up is not None and people.hang_up.on == "offered" and people.hang_up.node is None:
            self._leave_in(people.hang_up)

    # Applications, one at a time.

    def run(self, running: Running) -> None:
        """An application begins; the one before is over."""
        self._running = running

    def complete(
        self, *, digits: str = "", cause: str = "", recorded_ms: int = 0, of: Running | None = None
    ) -> Event | None:
        """The application ended by itself or was stopped: the one that runs, or none if that is not ``of``."""
        running = self._running
        if running is None or not self.up or (of is not None and of is not running):
            return None
        self._running = None
        if running.done is not None:
            running.done.called_off = True
        return AppCompleted(
            call_id=self.call_id,
            at=self.agenda.now,
            command_id=running.command_id,
            app=running.app,
            answered_at=self.answered_at,
            digits=digits,
            cause=cause,
            recorded_ms=recorded_ms,
        )

    def answer(self, command: Answer) -> None:
        self.run(Running(command.command_id, "answer"))
        self._running_done(0, self._answered)

    def _answered(self) -> Event | None:
        self.pick_up()
        return self.complete()

    def pick_up(self) -> None:
        """The caller's leg is answered, by us or because a target answered."""
        if not self.answered_at:
            self.answered_at = self.agenda.now
            self.reached("answered")

    def play(self, command: Play) -> None:
        self.begin_prompt(command.prompt)
        self.run(Running(command.command_id, "playback"))
        if not command.loops:
            self._running_done(self.prompt_us(command.prompt), self.complete)

    def say(self, command: Say) -> None:
        """Heard as its prompt, which says the same."""
        self.begin_prompt(command.prompt)
        self.run(Running(command.command_id, "speak"))
        self._running_done(self.prompt_us(command.prompt), self.complete)

    def record(self, command: RecordMessage) -> None:
        """The caller speaks for so long as the test says, then is silent; a key ends nothing."""
        speaks_ms = min(self._people.message_ms(self._where()), command.message_ms_max)
        silence_ms = command.silence_ms_max if speaks_ms < command.message_ms_max else 0
        self.run(Running(command.command_id, "record"))
        self._running_done((speaks_ms + silence_ms) * MS, lambda: self.complete(recorded_ms=speaks_ms))

    def start_recording(self, command: StartRecording) -> None:
        self.run(Running(command.command_id, "record_session"))
        self._running_done(0, self.complete)

    def collect(self, command: CollectDigits) -> None:
        """Play, then gather: the first key within its time, each next one within its own (play_and_get_digits)."""
        self.begin_prompt(command.prompt)
        asked_at = self.agenda.now + self.prompt_us(command.prompt)
        keys = self._people.keys(self._where(), command.prompt)
        if keys is None:
            self.agenda.add(self.prompt_us(command.prompt), self.leave)
        typed: list[tuple[int, str]] = []
        at, limit_ms, complete = asked_at, command.first_digit_ms_max, False
        for wait_ms, key in timed_keys(keys or ""):
            if wait_ms > limit_ms:
                break
            at, limit_ms = at + wait_ms * MS, command.next_digit_ms_max
            if key == command.terminator:
                complete = True
                break
            typed.append((at, key))
            if len(typed) == command.digits_max:
                complete = True
                break
        end = at if complete else at + limit_ms * MS
        self.run(Running(command.command_id, "play_and_get_digits", keyed=lambda now: _typed_by(typed, now)))
        self._running_done(end - self.agenda.now, lambda: self.complete(digits=_typed_by(typed, end)))

    def stop(self, command: BreakApp) -> None:
        """A second break of the same application is lost, and so is one of a bridge."""
        running = self._running
        if running is not None and running.app != "bridge":
            digits = running.keyed(self.agenda.now)
            self.agenda.add(0, lambda: self.complete(digits=digits, of=running))

    def _running_done(self, after_us: int, make: Callable[[], Event | None]) -> None:
        assert self._running is not None
        self._running.done = self.agenda.add(after_us, make)

    def begin_prompt(self, prompt: str) -> None:
        """The caller hears this now."""
        self.heard.append(prompt)

    def prompt_us(self, prompt: str) -> int:
        """The length of a prompt."""
        return self._prompts_ms.get(prompt, self._prompts_ms.get("*", PROMPT_MS)) * MS

    # The end.

    def hang_up(self, command: Hangup) -> None:
        """We hang the caller up: a refusal before the answer, a BYE after it."""
        if not self.up:
            return
        refused = not self.answered_at
        status = SIP_STATUS.get(command.cause, 480) if refused else 200
        self.over(command.cause, "send_refuse" if refused else "send_bye", status)

    def over(self, cause: str, disposition: str, sip_status: int = 0) -> None:
        """The caller's leg is over, whoever ended it, and with it every target's leg."""
        if not self.up:
            return
        self.up, self._running = False, None
        for event in self._on_over():
            self.agenda.add(0, lambda event=event: event, AT_ONCE)  # type: ignore[misc]
        ended = CallEnded(
            call_id=self.call_id,
            at=self.agenda.now,
            cause=cause,
            sip_status=sip_status,
            disposition=disposition,
            offered_at=self.offered_at,
            answered_at=self.answered_at,
            ended_at=self.agenda.now,
        )
        self.agenda.add(0, lambda: ended, AT_ONCE)

    def reached(self, moment: str) -> None:
        """Something happened that the caller may have waited for to hang up."""
        hang_up = self._people.hang_up
        if hang_up is not None and hang_up.node is None and hang_up.on == moment:
            self._leave_in(hang_up)

    def entered(self, node: str) -> None:
        """The flow waits in a node."""
        hang_up = self._people.hang_up
        if hang_up is not None and hang_up.node == node and node != self._entered:
            self._leave_in(hang_up)
        self._entered = node

    def _leave_in(self, hang_up: HangUp) -> None:
        if self._leaving is None:
            self._leaving = self.agenda.add(hang_up.after_ms * MS, self.leave, AT_ONCE)

    def leave(self) -> None:
        """The caller hangs up: CANCEL before the answer, BYE after it."""
        if self.answered_at:
            self.over("NORMAL_CLEARING", "recv_bye", 200)
        else:
            self.over("ORIGINATOR_CANCEL", "recv_cancel", 487)


def _typed_by(typed: list[tuple[int, str]], at: int) -> str:
    return "".join(key for key_at, key in typed if key_at <= at)
