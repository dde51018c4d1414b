"""The check digit of H. M. Damm (thesis, Marburg 2004). Implements specs/protocol.md section 5.

The table is a totally anti-symmetric quasigroup of order 10. The check digit detects every single wrong digit, and
every swap of two neighbouring digits.
"""

from __future__ import annotations

_ROWS = (
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
# The table is by character, because converting each digit to a number would take most of the time.
_TABLE = {str(interim): dict(zip("0123456789", row, strict=True)) for interim, row in enumerate(_ROWS)}


def check_digit(digits: str) -> str:
    """The check digit to append to `digits`."""
    interim = "0"
    for digit in digits:
        interim = _TABLE[interim][digit]
    return interim


def is_valid(digits: str) -> bool:
    """Whether the last digit is the check digit of the digits before it."""
    return check_digit(digits) == "0"
