"""Which telephone numbers may be dialled at all: no toll fraud by a slip in a catalog file.

Source: security.md D3 (North American numbers only; premium rate, 976 and Caribbean "one-ring" codes never).
"""

from __future__ import annotations

from ppc_engine.values.phone import area_code

PREMIUM_AREA_CODES = frozenset({"900"})
PREMIUM_EXCHANGES = frozenset({"976"})

# +1, but abroad and priced so: Caribbean and Atlantic countries of the North American plan (NANPA, geographic codes).
FOREIGN_AREA_CODES = frozenset(
    "242 246 264 268 284 345 441 473 649 658 664 721 758 767 784 809 829 849 868 869 876".split()  # noqa: SIM905
)


def refusal(number: str) -> str:
    """Why an E.164 number is never dialled, with the cure; "" when it may be."""
    code = area_code(number)
    if not code:
        return f'"{number}" is not a number of the United States or Canada (only those are dialled)'
    if code in PREMIUM_AREA_CODES or number[5:8] in PREMIUM_EXCHANGES:
        return f'"{number}" is a premium-rate number (those are never dialled; use the buyer\'s own number)'
    if code in FOREIGN_AREA_CODES:
        return f'"{number}" has area code {code}, which is abroad (only the United States and Canada are dialled)'
    return ""
