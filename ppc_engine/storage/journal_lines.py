"""One line of the journal, and what the lines of a directory say of the calls that an earlier engine left behind.

A line is `CRC VERSION SEQUENCE CALL JSON`: CRC-32 in hex over everything after it, the version of this format, a number
that only grows, the call's id and the fact; the word "closed" in place of a fact says that the call's CDR is committed.

What is read back is trusted line by line. The end of the newest file may be torn by a crash: it is cut off. A bad line
anywhere else is skipped and told. Neither is ever fatal, because the calls on the other lines are money.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

FORMAT = b"1"
CLOSED = b'"closed"'
SUFFIX = ".journal"
PROBLEMS_TOLD_MAX = 20

_NAME = re.compile(r"^(\d{10})\.journal$")
_CALL_ID = re.compile(r"[0-9A-Za-z._:-]{1,128}").fullmatch


def check_call_id(call_id: str) -> None:
    """Raise ValueError for an id that would break its line."""
    if _CALL_ID(call_id) is None:
        raise ValueError(f"{call_id!r} is not the id of a call")


def encode_line(sequence: int, call_id: str, body: bytes) -> bytes:
    """One line with its newline, of a call id that was checked and JSON without a newline."""
    rest = b"%b %d %b %b" % (FORMAT, sequence, call_id.encode("ascii"), body)
    return b"%08x %b\n" % (crc32(rest), rest)


def encode_fact(fact: Mapping[str, Any] | bytes) -> bytes:
    """A fact as JSON; bytes are JSON already. Half a surrogate, which no UTF-8 can hold, becomes a question mark."""
    if isinstance(fact, bytes):
        return fact
    try:
        return orjson.dumps(fact)
    except TypeError:
        return orjson.dumps(_without_surrogates(fact))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_without_surrogates(key): _without_surrogates(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(held) for held in value]
    return value


def decode_line(line: bytes) -> tuple[int, str, bytes]:
    """(sequence, call id, body) of a line. Raises ValueError saying what is wrong with it."""
    if not line.endswith(b"\n"):
        raise ValueError("it breaks off")
    rest = line[9:-1]
    if line[:9] != b"%08x " % crc32(rest):
        raise ValueError("its checksum does not fit")
    version, _, rest = rest.partition(b" ")
    if version != FORMAT:
        raise ValueError(f"its format {version.decode(errors='replace')} is not known to this version")
    sequence, call_id, body = rest.split(b" ", 2)
    return int(sequence), call_id.decode("ascii"), body


def segment_path(directory: Path, number: int) -> Path:
    """The file of a segment; names sort as numbers do."""
    return directory / f"{number:010d}{SUFFIX}"


def segment_numbers(directory: Path) -> list[int]:
    """The segments of a directory, oldest first."""
    return sorted(int(match[1]) for path in directory.iterdir() if (match := _NAME.match(path.name)))


@dataclass(slots=True)
class Scan:
    """What the lines of a directory say.

    ``facts`` are those of calls that are not closed, by call in the order of first appearance, as JSON;
    ``first_segments`` says where each begins. ``good_bytes`` is where the newest segment's last good line ends.
    """

    facts: dict[str, list[bytes]] = field(default_factory=dict)
    first_segments: dict[str, int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    last_sequence: int = 0
    good_bytes: int = 0
    torn_bytes: int = 0
    bad_lines: int = 0
    missing_facts: int = 0
    late_facts: int = 0
    problems: list[str] = field(default_factory=list)

    def _tell(self, problem: str) -> None:
        if len(self.problems) < PROBLEMS_TOLD_MAX:
            self.problems.append(problem)


def scan_directory(directory: Path) -> Scan:
    """Read every segment. Raises OSError when one cannot be read at all."""
    scan = Scan()
    closed: set[str] = set()
    numbers = segment_numbers(directory)
    for number in numbers:
        _scan_segment(scan, closed, directory, number, newest=number == numbers[-1])
    if scan.missing_facts:
        scan._tell(f"{directory}: {scan.missing_facts} facts are missing from the sequence")
    return scan


def _scan_segment(scan: Scan, closed: set[str], directory: Path, number: int, *, newest: bool) -> None:
    path = segment_path(directory, number)
    end = good_end = 0
    bad: list[str] = []  # Since the last good line.
    with path.open("rb") as file:
        for place, line in enumerate(file, 1):
            end += len(line)
            try:
                sequence, call_id, body = decode_line(line)
                if sequence <= scan.last_sequence:
                    raise ValueError("its sequence goes back")
            except ValueError as error:
                bad.append(f"{path}:{place}: line skipped, {error}")
                continue
            _drop(scan, bad)
            bad.clear()
            good_end = end
            _take(scan, closed, number, sequence, call_id, body)
    scan.sizes[number] = end
    if newest:
        scan.good_bytes, scan.torn_bytes = good_end, end - good_end
        if scan.torn_bytes:
            scan._tell(f"{path}: {scan.torn_bytes} bytes cut off, torn by a crash")
    else:
        _drop(scan, bad)


def _drop(scan: Scan, bad: list[str]) -> None:
    scan.bad_lines += len(bad)
    for problem in bad:
        scan._tell(problem)


def _take(scan: Scan, closed: set[str], segment: int, sequence: int, call_id: str, body: bytes) -> None:
    if scan.last_sequence:
        scan.missing_facts += sequence - scan.last_sequence - 1
    scan.last_sequence = sequence
    if body == CLOSED:
        closed.add(call_id)
        scan.facts.pop(call_id, None)
        scan.first_segments.pop(call_id, None)
    elif call_id in closed:
        scan.late_facts += 1
    else:
        scan.facts.setdefault(call_id, []).append(body)
        scan.first_segments.setdefault(call_id, segment)
