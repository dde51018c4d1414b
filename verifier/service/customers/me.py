"""The views of customers: their calls, whether the bank is on the phone now, and their preferences.

Implements specs/protocol.md section 7.5.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from verifier.core import call as lifecycle
from verifier.core import words
from verifier.core.messages.confirmations import CalledContact, Words
from verifier.core.messages.customers import CallStatus, MyApplication, MyApplications, PastCall, PastCalls, Preferences
from verifier.core.principal import Principal
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.answers import called_contact
from verifier.service.context import Context
from verifier.service.customers.progress import calls_on_their_way
from verifier.service.legs.exchanges import TelephoneExchanges

_AFTER_ALL = "call_g"  # sorts after every call id


class Me:
    """Use cases of customers."""

    def __init__(self, context: Context, exchanges: TelephoneExchanges) -> None:
        self._context = context
        self._exchanges = exchanges

    async def calls(self, customer: Principal, cursor: str | None, limit: int) -> PastCalls:
        """A page of the calls on the customer's applications, newest first. It includes closed calls.

        A contact without the right to details sees only the calls to themselves.
        """
        found: list[PastCall] = []
        for application in await self._applications(customer):
            found += await self._calls_on(application, customer, cursor or _AFTER_ALL, limit + 1)
        found.sort(key=lambda call: call.call_id, reverse=True)
        page = tuple(found[:limit])
        return PastCalls(page, page[-1].call_id if len(found) > limit else None)

    async def _calls_on(
        self, application: DecryptedApplication, customer: Principal, before: str, limit: int
    ) -> list[PastCall]:
        """The newest calls on an application that the customer may see, older than the call `before`."""
        found: list[PastCall] = []
        contact = application.contact(customer.id)
        after: str | None = before
        while contact is not None and after is not None and len(found) < limit:
            calls, after = await self._context.reading.calls_of_application(
                application, contact, self._context.customer_index(customer.id), after, limit
            )
            for opened, receipt_id in calls:
                if application.shows(opened.ticket, customer.id):
                    to_them = application.is_called(opened.ticket, customer.id)
                    called = None if to_them else called_contact(application, opened.ticket)
                    found.append(self._past(opened, contact.may("details"), receipt_id, called))
        return found[:limit]

    async def call_status(self, customer: Principal) -> CallStatus:
        """Whether the bank is calling the customer now, and on which calls (law L13).

        A call to another contact of a loan does not count. If several calls are on their way, the status is about those
        that are furthest on.
        """
        context = self._context
        now_ms = context.clock()
        if await self._exchanges.silent():
            return CallStatus(False, from_ms(now_ms), (), words.in_both(words.UNKNOWN), "unknown")
        applications = await self._applications(customer)
        state, calls = await calls_on_their_way(context, applications, customer.id, now_ms)
        if state is None:
            return CallStatus(False, from_ms(now_ms), (), words.in_both(words.NO_CALL), "none")
        first = calls[0].ticket
        details = {each.application_id for each in applications if each.may(customer.id, "details")}
        return CallStatus(
            state=state,
            on_call=state == "connected",
            at=from_ms(now_ms),
            calls=tuple(self._past(opened, opened.call.application_id in details) for opened in calls),
            words=tuple(
                Words(each, words.progress(each, state, first.officer, first.purpose)) for each in words.LANGUAGES
            ),
        )

    async def watch(self, customer: Principal) -> AsyncGenerator[CallStatus | None, None]:
        """Yield the customer's call status now, and again after each change. See `Events.follow`.

        A loan that the customer becomes a contact of meanwhile wakes the stream only after the next pause.
        """
        context = self._context
        borrowers = {each.row.customer_index or b"" for each in await self._applications(customer)}
        async for seen in context.events.follow(
            customer,
            (context.customer_index(customer.id), *borrowers),
            lambda: self.call_status(customer),
            context.clock,
            lambda before, now: (before.state, before.calls) == (now.state, now.calls),
        ):
            yield seen

    async def applications(self, customer: Principal) -> MyApplications:
        """The customer's applications, with stage, assigned officers and announced calls.

        A contact without the right to details does not see them.
        """
        opened = [each for each in await self._applications(customer) if each.may(customer.id, "details")]
        return MyApplications(
            tuple(_mine(each, customer) for each in sorted(opened, key=lambda each: each.application_id))
        )

    async def preferences(self, customer: Principal) -> Preferences:
        """The customer's preferences."""
        person = self._context.customer_index(customer.id)
        return Preferences(marketing_calls=not await self._context.reading.refusing_marketing([person]))

    async def put_preferences(self, customer: Principal, wanted: Preferences) -> Preferences:
        """Set the customer's preferences. They hold for every application, now and later, even if there is none."""
        person = self._context.customer_index(customer.id)

        def decide(work: UnitOfWork) -> Answer[Preferences]:
            if wanted.marketing_calls:
                work.refusals.delete(person)
            else:
                work.refusals.put(person, work.now_ms)
            return lambda: wanted

        return await self._context.writer.submit(ReadSet(customer_index=person, marketing=True), decide)

    async def _applications(self, customer: Principal) -> list[DecryptedApplication]:
        index = self._context.customer_index(customer.id)
        return await self._context.reading.applications_of_customer(index, customer.id)

    def _past(
        self, opened: DecryptedCall, details: bool, receipt_id: str | None = None, called: CalledContact | None = None
    ) -> PastCall:
        """A call as a contact sees it. `details` is whether they have the right to details."""
        call = lifecycle.settle(opened.call, self._context.clock(), self._context.settings.rules)
        ticket = opened.ticket
        return PastCall(
            call_id=call.call_id,
            application_id=call.application_id if details else None,
            state=call.state,
            officer=ticket.officer,
            purpose=ticket.purpose,
            number="+" + ticket.dest.tn[0],
            caller_number="+" + ticket.orig.tn,
            issued_at=from_ms(call.issued_at),
            rang_at=optional_from_ms(call.rang_at),
            connected_at=optional_from_ms(call.connected_at),
            confirmed_at=optional_from_ms(call.confirmed_at),
            ended_at=optional_from_ms(call.ended_at),
            receipt_id=receipt_id,
            called=called,
        )


def _mine(application: DecryptedApplication, customer: Principal) -> MyApplication:
    registration = application.registration
    owner = registration.owner
    return MyApplication(
        application_id=application.application_id,
        product=registration.product,
        status=registration.status,
        stage=registration.stage,
        officers=registration.officers,
        announced_calls=registration.announced_calls,
        reference=application.loan.reference,
        borrower=None if owner.id == customer.id else owner.name,
    )
