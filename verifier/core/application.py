"""A loan application as the bank registers it. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import force_setattr

from verifier.core.contacts import (
    E164,
    E164_PATTERN,
    MOST_CONTACTS,
    RIGHTS,
    Borrower,
    Consents,
    Contact,
    Instant,
    Name,
    PrincipalId,
    RegisteredNumber,
    TimeZone,
)
from verifier.core.errors import InvalidField
from verifier.core.purposes import Language, Purpose
from verifier.core.text import exact, line

__all__ = ["E164", "E164_PATTERN", "Consents", "Instant", "Name", "PrincipalId", "RegisteredNumber"]

# These types bound input from outside. The decoder refuses control characters in all strings.
ApplicationId = Annotated[str, exact(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")]
Label = Annotated[str, line(80)]
Status = Literal["enquiry", "open", "closed"]
Stage = Literal["received", "documents", "review", "approved", "disbursed", "declined"]


class Customer(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer. `id` is their subject at the bank's identity provider. `time_zone` is an IANA name."""

    id: PrincipalId
    name: Name
    language: Language = "zh-CN"
    time_zone: TimeZone = "Asia/Shanghai"


class Officer(Struct, frozen=True):
    """An officer, as named in statements and answers.

    Unknown members are ignored, because a later version may add some.
    """

    id: str
    name: str
    branch: str


class AssignedOfficer(Officer, frozen=True, forbid_unknown_fields=True):
    """An officer assigned to an application. `id` is the staff number at the bank's identity provider."""

    id: PrincipalId
    name: Name
    branch: Label


class AnnouncedCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that the bank has announced to the customer. An announcement does not prove that a call is genuine."""

    purpose: Purpose
    not_before: Instant
    not_after: Instant


class Loan(Struct, frozen=True):
    """The loan that a call is about, as the customer knows it. `reference` is what the bank's letters call it.

    Unknown members are ignored, because a later version may add some.
    """

    product: str
    reference: str


class Registration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The facts of one application, as a bank system sends them. The database stores them encrypted.

    A loan of one person who acts alone has `customer`, `numbers` and perhaps `consents`. Every other loan has
    `borrower` and `contacts` instead. The members of both forms must not be mixed.

    `status`: an enquiry asked for a call, and has no application yet. A closed one was declined or paid off. Without
    `closed_at`, the service dates the closing itself. Without a `reference`, the customer knows the application by its
    id.
    """

    officers: Annotated[tuple[AssignedOfficer, ...], Meta(min_length=1, max_length=20)]
    product: Label
    customer: Customer | UnsetType = UNSET
    numbers: Annotated[tuple[RegisteredNumber, ...], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    status: Status = "open"
    consents: Consents | UnsetType = UNSET
    stage: Stage = "received"
    announced_calls: Annotated[tuple[AnnouncedCall, ...], Meta(max_length=5)] = ()
    borrower: Borrower | UnsetType = UNSET
    contacts: Annotated[tuple[Contact, ...], Meta(min_length=1, max_length=MOST_CONTACTS)] | UnsetType = UNSET
    # Left out of the JSON if it was not given, since the release before does not know it.
    reference: Label | UnsetType = UNSET
    closed_at: Instant | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise InvalidField if the members of both forms are mixed, or if one is missing."""
        several = self.borrower is not UNSET or self.contacts is not UNSET
        wanted = ("borrower", "contacts") if several else ("customer", "numbers")
        other = ("customer", "numbers", "consents") if several else ("borrower", "contacts")
        for name in wanted:
            if getattr(self, name) is UNSET:
                raise InvalidField.at(f"/{name}", "is missing")
        for name in other:
            if getattr(self, name) is not UNSET:
                raise InvalidField.at(f"/{name}", f"must not be given together with `{wanted[1]}`")
        if self.consents is UNSET and not several:
            force_setattr(self, "consents", Consents())

    @property
    def owner(self) -> Borrower:
        """The borrower."""
        if self.borrower is not UNSET:
            return self.borrower
        assert self.customer is not UNSET  # noqa: S101 - checked when the registration was made
        return Borrower(self.customer.id, self.customer.name)

    @property
    def people(self) -> tuple[Contact, ...]:
        """The contacts. A loan of one person has that person, with every right."""
        if self.contacts is not UNSET:
            return self.contacts
        assert self.customer is not UNSET and self.numbers is not UNSET  # noqa: S101, PT018 - as above
        assert self.consents is not UNSET  # noqa: S101
        customer = self.customer
        return (
            Contact(
                name=customer.name,
                role="borrower",
                rights=RIGHTS,
                id=customer.id,
                language=customer.language,
                time_zone=customer.time_zone,
                numbers=self.numbers,
                consents=self.consents,
            ),
        )

    @property
    def contact_ids(self) -> tuple[str, ...]:
        """The logins that the index table `contacts` has for this application. A loan of one person has none there."""
        if self.contacts is UNSET:
            return ()
        return tuple(each.id for each in self.contacts if each.id is not None)

    def loan(self, application_id: str) -> Loan:
        """The loan of this application, as the customer knows it."""
        return Loan(self.product, application_id if self.reference is UNSET else self.reference)

    def assigned(self, officer_id: str) -> Officer | None:
        """The assigned officer with this staff number, or None."""
        return next((each for each in self.officers if each.id == officer_id), None)
