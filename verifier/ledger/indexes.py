"""Blind indexes. Equal values have equal indexes, and only the key ring can compute an index.

Implements specs/protocol.md section 4.1.
"""

from __future__ import annotations

from verifier.ports import KeyRing


def customer_index(ring: KeyRing, customer_id: str) -> bytes:
    """The blind index of a customer."""
    return ring.derive("customer", customer_id)[:16]


def number_index(ring: KeyRing, number: str) -> bytes:
    """The blind index of a telephone number."""
    return ring.derive("number", number)[:16]


def clerk_index(ring: KeyRing, staff_id: str) -> bytes:
    """The blind index of a clerk at the counter."""
    return ring.derive("clerk", staff_id)[:16]


def leg_index(ring: KeyRing, leg_id: str) -> bytes:
    """The blind index of a leg id. It is stored instead of the leg id, which may contain a telephone number."""
    return ring.derive("leg", leg_id)[:16]


def invitation_index(ring: KeyRing, letters: str) -> bytes:
    """The blind index of an invitation. It is stored instead of the letters."""
    return ring.derive("invitation", letters)[:16]


def code_index(ring: KeyRing, digits: str) -> bytes:
    """The blind index of nine digits that are no live code. They are never stored."""
    return ring.derive("code", digits)[:16]


def request_index(ring: KeyRing, principal: str, key: str) -> bytes:
    """The blind index of a request, by its client and the idempotency key that the client has chosen."""
    return ring.derive("request", f"{principal}\0{key}")[:16]
