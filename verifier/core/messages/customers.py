"""What customers see of their applications and calls, and what they report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from verifier.core.application import E164, AnnouncedCall, Instant, Officer, Stage, Status
from verifier.core.call import State
from verifier.core.messages.calls import CallId, LogEvidence
from verifier.core.messages.confirmations import CalledContact, Words

StatusState = Literal["none", "expected", "ringing", "connected", "unknown"]


class ReportCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A report of a suspicious call. Only an IVR sets `reporter_number`. It is the reporter's registered number.

    `call_id` is a call of the reporter's own, about which they say that they did not get it. Only a customer sets it.
    """

    at: Instant
    caller_number: Annotated[str, Meta(max_length=32)] = ""
    said: Annotated[str, Meta(max_length=2000)] = ""
    code: Annotated[str, Meta(max_length=64)] = ""
    reporter_number: E164 | None = None
    # Unset in the reports of earlier releases, whose receipts commit to every octet.
    call_id: CallId | UnsetType = UNSET


class CheckCalls(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks which calls the bank had with the customer in a window of at most 31 days.

    `caller_number` is the number that the customer saw, or null.
    """

    begins: Instant = field(name="from")
    ends: Instant = field(name="until")
    caller_number: E164 | None = None


class CheckedCall(Struct, frozen=True):
    """A call in the answer to a call check, in its state at the time of the answer.

    `application_id` is null for a contact without the right to details.
    """

    call_id: str
    application_id: str | None
    state: State
    officer: Officer
    purpose: str
    number: str
    caller_number: str
    issued_at: datetime
    connected_at: datetime | None
    ended_at: datetime | None


class CallsChecked(Struct, frozen=True):
    """The calls of a window, newest first: these and no others. `receipt` states the same, signed and logged.

    `from_number` is whether one of these calls came from the number that the customer asked about. It is null if they
    asked about none.
    """

    receipt_id: str
    at: datetime
    calls: tuple[CheckedCall, ...]
    from_number: bool | None
    words: tuple[Words, ...]
    receipt: LogEvidence
    begins: datetime = field(name="from")
    ends: datetime = field(name="until")


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """If `marketing_calls` is false, there are no marketing calls. If true, each application's consents decide."""

    marketing_calls: bool


class PastCall(Struct, frozen=True):
    """A call on one of the customer's applications, confirmed or not.

    If the call went to another contact of the loan, `called` says to whom. Otherwise it is null. `application_id` is
    null for a contact without the right to details.
    """

    call_id: str
    application_id: str | None
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
    rang_at: datetime | None = None
    called: CalledContact | None = None


class PastCalls(Struct, frozen=True):
    """A page of past calls, newest first. `next_cursor` is null on the last page."""

    calls: tuple[PastCall, ...]
    next_cursor: str | None


class VerifyCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that rings on the customer's handset: the number that the handset shows, and since when it rings."""

    caller_number: E164
    rang_at: Instant


class CallVerification(Struct, frozen=True):
    """Whether a call that rings is from the bank. Without a code, this is never a reason to share anything.

    - `legit`: a call of the bank to this customer, from this number, rings or is connected.
    - `not_legit`: the number is one of the bank's own, and the bank makes no call to this customer from it.
    - `undetermined`: neither is certain.
    """

    verdict: Literal["legit", "not_legit", "undetermined"]
    at: datetime


class MyApplication(Struct, frozen=True):
    """A customer's loan: its stage, the officers who may phone about it, and announced calls.

    `reference` is what the customer knows it by. If the loan is that of a company or another person, `borrower` is the
    borrower's name. Otherwise it is null.
    """

    application_id: str
    product: str
    status: Status
    stage: Stage
    officers: tuple[Officer, ...]
    announced_calls: tuple[AnnouncedCall, ...]
    reference: str
    borrower: str | None = None


class MyApplications(Struct, frozen=True):
    applications: tuple[MyApplication, ...]


class CallStatus(Struct, frozen=True):
    """Whether the bank is calling the customer now. `calls` has the calls that `state` is about, if any.

    - `none`: the bank is not calling the customer.
    - `expected`: a code was issued for a call. Nobody has dialled yet, or the bank cannot see whether they have.
    - `ringing`, `connected`: as the telephone exchange reports. `on_call` is true only for `connected`.
    - `unknown`: a telephone exchange is silent, so the service cannot check.
    """

    on_call: bool
    at: datetime
    calls: tuple[PastCall, ...]
    words: tuple[Words, ...]
    state: StatusState


class ReportTaken(Struct, frozen=True):
    report_id: str
    at: datetime
    receipt: LogEvidence
