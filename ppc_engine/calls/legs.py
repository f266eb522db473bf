"""What one target is told of a call and must do before it gets it: the leg of a Dial, from the catalog's words.

Default deny (security.md D9): a target learns the caller's number and nothing else, unless its own or its buyer's entry
names it; and a caller who asked for privacy is withheld, whatever stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ppc_engine.calls.commands import WITHHELD, Leg
from ppc_engine.catalog.model import Buyer, Target
from ppc_engine.catalog.policies import CallerID
from ppc_engine.flows.waits import DialWait

WHISPER_MS_MAX = 30_000  # The longest whisper; a switch that has not played it by then hangs the target up.

_SAFE = re.compile(r"[A-Za-z0-9_.+-]{1,64}")  # What of a stranger's text may stand in a header; else it is left out.


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What could be told of a call. ``words`` gives its values by the words that the catalog may name, tags as
    ``tag.NAME``; it is asked only where a header is to be told."""

    private: bool
    tracking_number: str
    words: Callable[[], Mapping[str, str]]


def leg_to(buyer: Buyer, target: Target, known: Known, *, attempt_id: str, leg_id: str) -> Leg:
    """The leg that rings this target."""
    accept = target.accept
    listens_ms_max = accept.ms_max if accept else WHISPER_MS_MAX if target.whisper else 0
    return Leg(
        attempt_id=attempt_id,
        leg_id=leg_id,
        destination=target.destination,
        gateway=target.gateway or "",
        ring_ms_max=target.ring_ms_max,
        progress_ms_max=target.progress_ms_max,
        connected_ms_max=target.connected_ms_max,
        caller_id=caller_id(target.caller_id or buyer.caller_id, known),
        headers=headers(target.headers if target.headers is not None else buyer.headers or {}, known),
        whisper=target.whisper or "",
        accept_prompt=accept.prompt if accept else "",
        accept_digit=accept.digit if accept else "",
        accept_ms_max=listens_ms_max,
    )


def fixed_leg(wait: DialWait, known: Known, *, attempt_id: str, leg_id: str) -> Leg:
    """The leg of a ``dial`` node: a destination of our own, told as little as a buyer."""
    return Leg(
        attempt_id=attempt_id,
        leg_id=leg_id,
        destination=wait.destination,
        gateway=wait.gateway,
        ring_ms_max=wait.ring_ms_max,
        progress_ms_max=wait.progress_ms_max,
        connected_ms_max=wait.connected_ms_max,
        caller_id=WITHHELD if known.private else wait.caller_id,
        whisper=wait.whisper,
        accept_ms_max=WHISPER_MS_MAX if wait.whisper else 0,
    )


def caller_id(policy: CallerID | None, known: Known) -> str:
    """As Leg.caller_id has it: "" is the caller's own number."""
    if known.private:
        return WITHHELD
    show = policy.show if policy else "caller"
    if show == "fixed" and policy is not None:
        return policy.number or WITHHELD
    return {"caller": "", "tracking_number": known.tracking_number or WITHHELD}.get(show, WITHHELD)


def headers(policy: Mapping[str, str], known: Known) -> dict[str, str]:
    """The headers that are named, with their values; one whose value is unknown, or no plain word, is left out."""
    if not policy:
        return {}
    words = known.words()
    told = {name: words.get(word, "") for name, word in policy.items()}
    return {name: value for name, value in told.items() if _SAFE.fullmatch(value)}
