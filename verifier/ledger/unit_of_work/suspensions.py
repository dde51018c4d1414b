"""Suspensions of members of staff. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.ledger.tables import SuspensionRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded


class SuspensionRows:
    """Suspensions by member of staff. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared) -> None:
        self._loaded = loaded
        self._declared = declared

    def of(self, staff_id: str) -> SuspensionRow | None:
        """The suspension in force of a member of staff. If none is in force, their latest suspension.

        Returns None if they were never suspended.
        """
        self._declared.named("a member of staff", staff_id, self._declared.reads.staff_ids)
        suspension_id = self._loaded.suspension_of.get(staff_id)
        return None if suspension_id is None else self._loaded.suspensions.get(suspension_id)

    def put(self, row: SuspensionRow) -> None:
        """Add or change a suspension."""
        self._loaded.suspensions.put(row)
        self._loaded.suspension_of[row.officer_id] = row.suspension_id
