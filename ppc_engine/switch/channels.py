"""What lives on a switch, asked after a start or a reconnect (freeswitch.md A8).

The listing is a table that lags behind, misses new calls and keeps dead ones; the session table, asked by uuid_dump,
decides. So a listing that cannot be read is an error, and never "nothing lives" (CGRateS 3749 hung up live calls so).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ppc_engine.ports import LiveChannel, SwitchError
from ppc_engine.switch.connection import ESLConnection
from ppc_engine.switch.decode import decode_dump
from ppc_engine.switch.encode import dump
from ppc_engine.switch.headers import CALL_ID, MalformedError, load

LISTING_S_MAX = 30.0  # The switch may be slow just when it has much to list.
DUMPS_AT_ONCE = 50  # About 400 KB of answers on their way at a time.
DUMPS_S_MAX = 10.0


def read_channels(link: ESLConnection, known: Collection[str]) -> list[LiveChannel]:
    """Callers' legs that the switch lists, and those of ``known``, as far as they live. Raises SwitchError."""
    listed = [row["uuid"] for row in _rows(link, "channels") if row.get("direction") == "inbound" and "uuid" in row]
    timers: dict[str, tuple[str, ...]] = {}
    for row in _rows(link, "tasks"):
        group = str(row.get("task_group"))
        timers[group] = (*timers.get(group, ()), str(row.get("task_id")))
    call_ids = [call_id for call_id in dict.fromkeys([*listed, *known]) if CALL_ID.fullmatch(str(call_id))]
    found: list[LiveChannel] = []
    for start in range(0, len(call_ids), DUMPS_AT_ONCE):
        frames = [dump(call_id) for call_id in call_ids[start : start + DUMPS_AT_ONCE]]
        found.extend(_living(link.send_all(frames, DUMPS_S_MAX), timers))
    return found


def _living(dumps: Iterable[str], timers: Mapping[str, tuple[str, ...]]) -> Iterable[LiveChannel]:
    for text in dumps:
        if text.startswith("-ERR"):
            continue  # "No such channel!": the session table has it no more.
        try:
            channel = decode_dump(text.encode(), timers)
        except MalformedError as error:
            raise SwitchError("the switch's description of a call cannot be read") from error
        if channel is not None:
            yield channel


def _rows(link: ESLConnection, table: str) -> list[Mapping[str, Any]]:
    text = link.send(f"api show {table} as json", LISTING_S_MAX)
    try:
        listing = load(text.encode())
        rows = listing.get("rows", [])  # An empty table has no "rows" at all.
        if len(rows) != int(listing["row_count"]):
            raise MalformedError("rows are missing")
    except (MalformedError, KeyError, TypeError, ValueError) as error:
        raise SwitchError(f"the switch's list of {table} cannot be read") from error
    return rows
