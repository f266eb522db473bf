"""Points in time as people type them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGO = re.compile(r"^([1-9][0-9]{0,4})([mhd])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Instant(click.ParamType[int]):
    """A point in time as UTC microseconds: "2h" ago, a day, or an ISO time (UTC unless it names its zone)."""

    name = "WHEN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        ago = _AGO.match(value)
        if ago is not None:
            return time.time_ns() // 1000 - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) // timedelta(microseconds=1)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a time (write 2h, 7d, 2026-11-22 or 2026-11-22T17:00)', param, ctx)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
