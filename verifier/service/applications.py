"""Applications: register, read, erase. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core import contact_counts
from verifier.core.application import Registration
from verifier.core.closings import check_closing, closed_since, dated
from verifier.core.contacts import Contact
from verifier.core.errors import Erased, InternalError, InvalidField, NotFound, Tampered
from verifier.core.messages.calls import ApplicationView, ErasedView
from verifier.core.policy import zone
from verifier.core.principal import Principal
from verifier.core.sealing import ApplicationKeys
from verifier.core.times import FUTURE_SLACK_MS, from_ms, to_ms
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.contact_bounds import check_full, full_names
from verifier.ledger.decrypted import DecryptedApplication, decrypt_application, unwrap_keys
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import APPLICATIONS, ApplicationRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state
from verifier.service.context import Context
from verifier.service.customers.removals import RemovesPeople, confirming, end_helpers
from verifier.service.staff.call_limits import limits_of
from verifier.service.staff.looks import LookRecords
from verifier.service.staff.purposes import purposes_of

_encode = msgspec.json.Encoder().encode


class Applications:
    """Use cases on applications."""

    def __init__(self, context: Context, looks: LookRecords) -> None:
        self._context = context
        self._looks = looks

    async def register(
        self, application_id: str, registration: Registration, instead_of: Registration | None = None
    ) -> ApplicationView:
        """Register or update an application. This revokes the open call if its officer is no longer assigned.

        It ends the helpers of people who are left with no application on which they may confirm codes.

        With `instead_of`, the application must still have these facts. Otherwise this raises InvalidField.

        Raises Erased for the id of an erased application. Raises InvalidField if:

        - a time zone is unknown
        - the registration lists a number, an officer or a login twice
        - a number or a contact was added, or the application closed, in the future
        - `closed_at` is given for an application that is not closed
        - a contact has a right that they cannot use, or is an officer of the application
        - a borrower is their own guarantor
        - the application already has another borrower
        - a login or a number is added that has too many applications (ledger/contact_bounds.py)
        """
        context = self._context
        check(registration, context.clock())
        full = await full_names(context.storage, context.ring, registration)
        customer_index = context.customer_index(registration.owner.id)
        staying = tuple(map(context.customer_index, sorted(_logins(registration))))

        def decide(work: UnitOfWork) -> Answer[ApplicationView]:
            existing = work.applications.row(application_id)
            if existing is not None and existing.erased_at is not None:
                raise Erased
            if existing is not None and existing.customer_index != customer_index:
                raise _other_borrower(registration)
            before: Registration | None = None
            if existing is None or existing.wrapped_key is None or existing.kek_id is None:
                keys = ApplicationKeys.derive(work.new_key())
                counters: tuple[int, int, int, str | None, int, str | None] = (0, 0, 0, None, work.now_ms, None)
            else:
                keys = unwrap_keys(context.ring, application_id, existing.kek_id, existing.wrapped_key)
                # Damaged facts can be replaced. Then nobody counts as a contact from before.
                with suppress(InternalError):
                    before = work.applications.of_row(existing).registration
                counters = (
                    existing.call_counter,
                    existing.local_day,
                    existing.calls_today,
                    existing.open_call_id,
                    existing.created_at,
                    existing.called_today,
                )
            if instead_of is not None and before != instead_of:
                raise InvalidField.at("", "the application was changed at the same time")
            _check_form(registration, before)
            check_full(full, registration, before)
            # Each update wraps the application's key again, under the key-encryption key that is active now.
            since = None if before is None or existing is None else closed_since(before, existing.updated_at)
            facts = dated(registration, since, work.now_ms)
            facts = facts if existing is None else with_contacts_dated(facts, before, work.now_ms)
            lost = confirming(before) - confirming(facts)
            if lost and not work.reads.helpers:
                raise RemovesPeople
            kek_id, wrapped = context.ring.wrap(application_id, keys.pack())
            counter, day, today, open_call_id, created_at, called_today = counters
            open_call = None
            if open_call_id is not None:
                with suppress(NotFound, Erased, InternalError):
                    open_call = work.calls.get(open_call_id)
            row = ApplicationRow(
                application_id=application_id,
                customer_index=customer_index,
                kek_id=kek_id,
                wrapped_key=wrapped,
                sealed=None,
                call_counter=counter,
                local_day=day,
                calls_today=today,
                open_call_id=open_call_id,
                created_at=created_at,
                updated_at=work.now_ms,
                erased_at=None,
                opted_out=0 if existing is None else existing.opted_out,
                called_today=None,
            )
            opened = DecryptedApplication(row, keys, facts, facts.people)
            sealed = work.seal(opened, application_id, _encode(facts))
            row = replace(row, sealed=sealed, called_today=_called_today(opened, called_today))
            if lost:
                end_helpers(context, work, application_id, lost)
            gone = map(context.customer_index, sorted(_logins(before) - _logins(facts)))
            work.histories.forget_removed(application_id, gone, work.now_ms)
            work.applications.put(row)
            work.applications.put_numbers(application_id, self._number_indexes(facts))
            work.applications.put_contacts(application_id, list(map(context.customer_index, registration.contact_ids)))
            work.applications.put_officers(application_id, [officer.id for officer in registration.officers])
            if open_call is not None:
                call = current_state(opened, open_call, work.now_ms, context.settings.rules)
                work.calls.put(call)
                row = row if call.open else replace(row, open_call_id=None)
            elif open_call_id is not None:
                # Nobody can read any more whom the call went to.
                self._revoke_unread(work, open_call_id)
                row = replace(row, open_call_id=None)
                work.applications.put(row)
            return lambda: view(replace(opened, row=row))

        reads = ReadSet(application_id=application_id, customer_index=customer_index, staying=staying)
        try:
            return await context.writer.submit(reads, decide)
        except RemovesPeople:
            reads = replace(reads, same_people=True, helpers=True, everywhere=True)
            return await context.writer.submit(reads, decide)

    async def registered(self, application_ids: Sequence[str]) -> dict[str, Registration | None]:
        """The facts of each application, by id. The facts of an erased application are None.

        Unknown and damaged applications are left out.
        """
        found = await self._context.storage.fetch_in(records.APPLICATIONS_BY_ID, application_ids)
        held: dict[str, Registration | None] = {}
        for each in found:
            try:
                row = self._context.authenticator.read(APPLICATIONS, each)
                held[row.application_id] = decrypt_application(self._context.ring, row).registration
            except Erased:
                held[each[0]] = None
            except InternalError:
                continue
        return held

    async def read(self, reader: Principal, application_id: str) -> ApplicationView:
        """A registered application, for a system. The look is recorded. Raises NotFound or Erased."""
        opened = await self._context.reading.application(application_id)
        await self._looks.record(reader, "get_application", (opened,))
        purposes, limits = await purposes_of(self._context, opened), await limits_of(self._context, opened)
        return replace(view(opened), purposes=purposes, limits=limits)

    async def erase(self, application_id: str) -> ErasedView:
        """Destroy an application's key. Data that is sealed under the key can never be read again.

        The log stays verifiable (law L11). The open call is revoked. A second erasure gives the same answer.
        Raises NotFound.
        """

        def decide(work: UnitOfWork) -> Answer[ErasedView]:
            row = work.applications.row(application_id)
            if row is None:
                raise NotFound("there is no such application")
            if row.erased_at is not None:
                erased_at = row.erased_at
                return lambda: ErasedView(application_id, from_ms(erased_at))
            facts = self._facts_of(work, application_id)
            end_helpers(self._context, work, application_id, confirming(facts))
            if row.open_call_id is not None:
                self._revoke_unread(work, row.open_call_id)
            numbers = [] if facts is None else self._number_indexes(facts)
            tombstone = ApplicationRow(
                application_id=application_id,
                customer_index=None,
                kek_id=None,
                wrapped_key=None,
                sealed=None,
                call_counter=row.call_counter,
                local_day=0,
                calls_today=0,
                open_call_id=None,
                created_at=row.created_at,
                updated_at=work.now_ms,
                erased_at=work.now_ms,
            )
            if row.opted_out and row.customer_index is not None:
                # The row carries a refusal of an earlier release, which belongs to the person.
                with suppress(Tampered):
                    work.refusals.put(row.customer_index, work.now_ms)
            work.applications.put(tombstone)
            work.applications.put_numbers(application_id, [])
            work.applications.put_contacts(application_id, [])
            work.applications.put_officers(application_id, [])
            work.forget(application_id, row.customer_index, numbers)
            return lambda: ErasedView(application_id, from_ms(work.now_ms))

        reads = ReadSet(application_id, same_people=True, whole=application_id, marketing=True, everywhere=True)
        return await self._context.writer.submit(reads, decide)

    def _revoke_unread(self, work: UnitOfWork, call_id: str) -> None:
        """Revoke an open call without decrypting its ticket or its application, since they may be damaged."""
        with suppress(Tampered):
            call = work.calls.stored(call_id)
            if call is not None:
                call = lifecycle.settle(call, work.now_ms, self._context.settings.rules)
                work.calls.put(lifecycle.revoke(call, work.now_ms) if call.open else call)

    def _facts_of(self, work: UnitOfWork, application_id: str) -> Registration | None:
        """The facts of an application. None if they are damaged."""
        try:
            return work.applications.get(application_id).registration
        except InternalError:
            return None

    def _number_indexes(self, registration: Registration) -> list[bytes]:
        return [self._context.number_index(each.number) for who in registration.people for each in who.numbers]


def _logins(registration: Registration | None) -> set[str]:
    return set() if registration is None else {each.id for each in registration.people if each.id is not None}


def view(application: DecryptedApplication) -> ApplicationView:
    """The view of an application for the bank's systems and officers."""
    row = application.row
    return ApplicationView(
        row.application_id,
        application.registration,
        from_ms(row.created_at),
        from_ms(row.updated_at),
        row.open_call_id,
    )


