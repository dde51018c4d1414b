"""Verdicts that cannot be taken for true by mistake. Carries out specs/protocol.md sections 7 and 13 (law L6)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NoReturn

from msgspec import Struct

from callback_verification.evidence import Evidence
from callback_verification.shapes import CallDetails, Language, Words


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

    `call` is there exactly when the call is genuine.
    """

    verdict: Literal["genuine", "not_genuine"]
    at: datetime
    given_before: bool
    words: tuple[Words, ...]
    call: CallDetails | None
    receipt_id: str
    receipt: Evidence

    def __post_init__(self) -> None:
        if (self.verdict == "genuine") is not (self.call is not None):
            raise ValueError("the verdict and what belongs to it do not agree")

    @property
    def is_genuine(self) -> bool:
        """True only when the service has said exactly `genuine`, with the call it is about."""
        return self.verdict == "genuine" and self.call is not None

    def text(self, language: Language) -> str:
        """What to show to the customer."""
        return next(each.text for each in self.words if each.language == language)

    def __repr__(self) -> str:
        return f"Verdict({self.verdict!r}, receipt_id={self.receipt_id!r})"


class SpokenVerdict(_Verdict, frozen=True, eq=False):
    """The answer for an IVR. `unavailable` comes without a receipt: nothing was checked. Say `words.text`.

    `transfer_to` is the staff number of the officer who called, when the call is genuine.
    """

    verdict: Literal["genuine", "not_genuine", "unavailable"]
    at: datetime
    given_before: bool
    words: Words
    receipt_id: str | None
    transfer_to: str | None

    def __post_init__(self) -> None:
        if (self.verdict == "unavailable") is not (self.receipt_id is None):
            raise ValueError("the verdict and what belongs to it do not agree")

    @property
    def is_genuine(self) -> bool:
        """True only when the service has said exactly `genuine`."""
        return self.verdict == "genuine" and self.receipt_id is not None

    @property
    def is_unavailable(self) -> bool:
        """Nothing was checked; the words say how to get an answer."""
        return self.verdict == "unavailable"

    def __repr__(self) -> str:
        return f"SpokenVerdict({self.verdict!r}, receipt_id={self.receipt_id!r})"
