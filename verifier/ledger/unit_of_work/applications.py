"""The applications that a batch reads and writes, and their index entries. Implements specs/protocol.md section 10."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from verifier.core.errors import NotFound
from verifier.ledger import records
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.decrypter import Decrypter, sealed_columns
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import ApplicationRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Writes


class ApplicationRows:
    """Applications by id, as changed by earlier commands of the batch.

    Reading a row that does not verify raises Tampered.
    """

    def __init__(
        self,
        loaded: Loaded,
        declared: Declared,
        writes: Writes,
        decrypter: Decrypter,
        authenticator: Authenticator,
    ) -> None:
        self._loaded = loaded
        self._declared = declared
        self._writes = writes
        self._decrypter = decrypter
        self._authenticator = authenticator
        self._decrypted: dict[str, DecryptedApplication] = {}

    def row(self, application_id: str) -> ApplicationRow | None:
        """The row of an application, even if the application is erased. Returns None if the id was never used."""
        self._declared.application(application_id)
        row = self._loaded.applications.get(application_id)
        if row is not None and row.erased_at is not None:
            # Another node may have erased it.
            self._decrypter.forget(application_id)
        return row

    def get(self, application_id: str) -> DecryptedApplication:
        """One application. Raises NotFound or Erased."""
        self._declared.application(application_id)
        return self.of_row(self._loaded.applications.get(application_id))

    def of_row(self, row: ApplicationRow | None) -> DecryptedApplication:
        """The application of a row. Raises NotFound if `row` is None, and Erased if its key was destroyed."""
        if row is None:
            raise NotFound("there is no such application")
        found = self._decrypted.get(row.application_id)
        if found is None:
            found = self._decrypted[row.application_id] = self._decrypter.application(row)
        return found

    def of_customer(self, customer_index: bytes, customer_id: str) -> list[DecryptedApplication]:
        """Every application on which the person with this login is a contact, except erased ones.

        The sealed facts decide who is a contact. Rows of the table `contacts` have no authenticator, so they prove
        nothing.
        """
        self._declared.named("a customer", customer_index, (self._declared.reads.customer_index,))
        return self._with_contact(self._loaded.of_customer.get(customer_index, ()), customer_id)

    def others_of_contact(
        self, application_id: str, contact_index: bytes, contact_id: str
    ) -> list[DecryptedApplication]:
        """The other applications of a contact of an application, except erased ones."""
        self._declared.applications_of(contact_index)
        found = self._loaded.of_customer.get(contact_index, ())
        return self._with_contact((each for each in found if each != application_id), contact_id)

    def borrowed_by(self, person: bytes) -> list[ApplicationRow]:
        """The rows of the applications that a person borrows for, except erased ones, also if they are no contact.

        The facts are not decrypted. `person` is the blind index of the borrower's login.
        """
        self._declared.applications_of(person)
        found = {*self._loaded.of_customer.get(person, ()), self._declared.reads.application_id}
        rows = (self._loaded.applications.get(each) for each in sorted(filter(None, found)))
        return [each for each in rows if each is not None and each.customer_index == person]

    def leads_elsewhere(self, person: bytes, application_id: str) -> bool:
        """Whether a person of an application is on another one that is not erased, by the index of their login."""
        self._declared.same_people(application_id)
        rows = self._loaded.applications
        others = (each for each in self._loaded.of_customer.get(person, ()) if each != application_id)
        return any(rows.hint(each, "erased_at") is None for each in others)

    def _with_contact(self, application_ids: Iterable[str], contact_id: str) -> list[DecryptedApplication]:
        theirs = []
        for each in self._kept(application_ids):
            if each.contact(contact_id) is not None:
                theirs.append(each)
            elif each.registration.owner.id != contact_id and not self._loaded.applications.changed(
                each.application_id
            ):
                self._authenticator.tampered("contacts")
        return theirs

    def of_number(self, number_index: bytes, number: str) -> list[DecryptedApplication]:
        """Every application with this number on file, except erased ones.

        The sealed facts decide whether the number is on file. Rows of the table `numbers` have no authenticator, so
        they prove nothing.
        """
        self._declared.named("a number", number_index, (self._declared.reads.number_index,))
        found = self._kept(self._loaded.of_number.get(number_index, []))
        on_file = [each for each in found if each.contact_of_number(number) is not None]
        if any(each not in on_file and not self._loaded.applications.changed(each.application_id) for each in found):
            self._authenticator.tampered("numbers")
        return on_file

    def _kept(self, application_ids: Iterable[str]) -> list[DecryptedApplication]:
        rows = (self._led_to(each) for each in sorted(application_ids))
        return [self.of_row(row) for row in rows if row.erased_at is None]

    def _led_to(self, application_id: str) -> ApplicationRow:
        row = self._loaded.applications.get(application_id)
        if row is None:
            # An index entry names this application, but its row is missing.
            raise self._authenticator.found("applications")
        return row

    def put(self, row: ApplicationRow) -> None:
        """Add or change the row of an application."""
        before = self._loaded.applications.get(row.application_id)
        if before is not None and sealed_columns(before) != sealed_columns(row):
            # Before the commit, because its outcome may be unknown. The transaction holds the lock of the shard.
            self._decrypter.forget(row.application_id)
        self._loaded.applications.put(row)
        decrypted = self._decrypted.pop(row.application_id, None)
        if decrypted is not None and decrypted.row.sealed == row.sealed:
            self._decrypted[row.application_id] = replace(decrypted, row=row)
        if row.customer_index is not None:
            self._led_by(row.customer_index, row.application_id)

    def put_contacts(self, application_id: str, contact_indexes: Sequence[bytes]) -> None:
        """Replace the index entries for the logins of the contacts, if an application has several."""
        self._index(application_id, contact_indexes, records.DELETE_CONTACTS, records.INSERT_CONTACT)
        self._loaded.contacts_of.setdefault(application_id, []).extend(contact_indexes)
        for contact_index in contact_indexes:
            self._led_by(contact_index, application_id)

    def _led_by(self, person: bytes, application_id: str) -> None:
        known = self._loaded.of_customer.setdefault(person, [])
        if application_id not in known:
            known.append(application_id)

    def put_numbers(self, application_id: str, number_indexes: Iterable[bytes]) -> None:
        """Replace the index entries for the numbers of an application."""
        self._index(application_id, number_indexes, records.DELETE_NUMBERS, records.INSERT_NUMBER)

    def put_officers(self, application_id: str, officer_ids: Iterable[str]) -> None:
        """Replace the index entries for the officers of an application."""
        self._index(application_id, officer_ids, records.DELETE_ASSIGNMENTS, records.INSERT_ASSIGNMENT)

    def _index(self, application_id: str, keys: Iterable[object], delete: str, insert: str) -> None:
        self._writes.stage(delete, (application_id,))
        self._writes.drop(insert, 1, application_id)
        for each in keys:
            self._writes.stage(insert, (each, application_id))
