"""Receipts that callers want sent by the bank's own messaging: queued with the step, handed over until it is taken.

Implements specs/protocol.md section 7.11. The service sends nothing to a customer itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from verifier.core.errors import InternalError
from verifier.core.purposes import Language
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.context import Context

KEPT_MS = 86_400_000
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 15_000, 3_600_000
_encode = msgspec.json.Encoder().encode


class ReceiptFor(Struct, frozen=True):
    """Whose receipt it is: the customer, and the application it goes with."""

    customer_id: str
    application_id: str


class ReceiptMessage(Struct, frozen=True):
    """What the bank's messaging is given: which receipt, for whom, in which language. Nothing of what it says.

    `message_id` is the same each time that it is handed over.
    """

    message_id: str
    receipt_id: str
    customer_id: str
    language: Language


class Settled(Struct, frozen=True):
    """A message has been taken off the queue, or put back in it."""


Hand = Callable[[ReceiptMessage], Awaitable[bool]]
"""Hands a message over; whether it was taken."""
_decode = msgspec.json.Decoder(ReceiptMessage).decode


class Outbox:
    """Use cases of the bank's messaging."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def whose(self, application: DecryptedApplication | None) -> ReceiptFor | None:
        """Whose receipt can be sent; None where the bank's messaging takes none."""
        if application is None or not self._context.settings.receipt_messages:
            return None
        return ReceiptFor(application.registration.customer.id, application.application_id)

    def add(self, work: UnitOfWork, receipt_id: str, receipt_for: ReceiptFor, language: Language) -> None:
        """Queue a message, in the batch that answers who asked for it."""
        message = ReceiptMessage(work.new_id("msg"), receipt_id, receipt_for.customer_id, language)
        sealed = work.ring.seal(message.message_id, _encode(message))
        expires_at = work.now_ms + KEPT_MS
        values = (message.message_id, receipt_for.application_id, sealed, work.now_ms, expires_at)
        work.writes.stage(records.INSERT_MESSAGE, values)

    async def deliver(self, hand: Hand) -> int:
        """Hand over what is due, at least once each; how many were taken. What was not is tried again, ever later,
        for a day."""
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
        """A message; None for one that does not open, which must not keep the others waiting."""
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
