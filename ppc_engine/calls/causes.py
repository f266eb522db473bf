"""How an attempt ended, in the words of semantics.md, from FreeSWITCH's hang-up cause and the SIP status behind it.

Recorded: busy_then_answer (USER_BUSY, 486), no_answer_then_answer (ALLOTTED_TIMEOUT), unreachable_then_answer and
unavailable_then_answer (both NORMAL_TEMPORARY_FAILURE: nobody listening has no SIP answer, a 503 has one).
"""

from __future__ import annotations

_OUTCOMES = {
    "USER_BUSY": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "ALLOTTED_TIMEOUT": "no_answer",
    "ORIGINATOR_CANCEL": "cancelled",
    "LOSE_RACE": "cancelled",
    "CALL_REJECTED": "rejected",
    "PROGRESS_TIMEOUT": "unreachable",
    "UNALLOCATED_NUMBER": "unreachable",
    "NO_ROUTE_DESTINATION": "unreachable",
    "NO_ROUTE_TRANSIT_NET": "unreachable",
    "DESTINATION_OUT_OF_ORDER": "unreachable",
    "NETWORK_OUT_OF_ORDER": "unreachable",
    "SUBSCRIBER_ABSENT": "unreachable",
    "USER_NOT_REGISTERED": "unreachable",
    "GATEWAY_DOWN": "unreachable",
    "INVALID_GATEWAY": "unreachable",
    "RECOVERY_ON_TIMER_EXPIRE": "unreachable",
}


def attempt_outcome(
    cause: str, sip_status: int, *, connected: bool, target_answered: bool = False, disposition: str = ""
) -> str:
    """One of record.ATTEMPT_OUTCOMES.

    ``target_answered`` without having been connected: somebody, or something, picked up and did not take the call. Who
    hung up on the whisper or the question has rejected it; where nobody keyed the digit in time nobody was there
    (ALLOTTED_TIMEOUT: no_answer), which is how a voicemail is told from a person.
    """
    if connected:
        return "answered"
    if target_answered and disposition.startswith("recv_"):
        return "rejected"
    if cause == "NORMAL_TEMPORARY_FAILURE" and not sip_status:
        return "unreachable"
    return _OUTCOMES.get(cause, "failed")


def hung_up_by(disposition: str, *, own_side: str) -> str:
    """Who ended a leg, from its sip_hangup_disposition: ``own_side`` (caller or target) or the switch's side."""
    if disposition.startswith("recv_"):
        return own_side
    return "switch" if disposition.startswith("send_") else "unknown"
