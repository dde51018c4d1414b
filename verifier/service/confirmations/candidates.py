"""The applications that a verdict or a report may be about, each with its open call or a decoy.

Implements specs/protocol.md sections 7 and 7.1. A number may be on file for several people.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call, CallRules
from verifier.core.purposes import Language
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state
from verifier.service.confirmations.entries import Entry


class Candidate(Struct, frozen=True):
    """An application, and the call that codes are tried against.

    `opened` is the open call of the application. If there is no open call, `opened` is a decoy, or the call that this
    batch has just closed.
    """

    application: DecryptedApplication
    opened: DecryptedCall

    @property
    def call(self) -> Call:
        return self.opened.call

    @property
    def own(self) -> bool:
        """Whether the call belongs to the application. It is false for a decoy."""
        return self.call.application_id == self.application.application_id

    def open_to(self, number: str | None) -> bool:
        """Whether the call is open and went to `number`. If `number` is None, the number does not matter."""
        return self.own and self.call.open and number in (None, self.opened.number)


def candidates(work: UnitOfWork, applications: Sequence[DecryptedApplication], rules: CallRules) -> list[Candidate]:
    """Each application with its candidate call.

    An application that this batch has registered is left out if it has no open call.
    """
    found = []
    for application in applications:
        opened = work.calls.candidate_of(application)
        if opened is not None:
            now = current_state(application, opened, work.now_ms, rules)
            found.append(Candidate(application, replace(opened, call=now)))
    return found


def with_number(work: UnitOfWork, reads: ReadSet, number: str | None) -> Sequence[DecryptedApplication]:
    """The applications with the calling number on file, whatever rights its contact has. Empty if it is withheld."""
    if reads.number_index is None or number is None:
        return ()
    return work.applications.of_number(reads.number_index, number)


def of_one_person(tried: Sequence[Candidate], number: str) -> bool:
    """Whether the number belongs to one person on all these applications. False if there are no candidates.

    People are told apart by their login. Without one, they are only known on their application.
    """
    return len({_person(each.application, number) for each in tried}) == 1


def _person(application: DecryptedApplication, number: str) -> str:
    contact = application.contact_of_number(number)
    return contact.id if contact is not None and contact.id is not None else f"\0{application.application_id}"


def of_caller(tried: Sequence[Candidate], number: str) -> Sequence[Candidate]:
    """The candidates of the person who is calling from `number`. Empty unless exactly one person is possible.

    If open calls went to the number, only the people of those calls are possible. Otherwise everybody in `tried` is
    possible.
    """
    found = [each for each in tried if each.open_to(number)] or tried
    return found if of_one_person(found, number) else ()


def whose(entry: Entry, found: Sequence[Candidate]) -> DecryptedApplication | None:
    """The application that the receipt of a refusal belongs to, or None if it is unknown.

    It is the application that the customer named. If the customer named none of their applications, it is their first
    application.
    """
    if entry.customer_id is None:
        found = of_caller(found, entry.number or "")
    named = [each for each in found if each.application.application_id == entry.named]
    return next((each.application for each in (*named, *found)), None)


def language_of(applications: Sequence[DecryptedApplication], number: str) -> Language:
    """The language of the people with this number. If there is not exactly one language, it is zh-CN."""
    languages = {each.language for each in (who.contact_of_number(number) for who in applications) if each is not None}
    return languages.pop() if len(languages) == 1 else "zh-CN"
