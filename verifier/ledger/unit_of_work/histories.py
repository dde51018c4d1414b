"""The call histories that a batch deletes. Implements specs/protocol.md sections 3.3 and 7.14.

A history names calls on every application of its person. So it goes with each of these applications, and when the
person is no longer a contact of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from verifier.core.errors import Tampered
from verifier.core.statements import HISTORY
from verifier.ledger import records
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import DeletedHistory
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.log_entries import LogEntries
from verifier.ledger.unit_of_work.writes import Writes


class HistoryRows:
    """The sealed call histories of people, which are leaves of the log."""

    def __init__(self, loaded: Loaded, writes: Writes, log: LogEntries, authenticator: Authenticator) -> None:
        self._loaded = loaded
        self._writes = writes
        self._log = log
        self._authenticator = authenticator

    def forget_removed(self, application_id: str, people: Iterable[bytes], now_ms: int) -> None:
        """Delete the call histories of people who were contacts of a declared application until now.

        Raises Tampered if nothing leads from a person to the application: somebody has hidden them.
        """
        borrower = self._loaded.applications.hint(application_id, "customer_index")
        known = {borrower, *self._loaded.contacts_of.get(application_id, ())}
        gone = {*people}
        if not gone <= known:
            raise self._authenticator.found("contacts")
        self.forget(gone, now_ms)

    def forget(self, people: Iterable[bytes], now_ms: int) -> None:
        """Delete the call histories of declared people. The rows that this adds tell the audit so."""
        for person in people:
            self._writes.stage(records.FORGET_KEPT_HISTORIES, (person,))
            new = [each for each in self._log.leaves.values() if (each.typ, each.customer_index) == (HISTORY, person)]
            added = ((each.leaf_index, each.statement_id) for each in new)
            for leaf_index, statement_id in (*self._loaded.histories_of.get(person, ()), *added):
                # Somebody may have written a row for this leaf. It stays for the audit, and hinders no erasure.
                with suppress(Tampered):
                    self._loaded.deleted_histories.put(DeletedHistory(statement_id, leaf_index, now_ms))
                self._writes.stage(records.FORGET_LEAF, (leaf_index,))
