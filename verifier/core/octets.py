"""Canonical base64 (RFC 4648 sections 4 and 5), so that each signed value has exactly one text."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode


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
