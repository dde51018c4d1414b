"""The messages of the API, in the vocabulary of the SQL columns and claims. Implements specs/protocol.md section 3.

Requests forbid unknown members. Times are RFC 3339 UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from verifier.core.application import (
    E164,
    AnnouncedCall,
    ApplicationId,
    Instant,
    Officer,
    PrincipalId,
    Registration,
    Stage,
)
from verifier.core.call import LegMode, State
from verifier.core.passport import Attestation, Kind
from verifier.core.purposes import Language, Purpose
from verifier.core.text import exact

CallId = Annotated[str, exact("call_[0-9a-f]{32}")]
SessionId = Annotated[str, exact("ivr_[0-9a-f]{32}")]
RequestId = Annotated[str, exact("excr_[0-9a-f]{32}")]
TypedCode = Annotated[str, Meta(min_length=1, max_length=200, description="nine digits, or a text that holds them")]
KeyedCode = Annotated[str, Meta(min_length=1, max_length=64, description="nine digits, with or without spaces")]
Rule = Literal["contact_hours", "daily_cap", "number_cooling_off"]
Rules = Annotated[tuple[Rule, ...], Meta(min_length=1, max_length=3)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]


# --- requests ---------------------------------------------------------------------------------------------


class IssueCall(Struct, frozen=True, forbid_unknown_fields=True):
    """`officer_id` is required of a system and, if given by an officer, must be that officer's own."""

    purpose: Purpose
    number: E164
    caller_number: E164
    officer_id: PrincipalId | None = None
    exception_id: Annotated[str, exact("exc_[0-9a-f]{32}")] | None = None


