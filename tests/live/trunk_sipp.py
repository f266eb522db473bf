"""SIPp as trunk and as targets: one process a target, one process a group of callers, and what their logs say."""

from __future__ import annotations

import shutil
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from free_ports import free_ports
from processes import Child, LiveError

SCENARIOS = Path(__file__).parent / "sipp"
REFUSALS = (401, 403, 404, 405, 407, 480, 481, 484, 486, 487, 488, 489, 500, 501, 502, 503, 603)
# The word in the text of a Reason header; SIPp wants both variables of a match used, and the scenario names them.
REASON = '<ereg regexp="text=.([A-Za-z_]+)" search_in="hdr" header="Reason:" assign_to="whole,word"/>'
MEDIA_PORTS = 4  # A caller's RTP and RTCP, and room between.


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a SIPp log: ``what`` happened to ``who`` at ``at_ms`` of that process's own clock."""

    what: str
    who: str
    at_ms: int
    more: str = ""


@dataclass(slots=True)
class Marks:
    """The marks of one SIPp process, in order."""

    marks: list[Mark] = field(default_factory=list)

    def of(self, who: str) -> dict[str, int]:
        """When each thing first happened to ``who``."""
        first: dict[str, int] = {}
        for mark in self.marks:
            if mark.who == who:
                first.setdefault(mark.what, mark.at_ms)
        return first

    def word_of(self, who: str) -> str:
        """The word in the Reason header of the refusal that ``who`` got, "" when there was none."""
        return next((mark.more for mark in self.marks if mark.who == who and mark.what.isdigit()), "")

    def legs_of(self, who: str) -> list[dict[str, int]]:
        """As ``of``, split at each invitation: one a leg."""
        legs: list[dict[str, int]] = []
        for mark in self.marks:
            if mark.who == who and mark.what == "invited":
                legs.append({})
            if mark.who == who and legs:
                legs[-1].setdefault(mark.what, mark.at_ms)
        return legs


def length_ms(first: Mapping[str, int]) -> int | None:
    """From the answer to the BYE, None when there was no such thing."""
    ended = first.get("bye-received", first.get("bye-sent"))
    return None if "answered" not in first or ended is None else ended - first["answered"]


def find_sipp() -> str | None:
    """SIPp on the PATH."""
    return shutil.which("sipp")


def read_part(scenario: str, words: Mapping[str, object]) -> str:
    """A file of sipp/ with its @@words@@ replaced. Raises LiveError when one is left."""
    text = (SCENARIOS / scenario).read_text()
    for word, value in words.items():
        text = text.replace(f"@@{word}@@", str(value))
    if "@@" in text:
        raise LiveError(f"{scenario}: a word was left unfilled: {text[text.index('@@') :][:30]}")
    return text


def fill(scenario: str, directory: Path, name: str, words: Mapping[str, object]) -> Path:
    """A whole scenario, written where the run keeps its files."""
    refusals = "\n".join(
        f'  <recv response="{code}" optional="true" next="refused">'
        f'<action>{REASON}<log message="{code} [field0] [clock_tick] [$word]"/></action></recv>'
        for code in REFUSALS
    )
    text = read_part(scenario, {"refusals": refusals, **words})
    path = directory / f"{name}.xml"
    path.write_text(text)
    return path


class Sipp:
    """One SIPp process on a port of its own."""

    def __init__(
        self, directory: Path, name: str, scenario: Path, options: Sequence[str], port: int = 0, ip: str = "127.0.0.1"
    ) -> None:
        self.port = port or free_ports()
        self.scenario = scenario
        self._log = directory / f"{name}.log"
        self.messages = directory / f"{name}.messages"
        self.errors = directory / f"{name}.errors"
        command = [
            str(find_sipp()), "-sf", str(scenario), "-i", ip, "-p", str(self.port), "-mi", ip, "-nostdin",
            "-trace_logs", "-log_file", str(self._log), "-trace_msg", "-message_file", str(self.messages),
            "-trace_err", "-error_file", str(self.errors), *options,
        ]  # fmt: skip
        self.child = Child(name, command, directory / f"{name}.out", directory)

    def marks(self) -> Marks:
        """What was logged so far."""
        found = Marks()
        if self._log.exists():
            for line in self._log.read_text(errors="replace").splitlines():
                what, who, at_ms, *more = line.split(" ")
                found.marks.append(Mark(what, who.lstrip("+"), int(at_ms), more[0] if more else ""))
        return found


class Targets:
    """The buyers' telephones of one world: each name is a SIP address that behaves as told."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.sipps: dict[str, Sipp] = {}
        self._addresses: dict[str, str] = {}

    def answers(self, name: str, *, answer_ms: int = 300, hangup_ms: int = 120_000) -> None:
        """Rings, answers, echoes what it hears, and hangs up after ``hangup_ms`` of talk."""
        words = {"answer_ms": answer_ms, "hangup_ms": hangup_ms}
        self._start(name, "buyer.xml", words, ["-rtp_echo", "-mp", str(free_ports(4))])

    def presses(self, name: str, digit: str, *, press_ms: int, answer_ms: int = 300, hangup_ms: int = 120_000) -> None:
        """As ``answers``, and keys a digit ``press_ms`` after its answer."""
        words = {"answer_ms": answer_ms, "press_ms": press_ms, "digit": digit, "hangup_ms": hangup_ms}
        self._start(name, "buyer_presses.xml", words, ["-rtp_echo", "-mp", str(free_ports(4))])

    def refuses(self, name: str, status: str, headers: str = "") -> None:
        """Says no, as ``486 Busy Here``."""
        self._start(name, "buyer_refuses.xml", {"status": status, "headers": headers}, [])

    def absent(self, name: str, port: int) -> None:
        """An address where no SIPp is: nobody listens, or somebody who never answers."""
        self._addresses[name] = f"sip:{name}@127.0.0.1:{port}"

    def _start(self, name: str, scenario: str, words: Mapping[str, object], options: Sequence[str]) -> None:
        filled = fill(scenario, self._directory, f"target-{name}", words)
        self.sipps[name] = Sipp(self._directory, f"target-{name}", filled, options)
        self._addresses[name] = f"sip:{name}@127.0.0.1:{self.sipps[name].port}"

    def address(self, name: str) -> str:
        """The SIP address for the catalog."""
        return self._addresses[name]

    def legs(self, caller: str) -> dict[str, list[dict[str, int]]]:
        """By target: every leg that rang there for this caller."""
        found: dict[str, list[dict[str, int]]] = defaultdict(list)
        for name, sipp in self.sipps.items():
            if legs := sipp.marks().legs_of(caller.lstrip("+")):
                found[name] = legs
        return found

    def check_alive(self) -> None:
        """Raises LiveError when a target's process has ended: every later verdict would be wrong."""
        for name, sipp in self.sipps.items():
            if sipp.child.exit_code() is not None:
                raise LiveError(f"target {name} ended: see {sipp.errors}")

    def stop(self) -> None:
        for sipp in self.sipps.values():
            sipp.child.kill()


class Tone:
    """A second of a quiet tone as raw mu-law, which callers send while they talk."""

    _lock = threading.Lock()

    @classmethod
    def file(cls, directory: Path) -> Path:
        path = directory / "tone.ulaw"
        with cls._lock:
            if not path.exists():
                path.write_bytes(bytes((0xD5, 0xC5, 0xD5, 0xFF, 0x55, 0x45, 0x55, 0x7F)) * 1000)
        return path
