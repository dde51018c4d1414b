"""Housekeeping: close what time has closed, forget what is past its keeping. Carries out specs/protocol.md section 6.3.

No verdict depends on it: every decision settles the call first.
"""

from __future__ import annotations

from msgspec import Struct

from verifier.core import call as lifecycle
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
        """Settle every call that is due, and prune idempotency keys, guess limits, dialogues and legs past their time.

        Returns the number of calls that changed; call again while it is not zero.
        """
        context = self._context
        due = [row[0] for row in await context.storage.fetch(records.CALLS_DUE, context.clock())]
        changed: list[str] = []

        def decide(batch: Batch) -> Answer:
            changed.clear()
            for call_id in due:
                # The ticket is not opened: one that is damaged must not keep the others from closing.
                call = batch.stored_call(call_id)
                if call is None:
                    continue
                settled = lifecycle.settle(call, batch.now_ms, context.settings.rules)
                if settled != call:
                    batch.put_call(settled)
                    changed.append(call_id)
            batch.execute(records.PRUNE_IDEMPOTENCY, batch.now_ms)
            batch.execute(records.PRUNE_LIMITS, batch.now_ms)
            batch.execute(records.PRUNE_SESSIONS, batch.now_ms)
            batch.execute(records.PRUNE_MESSAGES, batch.now_ms)
            batch.execute(records.PRUNE_LEGS, batch.now_ms)
            batch.execute(records.PRUNE_STRAYS, batch.now_ms)
            return lambda: Swept(len(changed))

        await context.writer.submit(Needs(call_ids=tuple(due)), decide)
        return len(changed)
