"""Who rings: the applications that a verdict or a report may be about, each with its open call or a decoy.

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
from verifier.service.assigned import standing


class Candidate(Struct, frozen=True):
    """An application with its open call, settled; or with a call that is closed, mostly a decoy."""

    application: DecryptedApplication
    opened: DecryptedCall

    @property
    def call(self) -> Call:
        return self.opened.call

    @property
    def own(self) -> bool:
        """Whether the call is the application's, and no decoy."""
        return self.call.application_id == self.application.application_id

    def waits(self, number: str | None) -> bool:
        """Whether there is an open call, to this number if one is given."""
        return self.own and self.call.open and number in (None, self.opened.number)


def candidates(work: UnitOfWork, applications: Sequence[DecryptedApplication], rules: CallRules) -> list[Candidate]:
    """The applications with their calls. One that was registered in this very batch can have no call yet."""
    found = []
    for application in applications:
        opened = work.calls.candidate_of(application)
        if opened is not None:
            now = standing(application, opened, work.now_ms, rules)
            found.append(Candidate(application, replace(opened, call=now)))
    return found


def of_one_customer(tried: Sequence[Candidate]) -> bool:
    return len({each.application.registration.customer.id for each in tried}) == 1


def whose(tried: Sequence[Candidate], number: str) -> Sequence[Candidate]:
    """Those of the customer who rings: of whom an open call went to the number; else of whom alone it is on file.

    None where that is nobody or several.
    """
    found = [each for each in tried if each.waits(number)] or tried
    return found if of_one_customer(found) else ()


def language_of(applications: Sequence[DecryptedApplication]) -> Language:
    """The language of all of their customers; zh-CN where it is not one."""
    languages = {each.registration.customer.language for each in applications}
    return languages.pop() if len(languages) == 1 else "zh-CN"
