"""Telephone numbers: E.164 text in, E.164 text out, or why not.

``caller_kind`` follows semantics.md, "Who the caller is": valid, anonymous, invalid, toll_free. A NANP fast path
answers for most numbers in a microsecond; the rest goes to the phonenumbers library (libraries.md, 2).
"""

from __future__ import annotations

import re

import phonenumbers

TOLL_FREE_AREA_CODES = frozenset({"800", "833", "844", "855", "866", "877", "888"})
ANONYMOUS_WORDS = frozenset({"", "anonymous", "restricted", "unavailable", "unknown", "private", "asserted"})

_NANP = re.compile(r"^\+?1?([2-9][0-8][0-9])([2-9][0-9]{2})([0-9]{4})$")
_E164 = re.compile(r"^\+[1-9][0-9]{6,14}$")


def normalise(text: str, default_region: str = "US") -> str:
    """The E.164 form of what a trunk sent ("13105550123", "+13105550123", "3105550123"), "" when it is no number."""
    match = _NANP.match(text)
    if match is not None:
        return f"+1{match[1]}{match[2]}{match[3]}"
    if not text.isascii() or len(text) > 32:
        return ""
    try:
        parsed = phonenumbers.parse(text, default_region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def parse_e164(value: object) -> str:
    """A number written in a configuration file. Raises ValueError unless it is E.164 with its plus."""
    if isinstance(value, str) and _E164.match(value):
        return value
    raise ValueError(f'"{value}" is not a number in E.164 form (write it with its plus: "+13105550123")')


def caller_kind(text: str) -> str:
    """valid, anonymous, invalid or toll_free, of a caller's number as the trunk sent it."""
    if text.strip().lower() in ANONYMOUS_WORDS:
        return "anonymous"
    number = normalise(text)
    if not number:
        return "invalid"
    return "toll_free" if area_code(number) in TOLL_FREE_AREA_CODES else "valid"


def area_code(number: str) -> str:
    """The three digits after +1 of a NANP number in E.164 form, "" for any other."""
    match = _NANP.match(number)
    return match[1] if match and number.startswith("+1") else ""
