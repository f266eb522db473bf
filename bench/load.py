"""SIPp as the trunk that brings calls and as the target that takes them, with media both ways."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from free_ports import free_ports
from processes import Child, LiveError, wait_for
from trunk_sipp import find_sipp

SCENARIOS = Path(__file__).parent / "sipp"
TONE = bytes((0xD5, 0xC5, 0xD5, 0xFF, 0x55, 0x45, 0x55, 0x7F)) * 1000  # One second, quiet, mu-law.
ZIP = "90012"
ZIP_DIGITS_AFTER_MS = 300
CALLERS = 20_000  # Numbers in the pool; each call of a run has another.
GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered call: when (seconds since SIPp began) and how long the caller waited for the answer."""

    at_s: float
    waited_ms: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What SIPp says about a load."""

    succeeded: int
    failed: int
    answered: tuple[Answered, ...]


class Target:
    """The buyer's end: answers every call at once and echoes the caller's media."""

    def __init__(self, directory: Path) -> None:
        self.port, media_port = free_ports(), free_ports(4)
        command = [
            str(find_sipp()), "-sf", str(SCENARIOS / "buyer.xml"), "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-p", str(self.port), "-mp", str(media_port), "-rtp_echo", "-nostdin",
        ]  # fmt: skip
        self._child = Child("target", command, directory / "target.out", directory)

    def stop(self) -> None:
        self._child.stop(1.0)


class Callers:
    """A load of calls to one number; starts at once."""

    def __init__(
        self,
        directory: Path,
        *,
        sip_port: int,
        number: str,
        rate: float,
        calls: int,
        talk_ms: int,
        keys: str = "",
        faster_each_s: int = 0,
    ) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._calls = calls
        self._seconds_max = calls / rate + talk_ms / 1000 + GRACE_S
        (directory / "tone.ulaw").write_bytes(TONE)
        _write_callers(directory / "callers.csv")
        words = {"number": number, "talk_ms": talk_ms, "tone": "tone.ulaw", "after_answer": _keys(keys)}
        scenario = directory / "caller.xml"
        scenario.write_text(_filled("caller.xml", words))
        ramp = (
            ["-rate_increase", str(faster_each_s), "-rate_interval", "1s", "-rate_max", "1000"] if faster_each_s else []
        )
        command = [
            str(find_sipp()), "-sf", str(scenario), "-inf", "callers.csv", "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-p", str(free_ports()), "-r", str(rate), "-m", str(calls), "-l", str(calls), "-nostdin",
            "-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "stat.csv", "-fd", "1",
            "-trace_err", "-error_file", "errors.txt", *ramp, f"127.0.0.1:{sip_port}",
        ]  # fmt: skip
        self._child = Child("callers", command, directory / "callers.out", directory)

    def wait(self) -> LoadResult:
        """Until every call is over. Raises LiveError when that takes much longer than it should."""
        wait_for(f"{self._calls} calls to end (see {self._directory})", self._ended, self._seconds_max)
        return self.result()

    def stop(self) -> None:
        self._child.stop(1.0)

    def _ended(self) -> bool:
        return self._child.exit_code() is not None

    def result(self) -> LoadResult:
        with (self._directory / "stat.csv").open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        if not rows:
            raise LiveError(f"SIPp counted nothing: see {self._child.log}")
        return LoadResult(
            succeeded=int(rows[-1]["SuccessfulCall(C)"]),
            failed=int(rows[-1]["FailedCall(C)"]),
            answered=tuple(self.answered()),
        )

    def answered(self) -> list[Answered]:
        """The calls answered so far."""
        found = []
        for path in self._directory.glob("caller_*_rtt.csv"):
            for line in path.read_text().splitlines()[1:]:
                if line.count(";") == 2:  # SIPp may be writing the last one.
                    at_ms, waited_ms, _ = line.split(";")
                    found.append(Answered(float(at_ms) / 1000, float(waited_ms)))
        return found


def _write_callers(path: Path) -> None:
    numbers = "".join(f"1212{2000000 + index:07d};\n" for index in range(CALLERS))
    path.write_text(f"SEQUENTIAL\n{numbers}")


def _keys(digits: str) -> str:
    """The digits as SIP INFO requests, a little after the answer."""
    if not digits:
        return ""
    pause = f'  <pause milliseconds="{ZIP_DIGITS_AFTER_MS}"/>\n'
    return pause + "".join(
        _filled("digit.xml", {"cseq": 2 + index, "digit": digit}) for index, digit in enumerate(digits)
    )


def _filled(name: str, words: dict[str, object]) -> str:
    text = (SCENARIOS / name).read_text()
    for word, value in words.items():
        text = text.replace(f"@@{word}@@", str(value))
    return text
