"""The journal read while an engine writes it, as ``tail -f`` would: every call that lives, then every fact as it comes.

Reading takes no lock and touches nothing, so an engine never notices. A line that is only half written (or room that
was made for it) is left for the next look.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ppc_engine.storage.journal_lines import CLOSED, decode_line, scan_directory, segment_numbers, segment_path
from ppc_engine.values.errors import OutsideError

CHUNK_BYTES = 1 << 20


class JournalTail:
    """One reader of one journal directory. Raises OutsideError when it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._file: BinaryIO | None = None
        self._rest = b""
        self._last_sequence = 0

    def begin(self) -> list[tuple[str, bytes]]:
        """Facts of the calls that live now, as (call id, JSON), call by call. What follows comes by ``read``."""
        try:
            if not segment_numbers(self._directory):
                return []
            scan = scan_directory(self._directory)
            self._last_sequence = scan.last_sequence
            self._open(segment_numbers(self._directory)[-1])
        except OSError as error:
            raise OutsideError(f"journal {self._directory}: {error.strerror} (is an engine configured here?)") from None
        return [(call_id, fact) for call_id, facts in scan.facts.items() for fact in facts]

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Facts that came since, as (call id, JSON); b"" as JSON says that the call's record is written."""
        while True:
            yield from self._lines()
            numbers = [number for number in segment_numbers(self._directory) if number > self._number]
            if not numbers:
                return
            yield from self._lines()  # What came before the next segment was begun.
            self._open(numbers[0])

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, number: int) -> None:
        self.close()
        self._number, self._rest = number, b""
        self._file = segment_path(self._directory, number).open("rb")

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        while self._file is not None and (chunk := self._file.read(CHUNK_BYTES)):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                try:
                    sequence, call_id, body = decode_line(line + b"\n")
                except ValueError:
                    continue  # Damage is told by the engine at its start; a reader goes on.
                if sequence > self._last_sequence:
                    self._last_sequence = sequence
                    yield call_id, b"" if body == CLOSED else body
