"""The claims of the four signed statements. Members that are not known here are passed over.

Implements specs/protocol.md section 4. Times are NumericDate seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

TICKET, RECEIPT = "call-ticket+jwt", "call-receipt+jwt"
REPORT, EXCEPTION = "report-receipt+jwt", "policy-exception+jwt"

# Seconds of RFC 7519, as far as every JSON reader can count.
Seconds = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Officer(Struct, frozen=True):
    id: str
    name: str
    branch: str


class Tel(Struct, frozen=True):
    """E.164 digits without the plus sign (RFC 8225 section 5.2.1)."""

    tn: str


class Tels(Struct, frozen=True):
    tn: tuple[str, ...]


class CallTicket(Struct, frozen=True):
    """What the bank said before it dialled."""

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


class Leg(Struct, frozen=True):
    mode: Literal["required", "observed", "off"]
    connected_at: Seconds | None
    ended_at: Seconds | None


class ConfirmedCall(Struct, frozen=True):
    """The call a genuine receipt is about; `ticket` is the base64url SHA-256 of its ticket."""

    call_id: str
    ticket: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    asks: tuple[str, ...]
    leg: Leg


class CallReceipt(Struct, frozen=True):
    """One verdict. A valid receipt may say `not_genuine`: look at `verdict`."""

    iss: str
    jti: str
    iat: Seconds
    verdict: Literal["genuine", "not_genuine"]
    channel: Literal["app", "ivr"]
    customer: str
    code: str
    call: ConfirmedCall | None
    never_asks: tuple[str, ...]
    salt: str


class ReportReceipt(Struct, frozen=True):
    """The bank has taken a report; `report` commits to every byte of it."""

    iss: str
    jti: str
    iat: Seconds
    report: str
    salt: str


class PolicyException(Struct, frozen=True):
    """A supervisor let an officer break these rules once, until `exp`."""

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


Claims = CallTicket | CallReceipt | ReportReceipt | PolicyException
SHAPES: dict[str, Any] = {TICKET: CallTicket, RECEIPT: CallReceipt, REPORT: ReportReceipt, EXCEPTION: PolicyException}
