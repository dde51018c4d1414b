"""The shapes of what a bank registers: customers, contacts, officers, applications. `shapes` has all of them too.

Implements specs/protocol.md sections 3.1 and 3.3. Unknown members are ignored. Times are aware datetimes. Numbers are
E.164.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import force_setattr

from callback_verification.errors import Refusal
from callback_verification.quiet import Shape

Language = Literal["zh-CN", "en"]
Purpose = Literal["documents", "progress", "terms", "disbursement", "repayment", "marketing", "appointment"]
Status = Literal["enquiry", "open", "closed"]
Role = Literal["borrower", "legal_representative", "finance", "guarantor", "helper"]
Right = Literal["called", "confirm", "details"]
Instant = Annotated[datetime, Meta(tz=True)]


class Officer(Shape, frozen=True):
    """An officer. `id` is the staff number."""

    id: str
    name: str
    branch: str


class Customer(Shape, frozen=True):
    """A customer. `id` is their subject at the bank's identity provider. `time_zone` is an IANA name."""

    id: str
    name: str
    language: Language = "zh-CN"
    time_zone: str = "Asia/Shanghai"


class RegisteredNumber(Shape, frozen=True):
    """A number on file, and when it was added."""

    number: str
    added_at: Instant


class Consents(Shape, frozen=True):
    """The kinds of calls that a person has consented to."""

    service_calls: bool = True
    marketing_calls: bool = False


class Borrower(Shape, frozen=True):
    """The person or company that borrows. `id` is the bank's own id of a company, or the subject of a person."""

    id: str
    name: str
    kind: Literal["person", "company"] = "person"


class Contact(Shape, frozen=True):
    """A person on an application. `id` is their subject at the bank's identity provider, if they have a login.

    `rights`: the bank may call a contact with `called`. A contact with `confirm` may check codes. A contact with
    `details` sees the loan, and the calls to the other contacts.

    `added_at` is when they became a contact. The service sets it if it is not given.
    """

    name: str
    role: Role
    rights: tuple[Right, ...]
    id: str | None = None
    language: Language = "zh-CN"
    time_zone: str = "Asia/Shanghai"
    numbers: tuple[RegisteredNumber, ...] = ()
    consents: Consents = Consents()
    added_at: Instant | UnsetType = UNSET


class AnnouncedCall(Shape, frozen=True):
    """A call that the bank has announced to the customer."""

    purpose: Purpose
    not_before: Instant
    not_after: Instant


class Registration(Shape, frozen=True, kw_only=True):
    """The facts of one application. Without a `reference`, the customer knows the application by its id.

    A loan of one person who acts alone has `customer` and `numbers`, and perhaps `consents`. Every other loan has
    `borrower` and `contacts` instead.

    `status`: an enquiry asked for a call, and has no application yet. A closed one was declined or paid off. Without
    `closed_at`, the service dates the closing itself.
    """

    officers: tuple[Officer, ...]
    product: str
    customer: Customer | UnsetType = UNSET
    numbers: tuple[RegisteredNumber, ...] | UnsetType = UNSET
    status: Status = "open"
    consents: Consents | UnsetType = UNSET
    stage: Literal["received", "documents", "review", "approved", "disbursed", "declined"] = "received"
    announced_calls: tuple[AnnouncedCall, ...] = ()
    borrower: Borrower | UnsetType = UNSET
    contacts: tuple[Contact, ...] | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    closed_at: Instant | UnsetType = UNSET

    def __post_init__(self) -> None:
        # The service answers with the consents of a loan of one person, also if they were not given.
        if self.contacts is UNSET and self.consents is UNSET:
            force_setattr(self, "consents", Consents())

    @property
    def owner(self) -> Borrower:
        """The borrower, of a loan of one person too. Raises ValueError if the registration has none."""
        if self.borrower is not UNSET:
            return self.borrower
        if self.customer is UNSET:
            raise ValueError("a registration has a borrower or a customer")
        return Borrower(self.customer.id, self.customer.name)

    @property
    def people(self) -> tuple[Contact, ...]:
        """The contacts. A loan of one person has that person, with every right. Raises ValueError if there are none."""
        if self.contacts is not UNSET:
            return self.contacts
        if self.customer is UNSET or self.numbers is UNSET or self.consents is UNSET:
            raise ValueError("a registration has contacts, or a customer with numbers")
        customer = self.customer
        return (
            Contact(
                name=customer.name,
                role="borrower",
                rights=("called", "confirm", "details"),
                id=customer.id,
                language=customer.language,
                time_zone=customer.time_zone,
                numbers=self.numbers,
                consents=self.consents,
            ),
        )


class Loan(Shape, frozen=True):
    """The loan that a call is about, as the customer knows it."""

    product: str
    reference: str


class CalledContact(Shape, frozen=True):
    """The contact whom the bank called. `name` is None if they are no longer a contact of the loan."""

    role: Role
    name: str | None


class CallPurpose(Shape, frozen=True):
    """A purpose, and the rules that refuse every call for it on the application now. Without any, it may be offered.

    Numbers, officers and contact hours play no part here.
    """

    purpose: str
    refusals: tuple[Refusal, ...] = ()


class NumberLimits(Shape, frozen=True):
    """A number on file, and the rules that refuse every call to it now, whatever its purpose.

    `calls_today` counts the calls on the application today, and `calls_to_person` those to the contact on all of their
    applications. `cools_until` is the end of the cooling-off period, or None after it.
    """

    number: str
    calls_today: int
    calls_to_person: int
    cools_until: Instant | None
    refusals: tuple[Refusal, ...] = ()


class CallLimits(Shape, frozen=True):
    """The limits of the contact policy, and how far the numbers on file are within them now.

    `hours_start` and `hours_end` are times of the contact's own clock, as HH:MM. `hours_end` may be 24:00.
    """

    hours_start: str
    hours_end: str
    daily_cap: int
    person_daily_cap: int
    cooling_off_hours: int
    numbers: tuple[NumberLimits, ...]


class Application(Shape, frozen=True):
    """A registered application. Only `read` has its `purposes` and `limits`, and not from an earlier service."""

    application_id: str
    registration: Registration
    created_at: Instant
    updated_at: Instant
    open_call_id: str | None
    purposes: tuple[CallPurpose, ...] = ()
    limits: CallLimits | None = None


class Applications(Shape, frozen=True):
    """A page of applications, ordered by reference. `next_cursor` is None on the last page.

    `total` counts the applications on all pages. Only the first page has it, and not if there are more than 1,000.
    """

    applications: tuple[Application, ...]
    next_cursor: str | None
    total: int | None = None


class ErasedApplication(Shape, frozen=True):
    """An application whose key has been destroyed."""

    application_id: str
    erased_at: Instant
