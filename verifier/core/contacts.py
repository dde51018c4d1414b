"""The people around a loan: its borrower, and the contacts whom the bank may call or answer.

Implements specs/protocol.md section 3.3.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from verifier.core.purposes import Language
from verifier.core.text import exact, line

# These types bound input from outside. The decoder refuses control characters in all strings.
PrincipalId = Annotated[str, line(128)]
Name = Annotated[str, line(120)]
E164_PATTERN = r"\+[1-9][0-9]{6,14}"
E164 = Annotated[str, exact(E164_PATTERN, "E.164 number with a leading plus sign")]
Instant = Annotated[datetime, Meta(tz=True)]
TimeZone = Annotated[str, line(64)]
Role = Literal["borrower", "legal_representative", "finance", "guarantor", "helper"]
Right = Literal["called", "confirm", "details"]
# The most contacts of one application.
MOST_CONTACTS = 50
RIGHTS: tuple[Right, ...] = ("called", "confirm", "details")

ROLES: dict[Role, dict[Language, str]] = {
    "borrower": {"zh-CN": "借款人", "en": "borrower"},
    "legal_representative": {"zh-CN": "法定代表人", "en": "legal representative"},
    "finance": {"zh-CN": "财务负责人", "en": "head of finance"},
    "guarantor": {"zh-CN": "担保人", "en": "guarantor"},
    "helper": {"zh-CN": "协助人", "en": "helper"},
}


class RegisteredNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """A number on file, and when it was added. A number added recently may mean that somebody took over an account."""

    number: E164
    added_at: Instant


class Consents(Struct, frozen=True, forbid_unknown_fields=True):
    """The kinds of calls that a person has agreed to."""

    service_calls: bool = True
    marketing_calls: bool = False


class Borrower(Struct, frozen=True, forbid_unknown_fields=True):
    """The person or company that borrows. `id` is the bank's own id of a company, or the subject of a person."""

    id: PrincipalId
    name: Name
    kind: Literal["person", "company"] = "person"

    @property
    def key(self) -> str:
        """The key of a contact who is the borrower."""
        return f"id:{self.id}"


class Contact(Struct, frozen=True, forbid_unknown_fields=True):
    """A person on an application. `id` is their subject at the bank's identity provider, if they have a login.

    Rights:

    - `called`: the bank may call them.
    - `confirm`: they may check codes of calls on this application: all of them in the app, and those to their own
      numbers by telephone.
    - `details`: they see the loan, and the calls to the other contacts.

    `added_at` is when they became a contact. If it is not given, the service sets it for everybody who is added to an
    existing application. Their numbers wait out the cooling-off period from then on.
    """

    name: Name
    role: Role
    rights: Annotated[tuple[Right, ...], Meta(max_length=3)]
    id: PrincipalId | None = None
    language: Language = "zh-CN"
    time_zone: TimeZone = "Asia/Shanghai"
    numbers: Annotated[tuple[RegisteredNumber, ...], Meta(max_length=10)] = ()
    consents: Consents = Consents()
    added_at: Instant | UnsetType = UNSET

    @property
    def key(self) -> str:
        """Tells the contacts of one application apart: the login, or the name of a contact without one."""
        return f"id:{self.id}" if self.id is not None else f"name:{self.name}"

    def may(self, right: Right) -> bool:
        """Whether the contact has a right."""
        return right in self.rights

    def number_on_file(self, number: str) -> RegisteredNumber | None:
        """The contact's number that equals `number`, or None."""
        for each in self.numbers:
            if each.number == number:
                return each
        return None
