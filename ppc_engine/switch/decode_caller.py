"""What a way in says of its caller beside the number: attestation, privacy, tags. Believed of trusted trunks alone.

Seen on a real 1.11.1: the switch itself takes P-Asserted-Identity for the caller's number and reads ``Privacy: id``.
"""

from __future__ import annotations

import re

from ppc_engine.switch.headers import Headers, text

TAGS_MAX = 30
_TAG_HEADERS = (b"variable_sip_h_X-Tag-", b"variable_sip_h_X-Zip")
_TAG_HEADER = re.compile(r"variable_sip_h_X-Tag-([A-Za-z][A-Za-z0-9-]{0,63})")
_ATTESTATIONS = {
    "variable_sip_verstat_detailed": re.compile(r"TN-Validation-Passed-([ABC])"),
    "variable_sip_h_P-Attestation-Indicator": re.compile(r"([ABC])"),
    "variable_sip_h_X-Attestation": re.compile(r"([ABC])"),
}


def attestation(headers: Headers) -> str:
    """A, B or C: as the switch itself has verified, else as the carrier says (freeswitch.md 4.6)."""
    for name, pattern in _ATTESTATIONS.items():
        match = pattern.fullmatch(text(headers, name))
        if match is not None:
            return match[1]
    return ""


def is_private(headers: Headers) -> bool:
    """Whether the caller asked that nobody be shown the number (Privacy: id, RFC 3323; the switch reads it so)."""
    asked = text(headers, "variable_sip_Privacy").split(";")
    return "id" in asked or headers.get("Caller-Privacy-Hide-Number") == "true"


def tags(headers: Headers) -> dict[str, str]:
    """Tags of the caller's INVITE: X-Tag-NAME, and X-Zip as zip_code. Most calls have none, and cost one search."""
    if not headers.holds(_TAG_HEADERS):
        return {}
    found = {}
    for header in sorted(headers.all()):
        match = _TAG_HEADER.fullmatch(header)
        if match is not None and len(found) < TAGS_MAX:
            found[match[1].lower().replace("-", "_")] = text(headers, header)
    zip_code = text(headers, "variable_sip_h_X-Zip")
    return {**found, "zip_code": zip_code} if zip_code else found
