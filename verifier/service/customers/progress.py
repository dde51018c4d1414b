"""The calls of the bank that are on their way to a person now. Implements specs/protocol.md section 6.6 (law L13)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.service.call_state import current_state, vouched_for
from verifier.service.context import Context

FURTHEST: tuple[lifecycle.Progress, ...] = ("connected", "ringing", "expected")


async def calls_on_their_way(
    context: Context, applications: Iterable[DecryptedApplication], person_id: str, now_ms: int
) -> tuple[lifecycle.Progress | None, list[DecryptedCall]]:
    """The calls to the person with this login that are furthest on, and how far they are. None if there are none.

    A call to another contact of a loan does not count.
    """
    rules = context.settings.rules
    on: dict[lifecycle.Progress, list[DecryptedCall]] = {}
    for application in applications:
        for opened in await context.reading.newest_calls_of(application):
            call = current_state(application, opened, now_ms, rules)
            found = lifecycle.progress(call, now_ms, rules)
            to_them = application.is_called(opened.ticket, person_id)
            if found is not None and to_them and vouched_for(context, application, opened):
                on.setdefault(found, []).append(replace(opened, call=call))
    state = next((each for each in FURTHEST if each in on), None)
    return state, [] if state is None else on[state]
