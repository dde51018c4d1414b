"""The outbox: queued messages to the bank's messaging system, which then sends each customer their receipt.

Implements specs/protocol.md section 7.11. Failed deliveries are retried. The service itself sends nothing to customers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from verifier.core.contacts import Contact
from verifier.core.errors import InternalError
from verifier.core.purposes import Language
from verifier.core.times import DAY_MS
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.context import Context

KEPT_MS = DAY_MS
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 15_000, 3_600_000
_encode = msgspec.json.Encoder().encode


class ReceiptFor(Struct, frozen=True):
    """The customer and the application that a receipt belongs to."""

    customer_id: str
    application_id: str


class ReceiptMessage(Struct, frozen=True):
    """A message for the bank's messaging system. It contains only ids and a language.

    `message_id` stays the same when a delivery is retried.
    """

    message_id: str
    receipt_id: str
    customer_id: str
    language: Language


class Settled(Struct, frozen=True):
    """The answer of the command that deletes or postpones a message."""


Hand = Callable[[ReceiptMessage], Awaitable[bool]]
"""Delivers a message to the bank's messaging system. Returns whether the message was accepted."""
_decode = msgspec.json.Decoder(ReceiptMessage).decode


class Outbox:
    """Use cases of the bank's messaging."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def recipient(self, application: DecryptedApplication | None, contact: Contact | None) -> ReceiptFor | None:
        """The person and the application that a receipt can be sent for.

        Returns None if the application is unknown, if the person has no login, or if this deployment does not send
        receipts.
        """
        if application is None or contact is None or not self._context.settings.receipt_messages:
            return None
        return None if contact.id is None else ReceiptFor(contact.id, application.application_id)

    def add(self, work: UnitOfWork, receipt_id: str, receipt_for: ReceiptFor, language: Language) -> None:
        """Queue a message. The message is written in the same batch as the verdict that the caller gets."""
        message = ReceiptMessage(work.new_id("msg"), receipt_id, receipt_for.customer_id, language)
        sealed = work.ring.seal(message.message_id, _encode(message))
        expires_at = work.now_ms + KEPT_MS
        values = (message.message_id, receipt_for.application_id, sealed, work.now_ms, expires_at)
        work.writes.stage(records.INSERT_MESSAGE, values)

    async def deliver(self, hand: Hand) -> int:
        """Deliver the messages that are due, each at least once. Returns the number of accepted messages.

        Messages that were not accepted are retried for a day, with exponential backoff.
        """
        context = self._context
        taken = 0
        for message_id, sealed, tries in await context.storage.fetch(records.MESSAGES_DUE, context.clock()):
            message = self._message(message_id, sealed)
            if message is not None and await hand(message):
                taken += 1
                await self._settle(records.DELETE_MESSAGE, message_id)
            else:
                pause = min(FIRST_PAUSE_MS << min(tries, 16), LONGEST_PAUSE_MS)
                await self._settle(records.POSTPONE_MESSAGE, message_id, context.clock() + pause)
        return taken

    def _message(self, message_id: str, sealed: bytes) -> ReceiptMessage | None:
        """Decrypt a message. Returns None for a damaged message, so that the other messages are still delivered."""
        try:
            return _decode(self._context.ring.unseal(message_id, sealed))
        except InternalError:
            self._context.tampered("messages")
            return None

    async def _settle(self, sql: str, *values: object) -> None:
        def decide(work: UnitOfWork) -> Answer[Settled]:
            work.writes.stage(sql, values)
            return Settled

        await self._context.writer.submit(ReadSet(), decide)
