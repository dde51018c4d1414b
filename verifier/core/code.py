"""The call code: HOTP over the signed ticket, and one Damm check digit. Implements specs/protocol.md section 5."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator

import pyotp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from verifier.core import damm
from verifier.core.errors import FieldError, MalformedCode

HOTP_DIGITS = 8
CODE_DIGITS = HOTP_DIGITS + 1
MAX_TYPED = 200
# The digit zero of each script (category Nd of Unicode 14). The digits 1 to 9 come directly after it.
_HEX = """
    0030 0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946 19D0
    1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10 104A0 10D30 11066 110F0 11136 111D0 112F0
    11450 114D0 11650 116C0 11730 118E0 11950 11C50 11D50 11DA0 16A60 16AC0 16B50 1D7CE 1D7D8 1D7E2 1D7EC 1D7F6 1E140
    1E2F0 1E950 1FBF0
"""
ZEROS = tuple(int(zero, 16) for zero in _HEX.split())
CHINESE = ("〇零", "一幺", "二", "三", "四", "五", "六", "七", "八", "九")
MEANT = {zero + n: str(n) for zero in ZEROS for n in range(10)}
MEANT |= {ord(each): str(n) for n, written in enumerate(CHINESE) for each in written}
_INVISIBLE = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_SEPARATORS = " \t\r\n\u00a0\u2000-\u200a\u202f\u205f\u3000.\uff0e_\uff3f\u00b7\u2010-\u2015\u2212\uff0d-"
_DROPPED = re.compile(f"[{_INVISIBLE}]")
_GROUP = re.compile(f"[0-9](?:[{_SEPARATORS}]*[0-9])*")
_BETWEEN = re.compile(f"[{_SEPARATORS}]")
_JOINED = re.compile("[A-Za-z+#*]")


class _Hotp(pyotp.HOTP):
    """pyotp with a key in bytes.

    pyotp takes a key in base32, and decodes it for each password. It also makes the bytes of the counter one by one,
    which takes a fifth of the time of a password. Both methods below replace methods of pyotp.
    """

    def __init__(self, key: bytes, digits: int, digest: Callable[..., object]) -> None:
        self._key = key  # set before pyotp's constructor, which reads the key
        super().__init__("", digits=digits, digest=digest)

    def byte_secret(self) -> bytes:
        return self._key

    @staticmethod
    def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
        return i.to_bytes(padding)


def hotp(key: bytes, counter: int, digits: int = HOTP_DIGITS, digest: Callable[..., object] = hashlib.sha256) -> str:
    """The one-time password of RFC 4226 section 5, as a string of digits. `counter` is the moving factor."""
    return _Hotp(key, digits, digest).at(counter)


def derive_code(application_key: bytes, call_id: str, ticket: str, counter: int) -> str:
    """The nine digits of a call's code. If the ticket, key, call id or counter changes, the code changes (law L2).

    The HOTP key is HKDF-SHA256 (RFC 5869) of the application key. Its salt is the call id, and its info is the SHA-256
    of the compact ticket. The ninth digit is the Damm check digit of the first eight digits.
    """
    info = hashlib.sha256(ticket.encode("ascii")).digest()
    key = HKDF(SHA256(), length=32, salt=call_id.encode("ascii"), info=info).derive(application_key)
    digits = hotp(key, counter)
    return digits + damm.check_digit(digits)


def parse_code(typed: str, pointer: str = "/code") -> str:
    """Find the 9 digits of a code in a text that was typed, pasted or keyed, in any script (CVP-5-6, CVP-5-9).

    The check digit is not checked, see `possible`. Raises MalformedCode for the member at `pointer` if there are not 9
    digits, or if there are two different codes. Such a typing error costs no attempt.
    """
    if len(typed) > MAX_TYPED:
        raise _slip(pointer, f"The text with the code has at most {MAX_TYPED} characters")
    found = set(_groups_of_nine(typed))
    if len(found) != 1:
        raise _slip(pointer, "The code has nine digits, no more and no fewer")
    return found.pop()


def possible(digits: str) -> bool:
    """Whether nine digits can be a code: their last digit is the check digit of the others."""
    return damm.is_valid(digits)


def impossible(pointer: str) -> MalformedCode:
    """The error for nine digits that can be no code. The entry is recorded, but costs no attempt (CVP-7.16-1)."""
    return _slip(pointer, "One of the digits is wrong. Ask the caller to repeat the code, and enter it again")


def _groups_of_nine(typed: str) -> Iterator[str]:
    """Yield each group of exactly 9 digits.

    A group is left out if a Latin letter, `+`, `#` or `*` is directly before or after it.
    """
    text = _DROPPED.sub("", typed).translate(MEANT)
    for group in _GROUP.finditer(text):
        digits = _BETWEEN.sub("", group[0])
        beside = text[max(0, group.start() - 1) : group.start()] + text[group.end() : group.end() + 1]
        if len(digits) == CODE_DIGITS and _JOINED.search(beside) is None:
            yield digits


def same_code(one: str, other: str) -> bool:
    """Compare two codes in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def show_code(digits: str) -> str:
    """The code in groups of 3, as shown and spoken: `482 177 306`."""
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"


def _slip(pointer: str, detail: str) -> MalformedCode:
    return MalformedCode(detail, errors=(FieldError(pointer, detail),))
