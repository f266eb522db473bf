"""Lists in files of their own: one ZIP or telephone number a line, tens of thousands of them, with comments.

Decides what a line is, not what it may hold: that is judged where a list is used (catalog/rules.py).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

from ppc_engine.catalog.issues import quoted
from ppc_engine.values.document import Document
from ppc_engine.values.document import Path as Place
from ppc_engine.values.errors import Issue

LIST_BYTES_MAX = 8 * 1024 * 1024  # Some 500,000 numbers; a revision holds every list for ever.
_ENTRY = re.compile(r"[!-+\-.-~]{1,100}")  # Printable ASCII without spaces and commas.
ISSUES_MAX = 50  # A file this wrong is best looked at as a whole.


class _LinePlaces(Mapping[Place, tuple[int, int]]):
    """(index,) -> (line, 1), made on demand: 40,000 tuples that nobody asks for would cost as much as the list."""

    def __init__(self, lines: array[int]) -> None:
        self._lines = lines

    def __getitem__(self, path: Place) -> tuple[int, int]:
        if path == ():
            return 1, 1
        if len(path) == 1 and isinstance(path[0], int) and 0 <= path[0] < len(self._lines):
            return self._lines[path[0]], 1
        raise KeyError(path)

    def __iter__(self) -> Iterator[Place]:
        yield ()
        yield from ((index,) for index in range(len(self._lines)))

    def __len__(self) -> int:
        return len(self._lines) + 1


def read_list(path: Path) -> tuple[Document | None, list[Issue]]:
    """A list file as a document whose data is its entries in order, or what is wrong with it."""
    file = str(path)
    try:
        if not path.is_file():
            return None, [Issue(file=file, message="not a file (remove it, or put a text file there)")]
        with path.open("rb") as opened:
            content = opened.read(LIST_BYTES_MAX + 1)
    except OSError as error:
        return None, [Issue(file=file, message=f"cannot be read: {error.strerror} (check its owner and mode)")]
    return parse_list(file, content)


def parse_list(file: str, content: bytes) -> tuple[Document | None, list[Issue]]:
    """One entry a line; blank lines and what follows a # are left out, and so is what stands twice."""
    if len(content) > LIST_BYTES_MAX:
        return None, [Issue(file=file, message=f"larger than {LIST_BYTES_MAX} bytes (split it)")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Issue(file=file, line=line, column=1, message="not UTF-8 text (save the file as UTF-8)")]
    found: dict[str, int] = {}
    issues: list[Issue] = []
    for number, raw in enumerate(text.split("\n"), 1):
        entry = raw.partition("#")[0].strip()
        if entry and entry not in found:
            found[entry] = number
            if not _ENTRY.fullmatch(entry):
                message = f"{quoted(entry)} is not one entry (write one ZIP or number a line)"
                issues.append(Issue(file=file, line=number, column=1, message=message))
                if len(issues) >= ISSUES_MAX:
                    break
    return (None, issues) if issues else (Document(file, list(found), _LinePlaces(array("I", found.values()))), [])
