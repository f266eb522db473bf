"""Callers: people who dial, key, wait, talk and hang up.

They only do what a telephone can: INVITE, keys, CANCEL and BYE. Each also notes what they heard, so that a run can be
judged from the outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ppc_engine.emulator import causes, sip
from ppc_engine.emulator.channel import Channel
from ppc_engine.emulator.draws import draw, draw_between, draw_uuid
from ppc_engine.emulator.scenario import Caller, Scenario

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one caller experienced. Times are UTC microseconds, 0 for what did not happen.

    ``silent_ms`` is how long there was nothing to hear, ``keying_ms`` the part of it in which keys were awaited.
    ``status`` is what a caller who was never answered was told by SIP (503), or 200; ``reason`` is the Reason header of
    that refusal, "" for a caller who was answered or gave up.
    """

    caller_id: str
    call_number: int
    uuid: str
    number: str
    dialed: str
    offered_at: int
    answered_at: int
    ended_at: int
    connected_ms: tuple[int, ...]
    cause: str
    status: int
    reason: str
    hung_up_by: str
    silent_ms: int
    keying_ms: int
    keyed: str

    @property
    def answered(self) -> bool:
        return bool(self.answered_at)

    @property
    def bridged_ms(self) -> int:
        """How long the caller talked to targets, all together."""
        return sum(self.connected_ms)


