"""The signed statements: call ticket, call receipt, report receipt, policy exception.

Implements specs/protocol.md section 4.

Each is a compact JWS (RFC 7515) over these claims. Each carries a random salt, so the log leaf, which is
the SHA-256 of the compact JWS, is a hiding commitment.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from verifier.core.application import Officer
from verifier.core.call import Channel, LegMode
from verifier.core.octets import base64url

SALT_BYTES = 16

TICKET = "call-ticket+jwt"
RECEIPT = "call-receipt+jwt"
REPORT = "report-receipt+jwt"
EXCEPTION = "policy-exception+jwt"

encode_claims = msgspec.json.Encoder().encode


# NumericDate of RFC 7519 in whole seconds, within the exact integers of every JSON parser.
Seconds = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Tel(Struct, frozen=True):
    """A telephone number as in RFC 8225 section 5.2.1: E.164 digits without the plus sign."""

    tn: str


class Tels(Struct, frozen=True):
    """The destination as in RFC 8225 section 5.2.1: a list, here of one number."""

    tn: tuple[str, ...]


class CallTicket(Struct, frozen=True):
    """The statement that the bank signs before it dials. `jti` is the call id; times are NumericDate seconds (RFC
    7519).

    `application` is a pseudonym that only the bank can link. `exceptions` names rules that a second person lifted.
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


class LegEvidence(Struct, frozen=True):
    """The officer's leg at the time of the verdict, in NumericDate seconds. Null if there was no event."""

    mode: LegMode
    connected_at: Seconds | None
    ended_at: Seconds | None


class ConfirmedCall(Struct, frozen=True):
    """The part of a genuine receipt that names the call. `ticket` is the base64url SHA-256 of the ticket."""

    call_id: str
    ticket: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    asks: tuple[str, ...]
    leg: LegEvidence


class Receipt(Struct, frozen=True):
    """One verdict. `customer` and `code` are salted SHA-256 commitments that the customer can open.

    With `not_genuine` and a null `call` it states that at `iat` the bank had no live call with this code for this
    customer.
    """

    iss: str
    jti: str
    iat: Seconds
    verdict: Literal["genuine", "not_genuine"]
    channel: Channel
    customer: str
    code: str
    call: ConfirmedCall | None
    never_asks: tuple[str, ...]
    salt: str


class ReportReceipt(Struct, frozen=True):
    """The bank has received a report of a suspicious call. `report` is the base64url SHA-256 of its stored text."""

    iss: str
    jti: str
    iat: Seconds
    report: str
    salt: str


class PolicyException(Struct, frozen=True):
    """A supervisor (`granted_by`) lifts the named rules for one call of an officer, until `exp` (law L10)."""

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


Statement: TypeAlias = CallTicket | Receipt | ReportReceipt | PolicyException


def digest(statement: str) -> bytes:
    """The log entry of a statement: SHA-256 of its compact JWS."""
    return hashlib.sha256(statement.encode("ascii")).digest()


def commitment(salt: str, value: str) -> str:
    """A salted commitment: base64url(SHA-256(salt, NUL, value)). Showing the value opens it."""
    return base64url(hashlib.sha256(f"{salt}\0{value}".encode()).digest())
