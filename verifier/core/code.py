"""The call code: HOTP over the signed ticket, and one Damm check digit. Carries out specs/protocol.md section 5."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from typing import Any

import pyotp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from verifier.core import damm
from verifier.core.errors import FieldError, MalformedCode

HOTP_DIGITS = 8
CODE_DIGITS = HOTP_DIGITS + 1
MAX_TYPED = 64
_SEPARATORS = dict.fromkeys(map(ord, " \t\r\n-‐‑–—.·_\u00a0\u3000"))


class _Hotp(pyotp.HOTP):
    """pyotp on a key's bytes: its own secret is base32, which it would decode anew for each password."""

    def __init__(self, key: bytes, digits: int, digest: Callable[..., Any]) -> None:
        self._key = key  # before the constructor of pyotp, which asks for it
        super().__init__("", digits=digits, digest=digest)

    def byte_secret(self) -> bytes:
        return self._key


def hotp(key: bytes, counter: int, digits: int = HOTP_DIGITS, digest: Callable[..., Any] = hashlib.sha256) -> str:
    """RFC 4226 section 5: the one-time password of a key and a moving factor, as a string of digits."""
    return _Hotp(key, digits, digest).at(counter)


def derive_code(application_key: bytes, call_id: str, ticket: str, counter: int) -> str:
    """The nine digits of a call: any other byte of the ticket, key, call id or counter gives another code (law L2).

    The HOTP key is HKDF-SHA256(application key, salt = call id, info = SHA-256 of the compact ticket)
    (RFC 5869); the ninth digit is the Damm check digit of the eight before it.
    """
    info = hashlib.sha256(ticket.encode("ascii")).digest()
    key = HKDF(SHA256(), length=32, salt=call_id.encode("ascii"), info=info).derive(application_key)
    digits = hotp(key, counter)
    return digits + damm.check_digit(digits)


def parse_code(typed: str, pointer: str = "/code") -> str:
    """The nine digits a person typed, pasted or keyed: spaces, dashes and full-width figures are accepted.

    Raises MalformedCode, naming the member at `pointer`, when it is not nine digits or the check digit
    does not fit; that is a slip of the finger, not an attempt.
    """
    if len(typed) > MAX_TYPED:
        raise _slip(pointer, "The code has nine digits")
    digits = unicodedata.normalize("NFKC", typed).translate(_SEPARATORS)
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise _slip(pointer, "The code has nine digits and nothing else")
    if not damm.is_valid(digits):
        raise _slip(pointer, "One of the digits is wrong or two are swapped; please enter the code again")
    return digits


def same_code(one: str, other: str) -> bool:
    """Constant-time comparison of two codes."""
    return hmac.compare_digest(one.encode(), other.encode())


def show_code(digits: str) -> str:
    """The code as it is shown and spoken, in threes: `482 177 306`."""
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"


def _slip(pointer: str, detail: str) -> MalformedCode:
    return MalformedCode(detail, errors=(FieldError(pointer, detail),))
