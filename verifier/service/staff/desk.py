"""The views of officers: their applications, their calls, and live events of one call.

Implements specs/protocol.md section 7.5.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.application import Registration
from verifier.core.messages.calls import Applications, ApplicationView, Calls, CallView
from verifier.core.principal import Principal
from verifier.core.times import to_ms
from verifier.ledger.decrypted import DecryptedApplication
from verifier.service.applications import view as application_view
from verifier.service.calls import view as call_view
from verifier.service.context import Context
from verifier.service.staff.access import check_assigned, not_there, read_own_call
from verifier.service.staff.call_limits import limits_of
from verifier.service.staff.looks import LookRecords
from verifier.service.staff.pinyin import spells
from verifier.service.staff.purposes import purposes_of

_COUNTED = 1_000
_AFTER_ALL = "call_g"  # sorts after every call id


class Desk:
    """Use cases of the officer's console. They only read, and each look is recorded before it is answered."""

    def __init__(self, context: Context, looks: LookRecords) -> None:
        self._context = context
        self._looks = looks

    async def applications(self, officer: Principal, query: str, cursor: str | None, limit: int) -> Applications:
        """A page of the officer's applications that match `query`, ordered by reference.

        Names and numbers are sealed, so the officer's applications are decrypted in chunks until the page is full. The
        first page goes on until it knows the total.
        """
        context = self._context
        words = query.casefold().split()
        found: list[DecryptedApplication] = []
        after: str | None = cursor or ""
        enough = limit if cursor else _COUNTED
        while len(found) <= enough and after is not None:
            opened, after = await context.reading.applications_of_officer(officer.id, after)
            found += [each for each in opened if _matches(each, words)]
        await self._looks.record(officer, "search_applications", found[:limit])
        page = tuple(application_view(each) for each in found[:limit])
        total = len(found) if len(found) <= _COUNTED and not cursor else None
        return Applications(page, page[-1].application_id if len(found) > limit else None, total)

    async def application(self, officer: Principal, application_id: str) -> ApplicationView:
        """One application. Raises NotFound if the application was erased, or if the officer is not assigned to it."""
        with not_there("application"):
            opened = await self._context.reading.application(application_id)
            check_assigned(opened, officer)
        await self._looks.record(officer, "get_application", (opened,))
        purposes, limits = await purposes_of(self._context, opened), await limits_of(self._context, opened)
        return replace(application_view(opened), purposes=purposes, limits=limits)

    async def calls(self, officer: Principal, since: datetime | None, cursor: str | None, limit: int) -> Calls:
        """A page of an officer's own calls, newest first.

        Calls on applications that the officer is no longer assigned to are left out.
        """
        context = self._context
        first = 0 if since is None else to_ms(since)
        calls, following = await context.reading.calls_of_officer(officer.id, cursor or _AFTER_ALL, first, limit)
        now_ms, rules = context.clock(), context.settings.rules
        shown = [each for each in calls if each[0].registration.assigned(officer.id) is not None]
        await self._looks.record(officer, "list_calls", [application for application, _ in shown])
        views = [call_view(replace(opened, call=lifecycle.settle(opened.call, now_ms, rules))) for _, opened in shown]
        return Calls(tuple(views), following)

    async def watch(self, officer: Principal, call_id: str) -> AsyncGenerator[CallView | None, None]:
        """Yield the officer's call now, and again after each change. See `Events.follow`. One stream is one look.

        Raises NotFound as soon as the officer may no longer see the call.
        """
        context = self._context
        application, _ = await read_own_call(context, call_id, officer)

        async def read() -> CallView:
            return call_view((await read_own_call(context, call_id, officer))[1])

        borrower = application.row.customer_index or b""
        recorded = False
        async for seen in context.events.follow(officer, (borrower,), read, context.clock):
            if not recorded:
                await self._looks.record(officer, "call_events", (application,))
                recorded = True
            yield seen


def _matches(application: DecryptedApplication, words: list[str]) -> bool:
    """Whether each word is in the id, the reference, a name, the product or a number, or spells a name in pinyin."""
    registration: Registration = application.registration
    names = [registration.owner.name, *(each.name for each in application.contacts)]
    numbers = (number.number for each in application.contacts for number in each.numbers)
    searched = " ".join(
        (application.application_id, application.loan.reference, registration.product, *names, *numbers)
    )
    folded = searched.casefold()
    return all(word in folded or any(spells(word, name) for name in names) for word in words)
