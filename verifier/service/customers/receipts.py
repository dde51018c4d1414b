"""Receipts. A customer can fetch their own receipts. Anyone can verify a receipt.

Implements specs/protocol.md section 8.
"""

from __future__ import annotations

import hmac

from verifier.core.errors import EvidenceError, NotFound
from verifier.core.evidence import Evidence, verify_evidence
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import ReceiptChecked, ReceiptView, VerifyReceipt
from verifier.core.principal import Principal
from verifier.core.statements import HISTORY, RECEIPT, REPORT
from verifier.ledger import records
from verifier.ledger.decrypted import decrypt_evidence, leaf_context, unwrap_keys
from verifier.service.context import Context


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
        application_id, customer_index, sealed, statement_id, kek_id, wrapped_key, typ = rows[0]
        if sealed is None or customer_index is None:
            raise NotFound("there is no such receipt")
        if not hmac.compare_digest(customer_index, context.customer_index(owner.id)):
            raise NotFound("there is no such receipt")
        keys = None if application_id is None else unwrap_keys(context.ring, application_id, kek_id, wrapped_key)
        evidence = decrypt_evidence(context.ring, keys, leaf_context(statement_id, typ, customer_index), sealed)
        return ReceiptView(statement_id, LogEvidence(evidence.statement, evidence.proof))

    def verify(self, asked: VerifyReceipt) -> ReceiptChecked:
        """Verify a statement of this deployment, and its inclusion proof, with the published keys."""
        try:
            checked = verify_evidence(Evidence(asked.statement, asked.proof), self._context.trust())
        except EvidenceError as error:
            return ReceiptChecked("invalid", error.detail, None, None)
        return ReceiptChecked("valid", "", checked.typ, checked.claims)
