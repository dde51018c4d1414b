"""Verdicts. The types help a program not to mistake another verdict for `genuine` (law L6).

Implements specs/protocol.md sections 7 and 13.
"""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

import msgspec
from msgspec import Struct

from callback_verification.evidence import Evidence
from callback_verification.ijson import read_json
from callback_verification.octets import from_base64url
from callback_verification.quiet import Shape
from callback_verification.shapes import CalledContact, Instant, Language, Leg, Loan, Officer, Words
from callback_verification.statements import CallReceipt


class Word(Enum):
    """The verdicts of section 7. A `Word` is not a string, and can only be compared with another `Word`.

    With strings, some mistakes would go unnoticed. A program could find `genuine` in `not_genuine`, or misspell a
    verdict.
    """

    GENUINE = "genuine"
    NOT_GENUINE = "not_genuine"
    ENDED = "ended"
    UNAVAILABLE = "unavailable"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false; use .is_genuine")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Word):
            raise TypeError("a verdict can be compared only with a Word; use .is_genuine")
        return self is other

    __hash__ = Enum.__hash__


# The verdicts about a known call, each with the verdicts that its receipt may state. If a genuine answer is asked for
# again after its call, its receipt still says `genuine`.
_OF_A_CALL = {Word.GENUINE: ("genuine",), Word.ENDED: ("genuine", "ended")}


class CallDetails(Shape, frozen=True):
    """The facts of a call, as a contact of the loan sees them.

    If the call went to another contact, `called` says to whom: the bank is not calling the person who asked. A person
    without the right to details gets no `loan`. About a call to another contact they also get no `purpose`, `asks` or
    `number`.

    `loan` is also None in a retry of an answer that an earlier release gave. `began_at` and `ended_at` are set only for
    the code of a call that was over when the code was entered.
    """

    call_id: str
    officer: Officer
    purpose: str | None
    asks: tuple[str, ...]
    never_asks: tuple[str, ...]
    number: str | None
    caller_number: str
    leg: Leg
    loan: Loan | None = None
    began_at: Instant | None = None
    ended_at: Instant | None = None
    called: CalledContact | None = None


class _Verdict(Struct, frozen=True, eq=False):
    """The base class of `Verdict` and `SpokenVerdict`. Verdicts have no truth value and cannot be compared."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false; use .is_genuine")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a verdict cannot be compared; use .is_genuine")

    def __ne__(self, other: object) -> NoReturn:
        raise TypeError("a verdict cannot be compared; use .is_genuine")


class Verdict(_Verdict, frozen=True, eq=False):
    """The answer to a confirmation in the app. Always show `text(language)`, and save `receipt`.

    `call` is None unless `is_genuine` or `is_ended` is true.
    """

    verdict: Word
    at: Instant
    given_before: bool
    words: tuple[Words, ...]
    call: CallDetails | None
    receipt_id: str
    receipt: Evidence

    def __post_init__(self) -> None:
        of_a_call = self.verdict in _OF_A_CALL
        if self.verdict is Word.UNAVAILABLE or of_a_call is not (self.call is not None):
            raise ValueError("the verdict and its other members do not agree")
        if not (self.words and self.receipt_id and self.receipt.statement and self.receipt.proof):
            raise ValueError("the verdict has no words or no receipt")
        if self.call is not None and self.call.leg.mode == "required" and self.call.leg.connected_at is None:
            raise ValueError("the verdict has a call, but its leg was never connected")
        if self.call is not None and self.call.called is None and None in (self.call.purpose, self.call.number):
            raise ValueError("the verdict hides the facts of a call to the person who asked")
        call_id = None if self.call is None else self.call.call_id
        stated, *of_receipt = _receipt_says(self.receipt)
        if stated not in _OF_A_CALL.get(self.verdict, ("not_genuine",)) or of_receipt != [self.receipt_id, call_id]:
            raise ValueError("the verdict and its receipt do not agree")
        past = self.call is not None and None not in (self.call.began_at, self.call.ended_at)
        if self.call is not None and (stated == "ended") is not past:
            raise ValueError("the times of the call and the receipt do not agree")

    @property
    def is_genuine(self) -> bool:
        """Whether the verdict is exactly `genuine`."""
        return self.verdict is Word.GENUINE and self.call is not None

    @property
    def is_ended(self) -> bool:
        """Whether the code is that of a call that is over. This says nothing about anyone who is on the phone now."""
        return self.verdict is Word.ENDED

    def text(self, language: Language) -> str:
        """Return the text for the customer. If there is no text in this language, return the first text."""
        return next((each.text for each in self.words if each.language == language), self.words[0].text)

    def __repr__(self) -> str:
        # Leave out the verdict, since `not_genuine` contains `genuine`.
        return f"Verdict({self.receipt_id})"


def _receipt_says(receipt: Evidence) -> tuple[str, str, str | None]:
    """Return the verdict, the receipt id and the call id in a receipt.

    The signature is not verified, because that needs a trust file.
    """
    try:
        payload = from_base64url(receipt.statement.partition(".")[2].partition(".")[0])
        claims = msgspec.convert(read_json(payload), CallReceipt)
    except ValueError as error:
        raise ValueError("the receipt is malformed") from error
    return claims.verdict, claims.jti, None if claims.call is None else claims.call.call_id


class SpokenVerdict(_Verdict, frozen=True, eq=False):
    """The answer for an IVR. Say `words.text` to the caller.

    An `unavailable` verdict has no receipt, because nothing was checked. `transfer_to` is the staff number of the
    officer who called. It is set if `is_genuine` is true, and if a genuine answer is asked for again after its call.
    """

    verdict: Word
    at: Instant
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None

    def __post_init__(self) -> None:
        if (self.verdict is Word.UNAVAILABLE) is not (self.receipt_id is None):
            raise ValueError("the verdict and its other members do not agree")
        # An IVR may look only at `transfer_to`, so it must be empty for a refusal. After a call, there is an officer if
        # the code was entered during the call, and none if it was entered later.
        if self.verdict is not Word.ENDED and (self.verdict is Word.GENUINE) is not bool(self.transfer_to):
            raise ValueError("the verdict and the officer to transfer to do not agree")

    @property
    def is_genuine(self) -> bool:
        """Whether the verdict is exactly `genuine`."""
        return self.verdict is Word.GENUINE and bool(self.receipt_id) and bool(self.transfer_to)

    @property
    def is_ended(self) -> bool:
        """Whether the code is that of a call that is over. This says nothing about anyone who is on the phone now."""
        return self.verdict is Word.ENDED

    @property
    def is_unavailable(self) -> bool:
        """Whether nothing was checked. `words.text` says how to get a verdict."""
        return self.verdict is Word.UNAVAILABLE

    def __repr__(self) -> str:
        return f"SpokenVerdict({self.receipt_id or 'without a receipt'})"
