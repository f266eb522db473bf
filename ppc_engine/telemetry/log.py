"""The structured log: one line a step, its call named on every line, nobody's telephone number or digits in full.

Masking (security.md D13) is by the value, not by the name of its field: every run of ten digits or more keeps only its
ends, wherever it stands, except in the ids of calls, legs and commands. What a caller keyed is hidden by field name.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, BinaryIO, Literal

import orjson
import structlog

Fields = MutableMapping[str, Any]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# Steps that somebody should look at; every other step is "info".
STEP_LEVELS = {
    "bug": "error",
    "hub_late": "warning",
    "config_refused": "error",
    "resync_failed": "warning",
    "switch_down": "warning",
    "claim_not_dropped": "warning",
    "claim_not_renewed": "warning",
    "command_unanswered": "warning",
    "journal_without_offer": "error",
}

ID_FIELDS = frozenset({"call_id", "leg_id", "attempt_id", "command_id", "lease_id", "core_uuid", "revision"})
KEYED_FIELDS = frozenset({"digits", "dtmf"})

_NUMBER = re.compile(r"\d{10,15}")


def mask_number(text: str) -> str:
    """ "+13105550123" -> "+1310***0123", for every telephone number in a text."""
    return _NUMBER.sub(lambda match: f"{match[0][:4]}***{match[0][-4:]}", text)


def mask(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Hide numbers and keyed digits in all fields, also in lists and mappings."""
    for name, value in fields.items():
        if name in KEYED_FIELDS:
            fields[name] = "*" * len(str(value))
        elif name not in ID_FIELDS and not isinstance(value, (int, float, bool)):
            fields[name] = _mask_value(value)
    return fields


def _mask_value(value: Any) -> Any:
    if isinstance(value, str):
        return mask_number(value)
    if isinstance(value, dict):
        return {key: _mask_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mask_value(item) for item in value]
    return value if value is None or isinstance(value, (int, float)) else mask_number(str(value))


def _render_json(_logger: Any, _method: str, fields: Fields) -> bytes:
    ordered = {name: fields.pop(name) for name in ("timestamp", "level", "event") if name in fields}
    return orjson.dumps({**ordered, **fields}, default=str, option=orjson.OPT_NON_STR_KEYS)


class Log:
    """Writes one line a step: ``log("call_ended", call_id, outcome="connected")``. Fits engine.dispatcher.Log."""

    def __init__(
        self,
        *,
        level: str = "info",
        form: Literal["json", "console"] = "json",
        stream: BinaryIO | None = None,
    ) -> None:
        out = sys.stderr.buffer if stream is None else stream
        processors: list[Callable[..., Any]] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask,
        ]
        if form == "json":
            processors.append(_render_json)
        else:
            colours = hasattr(out, "isatty") and out.isatty()
            processors += [structlog.dev.ConsoleRenderer(colors=colours), lambda _l, _m, line: line.encode()]
        self._threshold = LEVELS[level]
        self._logger = structlog.wrap_logger(
            structlog.BytesLogger(out),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
            cache_logger_on_first_use=True,
        )

    def __call__(self, event: str, call_id: str = "", **fields: Any) -> None:
        """One step. ``call_id`` is "" for what concerns no call, and is on the line nevertheless."""
        self.write(STEP_LEVELS.get(event, "info"), event, call_id, fields)

    def write(self, level: str, event: str, call_id: str, fields: Mapping[str, Any]) -> None:
        """One step at a level of its own."""
        if LEVELS[level] >= self._threshold:
            getattr(self._logger, level)(event, call_id=call_id, **fields)


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
