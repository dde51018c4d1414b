"""Verdicts that cannot be taken for true by mistake. Implements specs/protocol.md sections 7 and 13 (law L6)."""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

import msgspec
from msgspec import Struct

from callback_verification.evidence import Evidence
from callback_verification.ijson import read_json
from callback_verification.octets import from_base64url
from callback_verification.shapes import CallDetails, Instant, Language, Words
from callback_verification.statements import CallReceipt


class Word(Enum):
    """The words of section 7. They are compared with each other only and searched for nothing: as text, `genuine` is in
    `not_genuine` as well, and what differs from a misspelt word need not be genuine."""

    GENUINE = "genuine"
    NOT_GENUINE = "not_genuine"
    ENDED = "ended"
    UNAVAILABLE = "unavailable"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false: ask for .is_genuine")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Word):
            raise TypeError("a verdict is compared with a Word only: ask for .is_genuine")
        return self is other

    __hash__ = Enum.__hash__


# The words that come with a call, and with a receipt that says `genuine`: what was true at its time.
_OF_A_CALL = frozenset((Word.GENUINE, Word.ENDED))


class _Verdict(Struct, frozen=True, eq=False):
    """What both verdicts refuse: to be true or false, and to equal anything but themselves."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false: ask for .is_genuine")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a verdict is not compared: ask for .is_genuine")

    def __ne__(self, other: object) -> NoReturn:
        raise TypeError("a verdict is not compared: ask for .is_genuine")


class Verdict(_Verdict, frozen=True, eq=False):
    """The one answer to a confirmation in the app. Show `text(language)`, whatever it is; keep `receipt`.

    `call` is there exactly when the call is genuine, or was (`is_ended`).
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
            raise ValueError("the verdict and what belongs to it do not agree")
        if not (self.words and self.receipt_id and self.receipt.statement and self.receipt.proof):
            raise ValueError("the verdict has no words or no receipt")
        if self.call is not None and self.call.leg.mode == "required" and self.call.leg.connected_at is None:
            raise ValueError("the call is said to be genuine, and its leg was never connected")
        told = None if self.call is None else self.call.call_id
        stated = Word.GENUINE if of_a_call else self.verdict
        if _receipt_says(self.receipt) != (stated.value, self.receipt_id, told):
            raise ValueError("the verdict and its receipt do not agree")

    @property
    def is_genuine(self) -> bool:
        """True only when the service has said exactly `genuine`, with the call it is about."""
        return self.verdict is Word.GENUINE and self.call is not None

    @property
    def is_ended(self) -> bool:
        """The answer was genuine when it was first given, and its call is over: nothing is said of who rings now."""
        return self.verdict is Word.ENDED

    def text(self, language: Language) -> str:
        """What to show to the customer; in the service's first language where it has nothing in this one."""
        return next((each.text for each in self.words if each.language == language), self.words[0].text)

    def __repr__(self) -> str:
        # Not the word: as text, `genuine` is in `not_genuine` as well.
        return f"Verdict({self.receipt_id})"


def _receipt_says(receipt: Evidence) -> tuple[str, str, str | None]:
    """Verdict, id and call that a receipt states. Its signature is not checked here: that takes a trust file."""
    try:
        payload = from_base64url(receipt.statement.partition(".")[2].partition(".")[0])
        claims = msgspec.convert(read_json(payload), CallReceipt)
    except ValueError as error:
        raise ValueError("the receipt is not one") from error
    return claims.verdict, claims.jti, None if claims.call is None else claims.call.call_id


class SpokenVerdict(_Verdict, frozen=True, eq=False):
    """The answer for an IVR. `unavailable` comes without a receipt: nothing was checked. Say `words.text`.

    `transfer_to` is the staff number of the officer who called, exactly when the call is genuine, or was (`is_ended`).
    """

    verdict: Word
    at: Instant
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None

    def __post_init__(self) -> None:
        if (self.verdict is Word.UNAVAILABLE) is not (self.receipt_id is None):
            raise ValueError("the verdict and what belongs to it do not agree")
        # An IVR that looks at this first must not put a caller through on a refusal.
        if (self.verdict in _OF_A_CALL) is not bool(self.transfer_to):
            raise ValueError("the verdict and the officer to transfer to do not agree")

    @property
    def is_genuine(self) -> bool:
        """True only when the service has said exactly `genuine`."""
        return self.verdict is Word.GENUINE and bool(self.receipt_id) and bool(self.transfer_to)

    @property
    def is_ended(self) -> bool:
        """As in `Verdict`."""
        return self.verdict is Word.ENDED

    @property
    def is_unavailable(self) -> bool:
        """Nothing was checked; the words say how to get an answer."""
        return self.verdict is Word.UNAVAILABLE

    def __repr__(self) -> str:
        return f"SpokenVerdict({self.receipt_id or 'without a receipt'})"
