"""Requests about receipts. To verify a receipt without the service, use `callback_verification.verify`."""

from __future__ import annotations

from callback_verification.evidence import Evidence
from callback_verification.requests import Request, get, post, segment
from callback_verification.shapes import DrawnReceipt, Receipt, ReceiptChecked


def read(receipt_id: str) -> Request[Receipt]:
    """Read a receipt. The client needs the token of the customer to whom the receipt belongs."""
    return get(f"/v1/receipts/{segment(receipt_id)}", Receipt)


def draw(evidence: Evidence) -> Request[DrawnReceipt]:
    """Draw a receipt as QR codes, to print. `read_evidence` reads what a scanner reads from them."""
    body: dict[str, object] = {"statement": evidence.statement, "proof": evidence.proof}
    return post("/v1/receipts/symbols", DrawnReceipt, body, None)


def check(evidence: Evidence) -> Request[ReceiptChecked]:
    """Ask the service to verify evidence. To verify evidence yourself, use `callback_verification.verify`."""
    body: dict[str, object] = {"statement": evidence.statement, "proof": evidence.proof}
    return post("/v1/receipts/verification", ReceiptChecked, body, None)
