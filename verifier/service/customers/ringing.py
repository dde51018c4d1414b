"""Tells a customer's handset whether a call that rings is from the bank. Implements specs/protocol.md section 7.13."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.core.call import Call
from verifier.core.ids import hex_at
from verifier.core.messages.customers import CallVerification, VerifyCall
from verifier.core.principal import Principal
from verifier.core.times import from_ms, to_ms
from verifier.ledger import records
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.service.call_state import current_state, vouched_for
from verifier.service.context import Context
from verifier.service.legs.exchanges import TelephoneExchanges

# The exchange and the handset may differ by this much in when the call began to ring. It includes late leg events and
# the clock skew of the handset.
TOLERANCE_MS = 30_000
# An older ring is no question about a call that rings now.
OLDEST_MS = 300_000
# More legs than this that may be about several applications are not looked through.
MAX_AMONG = 1_000


class Ringing:
    """Use case of a customer's handset, which rings."""

    def __init__(self, context: Context, exchanges: TelephoneExchanges) -> None:
        self._context = context
        self._exchanges = exchanges

    async def verify(self, customer: Principal, asked: VerifyCall) -> CallVerification:
        """Whether the call that rings is from the bank.

        The verdict is `not_legit` only for one of the bank's own numbers, while the telephone exchange is alive, and
        if no call of the bank can be the one that rings (law L13). A call may have been issued, and the event that it
        rings may still be on its way: then the verdict is `undetermined`.
        """
        context = self._context
        now_ms, rang_at = context.clock(), to_ms(asked.rang_at)
        answered = CallVerification("undetermined", from_ms(now_ms))
        if context.settings.rules.leg_mode != "required" or await self._exchanges.silent():
            return answered
        if not now_ms - OLDEST_MS <= rang_at <= now_ms + TOLERANCE_MS:
            return answered
        index = context.customer_index(customer.id)
        applications = await context.reading.applications_of_customer(index, customer.id)
        possible = [
            (application, opened)
            for application in applications
            for opened in await context.reading.newest_calls_of(application)
            if "+" + opened.ticket.orig.tn == asked.caller_number
            and application.is_called(opened.ticket, customer.id)
            and _can_ring(opened.call, rang_at)
        ]
        if any(self._rang(application, opened, now_ms, rang_at) for application, opened in possible):
            return CallVerification("legit", answered.at)
        if possible or asked.caller_number not in context.settings.policy.caller_numbers:
            return answered
        if await self._rang_without_code(applications, rang_at):
            return answered
        return CallVerification("not_legit", answered.at)

    def _rang(self, application: DecryptedApplication, opened: DecryptedCall, now_ms: int, rang_at: int) -> bool:
        """Whether the exchange has reported that the leg of this call began to ring at that time."""
        call = current_state(application, opened, now_ms, self._context.settings.rules)
        vouched = call.state not in ("revoked", "locked") and vouched_for(self._context, application, opened)
        return vouched and _began(call, rang_at)

    async def _rang_without_code(self, applications: Sequence[DecryptedApplication], rang_at: int) -> bool:
        """Whether the exchange has reported a leg to this customer that belongs to no call with a code."""
        storage, since = self._context.storage, f"leg_{hex_at(rang_at - TOLERANCE_MS)}"
        for application in applications:
            rows = await storage.fetch(records.STRAY_OF_APPLICATION_SINCE, application.application_id, since)
            if rows:
                return True
        # A leg to a number that several applications have. Above the bound, it is not certain that none is meant.
        among = await storage.fetch(records.STRAYS_AMONG_SINCE, since, MAX_AMONG)
        ids = {each.application_id for each in applications}
        return len(among) == MAX_AMONG or any(not ids.isdisjoint(row[0].split()) for row in among)


def _can_ring(call: Call, rang_at: int) -> bool:
    """Whether the call can be the one that rings: it was issued by then, and was not over long before.

    An officer may dial after the code has expired.
    """
    over = call.ended_at is not None and call.ended_at < rang_at - TOLERANCE_MS
    return call.issued_at <= rang_at + TOLERANCE_MS and (not over or _began(call, rang_at))


def _began(call: Call, rang_at: int) -> bool:
    """Whether the exchange has reported that the leg of this call began to ring at that time.

    A call that has been connected for longer is not the one that rings: the caller's number may be spoofed.
    """
    began = call.connected_at if call.rang_at is None else call.rang_at
    return began is not None and abs(began - rang_at) <= TOLERANCE_MS
