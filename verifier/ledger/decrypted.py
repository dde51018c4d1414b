"""Decrypted applications, calls and statements. Implements specs/protocol.md section 4.1."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct

from verifier.core.application import Loan, Registration
from verifier.core.call import Call
from verifier.core.closings import closed_since
from verifier.core.contacts import Borrower, Contact, Right
from verifier.core.errors import Erased, InternalError, NotFound
from verifier.core.evidence import Evidence
from verifier.core.octets import base64url
from verifier.core.sealing import ApplicationKeys, unseal
from verifier.core.statements import EXCEPTION, RECEIPT, TICKET, CallTicket, PolicyException, Receipt
from verifier.ledger.tables import ApplicationRow
from verifier.ports import KeyRing

_decode_registration = msgspec.json.Decoder(Registration).decode
_decode_evidence = msgspec.json.Decoder(Evidence).decode
_decode_ticket = msgspec.json.Decoder(CallTicket).decode
_decode_exception = msgspec.json.Decoder(PolicyException).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode
Claims = TypeVar("Claims")


class DecryptedApplication(Struct, frozen=True):
    """An application with its unwrapped keys and decrypted facts. `contacts` are those of the registration."""

    row: ApplicationRow
    keys: ApplicationKeys
    registration: Registration
    contacts: tuple[Contact, ...]

    @property
    def application_id(self) -> str:
        return self.row.application_id

    @property
    def loan(self) -> Loan:
        """The loan, as the customer knows it."""
        return self.registration.loan(self.application_id)

    @property
    def closed_ms(self) -> int | None:
        """When the application was closed, in epoch milliseconds. None if it is not closed."""
        return closed_since(self.registration, self.row.updated_at)

    @property
    def pseudonym(self) -> str:
        """The pseudonym of the application in tickets and exceptions. Only the application's key can produce it."""
        return self._pseudonym(b"pseudonym\0" + self.application_id.encode())

    def pseudonym_of(self, contact: Contact | Borrower) -> str:
        """The pseudonym of a contact in tickets on this application. Only the application's key can produce it."""
        return self._pseudonym(b"contact\0" + contact.key.encode())

    def _pseudonym(self, named: bytes) -> str:
        return base64url(hmac.digest(self.keys.pseudonyms, named, "sha256")[:16])

    def contact(self, contact_id: str) -> Contact | None:
        """The contact with this login, or None."""
        for each in self.contacts:
            if each.id == contact_id:
                return each
        return None

    def contact_of_number(self, number: str) -> Contact | None:
        """The contact with this number on file, or None."""
        for each in self.contacts:
            if each.number_on_file(number) is not None:
                return each
        return None

    def may(self, contact_id: str, right: Right) -> bool:
        """Whether the contact with this login has a right."""
        contact = self.contact(contact_id)
        return contact is not None and contact.may(right)

    def is_called(self, ticket: CallTicket, contact_id: str) -> bool:
        """Whether a call on this application goes to the contact with this login."""
        called = self.called(ticket)
        return called is not None and called.id == contact_id

    def shows(self, ticket: CallTicket, contact_id: str) -> bool:
        """Whether the contact with this login may see a call on this application."""
        return self.is_called(ticket, contact_id) or self.may(contact_id, "details")

    def called(self, ticket: CallTicket) -> Contact | None:
        """The contact that a call on this application goes to. None if they are no longer a contact.

        A ticket without a contact is from a time at which the loan had only its borrower.
        """
        if ticket.contact is UNSET:
            return self.contact(self.registration.owner.id)
        pseudonym = ticket.contact.pseudonym
        return next((each for each in self.contacts if self.pseudonym_of(each) == pseudonym), None)


class DecryptedCall(Struct, frozen=True):
    """A call with its signed ticket (`statement`) and the ticket's claims."""

    call: Call
    statement: str
    ticket: CallTicket
    evidence: Evidence

    @property
    def number(self) -> str:
        """The called number, in E.164."""
        return "+" + self.ticket.dest.tn[0]


