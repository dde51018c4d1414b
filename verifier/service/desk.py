"""What an officer looks at: his applications, his calls, and one call as it changes.

Carries out specs/protocol.md section 7.5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.application import Registration
from verifier.core.errors import NotFound
from verifier.core.messages import Applications, ApplicationView, Calls, CallView
from verifier.core.principal import Principal
from verifier.core.times import to_ms
from verifier.service import records
from verifier.service.applications import view as application_view
from verifier.service.calls import view as call_view
from verifier.service.context import Context
from verifier.service.opened import OpenApplication, OpenCall

_AFTER_ALL = "call_g"  # sorts after every hex id


class Desk:
    """Use cases of an officer looking."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def applications(self, officer: Principal, query: str, cursor: str | None, limit: int) -> Applications:
        """A page of the applications assigned to an officer that `query` is found in, by reference.

        Names and numbers are sealed, so the officer's own are opened and looked through, some at a time, until there
        are enough.
        """
        context = self._context
        words = query.casefold().split()
        found: list[OpenApplication] = []
        after = cursor or ""
        while len(found) <= limit:
            opened, end = await context.reading.applications_of_officer(officer.id, after)
            if end is None:
                break
            after = end
            found += [each for each in opened if all(word in _searched(each) for word in words)]
        page = tuple(application_view(each) for each in found[:limit])
        return Applications(page, page[-1].application_id if len(found) > limit else None)

    async def application(self, officer: Principal, application_id: str) -> ApplicationView:
        """An application the officer is assigned to. Raises NotFound for any other, and Erased."""
        opened = await self._context.reading.application(application_id)
        if opened.registration.assigned(officer.id) is None:
            raise NotFound("there is no such application")
        return application_view(opened)

    async def calls(self, officer: Principal, since: datetime | None, cursor: str | None, limit: int) -> Calls:
        """A page of an officer's own calls, newest first, without those of erased applications."""
        context = self._context
        first = 0 if since is None else to_ms(since)
        found, following = await context.reading.calls_of_officer(officer.id, cursor or _AFTER_ALL, first, limit)
        return Calls(tuple(call_view(self._settled(each)) for each in found), following)

    def _settled(self, opened: OpenCall) -> OpenCall:
        return replace(opened, call=lifecycle.settle(opened.call, self._context.clock(), self._context.settings.rules))

    async def watch(self, officer: Principal, call_id: str) -> AsyncIterator[CallView | None]:
        """A call of the officer's now, then each time it changes; see `Events.follow`. Raises NotFound, Erased."""
        context = self._context
        application, opened = await context.reading.call(call_id)
        if opened.call.officer_id != officer.id:
            raise NotFound("there is no such call")

        async def read() -> CallView:
            rows = await context.storage.fetch_in(records.CALLS_BY_ID, [call_id])
            if not rows:
                raise NotFound("there is no such call")
            return call_view(self._settled(context.reading.open_call(application, rows[0])))

        customer = application.row.customer_index or b""
        async for seen in context.events.follow(officer, customer, read, context.clock):
            yield seen


def _searched(application: OpenApplication) -> str:
    """What a search looks through: reference, name, product, and numbers with and without the plus sign."""
    registration: Registration = application.registration
    numbers = " ".join(each.number for each in registration.numbers)
    return f"{application.application_id} {registration.customer.name} {registration.product} {numbers}".casefold()
