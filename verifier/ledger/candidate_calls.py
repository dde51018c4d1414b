"""The calls that a code is tried against: open calls, or decoys. One statement loads them all.

Implements specs/protocol.md section 7 (CVP-7-2).
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.ledger import decoys
from verifier.ledger.decrypted import DecryptedCall
from verifier.ledger.tables import CALLS
from verifier.ports import Row


class CandidateCalls:
    """The candidate call of each application, the receipts of confirmed calls, and the decrypted decoys."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self.decoys: dict[str, DecryptedCall] = {}
        self._receipts: dict[str, tuple[str, bytes, bytes | None]] = {}

    def ids(self, applications: Iterable[tuple[str, str | None]]) -> Iterable[str]:
        """The call ids to load: each application's open call, or a decoy of its own."""
        for application_id, open_call_id in applications:
            self._ids.setdefault(application_id, open_call_id or decoys.call_id(len(self._ids)))
        return self._ids.values()

    def add(self, row: Row) -> None:
        """Add the receipt that was loaded with a call."""
        receipt_id, sealed, customer_index = row[CALLS.width + 2 :]
        self._receipts[row[0]] = receipt_id, sealed, customer_index

    def id_of(self, application_id: str) -> str:
        """The id of an application's candidate call, empty if the batch did not load one."""
        return self._ids.get(application_id, "")

    def receipt(self, call_id: str) -> tuple[str, bytes, bytes | None]:
        """The receipt that consumed the code of a call: its id, its ciphertext, and the customer index of its leaf."""
        return self._receipts[call_id]
