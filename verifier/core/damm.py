"""The check digit of H. M. Damm (thesis, Marburg 2004). Implements specs/protocol.md section 5.

The table is a totally anti-symmetric quasigroup of order 10. The check digit detects every single wrong digit, and
every swap of two neighbouring digits.
"""

from __future__ import annotations

_TABLE = tuple(
    tuple(map(int, row))
    for row in (
        "0317598642",
        "7092154863",
        "4206871359",
        "1750983426",
        "6123045978",
        "3674209581",
        "5869720134",
        "8945362017",
        "9438617205",
        "2581436790",
    )
)


def check_digit(digits: str) -> str:
    """The check digit to append to `digits`."""
    interim = 0
    for digit in digits:
        interim = _TABLE[interim][int(digit)]
    return str(interim)


def is_valid(digits: str) -> bool:
    """Whether the last digit is the check digit of the digits before it."""
    return check_digit(digits) == "0"
