"""What can go wrong between us and a switch, so that callers can tell "did not happen" from "nobody knows"."""

from __future__ import annotations

from ppc_engine.ports import CommandRefusedError, SwitchError


class SwitchAwayError(SwitchError):
    """There is no usable connection, or it was lost before the answer: whether the command ran is unknown."""

    code = "switch_away"


class DeadlineError(SwitchError):
    """The switch did not answer in time; the connection was given up, because its answers can be trusted no more."""

    code = "switch_deadline"


class ChannelGoneError(CommandRefusedError):
    """The switch has no such call any more."""

    code = "channel_gone"


class ForbiddenTextError(CommandRefusedError):
    """Something that is not on the whitelist was about to enter a command; nothing was sent (freeswitch.md A12)."""

    code = "forbidden_text"


class FramingError(SwitchError):
    """The bytes from the switch are no ESL. Nothing after this point of the stream means anything."""

    code = "switch_framing"