def leaf_context(statement_id: str, typ: str, customer_index: bytes | None) -> str:
    """The context that binds the seal of a leaf to the statement's type, the statement's id and the customer."""
    return f"{typ}:{statement_id}:{'' if customer_index is None else customer_index.hex()}"


def session_context(session_id: str, expires_at: int, application_id: str | None) -> str:
    """The context that binds the seal of a dialogue to its row."""
    return f"{session_id}:{expires_at}:{application_id or ''}"


def unwrap_keys(ring: KeyRing, application_id: str, kek_id: str | None, wrapped: bytes | None) -> ApplicationKeys:
    """Unwrap the keys of an application. Raises Erased if the keys were destroyed."""
    if wrapped is None or kek_id is None:
        raise Erased
    return ApplicationKeys.unpack(ring.unwrap(application_id, kek_id, wrapped))


def decrypt_application(ring: KeyRing, row: ApplicationRow) -> DecryptedApplication:
    """Unwrap the keys and decrypt the facts. Raises Erased if the keys were destroyed."""
    keys = unwrap_keys(ring, row.application_id, row.kek_id, row.wrapped_key)
    if row.sealed is None:
        raise Erased
    facts = unseal(keys.sealing, row.application_id, row.sealed)
    registration = _decode_registration(facts)
    return DecryptedApplication(row, keys, registration, registration.people)


def decrypt_evidence(ring: KeyRing, keys: ApplicationKeys | None, context: str, sealed: bytes) -> Evidence:
    """Decrypt the statement and the inclusion proof of a leaf.

    `keys` are the keys of the leaf's application, or None if the leaf has no application. `context` is the result of
    `leaf_context`.
    """
    plaintext = ring.unseal(context, sealed) if keys is None else unseal(keys.sealing, context, sealed)
    return _decode_evidence(plaintext)


def decrypt_call(
    ring: KeyRing, keys: ApplicationKeys, call: Call, sealed: bytes | None, customer_index: bytes | None
) -> DecryptedCall:
    """Decrypt the ticket of a call. The seal binds the ticket to this call and application.

    Raises Erased if the ticket was destroyed, and InternalError if the row contradicts the ticket.
    """
    if sealed is None:
        raise Erased
    evidence = decrypt_evidence(ring, keys, leaf_context(call.call_id, TICKET, customer_index), sealed)
    ticket = claims_of(evidence, _decode_ticket)
    if (ticket.officer.id, ticket.exp * 1000) != (call.officer_id, call.expires_at):
        raise InternalError("a call contradicts its ticket")
    return DecryptedCall(call, evidence.statement, ticket, evidence)


def decrypt_exception(
    ring: KeyRing, keys: ApplicationKeys, exception_id: str, sealed: bytes | None, customer_index: bytes | None
) -> PolicyException:
    """Decrypt the logged statement of an exception. Raises NotFound if `sealed` is None."""
    if sealed is None:
        raise NotFound("there is no such exception")
    context = leaf_context(exception_id, EXCEPTION, customer_index)
    return claims_of(decrypt_evidence(ring, keys, context, sealed), _decode_exception)


def decrypt_receipt(
    ring: KeyRing, keys: ApplicationKeys, call_id: str, receipt_id: str, sealed: bytes, customer_index: bytes | None
) -> Evidence:
    """Decrypt the receipt that consumed a call's code. Raises InternalError if the receipt does not name the call."""
    evidence = decrypt_evidence(ring, keys, leaf_context(receipt_id, RECEIPT, customer_index), sealed)
    confirmed = claims_of(evidence, decode_receipt).call
    if confirmed is None or confirmed.call_id != call_id:
        raise InternalError("the row of a call names the receipt of another call")
    return evidence


def claims_of(evidence: Evidence, decode: Callable[[bytes], Claims]) -> Claims:
    """The claims of a statement from a sealed leaf. The signature is not verified again."""
    return decode(_payload(evidence.statement))


def _payload(statement: str) -> bytes:
    body = statement.split(".")[1]
    return urlsafe_b64decode(body + "=" * (-len(body) % 4))