def check(registration: Registration, now_ms: int) -> None:
    """Raise InvalidField for invalid facts. This does not compare the facts with an existing registration."""
    people = registration.people
    numbers = [each.number for contact in people for each in contact.numbers]
    for position, contact in enumerate(people):
        _check_contact(_pointer(registration, position), contact, registration, now_ms)
    if len({*numbers}) < len(numbers):
        raise InvalidField.at("/numbers" if registration.contacts is UNSET else "/contacts", "a number is given twice")
    if len({*registration.contact_ids}) < len(registration.contact_ids):
        raise InvalidField.at("/contacts", "two contacts have the same login")
    if len({each.key for each in people}) < len(people):
        raise InvalidField.at("/contacts", "two contacts without a login have the same name")
    if len({o.id for o in registration.officers}) < len(registration.officers):
        raise InvalidField.at("/officers", "an officer is given twice")
    check_closing(registration, now_ms)


def _check_contact(at: str, contact: Contact, registration: Registration, now_ms: int) -> None:
    """Raise InvalidField for an invalid contact. `at` is the JSON Pointer to the contact."""
    try:
        zone(contact.time_zone)
    except ValueError as error:
        raise InvalidField.at(f"{at or '/customer'}/time_zone", str(error)) from error
    for position, number in enumerate(contact.numbers):
        if to_ms(number.added_at) > now_ms + FUTURE_SLACK_MS:
            raise InvalidField.at(f"{at}/numbers/{position}/added_at", "the number was put on file in the future")
    if registration.contacts is UNSET:
        return
    if contact.added_at is not UNSET and to_ms(contact.added_at) > now_ms + FUTURE_SLACK_MS:
        raise InvalidField.at(f"{at}/added_at", "the contact was added in the future")
    if len({*contact.rights}) < len(contact.rights):
        raise InvalidField.at(f"{at}/rights", "a right is given twice")
    if contact.may("called") and not contact.numbers:
        raise InvalidField.at(f"{at}/rights", "a contact without a number cannot be called")
    if contact.rights and contact.id is None and not contact.numbers:
        raise InvalidField.at(f"{at}/rights", "a contact with rights needs a login or a number")
    if contact.role == "helper" and (contact.may("called") or contact.may("details")):
        raise InvalidField.at(f"{at}/rights", "a helper may only confirm codes")
    if contact.id is not None and registration.assigned(contact.id) is not None:
        raise InvalidField.at(f"{at}/id", "an officer of the application cannot be its contact")
    owner = registration.owner
    itself = contact.id == owner.id or (owner.kind == "company" and contact.name == owner.name)
    if contact.role == "guarantor" and itself:
        raise InvalidField.at(f"{at}/role", "a borrower cannot be their own guarantor")


