"""The calls that the bank had with a person in a window, and since when calls are kept.

Implements specs/protocol.md section 7.14.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from verifier.core.call import goes_on_until
from verifier.core.call_history import Window
from verifier.core.ids import made_at
from verifier.core.shards import global_index, origin_shard
from verifier.ledger import records
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state
from verifier.service.context import Context


async def read_kept_since(context: Context) -> int:
    """The time from which on all calls are kept, in epoch milliseconds. 0 if retention has deleted no call.

    An earlier setting may have deleted more than the present one does.
    """
    since = 0 if context.settings.retention_ms is None else context.clock() - context.settings.retention_ms
    for origin, forgotten in await context.storage.fetch(records.FORGOTTEN):
        if forgotten:
            last = global_index(origin_shard(origin, context.settings.origin) or 0, forgotten - 1)
            for row in await context.storage.fetch(records.STATEMENTS_FROM, last, last + 1):
                since = max(since, made_at(row[2]))
    return since


def calls_in(
    work: UnitOfWork,
    context: Context,
    applications: Sequence[DecryptedApplication],
    window: Window,
    kept_since: int,
) -> list[tuple[DecryptedApplication, DecryptedCall]]:
    """Every call on these applications of which any part is in the window, newest first, each with its application.

    The calls are in their state now. The read set must have the window's `issued_between`. Raises Tampered if a row of
    a call was deleted.
    """
    found, rules = [], context.settings.rules
    for application in applications:
        for opened in work.calls.between(application, kept_since):
            now = current_state(application, opened, work.now_ms, rules)
            # A leg may go on after its code has expired, and then the call was not over.
            now = replace(now, ended_at=goes_on_until(now, work.now_ms, rules))
            if window.holds(now):
                found.append((application, replace(opened, call=now)))
    return sorted(found, key=lambda each: each[1].call.call_id, reverse=True)
