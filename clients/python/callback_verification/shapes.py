"""The shapes of answers, as in specs/openapi.yaml. Unknown members are ignored.

Implements specs/protocol.md section 3. Times are aware datetimes. Numbers are E.164.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from callback_verification.evidence import Evidence
from callback_verification.quiet import Shape
from callback_verification.registrations import AnnouncedCall as AnnouncedCall
from callback_verification.registrations import Application as Application
from callback_verification.registrations import Applications as Applications
from callback_verification.registrations import Borrower as Borrower
from callback_verification.registrations import CalledContact as CalledContact
from callback_verification.registrations import CallLimits as CallLimits
from callback_verification.registrations import CallPurpose as CallPurpose
from callback_verification.registrations import Consents as Consents
from callback_verification.registrations import Contact as Contact
from callback_verification.registrations import Customer as Customer
from callback_verification.registrations import ErasedApplication as ErasedApplication
from callback_verification.registrations import Instant as Instant
from callback_verification.registrations import Language as Language
from callback_verification.registrations import Loan as Loan
from callback_verification.registrations import NumberLimits as NumberLimits
from callback_verification.registrations import Officer as Officer
from callback_verification.registrations import Purpose as Purpose
from callback_verification.registrations import RegisteredNumber as RegisteredNumber
from callback_verification.registrations import Registration as Registration
from callback_verification.registrations import Right as Right
from callback_verification.registrations import Role as Role
from callback_verification.registrations import Status as Status

State = Literal["issued", "ringing", "live", "confirmed", "ended", "expired", "revoked", "locked"]
LegMode = Literal["required", "observed", "off"]
Rule = Literal["contact_hours", "daily_cap", "number_cooling_off", "person_daily_cap"]


class GrantedException(Shape, frozen=True):
    """An exception that a supervisor has granted. The exception is valid for one call until `expires_at`."""

    exception_id: str
    expires_at: Instant
    evidence: Evidence


class ExceptionRequest(Shape, frozen=True):
    """An officer's request. In the state `granted`, the exception is valid for one call until `expires_at`."""

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
    """The requests of the last day, newest first."""

    requests: tuple[ExceptionRequest, ...]


class Call(Shape, frozen=True):
    """A call, as staff and bank systems see it."""

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
    rang_at: Instant | None = None


class Calls(Shape, frozen=True):
    """A page of calls, newest first. `next_cursor` is None on the last page."""

    calls: tuple[Call, ...]
    next_cursor: str | None


class QueuedCall(Shape, frozen=True):
    """An announced call. `tried_at` is when the newest call since `not_before` was issued, or None."""

    application_id: str
    name: str
    product: str
    purpose: str
    not_before: Instant
    not_after: Instant
    state: Literal["due", "later", "missed", "called"]
    tried_at: Instant | None
    open_call_id: str | None


class Queue(Shape, frozen=True):
    """The announced calls, in the order in which to make them. At most 200."""

    calls: tuple[QueuedCall, ...]


class LegByNumber(Shape, frozen=True):
    """A leg event from an exchange that does not know the call id.

    The exchange must never use a `leg_id` again for another leg. An `ended` event may leave out `number`. `officer_id`
    is the staff number of the officer at the extension. Without `officer_id`, the leg matches no call of an application
    with several officers.
    """

    event: Literal["ringing", "connected", "ended"]
    leg_id: str
    at: Instant
    number: str | None = None
    caller_number: str | None = None
    officer_id: str | None = None


class CallOfLeg(Shape, frozen=True):
    """The call of a leg: its state, and the times of its leg."""

    call_id: str
    state: State
    connected_at: Instant | None
    leg_ended_at: Instant | None
    rang_at: Instant | None = None


class LegTaken(Shape, frozen=True):
    """The result of a leg event. `call` is the matched call in its new state, or None if no call matched."""

    result: Literal["matched", "unmatched", "ambiguous"]
    call: CallOfLeg | None


class StaffMember(Shape, frozen=True):
    """A member of staff, and their roles."""

    staff_id: str
    roles: tuple[str, ...]


class Suspension(Shape, frozen=True):
    """A suspension. It is in force until it is lifted. Examples for `suspended_by`: `staff:9001`, `system:pbx-1`."""

    suspension_id: str
    staff_id: str
    reason: str
    suspended_by: str
    suspended_at: Instant
    lifted_by: str | None
    lifted_at: Instant | None


class Suspensions(Shape, frozen=True):
    """A page of suspensions, newest first. `next_cursor` is None on the last page."""

    suspensions: tuple[Suspension, ...]
    next_cursor: str | None


class Code(Shape, frozen=True):
    """The call code. `digits` is the code to enter. `shown` is the code in groups of 3. The repr shows neither."""

    digits: str
    shown: str
    expires_at: Instant


class IssuedCall(Shape, frozen=True):
    """An issued call. `code` is None if the officer may not see the code yet (law L5). Use `calls.code` later."""

    call: Call
    ticket: Evidence
    code: Code | None


class SipIdentity(Shape, frozen=True):
    """The value of the Identity header. Send the INVITE within one minute after `at`."""

    identity: str
    at: Instant


class Words(Shape, frozen=True):
    """A text to show or say to the customer, in one language."""

    language: Language
    text: str


