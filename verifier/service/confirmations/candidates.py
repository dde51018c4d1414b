"""The applications that a verdict or a report may be about, each with its open call or a decoy.

Implements specs/protocol.md sections 7 and 7.1. A number may be on file for several customers.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call, CallRules
from verifier.core.purposes import Language
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state


class Candidate(Struct, frozen=True):
    """An application and its open call. Without one: a decoy, or the call that this batch has just closed."""

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
        """Whether the call is open and went to `number`. If `number` is None, any open call will do."""
        return self.own and self.call.open and number in (None, self.opened.number)


def candidates(work: UnitOfWork, applications: Sequence[DecryptedApplication], rules: CallRules) -> list[Candidate]:
    """Each application with its candidate call. Applications that this batch has registered are left out."""
    found = []
    for application in applications:
        opened = work.calls.candidate_of(application)
        if opened is not None:
            now = current_state(application, opened, work.now_ms, rules)
            found.append(Candidate(application, replace(opened, call=now)))
    return found


def of_one_customer(tried: Sequence[Candidate]) -> bool:
    """Whether all these applications belong to one customer."""
    return len({each.application.registration.customer.id for each in tried}) == 1


def of_caller(tried: Sequence[Candidate], number: str) -> Sequence[Candidate]:
    """The candidates of the customer who is calling from `number`. Empty if several customers are possible, or none.

    If open calls went to the number, their customers are possible. Otherwise all customers of the number are possible.
    """
    found = [each for each in tried if each.open_to(number)] or tried
    return found if of_one_customer(found) else ()


def language_of(applications: Sequence[DecryptedApplication]) -> Language:
    """The language of these customers, or zh-CN if their languages differ."""
    languages = {each.registration.customer.language for each in applications}
    return languages.pop() if len(languages) == 1 else "zh-CN"
