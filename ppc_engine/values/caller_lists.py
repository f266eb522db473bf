"""Lists of callers in config/lists: one number or prefix a line, compared by exact text, so that a list may be long.

An entry is a number in E.164 form ("+13105550123") or the beginning of one with a star ("+1310555*").
"""

from __future__ import annotations

import re
from collections.abc import Container

_ENTRY = re.compile(r"\+[1-9][0-9]{0,14}\*|\+[1-9][0-9]{6,14}")


def entry_problem(entry: str) -> str:
    """What is wrong with a line of a caller list and how to cure it, "" when it is right."""
    if _ENTRY.fullmatch(entry):
        return ""
    return f'"{entry[:40]}" is no caller (write a number "+13105550123" or the beginning of one "+1310555*")'


def is_listed(number: str, entries: Container[str]) -> bool:
    """Whether a number in E.164 form, or a beginning of it, is among the entries."""
    if number in entries:
        return True
    return any(f"{number[:length]}*" in entries for length in range(2, len(number) + 1))
