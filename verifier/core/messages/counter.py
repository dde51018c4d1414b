"""What a clerk asks at the counter of a branch, for a customer who is present. Implements specs/protocol.md 7.19."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from verifier.core.application import E164, ApplicationId, Instant
from verifier.core.messages.calls import CallId
from verifier.core.messages.confirmations import TypedCode
from verifier.core.purposes import Language
from verifier.core.text import line

LookReason = Annotated[str, line(200)]


class FindCustomer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The customer who is present: one of their applications, or a number that they have on file, but not both.

    `reason` says why the clerk looks at their data.
    """

    reason: LookReason
    application_id: ApplicationId | None = None
    number: E164 | None = None


class CheckCallsAtCounter(FindCustomer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Asks which calls the bank had with the customer in a window. As `CheckCalls`."""

    begins: Instant = field(name="from")
    ends: Instant = field(name="until")
    caller_number: E164 | None = None


class ConfirmAtCounter(FindCustomer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A code that the customer has written down. As `Confirm`."""

    code: TypedCode
    caller_number: E164 | None = None


class ReportAtCounter(FindCustomer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A report of a suspicious call that a clerk takes for the customer. As `ReportCall`."""

    at: Instant
    caller_number: Annotated[str, Meta(max_length=32)] = ""
    said: Annotated[str, Meta(max_length=2000)] = ""
    code: Annotated[str, Meta(max_length=64)] = ""
    call_id: CallId | UnsetType = UNSET


class CustomerFound(Struct, frozen=True):
    """Whose data it is. The clerk compares the name with the identity document of the person at the counter."""

    name: str
    language: Language
