"""The requests and answers of the API. Their members have the same names as the SQL columns and the claims.

Implements specs/protocol.md section 3. Requests forbid unknown members. Times are RFC 3339 UTC.
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
    """The call to issue. A system must set `officer_id`. An officer may set it only to their own staff number."""

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
    """A supervisor's decision on an officer's request. If `granted` is true, the signed exception contains `reason`."""

    granted: bool
    reason: Reason


class SearchApplications(Struct, frozen=True, forbid_unknown_fields=True):
    """A search for applications. Each word of `query` must be in the id, the customer's name, the product or a number.

    The query is in the body, because proxies log addresses (law L11).
    """

    query: Annotated[str, Meta(max_length=120)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: ApplicationId | None = None


class AskIdentity(Struct, frozen=True, forbid_unknown_fields=True):
    """The kind of SIP identity to make. `attest` is the attestation level of the caller number (RFC 8588)."""

    kind: Kind = "shaken"
    attest: Attestation = "A"


class RevokeCall(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=200)] = ""


class Confirm(Struct, frozen=True, forbid_unknown_fields=True):
    code: TypedCode
    application_id: ApplicationId | None = None


class ConfirmByPhone(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that a caller keyed. If the number is withheld, `caller_number` is null. The caller chose `language`."""

    digits: KeyedCode
    dialled_number: E164
    caller_number: E164 | None = None
    application_id: ApplicationId | None = None
    language: Language | None = None


class BeginSession(Struct, frozen=True, forbid_unknown_fields=True):
    """A person has called the bank's number. If their own number is withheld, `caller_number` is null.

    `dialled_number` is null if the number is not E.164, such as a service number of 5 digits.
    """

    dialled_number: E164 | None = None
    caller_number: E164 | None = None
    language: Language | None = None


class HeardKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """`keys` has the keys that the caller pressed since the last turn, at most 100. It is null for silence."""

    keys: Annotated[str, exact("[0-9*#A-D]*", max_length=100)] | None = None


class ReportCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A report of a suspicious call. Only an IVR sets `reporter_number`. It is the reporter's registered number."""

    at: Instant
    caller_number: Annotated[str, Meta(max_length=32)] = ""
    said: Annotated[str, Meta(max_length=2000)] = ""
    code: Annotated[str, Meta(max_length=64)] = ""
    reporter_number: E164 | None = None


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """If `marketing_calls` is false, there are no marketing calls. If true, each application's consents decide."""

    marketing_calls: bool


class VerifyReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    statement: Annotated[str, Meta(min_length=1, max_length=16_384)]
    proof: Annotated[str, Meta(min_length=1, max_length=16_384)]


# --- answers ----------------------------------------------------------------------------------------------


class LogEvidence(Struct, frozen=True):
    """A signed statement, and the proof (C2SP tlog-proof) that the log contains the statement."""

    statement: str
    proof: str


class ApplicationView(Struct, frozen=True):
    application_id: str
    registration: Registration
    created_at: datetime
    updated_at: datetime
    open_call_id: str | None


class Applications(Struct, frozen=True):
    """A page of applications, ordered by `application_id`. `next_cursor` is null on the last page."""

    applications: tuple[ApplicationView, ...]
    next_cursor: str | None


class ErasedView(Struct, frozen=True):
    application_id: str
    erased_at: datetime


class CallView(Struct, frozen=True):
    """A call, as shown to staff and bank systems."""

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
    """The value of the Identity header (RFC 8224). The INVITE must be sent within one minute after `at`."""

    identity: str
    at: datetime


class Calls(Struct, frozen=True):
    """A page of calls, newest first. `next_cursor` is null on the last page."""

    calls: tuple[CallView, ...]
    next_cursor: str | None


class Code(Struct, frozen=True):
    """The call code. `digits` has its nine digits. `shown` has the same digits in groups of 3, to show and to speak."""

    digits: str
    shown: str
    expires_at: datetime


class IssuedCall(Struct, frozen=True):
    """A call that was issued. `code` is null if `GET /v1/calls/{call_id}/code` must not show it yet (law L5)."""

    call: CallView
    ticket: LogEvidence
    code: Code | None


class GrantedException(Struct, frozen=True):
    exception_id: str
    expires_at: datetime
    evidence: LogEvidence


class ExceptionRequest(Struct, frozen=True):
    """An officer's request for an exception. If granted, `exception_id` allows one call until `expires_at`."""

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
    """The requests for exceptions from the last day, newest first."""

    requests: tuple[ExceptionRequest, ...]


class Words(Struct, frozen=True):
    """A text to show or say to the customer, in one language."""

    language: Language
    text: str


class LegView(Struct, frozen=True):
    mode: LegMode
    connected_at: datetime | None
    ended_at: datetime | None


class CallDetails(Struct, frozen=True):
    """The facts that a customer sees about a genuine call."""

    call_id: str
    officer: Officer
    purpose: str
    asks: tuple[str, ...]
    never_asks: tuple[str, ...]
    number: str
    caller_number: str
    leg: LegView


class Verdict(Struct, frozen=True):
    """The answer to a confirmation. All `not_genuine` answers have the same members and words (law L7).

    If a request was answered `genuine`, a retry after the end of the call gets `ended`, with other words.
    """

    verdict: Literal["genuine", "not_genuine", "ended"]
    at: datetime
    given_before: bool
    words: tuple[Words, ...]
    call: CallDetails | None
    receipt_id: str
    receipt: LogEvidence


class SpokenVerdict(Struct, frozen=True):
    """The answer to an IVR. `ended` is as in `Verdict`. `unavailable` has no receipt, because no code was checked."""

    verdict: Literal["genuine", "not_genuine", "ended", "unavailable"]
    at: datetime
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None


class Say(Struct, frozen=True):
    """A prompt: its words, and the name of its recording. The prompt of a verdict has the verdict's name."""

    name: str
    text: str
    language: Language


class IvrTurn(Struct, frozen=True):
    """The next turn of a dialogue. First play the prompts in `say`. Then do what `act` says.

    For `transfer`, `to` is an officer's staff number or `fraud_desk`. If the turn says `genuine` or `ended`,
    `receipt_id` is the receipt of that verdict. In every other turn, `receipt_id` is null.
    """

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None
    receipt_id: str | None = None


class PastCall(Struct, frozen=True):
    """A call on one of the customer's applications, confirmed or not."""

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
    """A page of past calls, newest first. `next_cursor` is null on the last page."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class MyApplication(Struct, frozen=True):
    """A customer's loan: its stage, the officers who may phone about it, and announced calls."""

    application_id: str
    product: str
    status: Literal["open", "closed"]
    stage: Stage
    officers: tuple[Officer, ...]
    announced_calls: tuple[AnnouncedCall, ...]


class MyApplications(Struct, frozen=True):
    applications: tuple[MyApplication, ...]


class CallStatus(Struct, frozen=True):
    """Whether the bank is on the phone with the customer now. If `on_call` is true, `calls` has the current calls."""

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
    """The result of a check of evidence. `reason` is empty if the evidence is valid."""

    result: Literal["valid", "invalid"]
    reason: str
    typ: str | None
    claims: Any
