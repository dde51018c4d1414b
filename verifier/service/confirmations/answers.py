"""Answers to confirmations: the verdict for the app, and the one to speak. Implements specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from verifier.core import call as lifecycle
from verifier.core import words
from verifier.core.application import Loan
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import CallDetails, LegView, SpokenVerdict, Verdict, Words
from verifier.core.policy import local_time
from verifier.core.purposes import NEVER_ASKS, Language
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall

# The reasons why a caller gets no verdict: the calling number is not on file, or the call went to another number.
NotFrom = Literal["unregistered", "other_number"]

_UNCHECKED: dict[NotFrom, dict[Language, str]] = {
    "unregistered": words.UNREGISTERED,
    "other_number": words.OTHER_NUMBER,
}


class Judgement(Struct, frozen=True):
    """The verdict on an entry. `call` is None for every refusal, whatever its reason (law L7).

    `application` is the application that the receipt belongs to, or None if it is unknown.
    """

    verdict: Literal["genuine", "not_genuine", "ended"]
    call: DecryptedCall | None
    application: DecryptedApplication | None
    given_before: bool
    receipt_id: str
    evidence: Callable[[], LogEvidence]
    at: int

    @property
    def loan(self) -> Loan:
        """The loan that the call is about. The judgement must have a call."""
        assert self.application is not None  # noqa: S101 - a call belongs to an application
        return self.application.loan

    @property
    def about(self) -> str | None:
        """The id of the application that the receipt belongs to."""
        return None if self.application is None else self.application.application_id


def verdict(judgement: Judgement) -> Verdict:
    """The answer to a confirmation in the app."""
    return Verdict(
        verdict=judgement.verdict,
        at=from_ms(judgement.at),
        given_before=judgement.given_before,
        words=tuple(Words(language, _words(judgement, language)) for language in words.LANGUAGES),
        call=None
        if judgement.call is None
        else _details(judgement.call, judgement.loan, ended=judgement.verdict == "ended"),
        receipt_id=judgement.receipt_id,
        receipt=judgement.evidence(),
    )


def spoken(judgement: Judgement, language: Language) -> SpokenVerdict:
    """The answer to a confirmation by telephone. Only a genuine verdict names the officer to transfer to."""
    genuine = judgement.call if judgement.verdict == "genuine" else None
    return SpokenVerdict(
        verdict=judgement.verdict,
        at=from_ms(judgement.at),
        given_before=judgement.given_before,
        words=Words(language, _words(judgement, language, spoken=True)),
        receipt_id=judgement.receipt_id,
        transfer_to=None if genuine is None else genuine.ticket.officer.id,
    )


def unavailable(why: NotFrom, language: Language, at: int) -> SpokenVerdict:
    """The answer by telephone if there is no verdict."""
    return SpokenVerdict(
        verdict="unavailable",
        at=from_ms(at),
        given_before=False,
        words=Words(language, _UNCHECKED[why][language]),
        receipt_id=None,
        transfer_to=None,
    )


def past_call(judgement: Judgement, language: Language) -> str:
    """The sentence about the call of the verdict `ended`, with the time by the customer's clock."""
    assert judgement.call is not None  # noqa: S101 - the verdict `ended` has a call
    assert judgement.application is not None  # noqa: S101 - and so an application
    registration, call = judgement.application.registration, judgement.call.call
    began, now = (local_time(registration, each) for each in (lifecycle.began(call), judgement.at))
    return words.past_call(language, began, now, expired=call.state == "expired" and call.leg_ended_at is None)


def _details(opened: DecryptedCall, loan: Loan, *, ended: bool) -> CallDetails:
    call, ticket = opened.call, opened.ticket
    return CallDetails(
        call_id=call.call_id,
        officer=ticket.officer,
        purpose=ticket.purpose,
        asks=ticket.asks,
        never_asks=NEVER_ASKS,
        number=opened.number,
        caller_number="+" + ticket.orig.tn,
        leg=LegView(call.leg_mode, optional_from_ms(call.connected_at), optional_from_ms(call.leg_ended_at)),
        loan=loan,
        began_at=from_ms(lifecycle.began(call)) if ended else None,
        ended_at=from_ms(lifecycle.was_over(call)) if ended else None,
    )


def _words(judgement: Judgement, language: Language, *, spoken: bool = False) -> str:
    """The text that the customer reads or, if it is `spoken`, hears."""
    if judgement.verdict == "ended":
        return words.code_over(language, past_call(judgement, language))
    if judgement.call is None:
        return words.NOT_GENUINE[language]
    ticket = judgement.call.ticket
    facts = ticket.officer, ticket.purpose, ticket.asks, judgement.loan
    return words.genuine(language, *facts, spoken=spoken)