@dataclass(slots=True, eq=False)
class CallerParty:
    """One call of one caller."""

    caller: Caller
    seed: int
    call_number: int
    offered_at: int
    seen: dict[str, int] = field(default_factory=dict)
    keyed: set[int] = field(default_factory=set)
    waits: int = 0
    connected_at: int = 0
    connected_ms: list[int] = field(default_factory=list)
    hears: str = "nothing"
    hears_since: int = 0
    heard_us: dict[str, int] = field(default_factory=dict)

    def _draw(self, span: tuple[int, int], *ids: object) -> int:
        """A length in microseconds of this call's own."""
        return draw_between(*span, self.seed, self.caller.id, self.call_number, *ids) * 1000

    @property
    def number(self) -> str:
        places = self.caller.number.count("#")
        if not places:
            return self.caller.number
        return self.caller.number.rstrip("#") + str(self.call_number % 10**places).zfill(places)

    @property
    def dials(self) -> str:
        which = draw(self.seed, self.caller.id, self.call_number, "dials") % len(self.caller.dials)
        return self.caller.dials[which]

    def following(self) -> CallerParty | None:
        """The same caller's next call."""
        if self.call_number + 1 >= self.caller.calls:
            return None
        pause = self._draw(self.caller.every_ms, "every")
        return CallerParty(self.caller, self.seed, self.call_number + 1, self.offered_at + pause)

    def call(self, model: SwitchModel) -> Channel:
        """Send the INVITE: the caller's leg, not yet running."""
        number, dialed = self.number, self.dials
        name = f"sofia/{model.scenario.profile}/{number}@{self.caller.address}"
        uuid = draw_uuid(self.seed, "call", self.caller.id, self.call_number)
        shown = unquote(self.caller.name)  # The switch decodes a display name, line feeds too (sofia.c check_decode).
        channel = Channel(
            uuid=uuid,
            name=name,
            inbound=True,
            profile={
                "Direction": "inbound",
                "Logical-Direction": "inbound",
                "Username": number,
                "Dialplan": "XML",
                "Caller-ID-Name": shown or number,
                "Caller-ID-Number": number,
                "Orig-Caller-ID-Name": shown or number,
                "Orig-Caller-ID-Number": number,
                "Network-Addr": self.caller.address.partition(":")[0],
                "ANI": number,
                "Destination-Number": dialed,
                "Unique-ID": uuid,
                "Source": "mod_sofia",
                "Context": model.scenario.context,
                "Channel-Name": name,
            },
            created_at=model.now,
            number=model.next_session_number(),
            media=True,
            private=self.caller.private,
        )
        channel.update(
            sip.offered(
                channel,
                number=number,
                name=self.caller.name,
                dialed=dialed,
                address=self.caller.address,
                profile=model.scenario.profile,
                headers=self.caller.headers,
            )
        )
        self.hears_since = model.now
        return channel

    # --- what happens to the call

    def notice(self, model: SwitchModel, channel: Channel, what: str) -> None:
        """Something happened: react as this caller does, and note what is heard from now on."""
        self.seen[what] = nth = self.seen.get(what, 0) + 1
        if what in ("offered", "parted"):
            self._wait(model, channel)
        if what == "keys":
            self._press(model, channel, nth)
        if what == "connected":
            self.waits += 1
            self.connected_at = model.now
            if self.caller.talk_ms is not None:
                model.at(
                    model.now + self._draw(self.caller.talk_ms, "talk", nth), self._leave, model, channel, self.waits
                )
        if what == "parted" or (what == "hung up" and self.connected_at):
            self._note_talk(model)
        plan = self.caller.hang_up
        if plan is not None and plan.on == what and plan.nth == nth:
            model.at(model.now + self._draw(plan.after_ms, "hang up"), self._leave, model, channel, None)
        self._listen(model.now, channel)

    def _wait(self, model: SwitchModel, channel: Channel) -> None:
        self.waits += 1
        patience = self._draw(self.caller.patience_ms, "patience", self.waits)
        model.at(model.now + patience, self._leave, model, channel, self.waits)

    def _leave(self, model: SwitchModel, channel: Channel, waits: int | None) -> None:
        """Hang up, unless something else was waited for meanwhile."""
        if waits is not None and waits != self.waits:
            return
        if channel.answered_at or self.caller.before_answer == "bye":
            model.far_end_hung_up(channel, 200, "recv_bye")
        else:
            channel.update({"sip_invite_failure_status": "487", "sip_invite_failure_phrase": "CANCEL"})
            model.far_end_hung_up(channel, 487, "recv_cancel")

    def _press(self, model: SwitchModel, channel: Channel, nth: int) -> None:
        all_keys = self.caller.keys
        fitting = (
            place
            for place, keys in enumerate(all_keys)
            if place not in self.keyed and (not keys.prompts or channel.asking in keys.prompts)
        )
        chosen = next(fitting, None)
        if chosen is None:
            return
        self.keyed.add(chosen)
        keys = all_keys[chosen]
        at = model.now + self._draw(keys.after_ms, "keys", nth)
        for place, digit in enumerate(keys.digits):
            model.at(at, model.key, channel, digit)
            at += self._draw(keys.gap_ms, "gap", nth, place)

    def _note_talk(self, model: SwitchModel) -> None:
        if self.connected_at:
            self.connected_ms.append((model.now - self.connected_at) // 1000)
            self.connected_at = 0

    def _listen(self, now: int, channel: Channel) -> None:
        self.heard_us[self.hears] = self.heard_us.get(self.hears, 0) + now - self.hears_since
        self.hears, self.hears_since = _audible(channel), now

    def result(self, model: SwitchModel, channel: Channel) -> CallResult:
        """How it was, told at the end."""
        self._listen(channel.hung_up_at if self.hears == "gone" else model.now, channel)
        keying = self.heard_us.get("keying", 0)
        status = 200 if channel.answered_at else causes.status_of(channel.cause)
        return CallResult(
            caller_id=self.caller.id,
            call_number=self.call_number,
            uuid=channel.uuid,
            number=self.number,
            dialed=self.dials,
            offered_at=channel.created_at,
            answered_at=channel.answered_at,
            ended_at=channel.hung_up_at,
            connected_ms=tuple(self.connected_ms),
            cause=channel.cause,
            status=status,
            reason="" if channel.answered_at or channel.remote_ended else sip.reason(channel),
            hung_up_by="caller" if channel.remote_ended else "switch",
            silent_ms=(self.heard_us.get("nothing", 0) + keying) // 1000,
            keying_ms=keying // 1000,
            keyed=channel.keyed,
        )


def _audible(channel: Channel) -> str:
    """What a caller hears now: nothing, ringing, a prompt, a person, or silence in which keys are awaited."""
    if not channel.up:
        return "gone"
    if channel.talking:
        return "talk"
    if channel.playing:
        return "prompt"
    if channel.collecting:
        return "keying"
    if channel.answered_at:
        return "ringing" if channel.dialing and channel.get("transfer_ringback") else "nothing"
    if channel.progress_media_at:
        return "ringing" if channel.dialing and channel.get("ringback") else "nothing"
    return "ringing" if channel.rung else "nothing"


def callers_of(scenario: Scenario, seed: int, start_us: int) -> Iterator[CallerParty]:
    """The first call of everybody."""
    for caller in scenario.callers:
        yield CallerParty(caller, seed, 0, start_us + caller.first_ms * 1000)
