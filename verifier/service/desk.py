"""What officers look at: their applications, their calls, and one call as it changes.

Carries out specs/protocol.md section 7.5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from verifier.core import call as lifecycle
from verifier.core.application import Registration
from verifier.core.call import Call
from verifier.core.messages import Applications, ApplicationView, Calls, CallView
from verifier.core.principal import Principal
from verifier.core.times import to_ms
from verifier.ports import Row
from verifier.service import records
from verifier.service.applications import view as application_view
from verifier.service.assigned import check_assigned, not_there, read_application, read_own_call
from verifier.service.calls import view as call_view
from verifier.service.context import Context
from verifier.service.opened import OpenApplication, open_application, open_call, open_evidence
from verifier.service.records import ApplicationRow

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
            rows = await context.storage.fetch(records.APPLICATIONS_OF_OFFICER, officer.id, after)
            if not rows:
                break
            after = rows[-1][0]
            opened = _opened(context, rows, officer).values()
            found += [each for each in opened if all(word in _searched(each) for word in words)]
        page = tuple(application_view(each) for each in found[:limit])
        return Applications(page, page[-1].application_id if len(found) > limit else None)

    async def application(self, officer: Principal, application_id: str) -> ApplicationView:
        """An application the officer is assigned to. Raises NotFound for any other, also for one that is erased."""
        with not_there("application"):
            opened = await read_application(self._context, application_id)
            check_assigned(opened, officer)
        return application_view(opened)

    async def calls(self, officer: Principal, since: datetime | None, cursor: str | None, limit: int) -> Calls:
        """A page of an officer's own calls, newest first, on the applications that the officer is assigned to now."""
        context = self._context
        first = 0 if since is None else to_ms(since)
        rows = await context.storage.fetch(records.CALLS_OF_OFFICER, officer.id, cursor or _AFTER_ALL, first, limit + 1)
        keys = {row[1] for row in rows if row[-1] is not None}
        found = await context.storage.fetch_in(records.APPLICATIONS_BY_ID, keys)
        applications = _opened(context, found, officer)
        views = []
        for row in rows[:limit]:
            application = applications.get(row[1])
            if application is not None and row[-1] is not None:
                evidence = open_evidence(context.ring, application.key, row[0], row[-1])
                call = Call(*row[: records.CALL_COLUMNS])
                settled = lifecycle.settle(call, context.clock(), context.settings.rules)
                views.append(call_view(open_call(settled, evidence)))
        return Calls(tuple(views), rows[limit - 1][0] if len(rows) > limit else None)

    async def watch(self, officer: Principal, call_id: str) -> AsyncIterator[CallView | None]:
        """A call of the officer's now, then each time it changes; see `Events.follow`.

        Raises NotFound for a call that is not theirs to see, also once it no longer is.
        """
        context = self._context
        application, _ = await read_own_call(context, call_id, officer)

        async def read() -> CallView:
            return call_view((await read_own_call(context, call_id, officer))[1])

        customer = application.row.customer_index or b""
        async for seen in context.events.follow(officer, customer, read, context.clock):
            yield seen


def _opened(context: Context, rows: Iterable[Row], officer: Principal) -> dict[str, OpenApplication]:
    """Those of the applications that have not been erased and name the officer. What led to them proves nothing."""
    found = (open_application(context.ring, ApplicationRow(*row)) for row in rows if row[2])
    return {each.application_id: each for each in found if each.registration.assigned(officer.id)}


def _searched(application: OpenApplication) -> str:
    """What a search looks through: reference, name, product, and numbers with and without the plus sign."""
    registration: Registration = application.registration
    numbers = " ".join(each.number for each in registration.numbers)
    return f"{application.application_id} {registration.customer.name} {registration.product} {numbers}".casefold()
