"""Reads a typed call code and finds typing errors before a request is sent.

Implements specs/protocol.md section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

DIGITS, MAX_TYPED = 9, 200
# The code point of the digit zero in each script (category Nd of Unicode 14). The digits 1 to 9 have the next 9 code
# points.
_ZEROS = """
    0030 0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946 19D0
    1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10 104A0 10D30 11066 110F0 11136 111D0 112F0
    11450 114D0 11650 116C0 11730 118E0 11950 11C50 11D50 11DA0 16A60 16AC0 16B50 1D7CE 1D7D8 1D7E2 1D7EC 1D7F6 1E140
    1E2F0 1E950 1FBF0
"""
CHINESE = ("〇零", "一幺", "二", "三", "四", "五", "六", "七", "八", "九")
MEANT = {int(zero, 16) + n: str(n) for zero in _ZEROS.split() for n in range(10)}
MEANT |= {ord(each): str(n) for n, written in enumerate(CHINESE) for each in written}
_INVISIBLE = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_SEPARATORS = " \t\r\n\u00a0\u2000-\u200a\u202f\u205f\u3000.\uff0e_\uff3f\u00b7\u2010-\u2015\u2212\uff0d-"
_DROPPED = re.compile(f"[{_INVISIBLE}]")
_GROUP = re.compile(f"[0-9](?:[{_SEPARATORS}]*[0-9])*")
_BETWEEN = re.compile(f"[{_SEPARATORS}]")
_ADJACENT = re.compile("[A-Za-z+#*]")
# The quasigroup of order 10 of H. M. Damm's thesis (Marburg 2004).
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
    """Find the 9 digits of a code in a text, in any script.

    Raises ValueError if there are not 9 digits, or if there are two codes. Show the message of the error to the person
    who typed the code. The service would refuse such a code with `malformed_code`, which does not count as an attempt.
    Send all digits that this returns, also if `possible` is false for them: they may be invented.
    """
    found = set(_groups_of_nine(typed)) if len(typed) <= MAX_TYPED else set()
    if len(found) != 1:
        raise ValueError("The code has nine digits, no more and no fewer")
    return found.pop()


def possible(digits: str) -> bool:
    """Whether 9 digits have the right check digit. An app may ask the person to compare the digits once more."""
    interim = "0"
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    return interim == "0"


def _groups_of_nine(typed: str) -> Iterator[str]:
    """Yield each group of exactly 9 digits. A group next to a Latin letter, `+`, `#` or `*` is left out."""
    text = _DROPPED.sub("", typed).translate(MEANT)
    for group in _GROUP.finditer(text):
        digits = _BETWEEN.sub("", group[0])
        beside = text[max(0, group.start() - 1) : group.start()] + text[group.end() : group.end() + 1]
        if len(digits) == DIGITS and _ADJACENT.search(beside) is None:
            yield digits
