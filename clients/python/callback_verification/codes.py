"""A call code as people type it: a slip of the finger is told before anything is asked.

Carries out specs/protocol.md section 5.
"""

from __future__ import annotations

import unicodedata

DIGITS, MAX_TYPED = 9, 64
_SEPARATORS = dict.fromkeys(map(ord, " \t\r\n-‐‑–—.·_\u00a0\u3000"))
# The quasigroup of order ten of H. M. Damm's thesis (Marburg 2004).
_DAMM = (
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


def read(typed: str) -> str:
    """The nine digits of a code; spaces, dashes and full-width figures are taken as they are meant.

    Raises ValueError, with words for whoever typed it, when it is not nine digits or the check digit says that one is
    wrong or two are swapped. The service says the same of it (`malformed_code`) and spends nothing.
    """
    digits = unicodedata.normalize("NFKC", typed[: MAX_TYPED + 1]).translate(_SEPARATORS)
    if len(typed) > MAX_TYPED or len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ValueError("The code has nine digits and nothing else")
    interim = "0"
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    if interim != "0":
        raise ValueError("One of the digits is wrong or two are swapped; please enter the code again")
    return digits