class Leg(Shape, frozen=True):
    """The officer's leg, as reported by the telephone exchange."""

    mode: LegMode
    connected_at: Instant | None
    ended_at: Instant | None


class Say(Shape, frozen=True):
    """A prompt: its words, and the name of its recording."""

    name: str
    text: str
    language: Language


class IvrTurn(Shape, frozen=True):
    """The next turn of a dialogue. Play `say`, then do `act`: listen for keys, transfer the caller, or hang up.

    `to` is the target of a transfer: an officer's staff number, or `fraud_desk`. If the turn says the verdict `genuine`
    or `ended`, `receipt_id` is the id of its receipt.
    """

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None
    receipt_id: str | None = None


class PastCall(Shape, frozen=True):
    """A call on one of the customer's applications, confirmed or not.

    If the call went to another contact of the loan, `called` says to whom. `application_id` is None for a contact
    without the right to details.
    """

    call_id: str
    application_id: str | None
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
    rang_at: Instant | None = None
    called: CalledContact | None = None


class PastCalls(Shape, frozen=True):
    """A page of the customer's calls, newest first. `next_cursor` is None on the last page."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class CheckedCall(Shape, frozen=True):
    """A call in the answer to a call check, in its state at the time of the answer.

    `application_id` is None for a contact without the right to details.
    """

    call_id: str
    application_id: str | None
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    issued_at: Instant
    connected_at: Instant | None
    ended_at: Instant | None


class CallsChecked(Shape, frozen=True):
    """The calls from `begins` to `ends`, newest first: these and no others. `receipt` states the same.

    `from_number` is whether one of the calls came from the number that the customer asked about. It is None if they
    asked about none. To fetch the receipt again, use `receipt_id`.
    """

    receipt_id: str
    at: Instant
    calls: tuple[CheckedCall, ...]
    from_number: bool | None
    words: tuple[Words, ...]
    receipt: Evidence
    begins: Instant = field(name="from")
    ends: Instant = field(name="until")

    def __bool__(self) -> bool:
        raise TypeError("an answer to a call check is neither true nor false; use .calls")


class CallStatus(Shape, frozen=True):
    """Whether the bank is calling the customer now. `calls` lists the bank's calls. Trust no other call.

    `state` is `none`, `expected`, `ringing`, `connected`, or `unknown` if the service cannot check. `on_call` is true
    only for `connected`. A service of an earlier release leaves `state` out.
    """

    on_call: bool
    at: Instant
    calls: tuple[PastCall, ...]
    words: tuple[Words, ...]
    state: Literal["none", "expected", "ringing", "connected", "unknown"] = "unknown"

    def __bool__(self) -> bool:
        raise TypeError("a call status is neither true nor false; use .on_call")


class MyApplication(Shape, frozen=True):
    """A loan application, as its customer sees it. An announced call is not proof that a call is genuine.

    `reference` is what the customer knows it by. A service of an earlier release leaves it out. `borrower` is the
    borrower's name, if the loan is that of a company or another person.
    """

    application_id: str
    product: str
    status: str
    stage: str
    officers: tuple[Officer, ...]
    announced_calls: tuple[AnnouncedCall, ...]
    reference: str = ""
    borrower: str | None = None


class MyApplications(Shape, frozen=True):
    """The customer's applications."""

    applications: tuple[MyApplication, ...]


class Preferences(Shape, frozen=True):
    """If `marketing_calls` is false, marketing calls are refused. If true, the consents of each application decide."""

    marketing_calls: bool


class ReportTaken(Shape, frozen=True):
    """A report that the bank has received. The receipt commits to all bytes of the report."""

    report_id: str
    at: Instant
    receipt: Evidence


class Receipt(Shape, frozen=True):
    """One of the customer's own receipts."""

    receipt_id: str
    receipt: Evidence


class ListedReceipt(Shape, frozen=True):
    """A receipt of the customer. `kind` says of what: a verdict, a report, or a check of the calls in a window.

    Only that of a verdict has `verdict`. `officer` is who called, if the verdict is about a call of the bank.
    """

    receipt_id: str
    at: Instant
    kind: Literal["verdict", "report", "call_check"]
    verdict: Literal["genuine", "not_genuine", "ended"] | None
    officer: Officer | None


class ListedReceipts(Shape, frozen=True):
    """A page of the customer's receipts, newest first. `next_cursor` is None on the last page."""

    receipts: tuple[ListedReceipt, ...]
    next_cursor: str | None


class Symbol(Shape, frozen=True):
    """A QR code. `path` is an SVG path that fills its dark modules, in a square of `size` modules with the margin."""

    text: str
    size: int
    path: str


class DrawnReceipt(Shape, frozen=True):
    """The QR codes of a receipt: one, or up to nine with numbers."""

    symbols: tuple[Symbol, ...]


class ReceiptChecked(Shape, frozen=True):
    """The result of a check of evidence. `reason` is empty if the evidence is valid, whatever verdict it proves."""

    result: Literal["valid", "invalid"]
    reason: str
    typ: str | None
    claims: Any

    def __bool__(self) -> bool:
        raise TypeError("a check of evidence is neither true nor false; use .result")


class Consistency(Shape, frozen=True):
    """A consistency proof between two checkpoints (RFC 6962 section 2.1.2). Hashes are in base64."""

    old: int
    new: int
    hashes: tuple[str, ...]
