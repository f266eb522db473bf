"""When a configuration directory has changed and its files lie still: for ``ppc serve --watch``.

By looking at names, sizes and times of change, so that it works on every file system; a change is taken only once two
looks have seen the same, because editors and copies write a file piece by piece and a whole configuration file by file.
"""

from __future__ import annotations

import os
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".txt")
FILES_MAX = 50_000  # More is not a configuration but an accident; the rest is not looked at.

Fingerprint = tuple[tuple[str, int, int, int], ...]


def fingerprint(config_dir: Path) -> Fingerprint:
    """Name, inode, size and time of change of every file that may belong to the configuration. What cannot be looked at
    now is left out, and so differs from what could."""
    found: list[tuple[str, int, int, int]] = []
    for directory, names, files in os.walk(config_dir):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if name.startswith(".") or not name.endswith(SUFFIXES):
                continue
            path = os.path.join(directory, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.append((path, status.st_ino, status.st_size, status.st_mtime_ns))
        if len(found) >= FILES_MAX:
            break
    return tuple(found[:FILES_MAX])


class ConfigWatch:
    """Tells once of each change. ``taken`` is how the directory looked when it was last read."""

    def __init__(self, taken: Fingerprint) -> None:
        self._taken = taken
        self._last = taken

    def due(self, seen: Fingerprint) -> bool:
        """Whether to read the configuration now, given how the directory looks now."""
        still = seen == self._last
        self._last = seen
        if not still or seen == self._taken:
            return False
        self._taken = seen
        return True

    def again(self) -> None:
        """What was read is not what lies there now: look at it as a change once more."""
        self._taken = ()
