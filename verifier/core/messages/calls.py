"""Calls, and the applications they are on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from verifier.core.application import E164, ApplicationId, Officer, PrincipalId, Registration
from verifier.core.call import LegMode, State
from verifier.core.errors import Refusal
from verifier.core.passport import Attestation, Kind
from verifier.core.purposes import Purpose
from verifier.core.text import exact

CallId = Annotated[str, exact("call_[0-9a-f]{32}")]


class IssueCall(Struct, frozen=True, forbid_unknown_fields=True):
    """The call to issue. A system must set `officer_id`. An officer may set it only to their own staff number."""

    purpose: Purpose
    number: E164
    caller_number: E164
    officer_id: PrincipalId | None = None
    exception_id: Annotated[str, exact("exc_[0-9a-f]{32}")] | None = None


class SearchApplications(Struct, frozen=True, forbid_unknown_fields=True):
    """A search for applications. Each word of `query` must be in the id, the customer's name, the product or a number.

    A Chinese name is found by its pinyin too, in whole or by the initials: 王芳 by `wangfang`, `wang` and `wf`.

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


class LogEvidence(Struct, frozen=True):
    """A signed statement, and the proof (C2SP tlog-proof) that the log contains the statement."""

    statement: str
    proof: str


class CallPurpose(Struct, frozen=True):
    """A purpose, and the rules that refuse every call for it on the application now. Without any, it may be offered.

    Numbers, officers and contact hours play no part here.
    """

    purpose: Purpose
    refusals: tuple[Refusal, ...] = ()


class NumberLimits(Struct, frozen=True):
    """A number on file, and the rules that refuse every call to it now. Purposes and officers play no part here.

    `calls_today` counts the calls issued on the application today, by the clock of its contact. `calls_to_person`
    counts those to the contact, on all of their applications. `cools_until` is the end of the cooling-off period, or
    null after it.
    """

    number: E164
    calls_today: int
    calls_to_person: int
    cools_until: datetime | None
    refusals: tuple[Refusal, ...] = ()


class CallLimits(Struct, frozen=True):
    """The limits of the contact policy, and how far the numbers on file are within them now.

    `hours_start` and `hours_end` are times of the contact's own clock, as HH:MM. `hours_end` may be 24:00.
    """

    hours_start: str
    hours_end: str
    daily_cap: int
    person_daily_cap: int
    cooling_off_hours: int
    numbers: tuple[NumberLimits, ...]


class ApplicationView(Struct, frozen=True):
    """A registered application. Only the answer to reading one application has `purposes` and `limits`."""

    application_id: str
    registration: Registration
    created_at: datetime
    updated_at: datetime
    open_call_id: str | None
    purposes: tuple[CallPurpose, ...] | UnsetType = UNSET
    limits: CallLimits | UnsetType = UNSET


class Applications(Struct, frozen=True):
    """A page of applications, ordered by `application_id`. `next_cursor` is null on the last page.

    `total` is the number of applications on all pages. Only the first page has it. It is null if there are more than
    1,000.
    """

    applications: tuple[ApplicationView, ...]
    next_cursor: str | None
    total: int | None = None


class ErasedView(Struct, frozen=True):
    application_id: str
    erased_at: datetime


class CallView(Struct, frozen=True):
    """A call, as shown to staff and bank systems. An answer kept by an earlier release has no `rang_at`."""

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
    rang_at: datetime | None = None


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
