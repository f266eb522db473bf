"""A FreeSWITCH as a pure machine: commands and time go in, events and replies come out.

No socket, clock or random module: whoever drives it says what time it is (``advance``) and takes what it said
(``outbox``). Every leg is a generator that runs until it must wait, as a session's thread does on the real switch; a
heap holds what is due when. Times are UTC microseconds.

What is left out: CHANNEL_STATE and CHANNEL_CALLSTATE events; the CHANNEL_PROGRESS_MEDIA that late negotiation puts
before a caller's ANSWER; early media from targets (a 183 counts as ringing, as with ignore_early_media=true); video,
conferences, and API calls in ``${...}``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any

from ppc_engine.emulator import causes, running
from ppc_engine.emulator.applications import APPLICATIONS
from ppc_engine.emulator.buyers import BuyerPhones
from ppc_engine.emulator.callers import CallerParty, CallResult, callers_of
from ppc_engine.emulator.channel import Channel, Message
from ppc_engine.emulator.dialplan import GLOBALS
from ppc_engine.emulator.draws import draw, draw_uuid
from ppc_engine.emulator.events import VERSION, Event, EventSource, duration_in_words
from ppc_engine.emulator.scenario import Scenario
from ppc_engine.emulator.tasks import Tasks

OWN_HANGUP_US = 1_000
REPORTING_DELAYS_US = (0, 0, 25_000)  # HANGUP_COMPLETE of a target races with the caller's leg (reference A6).
MESSAGES_MAX = 256  # The private queue of a session (switch_core_pvt.h:65); one more closes the ESL connection.


class QueueFull(Exception):
    """A channel's private queue is full: the real switch sends no reply and closes the connection (reference A1)."""