class GrantException(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor lifts rules of the contact policy for one call of one officer."""

    officer_id: PrincipalId
    rules: Rules
    reason: Reason


class RequestException(Struct, frozen=True, forbid_unknown_fields=True):
    """An officer asks a second person to lift rules of the contact policy for one call."""

    purpose: Purpose
    number: E164
    rules: Rules
    reason: Reason


class DecideException(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor's answer to an officer's request; `reason` goes into the log with what is granted."""

    granted: bool
    reason: Reason


class SearchApplications(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the applications in which every word of `query` is found: reference, name, product or number.

    It is a body, since addresses are kept in the logs of proxies (law L11).
    """

    query: Annotated[str, Meta(max_length=120)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: ApplicationId | None = None


class AskIdentity(Struct, frozen=True, forbid_unknown_fields=True):
    """What SIP identity a peer takes; `attest` is how sure the bank is of its caller number (RFC 8588)."""

    kind: Kind = "shaken"
    attest: Attestation = "A"


class RevokeCall(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=200)] = ""


class Confirm(Struct, frozen=True, forbid_unknown_fields=True):
    code: TypedCode
    application_id: ApplicationId | None = None


class ConfirmByPhone(Struct, frozen=True, forbid_unknown_fields=True):
    """`caller_number` is null when it is withheld; `language` is what the caller chose on the phone."""

    digits: KeyedCode
    dialled_number: E164
    caller_number: E164 | None = None
    application_id: ApplicationId | None = None
    language: Language | None = None


class BeginSession(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody rings the bank's number; `caller_number` is null when it is withheld.

    `dialled_number` is null when it is not E.164, as a service number of five digits is not.
    """

    dialled_number: E164 | None = None
    caller_number: E164 | None = None
    language: Language | None = None


class HeardKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys that were pressed since the last turn, at most a hundred; null for silence."""

    keys: Annotated[str, exact("[0-9*#A-D]*", max_length=100)] | None = None


class ReportCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A suspicious call. By IVR, `reporter_number` is the registered number that rings in."""

    at: Instant
    caller_number: Annotated[str, Meta(max_length=32)] = ""
    said: Annotated[str, Meta(max_length=2000)] = ""
    code: Annotated[str, Meta(max_length=64)] = ""
    reporter_number: E164 | None = None


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer wants. False refuses marketing calls; true leaves it to the consents of each application."""

    marketing_calls: bool


class VerifyReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    statement: Annotated[str, Meta(min_length=1, max_length=16_384)]
    proof: Annotated[str, Meta(min_length=1, max_length=16_384)]


# --- answers ----------------------------------------------------------------------------------------------


class LogEvidence(Struct, frozen=True):
    """A signed statement and the C2SP tlog-proof that the log contains it."""

    statement: str
    proof: str


class ApplicationView(Struct, frozen=True):
    application_id: str
    registration: Registration
    created_at: datetime
    updated_at: datetime
    open_call_id: str | None


class Applications(Struct, frozen=True):
    """In the order of their references; `next_cursor` is null on the last page."""

    applications: tuple[ApplicationView, ...]
    next_cursor: str | None


class ErasedView(Struct, frozen=True):
    application_id: str
    erased_at: datetime


class CallView(Struct, frozen=True):
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


class SipIdentity(Struct, frozen=True):
    """The value of the Identity header (RFC 8224) for an INVITE that is sent within a minute of `at`."""

    identity: str
    at: datetime


class Calls(Struct, frozen=True):
    """Newest first; `next_cursor` is null on the last page."""

    calls: tuple[CallView, ...]
    next_cursor: str | None


class Code(Struct, frozen=True):
    """The call code: `digits` to enter, `shown` as it is shown and spoken."""

    digits: str
    shown: str
    expires_at: datetime


class IssuedCall(Struct, frozen=True):
    """`code` is null until law L5 lets the officer see it; then `GET /v1/calls/{call_id}/code` gives it."""

    call: CallView
    ticket: LogEvidence
    code: Code | None


class GrantedException(Struct, frozen=True):
    exception_id: str
    expires_at: datetime
    evidence: LogEvidence


class ExceptionRequest(Struct, frozen=True):
    """An officer's request. `exception_id` is given once it is granted, and is good for one call until `expires_at`."""

    request_id: str
    application_id: str
    customer_name: str
    officer: Officer
    purpose: Purpose
    number: str
    rules: tuple[Rule, ...]
    reason: str
    asked_at: datetime
    expires_at: datetime
    state: Literal["waiting", "granted", "declined", "expired", "used"]
    exception_id: str | None


class ExceptionRequests(Struct, frozen=True):
    """Newest first, those of the last day."""

    requests: tuple[ExceptionRequest, ...]


class Words(Struct, frozen=True):
    """What to show or say to the customer, in one language."""

    language: Language
    text: str


class LegView(Struct, frozen=True):
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
    leg: LegView


class Verdict(Struct, frozen=True):
    """The one answer. Every refusal has the same shape and the same words (law L7). `ended` is a genuine answer that is
    given again after its call, with other words."""

    verdict: Literal["genuine", "not_genuine", "ended"]
    at: datetime
    given_before: bool
    words: tuple[Words, ...]
    call: CallDetails | None
    receipt_id: str
    receipt: LogEvidence


class SpokenVerdict(Struct, frozen=True):
    """The answer for an IVR. `unavailable` comes without a receipt: nothing was checked. `ended` is as in `Verdict`."""

    verdict: Literal["genuine", "not_genuine", "ended", "unavailable"]
    at: datetime
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None


class Say(Struct, frozen=True):
    """One prompt: its name, for a recording, and its words. A verdict has the name of the verdict."""

    name: str
    text: str
    language: Language


class IvrTurn(Struct, frozen=True):
    """What a voice platform does next: say, then `listen` for keys, `transfer` the caller `to` an officer's staff
    number or to `fraud_desk`, or `hang_up`. `receipt_id` is the receipt of the call that `genuine` or `ended` is said
    of, null in every other turn."""

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None
    receipt_id: str | None = None


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
    """Newest first; `next_cursor` is null on the last page."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class MyApplication(Struct, frozen=True):
    """How far a loan is, who may phone about it, and which calls are announced."""

    application_id: str
    product: str
    status: Literal["open", "closed"]
    stage: Stage
    officers: tuple[Officer, ...]
    announced_calls: tuple[AnnouncedCall, ...]


class MyApplications(Struct, frozen=True):
    applications: tuple[MyApplication, ...]


class CallStatus(Struct, frozen=True):
    """Are you on the phone with me now? Only `on_call` true says so, and only for the calls it lists."""

    on_call: bool
    at: datetime
    calls: tuple[PastCall, ...]
    words: tuple[Words, ...]


class ReportTaken(Struct, frozen=True):
    report_id: str
    at: datetime
    receipt: LogEvidence


class ReceiptView(Struct, frozen=True):
    receipt_id: str
    receipt: LogEvidence


class ReceiptChecked(Struct, frozen=True):
    """`reason` is empty when the evidence is valid."""

    result: Literal["valid", "invalid"]
    reason: str
    typ: str | None
    claims: Any
