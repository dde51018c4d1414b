"""The calls that a batch reads and writes, with their tickets and receipts. Implements specs/protocol.md section 10."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call
from verifier.core.contacts import Contact
from verifier.core.errors import InvalidField, NotFound
from verifier.core.evidence import Evidence
from verifier.core.messages.calls import LogEvidence
from verifier.core.reconciliation import discrepancy_of
from verifier.core.statements import CallTicket
from verifier.ledger import decoys
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall, decrypt_call, decrypt_receipt
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import ConfirmationRow
from verifier.ledger.unit_of_work.applications import ApplicationRows
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import MOST_BETWEEN, Loaded, ids_between
from verifier.ledger.unit_of_work.log_entries import LogEntries, StagedLeaf
from verifier.ledger.unit_of_work.writes import Effects
from verifier.ports import KeyRing, Row


class GivenReceipt(Struct, frozen=True):
    """A receipt that somebody has got for the code of a call. `person` is the blind index of their login, or None."""

    receipt_id: str
    person: bytes | None
    evidence: Callable[[], LogEvidence]


class CallRows:
    """Calls by id, as changed by earlier commands of the batch. Reading a row that does not verify raises Tampered."""

    def __init__(
        self,
        loaded: Loaded,
        declared: Declared,
        applications: ApplicationRows,
        log: LogEntries,
        effects: Effects,
        ring: KeyRing,
        authenticator: Authenticator,
    ) -> None:
        self._loaded = loaded
        self._declared = declared
        self._applications = applications
        self._log = log
        self._effects = effects
        self._ring = ring
        self._authenticator = authenticator
        self._decrypted: dict[str, DecryptedCall] = {}

    def stored(self, call_id: str) -> Call | None:
        """The row of a call, or None if there is no such call.

        This does not decrypt the ticket, so it works for a damaged ticket too.
        """
        self._declared.call(call_id)
        return self._loaded.calls.get(call_id)

    def get(self, call_id: str) -> DecryptedCall:
        """The call with its ticket. Raises NotFound. Raises Erased if the application has been erased."""
        call = self.stored(call_id)
        if call is None or decoys.is_decoy(call):
            raise NotFound("there is no such call")
        return self._decrypt(call)

    def _decrypt(self, call: Call) -> DecryptedCall:
        found = self._decrypted.get(call.call_id)
        if found is None:
            application = self._applications.of_row(self._loaded.applications.get(call.application_id))
            found = decrypt_call(self._ring, application.keys, call, *self._loaded.tickets[call.call_id])
            self._decrypted[call.call_id] = found
        return found

    def open_of(self, application: DecryptedApplication) -> DecryptedCall | None:
        """The open call that an application's row names. Returns None if the row names no call.

        Raises Tampered if the row names a call that is missing.
        """
        call_id = application.row.open_call_id
        if call_id is None:
            return None
        call = self.stored(call_id)
        if call is None:
            raise self._authenticator.found("calls")
        return self._decrypt(call)

    def candidate_of(self, application: DecryptedApplication) -> DecryptedCall | None:
        """The call to try a code against: the application's open call.

        Without an open call, this is a decoy, or the call that an earlier command of the batch has closed. Returns
        None if the application was registered in this batch and has no open call, or if its decoy is missing.
        """
        candidates = self._loaded.candidates
        call_id = application.row.open_call_id or candidates.id_of(application.application_id)
        if call_id == "":
            return None
        call = self.stored(call_id)
        if call is None:
            return self.open_of(application)
        return self._decrypted_or_decoy(call)

    def closed_of(self, applications: Sequence[DecryptedApplication]) -> list[DecryptedCall]:
        """The newest closed calls of these applications, newest first, with decoys in place of missing ones.

        The calls that this batch has closed are among them.
        """
        self._declared.covers("closed calls", self._declared.reads.closed)
        loaded, owners = self._loaded, {each.application_id for each in applications}
        call_ids = {*loaded.closed_of[self._declared.reads], *map(loaded.candidates.id_of, owners)}
        found = []
        for call in map(loaded.calls.get, sorted(call_ids, reverse=True)):
            if call is not None and not call.open and (decoys.is_decoy(call) or call.application_id in owners):
                found.append(self._decrypted_or_decoy(call))
        return found[: decoys.CLOSED]

    def _decrypted_or_decoy(self, call: Call) -> DecryptedCall:
        if not decoys.is_decoy(call):
            return self._decrypt(call)
        known, call_id = self._loaded.candidates.decoys, call.call_id
        if call_id not in known:
            known[call_id] = decrypt_call(self._ring, decoys.KEYS, call, *self._loaded.tickets[call_id])
        return known[call_id]

    def between(self, application: DecryptedApplication, kept_since: int) -> list[DecryptedCall]:
        """The calls on an application that were issued in the window of the read set, oldest first.

        The calls on an application are numbered. If a number is missing, a row was deleted, and this raises Tampered.
        Calls issued before `kept_since`, in epoch milliseconds, may be missing: retention deletes them.
        Raises InvalidField if there are too many calls to load.
        """
        first, last = ids_between(*self._declared.calls_between(application.application_id))
        rows = self._loaded.calls
        ids = sorted(each for each in rows if rows.hint(each, "application_id") == application.application_id)
        start, end = bisect_left(ids, first), bisect_left(ids, last)
        if end - start >= MOST_BETWEEN - 2:
            raise InvalidField.at("/from", "there are too many calls in this window; ask for a shorter one")
        found = [rows.get(each) for each in ids[max(start - 1, 0) : end + 1]]
        counters = [call.call_counter for call in found if call is not None]
        # Retention deletes only calls of applications that are old enough to have had one.
        forgotten = application.row.created_at <= kept_since
        oldest = counters[0] if counters and (start > 0 or forgotten) else 1
        newest = counters[-1] if end < len(ids) else application.row.call_counter
        deleted = forgotten and not counters
        if counters != list(range(oldest, newest + 1)) and not deleted:
            raise self._authenticator.found("calls")
        return [self._decrypt(call) for call in found if call is not None and first <= call.call_id < last]

    def receipt_of(self, call: Call, application: DecryptedApplication) -> GivenReceipt:
        """The receipt that consumed the code of a confirmed call."""
        assert call.receipt_leaf is not None  # noqa: S101 - every confirmed call has a receipt
        return self._given(call, application, call.receipt_leaf, lambda: self._loaded.candidates.receipt(call.call_id))

    def confirmed_by(self, call: Call, application: DecryptedApplication, contact: Contact) -> GivenReceipt | None:
        """The receipt that a contact has got for the code of a confirmed call. None if they have got none.

        A borrower who acts alone has no such receipt.
        """
        self._declared.covers("the receipts of contacts", self._declared.reads.confirmations)
        key = call.call_id, application.pseudonym_of(contact)
        row = self._loaded.confirmations.get(key)
        if row is None:
            return None
        return self._given(call, application, row.leaf_index, lambda: self._loaded.candidates.confirmed[key])

    def _given(
        self, call: Call, application: DecryptedApplication, leaf_index: int, stored: Callable[[], Row]
    ) -> GivenReceipt:
        staged = self._log.leaves.get(leaf_index)
        if staged is not None:
            return GivenReceipt(staged.statement_id, staged.customer_index, staged.evidence)
        receipt_id, sealed, person = stored()
        evidence = decrypt_receipt(self._ring, application.keys, call.call_id, receipt_id, sealed, person)
        return GivenReceipt(receipt_id, person, lambda: LogEvidence(evidence.statement, evidence.proof))

    def put_confirmed(self, call: Call, application: DecryptedApplication, contact: Contact, leaf_index: int) -> None:
        """Remember the receipt that a contact has got for the code of a call."""
        row = ConfirmationRow(call.call_id, application.pseudonym_of(contact), call.application_id, leaf_index)
        self._loaded.confirmations.put(row)

    def forget_confirmed(self, call_id: str) -> None:
        """Delete the rows of the receipts that contacts have got for the code of a call. Raises Tampered."""
        self._declared.covers("the receipts of contacts", self._declared.reads.confirmations)
        for key in [each for each in self._loaded.confirmations if each[0] == call_id]:
            self._loaded.confirmations.delete(key)

    def add(self, call: Call, leaf: StagedLeaf, ticket: CallTicket) -> DecryptedCall:
        """Add a new call. `leaf` is the staged leaf of the call's ticket."""
        self._loaded.calls.put(call)
        added = DecryptedCall(call, leaf.statement, ticket, Evidence(leaf.statement, ""))
        self._decrypted[call.call_id] = added
        if leaf.customer_index is not None:
            self._effects.touched.add(leaf.customer_index)
        return added

    def put(self, call: Call) -> None:
        """Change a call. If the change closes the call, also clear `open_call_id` in its application's row.

        Raises Tampered, without any change, if the call or the application does not verify.
        """
        before = self._loaded.calls.get(call.call_id)
        if before is None or call == before:
            return
        row = self._loaded.applications.get(call.application_id)
        self._loaded.calls.put(call)
        decrypted = self._decrypted.get(call.call_id)
        if decrypted is not None:
            self._decrypted[call.call_id] = replace(decrypted, call=call)
        discrepancy = discrepancy_of(call) if before.open else None
        if discrepancy is not None:
            self._effects.discrepancies.append((discrepancy, call.call_id))
        if row is None:
            return
        if not call.open and row.open_call_id == call.call_id:
            self._applications.put(replace(row, open_call_id=None))
        if row.customer_index is not None:
            self._effects.touched.add(row.customer_index)
