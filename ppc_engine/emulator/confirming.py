"""What a target hears before it is joined to the caller: a whisper, or a question that only a key answers.

Source: switch_ivr_originate.c collect_thread_run, and what a real FreeSWITCH 1.11.1 did: ``exec`` runs an application
on the target's leg and takes its end for a yes; any other key is waited for while the file is played again and again,
other keys begin it anew. group_confirm_timeout, from the answer on, ends it with ALLOTTED_TIMEOUT (bridge.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppc_engine.emulator import playing, running
from ppc_engine.emulator.channel import Channel, Thread

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

READ_MS = 5_000  # confirm_read_timeout: so long a key is waited for after each round.


def wanted(leg: Channel) -> bool:
    """Whether the leg must confirm before it is joined."""
    return bool(leg.get("group_confirm_key"))


def confirm(model: SwitchModel, leg: Channel) -> Thread:
    """Play and ask on an answered leg; it is a winner once it has heard, or keyed."""
    key, file = leg.get("group_confirm_key"), leg.get("group_confirm_file")
    if key == "exec":
        name, _, data = file.partition(" ")
        yield from running.execute(model, leg, name, data)
        if leg.up:
            _win(model, leg)
        return
    while leg.up:
        heard = playing.Heard()
        yield from playing.play(model, leg, file, into=heard)
        if leg.up and len(heard.digits) < len(key):
            yield from playing.collect(model, leg, heard, len(key), "", READ_MS, READ_MS)
        if leg.up and heard.digits == key:
            _win(model, leg)
            return


def _win(model: SwitchModel, leg: Channel) -> None:
    leg.winner = True
    leg.set("group_dial_status", "winner")
    for name in ("group_confirm_key", "group_confirm_file", "group_confirm_timeout"):
        leg.set(name, "")
    caller = model.channels.get(leg.get("originator"))
    if caller is not None and caller.up:
        model.poke(caller, 0)
