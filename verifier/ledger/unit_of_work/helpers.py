"""The helpers that a batch reads and writes, and their looks. Implements specs/protocol.md section 7.18."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.ledger.helpers import DecryptedHelper, decrypt_helper
from verifier.ledger.tables import HelperLookRow, HelperRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ports import KeyRing


class HelperRows:
    """Helpers, as changed by earlier commands of the batch. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared, ring: KeyRing) -> None:
        self._loaded = loaded
        self._declared = declared
        self._ring = ring

    def of_customer(self, customer_index: bytes) -> list[DecryptedHelper]:
        """The helpers of a customer."""
        reads = self._declared.reads
        self._declared.named("helpers", customer_index, (reads.customer_index,) if reads.helpers else ())
        return self._where("customer_index", customer_index)

    def of_helper(self, helper_index: bytes) -> list[DecryptedHelper]:
        """The rows in which this login is the helper."""
        self._declared.named("helpers", helper_index, (self._declared.reads.helping,))
        return self._where("helper_index", helper_index)

    def invited(self, invitation: bytes) -> DecryptedHelper | None:
        """The row of an invitation that nobody has entered yet. None if there is no such invitation."""
        self._declared.named("an invitation", invitation, (self._declared.reads.invitation,))
        return next(iter(self._where("invitation", invitation)), None)

    def of_person(self, customer_index: bytes) -> list[HelperRow]:
        """The helpers of a person of the read set's application, without their facts."""
        reads = self._declared.reads
        declared = reads.same_people and (reads.helpers or reads.whole is not None)
        self._declared.covers("the helpers of a person of an application", declared)
        return self._rows("customer_index", customer_index)

    def _where(self, column: str, value: bytes) -> list[DecryptedHelper]:
        return [decrypt_helper(self._ring, each) for each in self._rows(column, value)]

    def _rows(self, column: str, value: bytes) -> list[HelperRow]:
        rows = self._loaded.helpers
        found = [rows.get(each) for each in sorted(rows) if rows.hint(each, column) == value]
        return [each for each in found if each is not None]

    def put(self, row: HelperRow) -> None:
        """Add or change a helper."""
        self._loaded.helpers.put(row)

    def add_look(self, row: HelperLookRow) -> None:
        """Add a look of a helper."""
        self._loaded.helper_looks.put(row)

    def forget(self, customer_indexes: Iterable[bytes]) -> None:
        """Delete the helpers of these customers, whom the read set names by their application."""
        wanted = set(customer_indexes)
        rows = self._loaded.helpers
        for each in [each for each in rows if rows.hint(each, "customer_index") in wanted]:
            rows.delete(each)
