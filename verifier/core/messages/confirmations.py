"""Confirmations, verdicts and receipts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from verifier.core.application import E164, ApplicationId, Loan, Officer
from verifier.core.call import LegMode
from verifier.core.contacts import Role
from verifier.core.messages.calls import LogEvidence
from verifier.core.purposes import Language

TypedCode = Annotated[str, Meta(min_length=1, max_length=200, description="nine digits, or a text that holds them")]
KeyedCode = Annotated[str, Meta(min_length=1, max_length=64, description="nine digits, with or without spaces")]


class Confirm(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that a customer entered. `caller_number` is the number that rang, as the customer's telephone shows it."""

    code: TypedCode
    application_id: ApplicationId | None = None
    caller_number: E164 | None = None


class ConfirmByPhone(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that a caller keyed. If the number is withheld, `caller_number` is null. The caller chose `language`."""

    digits: KeyedCode
    dialled_number: E164
    caller_number: E164 | None = None
    application_id: ApplicationId | None = None
    language: Language | None = None


class VerifyReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    statement: Annotated[str, Meta(min_length=1, max_length=16_384)]
    proof: Annotated[str, Meta(min_length=1, max_length=16_384)]


class Words(Struct, frozen=True):
    """A text to show or say to the customer, in one language."""

    language: Language
    text: str


class LegView(Struct, frozen=True):
    mode: LegMode
    connected_at: datetime | None
    ended_at: datetime | None


class CalledContact(Struct, frozen=True):
    """The contact whom the bank called. `name` is null if they are no longer a contact of the loan."""

    role: Role
    name: str | None


class CallDetails(Struct, frozen=True, omit_defaults=True):
    """The facts that a customer sees about a call. An answer kept by an earlier release has no `loan`.

    If the call went to another contact of the loan, `called` says to whom. Without the right to details, the customer
    gets no `loan`. If the call was not to them either, `purpose` and `number` are null, and `asks` is empty.

    The verdict `ended` on a code that was entered after its call also has `began_at` and `ended_at`.
    """

    call_id: str
    officer: Officer
    purpose: str | None
    asks: tuple[str, ...]
    never_asks: tuple[str, ...]
    number: str | None
    caller_number: str
    leg: LegView
    loan: Loan | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    called: CalledContact | None = None


class Verdict(Struct, frozen=True):
    """The answer to a confirmation. All `not_genuine` answers have the same members and words (law L7).

    `ended` says that the call is over. If a request was answered `genuine`, a retry after the end of the call gets
    `ended` with the receipt of the genuine verdict. A code that is entered after its call gets `ended` with a receipt
    of its own.
    """

    verdict: Literal["genuine", "not_genuine", "ended"]
    at: datetime
    given_before: bool
    words: tuple[Words, ...]
    call: CallDetails | None
    receipt_id: str
    receipt: LogEvidence


class SpokenVerdict(Struct, frozen=True):
    """The answer to an IVR. `ended` is as in `Verdict`. `unavailable` has no receipt, because no code was checked.

    A genuine verdict names the officer to transfer to, and so does its retry after the call. Nothing else does.
    """

    verdict: Literal["genuine", "not_genuine", "ended", "unavailable"]
    at: datetime
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None


class ReceiptView(Struct, frozen=True):
    receipt_id: str
    receipt: LogEvidence


class ListedReceipt(Struct, frozen=True):
    """A receipt of the customer. `kind` says of what: a verdict, a report, or a check of the calls in a window.

    Only that of a verdict has `verdict`. `officer` is who called, if the verdict is about a call of the bank.
    """

    receipt_id: str
    at: datetime
    kind: Literal["verdict", "report", "call_check"]
    verdict: Literal["genuine", "not_genuine", "ended"] | None
    officer: Officer | None


class ListedReceipts(Struct, frozen=True):
    """A page of the customer's receipts, newest first. `next_cursor` is null on the last page."""

    receipts: tuple[ListedReceipt, ...]
    next_cursor: str | None


class Symbol(Struct, frozen=True):
    """A QR code. `path` is an SVG path that fills its dark modules, in a square of `size` modules with the margin."""

    text: str
    size: int
    path: str


class DrawnReceipt(Struct, frozen=True):
    """The QR codes of a receipt: one, or up to nine with numbers. Anybody who scans them can verify it offline."""

    symbols: tuple[Symbol, ...]


class ReceiptChecked(Struct, frozen=True):
    """The result of a check of evidence. `reason` is empty if the evidence is valid."""

    result: Literal["valid", "invalid"]
    reason: str
    typ: str | None
    claims: Any
