"""Answers to confirmations: the verdict for the app, and the one to speak. Implements specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from msgspec import UNSET, Struct

from verifier.core import call as lifecycle
from verifier.core import words
from verifier.core.contacts import Contact, Role
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import CallDetails, CalledContact, LegView, SpokenVerdict, Verdict, Words
from verifier.core.policy import local_time
from verifier.core.purposes import NEVER_ASKS, Language
from verifier.core.statements import CallTicket
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall

# The reasons why a caller gets no verdict: the calling number is not on file, or the call went to another number.
NotFrom = Literal["unregistered", "other_number"]

_UNCHECKED: dict[NotFrom, dict[Language, str]] = {
    "unregistered": words.UNREGISTERED,
    "other_number": words.OTHER_NUMBER,
}


class Told(Struct, frozen=True):
    """What the person who asked is told of a call, apart from its officer.

    `about` is None if they must learn neither what the call is about nor which number was called. `called` is whom the
    bank called, if that is not the person who asked.
    """

    about: words.About | None
    called: CalledContact | None


class Judgement(Struct, frozen=True):
    """The verdict on an entry. `call` is None for every refusal, whatever its reason (law L7).

    `application` is the application that the receipt belongs to, or None if it is unknown. `contact` is the person who
    asked, as a contact of it. `told` is there if there is a call.
    """

    verdict: Literal["genuine", "not_genuine", "ended"]
    call: DecryptedCall | None
    application: DecryptedApplication | None
    given_before: bool
    receipt_id: str
    evidence: Callable[[], LogEvidence]
    at: int
    contact: Contact | None
    told: Told | None

    @property
    def about(self) -> str | None:
        """The id of the application that the receipt belongs to."""
        return None if self.application is None else self.application.application_id


def tell(application: DecryptedApplication, ticket: CallTicket, contact: Contact | None) -> Told:
    """What a contact of an application is told of a call on it."""
    called = application.called(ticket)
    theirs = called is not None and called is contact
    details = contact is not None and contact.may("details")
    loan = application.loan if details else None
    return Told(
        words.About(ticket.purpose, ticket.asks, loan) if theirs or details else None,
        None if theirs else called_contact(application, ticket),
    )


def called_contact(application: DecryptedApplication, ticket: CallTicket) -> CalledContact:
    """Whom the bank called. The name is null if they are no longer a contact of the loan."""
    called = application.called(ticket)
    role = "borrower" if ticket.contact is UNSET else ticket.contact.role
    return CalledContact(cast(Role, role), None if called is None else called.name)


def verdict(judgement: Judgement) -> Verdict:
    """The answer to a confirmation in the app."""
    return Verdict(
        verdict=judgement.verdict,
        at=from_ms(judgement.at),
        given_before=judgement.given_before,
        words=tuple(Words(language, _words(judgement, language)) for language in words.LANGUAGES),
        call=None if judgement.call is None else _details(judgement, judgement.call),
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
    """The text about the call of the verdict `ended`, with the time by the customer's clock."""
    assert judgement.call is not None  # noqa: S101 - the verdict `ended` has a call
    assert judgement.application is not None  # noqa: S101 - and so an application
    call, contact = judgement.call.call, judgement.contact or judgement.application.contacts[0]
    began, now = (local_time(contact.time_zone, each) for each in (lifecycle.began(call), judgement.at))
    expired = call.state == "expired" and call.leg_ended_at is None
    return words.past_call(language, began, now, _to(judgement), expired=expired)


def _details(judgement: Judgement, opened: DecryptedCall) -> CallDetails:
    call, ticket, ended = opened.call, opened.ticket, judgement.verdict == "ended"
    about, called = _told(judgement)
    return CallDetails(
        call_id=call.call_id,
        officer=ticket.officer,
        purpose=None if about is None else about.purpose,
        asks=() if about is None else about.asks,
        never_asks=NEVER_ASKS,
        number=None if about is None else opened.number,
        caller_number="+" + ticket.orig.tn,
        leg=LegView(call.leg_mode, optional_from_ms(call.connected_at), optional_from_ms(call.leg_ended_at)),
        loan=None if about is None else about.loan,
        began_at=from_ms(lifecycle.began(call)) if ended else None,
        ended_at=from_ms(lifecycle.was_over(call)) if ended else None,
        called=called,
    )


def _words(judgement: Judgement, language: Language, *, spoken: bool = False) -> str:
    """The text that the customer reads or, if it is `spoken`, hears."""
    if judgement.verdict == "ended":
        return words.code_over(language, past_call(judgement, language))
    if judgement.call is None:
        return words.NOT_GENUINE[language]
    return words.genuine(language, who(judgement, language, spoken=spoken), to_another=to_another(judgement))


def who(judgement: Judgement, language: Language, *, spoken: bool = False) -> str:
    """The sentences of a genuine verdict that describe the call. The judgement must have a call."""
    assert judgement.call is not None  # noqa: S101
    about, _ = _told(judgement)
    return words.who(language, judgement.call.ticket.officer, about, _to(judgement), spoken=spoken)


def to_another(judgement: Judgement) -> bool:
    """Whether the bank called another contact than the person who asked. The judgement must have a call."""
    return _to(judgement) is not None


def _to(judgement: Judgement) -> tuple[Role, str | None] | None:
    """The role and the name of the contact whom the bank called, if that is not the person who asked."""
    _, called = _told(judgement)
    return None if called is None else (called.role, called.name)


def _told(judgement: Judgement) -> tuple[words.About | None, CalledContact | None]:
    assert judgement.told is not None  # noqa: S101 - the judgement has a call
    return judgement.told.about, judgement.told.called
