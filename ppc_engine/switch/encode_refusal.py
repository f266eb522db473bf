"""Why a caller is refused, as the SIP answer tells it: one variable of the channel, set just before it is hung up.

The switch puts ``sip_reason`` as it stands into the Reason header of its final response, in place of its own
``Q.850;cause=17;text="USER_BUSY"`` (mod_sofia.c:499-513; a real FreeSWITCH 1.11.1 answered an INVITE so). Q.850 with a
cause is the form that RFC 6432 allows in responses; the text is one of our own words and nothing else ever.
"""

from __future__ import annotations

from ppc_engine.calls.commands import Hangup
from ppc_engine.calls.refusals import REFUSAL_WORDS
from ppc_engine.switch.errors import ForbiddenTextError
from ppc_engine.switch.pieces import UUID, fits

# The causes that we refuse with, as Q.850 numbers them; any other is told as "normal, unspecified".
_Q850 = {
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_DESTINATION": 3,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NORMAL_TEMPORARY_FAILURE": 41,
}
_UNSPECIFIED = 31


def reason_lines(command: Hangup) -> list[str]:
    """The api command that sets the reason; none when there is nothing to tell."""
    if not command.reason:
        return []
    if command.reason not in REFUSAL_WORDS:
        raise ForbiddenTextError(f"reason cannot be {str(command.reason)[:60]!r}")
    told = f'Q.850;cause={_Q850.get(command.cause, _UNSPECIFIED)};text="{command.reason}"'
    return [f"api uuid_setvar {fits(UUID, 'call_id', command.call_id)} sip_reason {told}"]
