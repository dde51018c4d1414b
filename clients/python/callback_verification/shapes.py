"""The shapes of answers, as specs/openapi.yaml gives them. Members that are not known here are passed over.

Implements specs/protocol.md section 3. Times are aware datetimes, numbers E.164.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from callback_verification.evidence import Evidence
from callback_verification.quiet import Shape

State = Literal["issued", "live", "confirmed", "ended", "expired", "revoked", "locked"]
LegMode = Literal["required", "observed", "off"]
Language = Literal["zh-CN", "en"]
Purpose = Literal["documents", "progress", "terms", "disbursement", "repayment", "marketing"]
Instant = Annotated[datetime, Meta(tz=True)]
Rule = Literal["contact_hours", "daily_cap", "number_cooling_off"]
DiscrepancyKind = Literal[
    "code_without_leg",
    "code_never_used",
    "leg_without_code",
    "leg_ambiguous",
    "leg_not_on_file",
    "leg_not_of_ticket",
]


class Officer(Shape, frozen=True):
    """An officer: staff number, name, branch."""

    id: str
    name: str
    branch: str


class Customer(Shape, frozen=True):
    """`id` is the customer's subject at the bank's identity provider; `time_zone` an IANA name."""

    id: str
    name: str
    language: Language = "zh-CN"
    time_zone: str = "Asia/Shanghai"


class RegisteredNumber(Shape, frozen=True):
    """A number on file, and since when."""

    number: str
    added_at: Instant


class Consents(Shape, frozen=True):
    """What the customer agreed to be phoned about."""

    service_calls: bool = True
    marketing_calls: bool = False


class AnnouncedCall(Shape, frozen=True):
    """A call the bank means to make, told to the customer beforehand."""

    purpose: Purpose
    not_before: Instant
    not_after: Instant


class Registration(Shape, frozen=True):
    """The facts of one application."""

    customer: Customer
    numbers: tuple[RegisteredNumber, ...]
    officers: tuple[Officer, ...]
    product: str
    status: Literal["open", "closed"] = "open"
    consents: Consents = Consents()
    stage: Literal["received", "documents", "review", "approved", "disbursed", "declined"] = "received"
    announced_calls: tuple[AnnouncedCall, ...] = ()


class Application(Shape, frozen=True):
    """An application as it is registered."""

    application_id: str
    registration: Registration
    created_at: Instant
    updated_at: Instant
    open_call_id: str | None


class Applications(Shape, frozen=True):
    """A page, in the order of their references; `next_cursor` is None on the last one."""

    applications: tuple[Application, ...]
    next_cursor: str | None


class ErasedApplication(Shape, frozen=True):
    """An application whose key has been destroyed."""

    application_id: str
    erased_at: Instant


class GrantedException(Shape, frozen=True):
    """A supervisor's exception, good for one call until `expires_at`, with its place in the log."""

    exception_id: str
    expires_at: Instant
    evidence: Evidence


class ExceptionRequest(Shape, frozen=True):
    """An officer's request. Once it is granted, `exception_id` is good for one call until `expires_at`."""

    request_id: str
    application_id: str
    customer_name: str
    officer: Officer
    purpose: str
    number: str
    rules: tuple[str, ...]
    reason: str
    asked_at: Instant
    expires_at: Instant
    state: Literal["waiting", "granted", "declined", "used", "expired"]
    exception_id: str | None


class ExceptionRequests(Shape, frozen=True):
    """Newest first, those of the last day."""

    requests: tuple[ExceptionRequest, ...]


class Call(Shape, frozen=True):
    """A call as staff and bank systems see it."""

    call_id: str
    application_id: str
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    leg_mode: LegMode
    issued_at: Instant
    expires_at: Instant
    connected_at: Instant | None
    leg_ended_at: Instant | None
    revealed_at: Instant | None
    confirmed_at: Instant | None
    ended_at: Instant | None


class Calls(Shape, frozen=True):
    """A page, newest first; `next_cursor` is None on the last one."""

    calls: tuple[Call, ...]
    next_cursor: str | None


class LegByNumber(Shape, frozen=True):
    """What an exchange saw of a leg that does not know the call. `leg_id` is its own for good; `number` may be left out
    once the leg has ended, `officer_id` is the staff number of whose extension it is. Without it the leg matches no
    call where several officers are assigned."""

    event: Literal["connected", "ended"]
    leg_id: str
    at: Instant
    number: str | None = None
    caller_number: str | None = None
    officer_id: str | None = None


class LegTaken(Shape, frozen=True):
    """The call a leg is matched with, after the event; none when no call, or more than one, waits for such a leg."""

    result: Literal["matched", "unmatched", "ambiguous"]
    call: Call | None


