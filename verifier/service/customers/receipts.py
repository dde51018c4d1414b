"""Receipts. A customer can list and fetch their own receipts. Anyone can verify a receipt.

Implements specs/protocol.md section 8.
"""

from __future__ import annotations

import hmac

from verifier.core.errors import EvidenceError, NotFound
from verifier.core.evidence import Evidence, verify_evidence
from verifier.core.ids import made_at
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import (
    ListedReceipt,
    ListedReceipts,
    ReceiptChecked,
    ReceiptView,
    VerifyReceipt,
)
from verifier.core.principal import Principal
from verifier.core.statements import HISTORY, RECEIPT, REPORT
from verifier.core.times import from_ms
from verifier.ledger import records
from verifier.ledger.decrypted import claims_of, decode_receipt, decrypt_evidence, leaf_context, unwrap_keys
from verifier.ports import Row
from verifier.service.context import Context

_AFTER_ALL = "g"  # sorts after the digits of every id


class Receipts:
    """Use cases on receipts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self, owner: Principal, receipt_id: str) -> ReceiptView:
        """A customer's own receipt of a verdict, report or call check. Raises NotFound for those of others."""
        context = self._context
        rows = await context.storage.fetch(records.LEAF_BY_STATEMENT, receipt_id)
        if not rows or rows[0][6] not in (RECEIPT, REPORT, HISTORY):
            raise NotFound("there is no such receipt")
        if rows[0][3] != receipt_id:
            raise context.authenticator.found("leaves")
        _, customer_index, sealed, statement_id, *_ = rows[0]
        if sealed is None or customer_index is None:
            raise NotFound("there is no such receipt")
        if not hmac.compare_digest(customer_index, context.customer_index(owner.id)):
            raise NotFound("there is no such receipt")
        evidence = self._decrypted(rows[0])
        return ReceiptView(statement_id, LogEvidence(evidence.statement, evidence.proof))

    async def mine(self, owner: Principal, cursor: str | None, limit: int) -> ListedReceipts:
        """A page of the customer's receipts, newest first. `cursor` is the id of the last receipt before the page."""
        context = self._context
        index = context.customer_index(owner.id)
        before = _AFTER_ALL if cursor is None else cursor.partition("_")[2]
        rows = await context.storage.fetch(records.LEAVES_OF_CUSTOMER, index, before, limit + 1)
        page = tuple(self._listed(row) for row in rows[:limit])
        return ListedReceipts(page, page[-1].receipt_id if len(rows) > limit else None)

    def _listed(self, row: Row) -> ListedReceipt:
        """The receipt of a row, as its statement says. The seal binds the statement to its id and its owner."""
        evidence, receipt_id, typ = self._decrypted(row), row[3], row[6]
        at = from_ms(made_at(receipt_id))
        if typ != RECEIPT:
            return ListedReceipt(receipt_id, at, "report" if typ == REPORT else "call_check", None, None)
        claims = claims_of(evidence, decode_receipt)
        officer = None if claims.call is None else claims.call.officer
        return ListedReceipt(receipt_id, at, "verdict", claims.verdict, officer)

    def _decrypted(self, row: Row) -> Evidence:
        application_id, customer_index, sealed, statement_id, kek_id, wrapped_key, typ = row
        ring = self._context.ring
        keys = None if application_id is None else unwrap_keys(ring, application_id, kek_id, wrapped_key)
        return decrypt_evidence(ring, keys, leaf_context(statement_id, typ, customer_index), sealed)

    def verify(self, asked: VerifyReceipt) -> ReceiptChecked:
        """Verify a statement of this deployment, and its inclusion proof, with the published keys."""
        try:
            checked = verify_evidence(Evidence(asked.statement, asked.proof), self._context.trust())
        except EvidenceError as error:
            return ReceiptChecked("invalid", error.detail, None, None)
        return ReceiptChecked("valid", "", checked.typ, checked.claims)
