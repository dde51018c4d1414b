"""Receipts by their id. To check one without the service, see `callback_verification.verify`."""

from __future__ import annotations

from callback_verification.requests import Request, get, segment
from callback_verification.shapes import Receipt


def read(receipt_id: str) -> Request[Receipt]:
    """One of the customer's own receipts, with his own token."""
    return get(f"/v1/receipts/{segment(receipt_id)}", Receipt)
