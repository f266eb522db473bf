"""Child processes of the live run: each has its own log, an owner and an end by its own process id."""

from __future__ import annotations

import atexit
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_running: list[Child] = []
_lock = threading.Lock()


class LiveError(RuntimeError):
    """Something that the live run needs did not happen; the text says what and where to look."""


class Child:
    """One child process. Its output goes to ``log``; it is killed when this process ends, at the latest."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(env) if env is not None else None,
                start_new_session=True,
            )
        with _lock:
            _running.append(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, None when it still runs then."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self, timeout_s: float) -> None:
        """SIGTERM, then SIGKILL when that is not enough."""
        if self.exit_code() is None:
            self._process.terminate()
            if self.wait(timeout_s) is None:
                self.kill()


def stop_all() -> None:
    """The last resort: nothing that was started here outlives the run."""
    with _lock:
        for child in _running:
            if child.exit_code() is None:
                child.kill()


atexit.register(stop_all)


def wait_for(what: str, condition: Callable[[], object], timeout_s: float, every_s: float = 0.05) -> None:
    """Ask until it holds. Raises LiveError, which names what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise LiveError(f"waited {timeout_s:.0f} s in vain for: {what}")
        time.sleep(every_s)
