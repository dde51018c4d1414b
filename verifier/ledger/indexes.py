"""Blind indexes: equal for equal values, and computable only with the key ring.

Implements specs/protocol.md section 4.1.
"""

from __future__ import annotations

from verifier.ports import KeyRing


def customer_index(ring: KeyRing, customer_id: str) -> bytes:
    """The index of a customer."""
    return ring.derive("customer", customer_id)[:16]


def number_index(ring: KeyRing, number: str) -> bytes:
    """The index of a telephone number."""
    return ring.derive("number", number)[:16]


def leg_index(ring: KeyRing, leg_id: str) -> bytes:
    """The keyed id of a leg, since an exchange's own may hold a number."""
    return ring.derive("leg", leg_id)[:16]
