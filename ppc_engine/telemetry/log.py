"""The structured log: one line a step, its call named on every line, nobody's telephone number or digits in full.

Masking (security.md D13) is by the value, not by the name of its field: every run of ten digits or more keeps only its
ends, wherever it stands, except in the ids of calls, legs and commands. What a caller keyed is hidden by field name.

A JSON line is made without structlog and, on request, written together with others: one line a call through structlog,
each with its own write, was a tenth of what a call costs the engine (docs/speed.md).
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import gevent
import orjson
import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# Steps that somebody should look at; every other step is "info".
STEP_LEVELS = {
    "call_finished": "debug",  # Its CDR and the counters say the same; a line a call is a tenth of a call's CPU.
    "bug": "error",
    "realtime_given_up": "error",
    "hub_late": "warning",
    "config_refused": "error",
    "resync_failed": "warning",
    "switch_down": "warning",
    "claim_not_dropped": "warning",
    "claim_not_renewed": "warning",
    "command_unanswered": "warning",
    "journal_damaged": "error",
    "journal_without_offer": "error",
}

ID_FIELDS = frozenset({"call_id", "leg_id", "attempt_id", "command_id", "lease_id", "core_uuid", "revision"})
KEYED_FIELDS = frozenset({"digits", "dtmf"})

_NUMBER = re.compile(r"\d{10,15}")


def mask_number(text: str) -> str:
    """ "+13105550123" -> "+1310***0123", for every telephone number in a text."""
    return _NUMBER.sub(lambda match: f"{match[0][:4]}***{match[0][-4:]}", text)


def _masked(name: str, value: Any) -> Any:
    """A field's value with numbers and keyed digits hidden, also in lists and mappings."""
    if name in KEYED_FIELDS:
        return "*" * len(str(value))
    return value if name in ID_FIELDS else _mask_value(value)


def _mask_value(value: Any) -> Any:
    if isinstance(value, str):
        return mask_number(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, dict):
        return {key: _mask_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mask_value(item) for item in value]
    return mask_number(str(value))


def _json_line(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)


def _readable_line(colours: bool) -> Callable[[dict[str, Any]], bytes]:
    renderer = structlog.dev.ConsoleRenderer(colors=colours)

    def render(line: dict[str, Any]) -> bytes:
        return f"{renderer(None, line['level'], line)}\n".encode()

    return render


class Log:
    """Writes one line a step: ``log("call_ended", call_id, outcome="connected")``. Fits engine.dispatcher.Log.

    Lines below "warning" may wait for ``delay_s`` to be written with others; that needs a running event loop, and a
    ``flush`` at the end. Whatever is worse is written at once, after those that wait.
    """

    def __init__(
        self,
        *,
        level: str = "info",
        form: Literal["json", "console"] = "json",
        stream: BinaryIO | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self._out = sys.stderr.buffer if stream is None else stream
        self._threshold = LEVELS[level]
        self._delay_s = delay_s
        self._waiting: list[bytes] = []
        self._timer: Any = None
        if form == "json":
            self._render = _json_line
        else:
            self._render = _readable_line(colours=hasattr(self._out, "isatty") and self._out.isatty())

    def __call__(self, event: str, call_id: str = "", **fields: Any) -> None:
        """One step. ``call_id`` is "" for what concerns no call, and is on the line nevertheless."""
        self.write(STEP_LEVELS.get(event, "info"), event, call_id, fields)

    def write(self, level: str, event: str, call_id: str, fields: Mapping[str, Any]) -> None:
        """One step at a level of its own."""
        if LEVELS[level] < self._threshold:
            return
        timestamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = {"timestamp": timestamp, "level": level, "event": event, "call_id": call_id}
        for name, value in fields.items():
            line[name] = _masked(name, value)
        self._waiting.append(self._render(line))
        if not self._delay_s or LEVELS[level] >= LEVELS["warning"]:
            self.flush()
        elif len(self._waiting) == 1:
            self._timer = gevent.get_hub().loop.timer(self._delay_s)
            self._timer.start(self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        lines, self._waiting = self._waiting, []
        with contextlib.suppress(OSError):  # A full disk or a closed pipe must not end calls.
            self._out.write(b"".join(lines))
            self._out.flush()


class _Forward(logging.Handler):
    """Brings what is logged by the standard library's means into ours, masked like everything else."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._write = log.write

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        fields = {"logger": record.name, "detail": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._write(level if level in LEVELS else "info", "library", "", fields)


def capture_standard_logging(log: Log, level: str = "warning") -> None:
    """From now on, what any module logs by ``logging`` from this level on becomes a line of ``log``, and only that."""
    logging.basicConfig(level=LEVELS[level], handlers=[_Forward(log)], force=True)
