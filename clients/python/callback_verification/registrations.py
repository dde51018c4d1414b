"""The shapes of what a bank registers: customers, officers and applications. `shapes` has all of them too.

Implements specs/protocol.md section 3.1. Unknown members are ignored. Times are aware datetimes. Numbers are E.164.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from callback_verification.errors import Refusal
from callback_verification.quiet import Shape

Language = Literal["zh-CN", "en"]
Purpose = Literal["documents", "progress", "terms", "disbursement", "repayment", "marketing", "appointment"]
Status = Literal["enquiry", "open", "closed"]
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
    """The kinds of calls that the customer has consented to."""

    service_calls: bool = True
    marketing_calls: bool = False


class AnnouncedCall(Shape, frozen=True):
    """A call that the bank has announced to the customer."""

    purpose: Purpose
    not_before: Instant
    not_after: Instant


class Registration(Shape, frozen=True):
    """The facts of one application. Without a `reference`, the customer knows the application by its id.

    `status`: an enquiry asked for a call, and has no application yet. A closed one was declined or paid off. Without
    `closed_at`, the service dates the closing itself.
    """

    customer: Customer
    numbers: tuple[RegisteredNumber, ...]
    officers: tuple[Officer, ...]
    product: str
    status: Status = "open"
    consents: Consents = Consents()
    stage: Literal["received", "documents", "review", "approved", "disbursed", "declined"] = "received"
    announced_calls: tuple[AnnouncedCall, ...] = ()
    reference: str | UnsetType = UNSET
    closed_at: Instant | UnsetType = UNSET


class Loan(Shape, frozen=True):
    """The loan that a call is about, as the customer knows it."""

    product: str
    reference: str


class CallPurpose(Shape, frozen=True):
    """A purpose, and the rules that refuse every call for it on the application now. Without any, it may be offered.

    Numbers, officers and contact hours play no part here.
    """

    purpose: str
    refusals: tuple[Refusal, ...] = ()


class Application(Shape, frozen=True):
    """A registered application. Only `read` has its `purposes`; they are empty from an earlier service."""

    application_id: str
    registration: Registration
    created_at: Instant
    updated_at: Instant
    open_call_id: str | None
    purposes: tuple[CallPurpose, ...] = ()


class Applications(Shape, frozen=True):
    """A page of applications, ordered by reference. `next_cursor` is None on the last page."""

    applications: tuple[Application, ...]
    next_cursor: str | None


class ErasedApplication(Shape, frozen=True):
    """An application whose key has been destroyed."""

    application_id: str
    erased_at: Instant
