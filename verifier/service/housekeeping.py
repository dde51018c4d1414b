"""Housekeeping: close what time has closed, forget what is past its keeping. Carries out specs/protocol.md section 6.3.

No verdict depends on it: every decision settles the call first.
"""

from __future__ import annotations

from msgspec import Struct

from verifier.core import call as lifecycle
from verifier.core.errors import Erased
from verifier.service import records
from verifier.service.batch import Batch, Needs
from verifier.service.context import Context
from verifier.service.writer import Answer


class Swept(Struct, frozen=True):
    """How many calls a sweep closed or rescheduled."""

    calls: int


class Housekeeping:
    """Use cases of the clock."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def sweep(self) -> int:
        """Settle every call that is due, and prune idempotency keys and guess limits past their time.

        Returns the number of calls settled; call again while it is not zero.
        """
        context = self._context
        due = [row[0] for row in await context.storage.fetch(records.CALLS_DUE, context.clock())]

        def decide(batch: Batch) -> Answer:
            for call_id in due:
                try:
                    opened = batch.call(call_id)
                except Erased:
                    continue
                batch.put_call(lifecycle.settle(opened.call, batch.now_ms, context.settings.rules))
            batch.execute(records.PRUNE_IDEMPOTENCY, batch.now_ms)
            batch.execute(records.PRUNE_LIMITS, batch.now_ms)
            return lambda: Swept(len(due))

        await context.writer.submit(Needs(call_ids=tuple(due)), decide)
        return len(due)
