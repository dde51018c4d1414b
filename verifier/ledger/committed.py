"""Reads committed rows, outside of a batch. Each row is verified, decrypted and compared with its sealed facts.

Implements specs/protocol.md section 10.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from verifier.core.contacts import Contact
from verifier.core.errors import Erased, NotFound
from verifier.ledger import records, tables
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall, decrypt_application, decrypt_call
from verifier.ledger.rows import Authenticator
from verifier.ports import KeyRing, Reader, Row


class Reading:
    """Reads committed rows. Every method raises Tampered for a row that does not verify."""

    def __init__(self, reader: Reader, ring: KeyRing, authenticator: Authenticator) -> None:
        self._reader = reader
        self._ring = ring
        self._authenticator = authenticator

    async def application(self, application_id: str) -> DecryptedApplication:
        """One application. Raises NotFound or Erased."""
        rows = await self._reader.fetch_in(records.APPLICATIONS_BY_ID, [application_id])
        if not rows:
            raise NotFound("there is no such application")
        found = self._application(rows[0])
        self._check("applications", found.application_id == application_id)
        return found

    async def applications(self, application_ids: Iterable[str]) -> Mapping[str, DecryptedApplication]:
        """The applications with these ids, by id. Unknown and erased applications are left out."""
        wanted = set(application_ids)
        found = self._kept(await self._reader.fetch_in(records.APPLICATIONS_BY_ID, wanted))
        self._check("applications", all(each.application_id in wanted for each in found))
        return {each.application_id: each for each in found}

    async def applications_of_customer(self, customer_index: bytes, customer_id: str) -> list[DecryptedApplication]:
        """All applications on which the person with this login is a contact, except erased ones.

        The sealed facts decide. Rows of `contacts` have no authenticator and prove nothing.
        """
        return (await self.applications_of_people({customer_index: customer_id}))[customer_index]

    async def applications_of_people(self, people: Mapping[bytes, str]) -> dict[bytes, list[DecryptedApplication]]:
        """The same for several people. `people` has the login of each person, by its blind index."""
        rows = await self._reader.fetch_in(records.APPLICATIONS_OF_PEOPLE, people)
        self._check("contacts", all(bytes(row[-1]) in people for row in rows))
        return {index: self._of_person(rows, index, login) for index, login in people.items()}

    def _of_person(self, rows: Iterable[Row], index: bytes, login: str) -> list[DecryptedApplication]:
        found = self._kept({row[0]: row for row in rows if bytes(row[-1]) == index}.values())
        theirs = [each for each in found if each.contact(login) is not None]
        others = (each for each in found if each not in theirs)
        self._check("contacts", all(each.registration.owner.id == login for each in others))
        return theirs

    async def applications_of_number(self, number_index: bytes, number: str) -> list[DecryptedApplication]:
        """All applications that have this number on file, except erased ones. The sealed facts decide."""
        rows = await self._reader.fetch_in(records.NUMBERS, [number_index])
        self._check("numbers", all(bytes(row[0]) == number_index for row in rows))
        found = await self.applications(row[1] for row in rows)
        on_file = [each for each in found.values() if each.contact_of_number(number) is not None]
        if len(on_file) < len(found):
            self._authenticator.tampered("numbers")
        return on_file

    async def applications_of_officer(
        self, officer_id: str, after: str
    ) -> tuple[list[DecryptedApplication], str | None]:
        """The next chunk of the applications that an officer is assigned to. Their ids sort after `after`.

        Also returns the last id that was read. Pass that id as `after` to get the following chunk. It is None if no
        more applications exist.
        """
        rows = await self._reader.fetch(records.APPLICATIONS_OF_OFFICER, officer_id, after)
        found = [each for each in self._kept(rows) if self._assigned(each, officer_id)]
        return found, rows[-1][0] if rows else None

    def _assigned(self, application: DecryptedApplication, officer_id: str) -> bool:
        """Whether the sealed facts name the officer. Rows of `assignments` have no authenticator and prove nothing."""
        if application.registration.assigned(officer_id) is not None:
            return True
        self._authenticator.tampered("assignments")
        return False

    async def call(self, call_id: str) -> tuple[DecryptedApplication, DecryptedCall]:
        """One call and its application. Raises NotFound or Erased."""
        rows = await self._reader.fetch_in(records.CALLS_BY_ID, [call_id])
        if not rows:
            raise NotFound("there is no such call")
        call = self._authenticator.read(tables.CALLS, rows[0])
        self._check("calls", call.call_id == call_id)
        application = await self.application(call.application_id)
        return application, self.open_call(application, rows[0])

    async def refusing_marketing(self, people: Collection[bytes]) -> frozenset[bytes]:
        """Those of these people who have refused marketing calls, by the blind index of their login.

        An earlier release has kept refusals in the rows of applications, each with the borrower.
        """
        # A refusal moves from there to here, so this order overlooks none.
        rows = await self._reader.fetch_in(records.APPLICATIONS_OF_PEOPLE, people)
        found = [self._authenticator.read(tables.APPLICATIONS, row) for row in rows]
        before = {each.customer_index for each in found if each.opted_out}
        rows = await self._reader.fetch_in(records.REFUSALS_OF, people)
        refused = {self._authenticator.read(tables.REFUSALS, row).person for row in rows}
        self._check("marketing_refusals", refused <= {*people})
        return frozenset(each for each in people if each in before or each in refused)

    async def newest_calls_of(self, application: DecryptedApplication, limit: int = 2) -> list[DecryptedCall]:
        """The newest calls of an application, open or not. Empty if the application has been erased meanwhile.

        Only one call is open. The leg of the one before may still go on. Raises Tampered if the application's row names
        an open call that is not the newest.
        """
        rows = await self._reader.fetch(records.NEWEST_CALLS, application.application_id, limit)
        named = application.row.open_call_id
        newest = rows[0][0] if rows else ""
        self._check("calls", named is None or newest >= named)
        try:
            return [self.open_call(application, row) for row in rows]
        except Erased:
            return []

    async def calls_of_application(
        self, application: DecryptedApplication, contact: Contact, person: bytes, before: str, limit: int
    ) -> tuple[list[tuple[DecryptedCall, str | None]], str | None]:
        """A page of the calls on an application, newest first, each with the id of the receipt that a contact has got.

        `person` is the blind index of the contact's login. Also returns the cursor of the next page, or None on the
        last page. Leaves out calls whose tickets were deleted.
        """
        pseudonym = application.pseudonym_of(contact)
        rows = await self._reader.fetch(
            records.CALLS_OF_APPLICATION, application.application_id, before, limit, pseudonym
        )
        found = []
        for row in rows:
            if row[tables.CALLS.width] is not None:
                opened = self.open_call(application, row)
                first_person, first, own, *of_own = row[tables.CALLS.width + 2 :]
                if own is not None:
                    given = self._authenticator.read(tables.CONFIRMATIONS, of_own)
                    self._check("confirmations", (given.call_id, given.contact) == (opened.call.call_id, pseudonym))
                found.append((opened, own or (first if first_person == person else None)))
        return found, rows[-1][0] if len(rows) == limit else None

    async def calls_of_officer(
        self, officer_id: str, before: str, since: int, limit: int
    ) -> tuple[list[tuple[DecryptedApplication, DecryptedCall]], str | None]:
        """A page of an officer's calls, newest first, each with its application. Leaves out erased applications.

        Also returns the cursor of the next page, or None on the last page.
        """
        rows = await self._reader.fetch(records.CALLS_OF_OFFICER, officer_id, before, since, limit + 1)
        calls = [self._authenticator.read(tables.CALLS, row) for row in rows[:limit]]
        requested = (call.officer_id == officer_id and call.call_id < before for call in calls)
        self._check("calls", all(requested))
        applications = await self.applications({call.application_id for call in calls})
        found = []
        for call, row in zip(calls, rows, strict=False):
            application = applications.get(call.application_id)
            if application is not None and row[tables.CALLS.width] is not None:
                found.append((application, self.open_call(application, row)))
        return found, rows[limit - 1][0] if len(rows) > limit else None

    def open_call(self, application: DecryptedApplication, row: Row) -> DecryptedCall:
        """Decrypt a call from a row of `calls` joined with its ticket. Raises Erased if the ticket was destroyed."""
        call = self._authenticator.read(tables.CALLS, row)
        self._check("calls", call.application_id == application.application_id)
        sealed, customer_index = row[tables.CALLS.width : tables.CALLS.width + 2]
        return decrypt_call(self._ring, application.keys, call, sealed, customer_index)

    def _check(self, table: str, requested: bool) -> None:
        """Raise Tampered if `requested` is false. False means that the database did not return the requested row."""
        if not requested:
            raise self._authenticator.found(table)

    def _application(self, row: Row) -> DecryptedApplication:
        return decrypt_application(self._ring, self._authenticator.read(tables.APPLICATIONS, row))

    def _kept(self, rows: Iterable[Row]) -> list[DecryptedApplication]:
        found = []
        for row in rows:
            try:
                found.append(self._application(row))
            except Erased:
                continue
        return found
