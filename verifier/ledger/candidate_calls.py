"""The calls that a code may be tried against: open calls, or decoys. All are loaded in one statement.

Implements specs/protocol.md section 7 (CVP-7-2).
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.ledger import decoys
from verifier.ledger.decrypted import DecryptedCall
from verifier.ledger.tables import CALLS
from verifier.ports import Row


class CandidateCalls:
    """The candidate call of each application, receipts of confirmed calls, and decrypted decoys."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self.decoys: dict[str, DecryptedCall] = {}
        self._receipts: dict[str, tuple[str, bytes, bytes | None]] = {}

    def ids(self, applications: Iterable[tuple[str, str | None]]) -> Iterable[str]:
        """The call ids to load: each application's open call, or a decoy of its own."""
        for application_id, open_call_id in applications:
            self._ids.setdefault(application_id, open_call_id or decoys.call_id(len(self._ids)))
        return self._ids.values()

    def take(self, row: Row) -> None:
        """Keep the receipt that was loaded with a call."""
        receipt_id, sealed, customer_index = row[CALLS.width + 2 :]
        self._receipts[row[0]] = receipt_id, sealed, customer_index

    def id_of(self, application_id: str) -> str:
        """The candidate of an application; empty if the batch did not load one."""
        return self._ids.get(application_id, "")

    def receipt(self, call_id: str) -> tuple[str, bytes, bytes | None]:
        """The receipt that consumed the code of a call: its id, sealed, and its owner."""
        return self._receipts[call_id]
