"""The signed statements: call ticket, call receipt, report receipt, policy exception, call history.

Implements specs/protocol.md section 4.

Each statement is a compact JWS (RFC 7515). Its payload is one of the structs here. Its log entry is the SHA-256 of the
JWS. Each statement has a random salt, so the content cannot be guessed from the log entry.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from verifier.core.application import Loan, Officer
from verifier.core.call import Channel, LegMode
from verifier.core.octets import base64url

SALT_BYTES = 16

TICKET = "call-ticket+jwt"
RECEIPT = "call-receipt+jwt"
REPORT = "report-receipt+jwt"
EXCEPTION = "policy-exception+jwt"
HISTORY = "call-history+jwt"

encode_claims = msgspec.json.Encoder().encode


# A NumericDate (RFC 7519) in whole seconds. Every JSON parser reads integers up to this bound exactly.
Seconds = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Tel(Struct, frozen=True):
    """A telephone number in the format of RFC 8225 section 5.2.1: E.164 digits without the plus sign."""

    tn: str


class Tels(Struct, frozen=True):
    """The called numbers, in the format of RFC 8225 section 5.2.1. In a statement, the list has exactly one number.

    In the receipt of a person who must not learn the number, the list is empty.
    """

    tn: tuple[str, ...]


class TicketContact(Struct, frozen=True):
    """The contact that a call goes to. `pseudonym` is theirs on this application, and only the bank can tell whose.

    `role` is a `Role`, or one that a later release adds: its tickets must verify too.
    """

    role: str
    pseudonym: str


class CallTicket(Struct, frozen=True):
    """The statement that the bank signs before it dials. `jti` is the call id.

    Times are NumericDate seconds (RFC 7519). `application` is a pseudonym: only the bank can tell which application it
    stands for. `exceptions` has the rules that a second person has lifted for this call. A call on a loan of one person
    has no `contact`, since it goes to the borrower.
    """

    iss: str
    jti: str
    iat: Seconds
    nbf: Seconds
    exp: Seconds
    application: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    asks: tuple[str, ...]
    policy: str
    exceptions: tuple[str, ...]
    salt: str
    contact: TicketContact | UnsetType = UNSET


class LegEvidence(Struct, frozen=True):
    """The officer's leg at the time of the verdict. Times are NumericDate seconds.

    A time is null if its event is missing.
    """

    mode: LegMode
    connected_at: Seconds | None
    ended_at: Seconds | None


class ConfirmedCall(Struct, frozen=True):
    """The part of a receipt that names the call. `ticket` is the base64url SHA-256 of the ticket.

    Older receipts have no `loan`.
    """

    call_id: str
    ticket: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    asks: tuple[str, ...]
    leg: LegEvidence
    loan: Loan | UnsetType = UNSET


class Receipt(Struct, frozen=True):
    """The receipt of one verdict.

    `customer` and `code` are salted SHA-256 commitments. The customer can reveal the committed values to prove them.

    If the verdict is `not_genuine`, `call` is null. The receipt then states that the bank had no live call with this
    code for this customer at the time `iat`. If `code_possible` is false, the digits can be no code of any bank that
    follows this protocol, since their check digit is wrong. `code_possible` is absent otherwise.

    If the verdict is `ended`, `call` was over at the time `iat`. `began` and `ended` say when it began and ended. In
    other receipts, both are absent.
    """

    iss: str
    jti: str
    iat: Seconds
    verdict: Literal["genuine", "not_genuine", "ended"]
    channel: Channel
    customer: str
    code: str
    call: ConfirmedCall | None
    never_asks: tuple[str, ...]
    salt: str
    began: Seconds | UnsetType = UNSET
    ended: Seconds | UnsetType = UNSET
    code_possible: bool | UnsetType = UNSET


class ReportReceipt(Struct, frozen=True):
    """States that the bank has received a report of a suspicious call.

    `report` is the base64url SHA-256 of the stored text of the report.
    """

    iss: str
    jti: str
    iat: Seconds
    report: str
    salt: str


class PolicyException(Struct, frozen=True):
    """A supervisor (`granted_by`) lifts `rules` for one call of an officer (law L10).

    The exception is valid until `exp`.
    """

    iss: str
    jti: str
    iat: Seconds
    exp: Seconds
    application: str
    officer_id: str
    granted_by: str
    rules: tuple[str, ...]
    reason: str
    salt: str


class ListedCall(Struct, frozen=True):
    """A call in a call history, in its state at the time `iat` of the history. `ticket` is as in `ConfirmedCall`."""

    call_id: str
    ticket: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    state: str
    issued_at: Seconds
    connected_at: Seconds | None
    ended_at: Seconds | None


class CallHistory(Struct, frozen=True):
    """States which calls the bank had with a customer from `begins` to `ends`: those in `calls`, and no others.

    It covers the applications that the bank holds of this customer at the time `iat`. `customer` is a salted SHA-256
    commitment. `orig` is the caller number that the customer asked about, or null.
    """

    iss: str
    jti: str
    iat: Seconds
    customer: str
    orig: Tel | None
    calls: tuple[ListedCall, ...]
    salt: str
    begins: Seconds = field(name="from")
    ends: Seconds = field(name="until")


Statement: TypeAlias = CallTicket | Receipt | ReportReceipt | PolicyException | CallHistory


def digest(statement: str) -> bytes:
    """The log entry of a statement: SHA-256 of its compact JWS."""
    return hashlib.sha256(statement.encode("ascii")).digest()


def commitment(salt: str, value: str) -> str:
    """A salted commitment: base64url(SHA-256(salt, NUL, value)).

    To prove that the commitment is for a value, reveal the salt and the value.
    """
    return base64url(hashlib.sha256(f"{salt}\0{value}".encode()).digest())