class SwitchModel:
    """One emulated switch with everybody of a scenario. ``wanted`` are the kinds of event that anybody listens to."""

    def __init__(self, scenario: Scenario, *, seed: int, start_us: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.now = start_us
        self.started_at = start_us
        self.wanted: set[str] = set()
        self.outbox: list[tuple[int, Event]] = []
        self.source = EventSource(draw_uuid(seed, "core", start_us))
        self.channels: dict[str, Channel] = {}
        self.parties: dict[str, CallerParty] = {}
        self.results: list[CallResult] = []
        self.buyers = BuyerPhones(scenario, seed)
        self.globals = {**GLOBALS, **scenario.globals, "core_uuid": self.source.core_uuid}
        self.tasks = Tasks(self)
        self.applications = APPLICATIONS
        self.directories: set[str] = set()
        self.sessions = 0
        self.sessions_peak = 0
        self.calls_planned = sum(caller.calls for caller in scenario.callers)
        self.calls_offered = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0
        self.at(start_us + scenario.heartbeat_ms * 1000, self._heartbeat)

    @property
    def calls_finished(self) -> int:
        return len(self.results)

    # --- time

    def open_lines(self) -> None:
        """Let the callers of the scenario begin: their first moments count from now."""
        for party in callers_of(self.scenario, self.seed, self.now):
            self.at(party.offered_at, self._offer, party)

    def advance(self, until_us: int) -> None:
        """Let everything happen that is due until then; time never goes back."""
        heap = self._heap
        while heap and heap[0][0] <= until_us:
            due, _, act, arguments = heapq.heappop(heap)
            if due > self.now:
                self.now = due
            act(*arguments)
        self.now = max(self.now, until_us)

    @property
    def next_due_us(self) -> int:
        """When something happens next by itself (the heartbeat, at the latest)."""
        return self._heap[0][0]

    def at(self, due_us: int, act: Callable[..., None], *arguments: Any) -> None:
        """Do this at a moment; one that has passed means as soon as possible."""
        self._serial += 1
        heapq.heappush(self._heap, (due_us, self._serial, act, arguments))

    def poke(self, channel: Channel, after_us: int = running.FRAME_US) -> None:
        """Have a leg look around, if it has not done so by then."""
        self.at(self.now + after_us, self._resume, channel, channel.wakes)

    def _resume(self, channel: Channel, wakes: int) -> None:
        if channel.thread is None or wakes != channel.wakes:
            return
        channel.wakes += 1
        try:
            until = next(channel.thread)
        except StopIteration:
            channel.thread = None
            return
        if until is not None:
            self.at(until, self._resume, channel, channel.wakes)

    # --- what is said

    def emit(self, name: str, channel: Channel | None = None, extra: dict[str, str] | None = None) -> None:
        """Say something, if anybody listens to such events. It has its number either way."""
        self.source.sequence += 1
        if name not in self.wanted and "ALL" not in self.wanted:
            return
        if channel is None:
            event = self.source.event(name, self.now, extra)
        else:
            event = self.source.of_channel(name, self.now, channel, extra)
        self.outbox.append((self.now, event))

    def fresh_uuid(self) -> str:
        self._serial += 1
        return self.source.fresh_uuid(self._serial)

    def lookup(self, channel: Channel, name: str) -> str:
        """What ``${name}`` stands for: a variable, else a word of the caller profile, else a global."""
        if "variable_" + name in channel.variables:
            return channel.get(name)
        known = {
            "destination_number": channel.profile["Destination-Number"],
            "caller_id_number": channel.profile["Caller-ID-Number"],
            "caller_id_name": channel.profile["Caller-ID-Name"],
            "network_addr": channel.profile["Network-Addr"],
            "context": channel.profile["Context"],
            "answered_time": str(channel.answered_at),
            "privacy_hide_number": "true" if channel.private else "false",
        }
        return known.get(name) or self.globals.get(name, "")

    def notice(self, channel: Channel, what: str) -> None:
        """Tell a caller what happened to their call, and what they hear from now on."""
        party = self.parties.get(channel.uuid)
        if party is not None:
            party.notice(self, channel, what)

    # --- legs

    def register(self, channel: Channel, thread: Callable[[SwitchModel, Channel], Any]) -> None:
        self.channels[channel.uuid] = channel
        self.sessions_peak = max(self.sessions_peak, len(self.channels))
        channel.thread = thread(self, channel)
        self.poke(channel, 0)

    def next_session_number(self) -> int:
        self.sessions += 1
        return self.sessions

    def _offer(self, party: CallerParty) -> None:
        self.calls_offered += 1
        channel = party.call(self)
        self.parties[channel.uuid] = party
        self.register(channel, running.run_inbound)
        self.notice(channel, "offered")
        following = party.following()
        if following is not None:
            self.at(following.offered_at, self._offer, following)

    def forget(self, channel: Channel) -> None:
        """A leg is destroyed; a caller's call is then over and judged."""
        del self.channels[channel.uuid]
        party = self.parties.pop(channel.uuid, None)
        if party is not None:
            self.results.append(party.result(self, channel))
        self.buyers.hung_up(channel.uuid)

    def partner_of(self, channel: Channel) -> Channel | None:
        """The other leg by signal bond, if it is still up."""
        uuid = channel.get("signal_bond") or channel.get("originate_signal_bond")
        other = self.channels.get(uuid)
        return other if other is not None and other.up else None

    def hang_up(self, channel: Channel, cause: str, *, remote: str = "") -> None:
        """End a leg; the first cause wins. ``remote`` is the disposition when the far end did it (recv_bye)."""
        if not channel.up:
            return
        partner = self.partner_of(channel)
        channel.hung_up_at = self.now
        channel.cause = cause
        channel.state_number = 10
        if partner is not None:
            partner.set("last_bridge_hangup_cause", cause)
            protocol_cause = channel.get("proto_specific_hangup_cause")
            if protocol_cause:
                partner.set("last_bridge_proto_specific_hangup_cause", protocol_cause)
        if channel.talking:
            channel.set("last_bridge_role", "originator" if channel.inbound else "originatee")
        self.emit("CHANNEL_HANGUP", channel)
        if remote:
            channel.remote_ended = remote
            channel.set("sip_hangup_disposition", remote)
        self.notice(channel, "hung up")
        self.poke(channel, OWN_HANGUP_US)
        if partner is not None:
            self.poke(partner)

    def far_end_hung_up(self, channel: Channel, status: int, disposition: str) -> None:
        """A BYE (200) or CANCEL (487) arrived."""
        if not channel.up:
            return
        running.mark_terminated(self, channel, status)
        self.hang_up(channel, causes.of_status(status), remote=disposition)

    def send_to(self, channel: Channel, extension: str, dialplan: str, context: str) -> None:
        """Transfer a leg to an extension (switch_ivr_session_transfer)."""
        running.transfer(self, channel, extension, dialplan, context)
        self.poke(channel, OWN_HANGUP_US)

    def queue_message(self, uuid: str, headers: Mapping[str, str], body: str) -> bool:
        """sendmsg: put a message in a leg's queue; False when there is no such leg. Raises QueueFull."""
        channel = self.channels.get(uuid)
        if channel is None or not channel.up:
            return False
        if len(channel.messages) >= MESSAGES_MAX:
            raise QueueFull
        channel.messages.append(Message({name.lower(): value for name, value in headers.items()}, body))
        self.poke(channel)
        return True

    def key(self, channel: Channel, digit: str) -> None:
        """The caller presses a key."""
        if channel.up:
            channel.dtmf.append(digit)
            self.poke(channel, 0)

    def reporting_delay_us(self, channel: Channel) -> int:
        return REPORTING_DELAYS_US[draw(self.seed, "reporting", channel.uuid) % len(REPORTING_DELAYS_US)]

    def _heartbeat(self) -> None:
        uptime = self.now - self.started_at
        self.emit(
            "HEARTBEAT",
            extra={
                "Event-Info": "System Ready",
                "Up-Time": duration_in_words(uptime),
                "FreeSWITCH-Version": VERSION,
                "Uptime-msec": str(uptime // 1000),
                "Session-Count": str(len(self.channels)),
                "Max-Sessions": "20000",
                "Session-Per-Sec": "2000",
                "Session-Per-Sec-Last": "0",
                "Session-Per-Sec-Max": "0",
                "Session-Per-Sec-FiveMin": "0",
                "Session-Since-Startup": str(self.sessions),
                "Session-Peak-Max": str(self.sessions_peak),
                "Session-Peak-FiveMin": str(self.sessions_peak),
                "Idle-CPU": "100.000000",
            },
        )
        self.at(self.now + self.scenario.heartbeat_ms * 1000, self._heartbeat)
