"""A loan application as the bank registers it. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from verifier.core.purposes import Language, Purpose
from verifier.core.text import exact, line

# These types bound input from outside. The decoder refuses control characters in all strings.
ApplicationId = Annotated[str, exact(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")]
PrincipalId = Annotated[str, line(128)]
Name = Annotated[str, line(120)]
Label = Annotated[str, line(80)]
E164_PATTERN = r"\+[1-9][0-9]{6,14}"
E164 = Annotated[str, exact(E164_PATTERN, "E.164 number with a leading plus sign")]
Instant = Annotated[datetime, Meta(tz=True)]
Status = Literal["enquiry", "open", "closed"]
Stage = Literal["received", "documents", "review", "approved", "disbursed", "declined"]


class Customer(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer. `id` is their subject at the bank's identity provider. `time_zone` is an IANA name."""

    id: PrincipalId
    name: Name
    language: Language = "zh-CN"
    time_zone: Annotated[str, line(64)] = "Asia/Shanghai"


class RegisteredNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """A number on file, and when it was added. A number added recently may mean that somebody took over an account."""

    number: E164
    added_at: Instant


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


class Consents(Struct, frozen=True, forbid_unknown_fields=True):
    """The kinds of calls that the customer has agreed to."""

    service_calls: bool = True
    marketing_calls: bool = False


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


class Registration(Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of one application, as a bank system sends them. The database stores them encrypted.

    `status`: an enquiry asked for a call, and has no application yet. A closed one was declined or paid off. Without
    `closed_at`, the service dates the closing itself. Without a `reference`, the customer knows the application by its
    id.
    """

    customer: Customer
    numbers: Annotated[tuple[RegisteredNumber, ...], Meta(min_length=1, max_length=10)]
    officers: Annotated[tuple[AssignedOfficer, ...], Meta(min_length=1, max_length=20)]
    product: Label
    status: Status = "open"
    consents: Consents = Consents()
    stage: Stage = "received"
    announced_calls: Annotated[tuple[AnnouncedCall, ...], Meta(max_length=5)] = ()
    # Left out of the JSON if it was not given, since the release before does not know it.
    reference: Label | UnsetType = UNSET
    closed_at: Instant | UnsetType = UNSET

    def loan(self, application_id: str) -> Loan:
        """The loan of this application, as the customer knows it."""
        return Loan(self.product, application_id if self.reference is UNSET else self.reference)

    def number_on_file(self, number: str) -> RegisteredNumber | None:
        """The registered number that equals `number`, or None."""
        return next((each for each in self.numbers if each.number == number), None)

    def assigned(self, officer_id: str) -> Officer | None:
        """The assigned officer with this staff number, or None."""
        return next((each for each in self.officers if each.id == officer_id), None)
