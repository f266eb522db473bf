"""A configuration file as plain data, with the place of everything in it, so that an error can name line and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppc_engine.values.errors import Issue

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One file: ``data`` is made of dict, list and str only; ``places`` maps a path to (line, column) from 1."""

    file: str
    data: Any
    places: Mapping[Path, tuple[int, int]]

    def issue(self, path: Path, message: str, severity: str = "error") -> Issue:
        """An issue at a path of this file; a path that is not in the file takes the place of its nearest parent."""
        known = path
        while known and known not in self.places:
            known = known[:-1]
        line, column = self.places.get(known, (0, 0))
        where = ".".join(str(part) for part in path)
        return Issue(file=self.file, line=line, column=column, path=where, message=message, severity=severity)
