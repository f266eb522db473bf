"""When a configuration directory has changed and its files lie still: for ``ppc serve --watch``.

By looking at names, sizes and times of change, so that it works on every file system; a change is taken only once two
looks have seen the same, because editors and copies write a file piece by piece and a whole configuration file by file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

SUFFIXES = (".yaml", ".yml", ".txt")
LOOK_EVERY_S = 1.0  # A change must lie still for one look more before it is taken.
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
            path = Path(directory, name)
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
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


class ConfigWatcher:
    """Looks at a directory every LOOK_EVERY_S and has it read when it changed.

    ``off_hub`` runs work that waits for the disk; ``reload`` is given a question to ask, off the hub, once it has read:
    whether the files still lie as they lay.
    """

    def __init__(
        self,
        config_dir: Path,
        *,
        off_hub: Callable[[Callable[[], Any]], Any],
        sleep: Callable[[float], None],
        reload: Callable[[Callable[[], bool]], Any],
    ) -> None:
        self._config_dir = config_dir
        self._off_hub = off_hub
        self._sleep = sleep
        self._reload = reload
        self._watch = ConfigWatch(())

    def mark(self) -> None:
        """What lies there now is about to be read by the start."""
        self._watch = ConfigWatch(fingerprint(self._config_dir))

    def run(self, stopping: Callable[[], bool]) -> None:
        """Watch until told to stop."""
        while not stopping():
            self._sleep(LOOK_EVERY_S)
            seen: Fingerprint = self._off_hub(lambda: fingerprint(self._config_dir))
            if self._watch.due(seen):
                self._reload(lambda seen=seen: self._lies_still(seen))

    def _lies_still(self, seen: Fingerprint) -> bool:
        if fingerprint(self._config_dir) == seen:
            return True
        self._watch.again()
        return False
