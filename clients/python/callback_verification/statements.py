"""The claims of the 5 types of signed statements. Unknown members are ignored.

Implements specs/protocol.md section 4. Times are NumericDate seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

TICKET, RECEIPT = "call-ticket+jwt", "call-receipt+jwt"
REPORT, EXCEPTION = "report-receipt+jwt", "policy-exception+jwt"
HISTORY = "call-history+jwt"

# A NumericDate (RFC 7519). Its maximum is the largest integer that every JSON parser reads exactly.
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


class TicketContact(Struct, frozen=True):
    """The contact that a call goes to. Only the bank can tell whose pseudonym it is. Later releases may add roles."""

    role: str
    pseudonym: str


class CallTicket(Struct, frozen=True):
    """The signed facts of a call. The bank issues the ticket before it dials.

    If the loan is one person's, there is no `contact`: the call goes to the borrower. Then it is UNSET.
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


class Leg(Struct, frozen=True):
    mode: Literal["required", "observed", "off"]
    connected_at: Seconds | None
    ended_at: Seconds | None


class Loan(Struct, frozen=True):
    """The loan that a call is about, as the customer knows it."""

    product: str
    reference: str


class ConfirmedCall(Struct, frozen=True):
    """The call in a receipt, unless it says `not_genuine`. `ticket` is the SHA-256 of the call ticket, in base64url.

    A receipt of an earlier release has no `loan`. Then it is UNSET, which counts as false. In the receipt of a contact
    who must not learn what the call was about, `purpose`, `asks` and the list in `dest` are empty.
    """

    call_id: str
    ticket: str
    officer: Officer
    orig: Tel
    dest: Tels
    purpose: str
    asks: tuple[str, ...]
    leg: Leg
    loan: Loan | UnsetType = UNSET


class CallReceipt(Struct, frozen=True):
    """The receipt of a verdict. A valid receipt may say `not_genuine` or `ended`, so check `verdict`.

    `began` and `ended` are set if the call was over. `code_possible` is false if the digits can be no code.
    """

    iss: str
    jti: str
    iat: Seconds
    verdict: Literal["genuine", "not_genuine", "ended"]
    channel: Literal["app", "ivr"]
    customer: str
    code: str
    call: ConfirmedCall | None
    never_asks: tuple[str, ...]
    salt: str
    began: Seconds | UnsetType = UNSET
    ended: Seconds | UnsetType = UNSET
    code_possible: bool | UnsetType = UNSET


class ReportReceipt(Struct, frozen=True):
    """The receipt of a report. `report` commits to all bytes of the report."""

    iss: str
    jti: str
    iat: Seconds
    report: str
    salt: str


class PolicyException(Struct, frozen=True):
    """A supervisor's permission for an officer to break these rules for one call, until `exp`."""

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
    """A call in a call history, in its state when the history was signed."""

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
    """The calls that the bank had with a customer from `begins` to `ends`: those in `calls`, and no others.

    `orig` is the caller number that the customer asked about, or None. In the statement, `begins` is called `from`, and
    `ends` is called `until`.
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


Claims = CallTicket | CallReceipt | ReportReceipt | PolicyException | CallHistory
SHAPES: dict[str, Any] = {
    TICKET: CallTicket,
    RECEIPT: CallReceipt,
    REPORT: ReportReceipt,
    EXCEPTION: PolicyException,
    HISTORY: CallHistory,
}
