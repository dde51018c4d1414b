"""The shapes of answers, as specs/openapi.yaml gives them. Members that are not known here are passed over.

Carries out specs/protocol.md section 3. Times are aware datetimes, numbers E.164.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from callback_verification.evidence import Evidence

State = Literal["issued", "live", "confirmed", "ended", "expired", "revoked", "locked"]
LegMode = Literal["required", "observed", "off"]
Language = Literal["zh-CN", "en"]
Purpose = Literal["documents", "progress", "terms", "disbursement", "repayment", "marketing"]
Rule = Literal["contact_hours", "daily_cap", "number_cooling_off"]


class Officer(Struct, frozen=True):
    """An officer: staff number, name, branch."""

    id: str
    name: str
    branch: str


class Customer(Struct, frozen=True):
    """`id` is the customer's subject at the bank's identity provider; `time_zone` an IANA name."""

    id: str
    name: str
    language: Language = "zh-CN"
    time_zone: str = "Asia/Shanghai"


class RegisteredNumber(Struct, frozen=True):
    """A number on file, and since when."""

    number: str
    added_at: datetime


class Consents(Struct, frozen=True):
    """What the customer agreed to be phoned about."""

    service_calls: bool = True
    marketing_calls: bool = False


class AnnouncedCall(Struct, frozen=True):
    """A call the bank means to make, told to the customer beforehand."""

    purpose: Purpose
    not_before: datetime
    not_after: datetime


class Registration(Struct, frozen=True):
    """The facts of one application."""

    customer: Customer
    numbers: tuple[RegisteredNumber, ...]
    officers: tuple[Officer, ...]
    product: str
    status: Literal["open", "closed"] = "open"
    consents: Consents = Consents()
    stage: Literal["received", "documents", "review", "approved", "disbursed", "declined"] = "received"
    announced_calls: tuple[AnnouncedCall, ...] = ()


class Application(Struct, frozen=True):
    """An application as it is registered."""

    application_id: str
    registration: Registration
    created_at: datetime
    updated_at: datetime
    open_call_id: str | None


class ErasedApplication(Struct, frozen=True):
    """An application whose key has been destroyed."""

    application_id: str
    erased_at: datetime


class GrantedException(Struct, frozen=True):
    """A supervisor's exception, good for one call until `expires_at`, with its place in the log."""

    exception_id: str
    expires_at: datetime
    evidence: Evidence


class Call(Struct, frozen=True):
    """A call as staff and bank systems see it."""

    call_id: str
    application_id: str
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    leg_mode: LegMode
    issued_at: datetime
    expires_at: datetime
    connected_at: datetime | None
    leg_ended_at: datetime | None
    revealed_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None


class Code(Struct, frozen=True):
    """The call code: `digits` to enter, `shown` as it is shown and spoken. Neither is in the repr, nor in logs."""

    digits: str
    shown: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Code(expires_at={self.expires_at!r})"


class IssuedCall(Struct, frozen=True):
    """`code` is None until law L5 lets the officer see it; then `calls.code` gives it."""

    call: Call
    ticket: Evidence
    code: Code | None


class SipIdentity(Struct, frozen=True):
    """The value of the Identity header for an INVITE that is sent within a minute of `at`."""

    identity: str
    at: datetime


class Words(Struct, frozen=True):
    """What to show or say to the customer, in one language."""

    language: Language
    text: str


class Leg(Struct, frozen=True):
    """What the telephone exchange has said of the officer's leg."""

    mode: LegMode
    connected_at: datetime | None
    ended_at: datetime | None


class CallDetails(Struct, frozen=True):
    """What a customer is told of a genuine call."""

    call_id: str
    officer: Officer
    purpose: str
    asks: tuple[str, ...]
    never_asks: tuple[str, ...]
    number: str
    caller_number: str
    leg: Leg


class Say(Struct, frozen=True):
    """One prompt: its name, for a recording, and its words."""

    name: str
    text: str
    language: Language


class IvrTurn(Struct, frozen=True):
    """What a voice platform does next: say, then listen for keys, transfer the caller `to` an officer's staff number
    or to `fraud_desk`, or hang up."""

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None


class PastCall(Struct, frozen=True):
    """A call on one of the customer's applications, used or not."""

    call_id: str
    application_id: str
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    issued_at: datetime
    connected_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    receipt_id: str | None


class PastCalls(Struct, frozen=True):
    """A page, newest first; `next_cursor` is None on the last one."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class CallStatus(Struct, frozen=True):
    """Is the bank on the phone with the customer now? Only `on_call` says so, and only for the calls listed."""

    on_call: bool
    at: datetime
    calls: tuple[PastCall, ...]
    words: tuple[Words, ...]

    def __bool__(self) -> bool:
        raise TypeError("a call status is neither true nor false: ask for .on_call")


class ReportTaken(Struct, frozen=True):
    """A report has been taken; the receipt commits to every byte of it."""

    report_id: str
    at: datetime
    receipt: Evidence


class Receipt(Struct, frozen=True):
    """One of the customer's own receipts."""

    receipt_id: str
    receipt: Evidence
