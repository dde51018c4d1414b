"""Canonical base64 (RFC 4648 sections 4 and 5), so that each signed value has exactly one text, and Base45."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode

_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base64(octets: bytes) -> str:
    """Base64 with padding (RFC 4648 section 4)."""
    return b64encode(octets).decode()


def from_base64(text: str) -> bytes:
    """Decode canonical base64. Raises ValueError if the text is not canonical base64."""
    octets = b64decode(text, validate=True)
    if base64(octets) != text:
        raise ValueError("base64 is not canonical")
    return octets


def base64url(octets: bytes) -> str:
    """Unpadded base64url (RFC 7515 section 2)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode canonical base64url. Raises ValueError if the text is not canonical base64url."""
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(octets) != text:
        raise ValueError("base64url is not canonical")
    return octets


def to_base45(octets: bytes) -> str:
    """Base45 (RFC 9285), whose letters are those that QR codes hold in the fewest modules."""
    letters: list[str] = []
    for at in range(0, len(octets), 2):
        pair = octets[at : at + 2]
        value = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            letters.append(_BASE45[digit])
    return "".join(letters)


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
