"""The calls that a batch reads and writes, with their tickets and receipts. Implements specs/protocol.md section 10."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import UNSET
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
from verifier.ports import KeyRing

# A call can go on for hours after its code has expired, and a contact may enter the code again.
CONFIRMATIONS_KEPT_MS = 86_400_000


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
        self._declared.closed()
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

    def _receipt_of(self, call: Call, application: DecryptedApplication) -> tuple[str, Callable[[], LogEvidence]]:
        """The id of the receipt that consumed the code of a confirmed call, and a function that makes its evidence."""
        assert call.receipt_leaf is not None  # noqa: S101 - every confirmed call has a receipt
        staged = self._log.leaves.get(call.receipt_leaf)
        if staged is not None:
            return staged.statement_id, staged.evidence
        receipt_id, sealed, customer_index = self._loaded.candidates.receipt(call.call_id)
        evidence = decrypt_receipt(self._ring, application.keys, call.call_id, receipt_id, sealed, customer_index)
        return receipt_id, lambda: LogEvidence(evidence.statement, evidence.proof)

    def _consumed_by(self, call: Call, login: bytes | None) -> bool:
        """Whether the person with this blind index has consumed the code of a confirmed call."""
        staged = self._log.leaves.get(call.receipt_leaf or 0)
        return login == (self._loaded.candidates.receipt(call.call_id)[2] if staged is None else staged.customer_index)

    def confirmed_by(
        self, opened: DecryptedCall, application: DecryptedApplication, contact: Contact, login: bytes | None
    ) -> tuple[str, Callable[[], LogEvidence]] | None:
        """The receipt that a contact has got for the code of a confirmed call. None if they have got none.

        `login` is the blind index of the contact's login. On a loan of one person, the receipt that consumed the code
        has no row in `confirmations`, and neither has that of a helper who was the first.
        """
        call = opened.call
        if opened.ticket.contact is UNSET and self._consumed_by(call, login):
            return self._receipt_of(call, application)
        return self._confirmation((call.call_id, application.pseudonym_of(contact)), application)

    def _confirmation(
        self, key: tuple[str, str], application: DecryptedApplication
    ) -> tuple[str, Callable[[], LogEvidence]] | None:
        row = self._loaded.confirmations.get(key)
        if row is None:
            return None
        staged = self._log.leaves.get(row.leaf_index)
        if staged is not None:
            return staged.statement_id, staged.evidence
        receipt_id, sealed, customer_index = self._loaded.candidates.confirmed[key]
        evidence = decrypt_receipt(self._ring, application.keys, row.call_id, receipt_id, sealed, customer_index)
        return receipt_id, lambda: LogEvidence(evidence.statement, evidence.proof)

    def put_confirmed(self, call: Call, application: DecryptedApplication, contact: Contact, leaf_index: int) -> None:
        """Remember the receipt that a contact has got for the code of a call."""
        pseudonym, until = application.pseudonym_of(contact), call.expires_at + CONFIRMATIONS_KEPT_MS
        self._loaded.confirmations.put(ConfirmationRow(call.call_id, pseudonym, call.application_id, leaf_index, until))

    def receipts_of(self, call: Call, application: DecryptedApplication) -> list[str]:
        """The ids of the receipts that people have got for the code of a confirmed call."""
        keys = [each for each in self._loaded.confirmations if each[0] == call.call_id]
        given = self._receipt_of(call, application), *(self._confirmation(each, application) for each in keys)
        return [each[0] for each in given if each is not None]

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
