"""Canonical base64 (RFC 4648 sections 4 and 5), so that signed bytes have exactly one encoding, and Base45."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode

_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def from_base64(text: str, length: int | None = None) -> bytes:
    """Decode canonical base64 with padding. Raises ValueError for any other text, or if the length is wrong."""
    octets = b64decode(text, validate=True)
    if b64encode(octets).decode() != text or length not in (None, len(octets)):
        raise ValueError("base64 is not canonical, or has the wrong length")
    return octets


def from_base64url(text: str, length: int | None = None) -> bytes:
    """Decode canonical base64url without padding. Raises ValueError for any other text, or if the length is wrong."""
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(octets).rstrip(b"=").decode() != text or length not in (None, len(octets)):
        raise ValueError("base64url is not canonical, or has the wrong length")
    return octets


def from_base45(text: str) -> bytes:
    """Decode Base45 (RFC 9285). Raises ValueError for any other text."""
    digits = [_BASE45.index(each) for each in text]
    octets = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        value = sum(digit * 45**place for place, digit in enumerate(group))
        length = len(group) - 1
        if not length or value >= 256**length:
            raise ValueError("not Base45")
        octets += value.to_bytes(length)
    return bytes(octets)
