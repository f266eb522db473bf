"""Money: integers of a millionth of the currency unit (micros). No float comes near it.

Source: architecture.md, "Money"; semantics.md, "Rounding".
"""

from __future__ import annotations

import re

MICROS = 1_000_000  # one currency unit
MINOR_MICROS = 10_000  # one cent
AMOUNT_MICROS_MAX = 1_000_000 * MICROS  # No single amount of a pay-per-call offer is above a million.

_AMOUNT = re.compile(r"^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,6}))?$")


def parse_micros(value: object) -> int:
    """ "40.00" -> 40_000_000. Raises ValueError for anything that is not a plain decimal amount in text.

    An int is taken as micros already: that is how a stored revision holds it.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _AMOUNT.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'"{value}" is not an amount (write 40 or 40.00, at most six decimals)')
    micros = int(match[1]) * MICROS + int((match[2] or "").ljust(6, "0"))
    if micros > AMOUNT_MICROS_MAX:
        raise ValueError(f'"{value}" is above the largest amount, {format_micros(AMOUNT_MICROS_MAX)}')
    return micros


def format_micros(micros: int) -> str:
    """-25_038_750 -> "-25.03875"; at least two decimals, no more than are needed, never rounded."""
    units, rest = divmod(abs(micros), MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{units}.{decimals}"


def round_to_minor(micros: int) -> int:
    """Half-even to the cent: 1_265_000 -> 1_260_000, 1_275_000 -> 1_280_000. Once per posting (semantics.md)."""
    return divide_half_even(micros, MINOR_MICROS) * MINOR_MICROS


def divide_half_even(numerator: int, denominator: int) -> int:
    """The whole number nearest to an exact quotient, the even one of two: 5/2 -> 2, 7/2 -> 4, -5/2 -> -2."""
    whole, rest = divmod(numerator, denominator)
    if rest * 2 > denominator or (rest * 2 == denominator and whole % 2 == 1):
        whole += 1
    return whole
