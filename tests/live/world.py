"""One switch, one engine, their targets, and the calls placed into them."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_process import EngineProcess, LeaseWatch, write_config
from enrichment import start_enrichment
from free_ports import free_ports
from network import RECORDINGS, network_files, network_numbers
from phone_media import PhoneMedia
from private_switch import PrivateSwitch
from processes import wait_for
from trunk_sipp import MEDIA_PORTS, Sipp, Targets, Tone, fill, read_part

CLAIM_S = 15  # As shipped.
CALL_S_MAX = 90.0  # No caller of any case lives longer.
SETTLE_S = 30.0
PREMIUM_IP = "127.0.0.3"  # Not the switch's own address: a redirect to that would be a transfer, not an INVITE.
AT_ONCE_PER_S = 100  # SIPp lets its first call go after one period of its rate.

_callers = itertools.count(1)
_callers_lock = threading.Lock()


@dataclass(slots=True)
class Placed:
    """One call that was placed: who called, and the SIPp process that did."""

    test_id: str
    caller: str
    sipp: Sipp
    phone: PhoneMedia | None = None

    def marks(self) -> dict[str, int]:
        """What this call's SIPp saw and when."""
        return self.sipp.marks().of(self.test_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """A call to place. ``count`` calls at once come from one SIPp process; ``digits`` are (second, text) pairs keyed
    as RFC 4733 events, ``info_digits`` go by SIP INFO after ``info_after_ms``."""

    number: str
    count: int = 1
    hangup_ms: int = 60_000
    cancel_ms: int = 0
    digits: Sequence[tuple[float, str]] = ()
    info_digits: str = ""
    info_after_ms: int = 2_500
    listens: bool = False
    display: str = ""
    headers: str = ""
    sdp: str = ""
    caller: str = ""
    ip: str = "127.0.0.1"


@dataclass(slots=True)
class Truth:
    """What the three sources know of one call, once it is over."""

    placed: Placed
    marks: dict[str, int]
    target_legs: dict[str, list[dict[str, int]]]
    switch_call: dict[str, Any] | None
    switch_legs: list[dict[str, Any]]
    cdr: dict[str, Any] | None
    reason: str = ""
    problems: list[str] = field(default_factory=list)


class World:
    """Everything in one directory. Build it, ``place`` calls, ask for the ``truth``, ``stop`` it."""

    def __init__(self, directory: Path, name: str, claim_s: int = CLAIM_S) -> None:
        self.directory = directory / name
        self.directory.mkdir()
        self.sipp_directory = self.directory / "sipp"
        self.sipp_directory.mkdir()
        self.premium = _deaf_port(PREMIUM_IP)
        self._silent = _deaf_port()
        self.targets = Targets(self.sipp_directory)
        self._start_targets()
        self.switch = PrivateSwitch(self._sub("switch"), claim_s)
        config = self._sub("config")
        write_config(
            config, network_files(self.targets, self.directory / RECORDINGS, start_enrichment()), network_numbers()
        )
        self.engine = EngineProcess(self._sub("engine"), config, self.switch, claim_s)
        self.engine.start()
        self.leases = LeaseWatch(self.engine)
        self._groups = itertools.count(1)

    def _sub(self, name: str) -> Path:
        path = self.directory / name
        path.mkdir()
        return path

    def _start_targets(self) -> None:
        premium = f"Contact: <sip:19005550100@{PREMIUM_IP}:{self.premium.getsockname()[1]}>\n"
        targets = self.targets
        for name in ("stays", "capped", "test-desk", "beverly-hills", "new-york"):
            targets.answers(name)
        targets.answers("leaves-early", hangup_ms=2_000)
        targets.answers("leaves-later", hangup_ms=8_000)
        targets.answers("leaves", hangup_ms=5_000)
        targets.answers("slow", answer_ms=9_000)
        targets.answers("slower", answer_ms=45_000)
        targets.answers("rings", answer_ms=100_000)
        for name in (
            "never-presses",
            "sales-desk",
            "service-desk",
            "queued",
            "queued-short",
            "one-a-day",
            "told-little",
        ):
            targets.answers(name)
        targets.answers("together-1", answer_ms=1_500)
        targets.answers("together-2", answer_ms=6_000)
        targets.presses("presses", "1", press_ms=4_000)
        targets.presses("presses-late", "1", press_ms=14_000)
        targets.refuses("together-busy", "486 Busy Here")
        targets.refuses("busy-twice", "486 Busy Here")
        targets.refuses("busy", "486 Busy Here")
        targets.refuses("unavailable", "503 Service Unavailable")
        targets.refuses("moved", "302 Moved Temporarily", premium)
        targets.absent("nobody", free_ports())
        targets.absent("silent", self._silent.getsockname()[1])

    def place(self, plan: CallPlan, case: str) -> list[Placed]:
        """Start the calls of a plan and return at once."""
        name = f"{case}-{next(self._groups)}"
        placed, rows = [], ["SEQUENTIAL"]
        media_port = "[rtpstream_audio_port]"
        phone = PhoneMedia(plan.digits) if plan.digits or plan.listens else None
        if phone is not None:
            media_port = str(phone.port)
        for index in range(plan.count):
            with _callers_lock:
                caller = plan.caller or f"+1310555{next(_callers):04d}"
            placed.append((f"{name}-{index}", caller))
            rows.append(f"{name}-{index};{caller};{plan.number}")
        (self.sipp_directory / f"{name}.csv").write_text("\n".join(rows) + "\n")
        if plan.cancel_ms:
            scenario = fill("caller_cancels.xml", self.sipp_directory, name, {"cancel_ms": plan.cancel_ms})
        else:
            words = {
                "display": plan.display, "headers": plan.headers, "sdp": plan.sdp, "media_port": media_port,
                "hangup_ms": plan.hangup_ms, "after_answer": self._after_answer(plan, phone),
            }  # fmt: skip
            scenario = fill("caller.xml", self.sipp_directory, name, words)
        options = [
            "-inf", str(self.sipp_directory / f"{name}.csv"), "-m", str(plan.count), "-r", str(AT_ONCE_PER_S),
            "-l", str(plan.count), "-mp", str(free_ports(MEDIA_PORTS * plan.count)),
            f"127.0.0.1:{self.switch.sip_port}",
        ]  # fmt: skip
        sipp = Sipp(self.sipp_directory, name, scenario, options, ip=plan.ip)
        return [Placed(test_id, caller, sipp, phone) for test_id, caller in placed]

    def _after_answer(self, plan: CallPlan, phone: PhoneMedia | None) -> str:
        if phone is None:
            tone = Tone.file(self.sipp_directory)
            talk = f'  <nop><action><exec rtp_stream="{tone},-1,0"/></action></nop>\n'
        else:
            talk = ""
        if not plan.info_digits:
            return talk
        digits = "".join(
            read_part("info.part", {"digit": digit, "cseq": cseq}) for cseq, digit in enumerate(plan.info_digits, 2)
        )
        return f'{talk}  <pause milliseconds="{plan.info_after_ms}"/>\n{digits}'

    def wait_over(self, placed: Sequence[Placed], timeout_s: float = CALL_S_MAX) -> None:
        """Until every SIPp caller is done. Raises LiveError when one is not."""
        for one in placed:
            wait_for(
                f"call {one.test_id} to end (see {one.sipp.errors})",
                lambda one=one: one.sipp.child.exit_code() is not None,
                timeout_s,
            )
            if one.phone is not None:
                one.phone.stop()

    def truth(self, placed: Sequence[Placed], *, recorded: bool = True) -> list[Truth]:
        """What every source says of these calls; waits for the CDRs to be committed unless none is expected."""
        if recorded:
            wait_for("the switch's records", lambda: len(self._switch_calls(placed)) == len(placed), SETTLE_S, 0.1)
        switch_calls = self._switch_calls(placed)
        if recorded:
            ids = {leg["uuid"] for leg in switch_calls.values()}
            wait_for(f"the CDRs of {len(ids)} calls", lambda: ids <= self.engine.calls().keys(), SETTLE_S, 0.25)
        records = self.engine.calls()
        legs = [leg for leg in self.switch.cdrs() if not leg["caller_leg"]]
        found = []
        for one in placed:
            call = switch_calls.get(one.test_id)
            call_id = call["uuid"] if call else ""
            found.append(
                Truth(
                    placed=one,
                    marks=one.marks(),
                    target_legs=self.targets.legs(one.caller),
                    switch_call=call,
                    switch_legs=[leg for leg in legs if call_id and leg.get("ppc_call") == call_id],
                    cdr=records.get(call_id),
                    reason=one.sipp.marks().word_of(one.test_id),
                    problems=_sipp_problems(one),
                )
            )
        return found

    def _switch_calls(self, placed: Sequence[Placed]) -> dict[str, dict[str, Any]]:
        wanted = {one.test_id for one in placed}
        return {
            leg["sip_h_X-Test-ID"]: leg
            for leg in self.switch.cdrs()
            if leg["caller_leg"] and leg.get("sip_h_X-Test-ID") in wanted
        }

    def premium_calls(self) -> int:
        """How many packets the premium number got that a target redirected to."""
        return _drain(self.premium)

    def stop(self) -> None:
        self.leases.stop()
        self.engine.stop()
        self.switch.stop()
        self.targets.stop()
        self.premium.close()
        self._silent.close()


def _deaf_port(ip: str = "127.0.0.1") -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((ip, free_ports()))
    bound.setblocking(False)
    return bound


def _drain(bound: socket.socket) -> int:
    count = 0
    while True:
        try:
            bound.recv(65_535)
        except BlockingIOError:
            return count
        count += 1


def _sipp_problems(one: Placed) -> list[str]:
    code = one.sipp.child.exit_code()
    return [] if code == 0 else [f"SIPp ended {code}: see {one.sipp.errors}"]
