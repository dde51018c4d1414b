"""Codes as people enter them in the app or by telephone. Implements specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Channel
from verifier.core.code import parse_code, possible
from verifier.core.contacts import Contact
from verifier.core.errors import VerifierError
from verifier.core.principal import Principal
from verifier.core.statements import CallTicket
from verifier.ledger import indexes
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import Entered, ReadSet
from verifier.service.confirmations.helped import HelpedPerson
from verifier.service.context import Context

T = TypeVar("T")
# A second entry that can be no code gets a verdict if it comes this soon after the first.
AGAIN_MS = 600_000


class Entry(Struct, frozen=True):
    """A code that a customer entered, and the channel.

    `named` is the application that the customer named, or None. If `number` is given, only calls to it count. By
    telephone, it is the calling number, and empty if the number is withheld. In the app it is None. At the counter, it
    is the number by which the customer was found. By telephone, `customer_id` and `customer_index` are None.
    `reported` is the number that called the customer, as they reported it. If a helper enters the code, `helped` is the
    person they help, and the login is the helper's.
    """

    digits: str
    possible: bool
    channel: Channel
    named: str | None
    customer_id: str | None = None
    customer_index: bytes | None = None
    number: str | None = None
    reported: str | None = None
    helped: HelpedPerson | None = None

    def contact(self, application: DecryptedApplication) -> Contact | None:
        """The contact of an application who has entered the code. None if nobody on it can be that person."""
        if self.helped is not None:
            return self.helped.helper
        if self.customer_id is not None:
            return application.contact(self.customer_id)
        return application.contact_of_number(self.number or "")

    def confirming(self, applications: Sequence[DecryptedApplication]) -> Sequence[DecryptedApplication]:
        """Those of these applications on which the person has the right to confirm codes."""
        contacts = ((each, self.contact(each)) for each in applications)
        return [each for each, contact in contacts if contact is not None and contact.may("confirm")]

    def is_for(self, application: DecryptedApplication, ticket: CallTicket) -> bool:
        """Whether the person may try a code against this call. A helper may only try calls to the person they help."""
        return self.helped is None or application.is_called(ticket, self.helped.person_id)


def in_app(typed: str, who: Principal, login: bytes, reported: str | None) -> Entry:
    """The entry of somebody who is logged in. `login` is the blind index of their login. Raises MalformedCode."""
    digits = parse_code(typed)
    return Entry(digits, possible(digits), "app", None, who.id, login, reported=reported)


def by_phone(digits: str, number: str | None, named: str | None = None) -> Entry:
    """The entry of a caller. `number` is the calling number, `named` the application that they named."""
    return Entry(digits, possible(digits), "ivr", named, number=number or "")


class NotLive(VerifierError):
    """The code is not that of a live call. The closed calls must be loaded before there is a verdict."""


class AlreadyConfirmed(VerifierError):
    """The code was confirmed before. The receipts of the contacts must be loaded before there is a verdict.

    They are not loaded for a refusal, so its work does not show whether a contact has confirmed a call (law L7).
    """


async def looking_again(look: Callable[[ReadSet], Awaitable[T]], reads: ReadSet) -> T:
    """Run a command that decides on a code. If it needs closed calls or receipts of contacts, run it again with them.

    So a genuine verdict reads a closed call only if the call was confirmed at the first look and has closed since. A
    command writes nothing if it needs another.
    """
    while True:
        try:
            return await look(reads)
        except NotLive:
            reads = replace(reads, closed=True)
        except AlreadyConfirmed:
            reads = replace(reads, confirmations=True)


def with_earlier(context: Context, reads: ReadSet, entry: Entry, idempotency: Idempotency | None) -> ReadSet:
    """Add what the same person has entered before, if the digits can be no code.

    `idempotency` is None if the answer is kept for retries, whatever it is.
    """
    person = reads.person
    if person is None or entry.possible:
        return reads
    request = None
    if idempotency is not None:
        request = indexes.request_index(context.ring, idempotency.principal, idempotency.key)
    earlier = Entered(person, context.code_index(entry.digits), request, context.clock() - AGAIN_MS)
    return replace(reads, entered=earlier)