def _called_today(application: DecryptedApplication, counts: str | None) -> str | None:
    """The counts of the calls to each contact, for the row of an application that is registered.

    `counts` are those from before. A loan of one person has none: all of its calls went to its borrower.
    """
    if application.registration.contacts is UNSET:
        return None
    row = application.row
    if counts is None:
        borrower = application.pseudonym_of(application.registration.owner)
        counts = contact_counts.all_to(borrower, row.local_day, row.calls_today)
    return contact_counts.of_contacts(counts, set(map(application.pseudonym_of, application.contacts)))


def _pointer(registration: Registration, position: int) -> str:
    return "" if registration.contacts is UNSET else f"/contacts/{position}"


def _check_form(registration: Registration, before: Registration | None) -> None:
    """Raise InvalidField if a loan with contacts would lose the date at which its borrower became one of them."""
    if before is None or before.contacts is UNSET or registration.contacts is not UNSET:
        return
    borrower = next((each for each in before.contacts if each.id == before.owner.id), None)
    if borrower is None or borrower.added_at is not UNSET:
        raise InvalidField.at("/customer", "this loan has contacts; register its borrower as one of them")


def with_contacts_dated(registration: Registration, before: Registration | None, now_ms: int) -> Registration:
    """The registration, with the time at which each contact was added to the existing application.

    The bank's system may give a later time, but not an earlier one.
    """
    if registration.contacts is UNSET:
        return registration
    known = {} if before is None else {each.key: each.added_at for each in before.people}

    def with_date(contact: Contact) -> Contact:
        least = known.get(contact.key, from_ms(now_ms))
        if least is UNSET or (contact.added_at is not UNSET and contact.added_at > least):
            return contact
        return replace(contact, added_at=least)

    return replace(registration, contacts=tuple(map(with_date, registration.contacts)))


def check_customer(held: Registration | None, registration: Registration) -> None:
    """Raise Erased if the existing registration `held` was erased, and InvalidField if it has another borrower."""
    if held is None:
        raise Erased
    if held.owner.id != registration.owner.id:
        raise _other_borrower(registration)


def _other_borrower(registration: Registration) -> InvalidField:
    member = "customer" if registration.contacts is UNSET else "borrower"
    return InvalidField.at(f"/{member}/id", "an application stays with its customer")