class Discrepancy(Shape, frozen=True):
    """What does not fit together: a call, which `discrepancy_id` names, or a leg. `at` is when the call was issued or
    the leg first heard of, `leg_id` the exchange's own."""

    discrepancy_id: str
    kind: DiscrepancyKind
    at: Instant
    call_id: str | None
    application_id: str | None
    officer_id: str | None
    leg_id: str | None
    connected_at: Instant | None
    leg_ended_at: Instant | None
    revealed_at: Instant | None


class Discrepancies(Shape, frozen=True):
    """A page, newest first; `next_cursor` is None on the last one."""

    discrepancies: tuple[Discrepancy, ...]
    next_cursor: str | None


class Suspension(Shape, frozen=True):
    """In force until it is lifted. `suspended_by` and `lifted_by` are like `staff:9001` or `system:fraud-engine`."""

    suspension_id: str
    staff_id: str
    reason: str
    suspended_by: str
    suspended_at: Instant
    lifted_by: str | None
    lifted_at: Instant | None


class Suspensions(Shape, frozen=True):
    """A page, newest first; `next_cursor` is None on the last one."""

    suspensions: tuple[Suspension, ...]
    next_cursor: str | None


class Code(Shape, frozen=True):
    """The call code: `digits` to enter, `shown` as it is shown and spoken. Neither is in the repr, nor in logs."""

    digits: str
    shown: str
    expires_at: Instant


class IssuedCall(Shape, frozen=True):
    """`code` is None until law L5 lets the officer see it; then `calls.code` gives it."""

    call: Call
    ticket: Evidence
    code: Code | None


class SipIdentity(Shape, frozen=True):
    """The value of the Identity header for an INVITE that is sent within a minute of `at`."""

    identity: str
    at: Instant


class Words(Shape, frozen=True):
    """What to show or say to the customer, in one language."""

    language: Language
    text: str


class Leg(Shape, frozen=True):
    """What the telephone exchange has said of the officer's leg."""

    mode: LegMode
    connected_at: Instant | None
    ended_at: Instant | None


class CallDetails(Shape, frozen=True):
    """What a customer is told of a genuine call."""

    call_id: str
    officer: Officer
    purpose: str
    asks: tuple[str, ...]
    never_asks: tuple[str, ...]
    number: str
    caller_number: str
    leg: Leg


class Say(Shape, frozen=True):
    """One prompt: its name, for a recording, and its words."""

    name: str
    text: str
    language: Language


class IvrTurn(Shape, frozen=True):
    """What a voice platform does next: say, then listen for keys, transfer the caller `to` an officer's staff number
    or to `fraud_desk`, or hang up. `receipt_id` is the receipt of the call that `genuine` or `ended` is said of."""

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None
    receipt_id: str | None = None


class PastCall(Shape, frozen=True):
    """A call on one of the customer's applications, used or not."""

    call_id: str
    application_id: str
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    issued_at: Instant
    connected_at: Instant | None
    confirmed_at: Instant | None
    ended_at: Instant | None
    receipt_id: str | None


class PastCalls(Shape, frozen=True):
    """A page, newest first; `next_cursor` is None on the last one."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class CallStatus(Shape, frozen=True):
    """Is the bank on the phone with the customer now? Only `on_call` says so, and only for the calls listed."""

    on_call: bool
    at: Instant
    calls: tuple[PastCall, ...]
    words: tuple[Words, ...]

    def __bool__(self) -> bool:
        raise TypeError("a call status is neither true nor false: ask for .on_call")


class MyApplication(Shape, frozen=True):
    """How far a loan is, who may phone about it, and which calls are announced. An announcement proves nothing."""

    application_id: str
    product: str
    status: str
    stage: str
    officers: tuple[Officer, ...]
    announced_calls: tuple[AnnouncedCall, ...]


class MyApplications(Shape, frozen=True):
    """The customer's applications."""

    applications: tuple[MyApplication, ...]


class Preferences(Shape, frozen=True):
    """What a customer wants: False refuses marketing calls, True leaves it to the consents of each application."""

    marketing_calls: bool


class ReportTaken(Shape, frozen=True):
    """A report has been taken; the receipt commits to every byte of it."""

    report_id: str
    at: Instant
    receipt: Evidence


class Receipt(Shape, frozen=True):
    """One of the customer's own receipts."""

    receipt_id: str
    receipt: Evidence


class ReceiptChecked(Shape, frozen=True):
    """What the service says of evidence; `reason` is empty when it is valid. Any receipt can be valid, a
    `not_genuine` one too."""

    result: Literal["valid", "invalid"]
    reason: str
    typ: str | None
    claims: Any

    def __bool__(self) -> bool:
        raise TypeError("an answer about evidence is neither true nor false: look at .result")


class Consistency(Shape, frozen=True):
    """The consistency proof between two checkpoints (RFC 6962 section 2.1.2); hashes in base64."""

    old: int
    new: int
    hashes: tuple[str, ...]
