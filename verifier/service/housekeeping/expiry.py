"""Housekeeping: settle calls that are due, and delete expired rows. Implements specs/protocol.md section 6.3.

No verdict depends on housekeeping: before each decision about a call, the service settles that call.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from msgspec import Struct

from verifier.core import call as lifecycle
from verifier.core.errors import Tampered
from verifier.ledger import decoys, look_records, records
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.loading import look_at
from verifier.service.context import Context

_PRUNE = (
    records.PRUNE_IDEMPOTENCY,
    records.PRUNE_SESSIONS,
    records.PRUNE_MESSAGES,
)


class Swept(Struct, frozen=True):
    """The number of calls that a sweep changed."""

    calls: int


class Housekeeping:
    """Use cases of the scheduler."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def sweep(self) -> int:
        """Settle every call that is due. Delete expired rows: kept answers, limits, dialogues, legs, looks and so on.

        Returns the number of calls that changed. Each sweep has a limit, so call it again until it returns 0.
        """
        context = self._context
        due: dict[int, list[str]] = {}
        for call_id, owner in await context.storage.fetch(records.CALLS_DUE, context.clock()):
            due.setdefault(context.writer.shard_of(owner), []).append(call_id)
        asked = self._prune(), *(self._settle(tuple(each)) for each in due.values())
        # A failure in one shard must not stop the sweep of the other shards.
        done = await asyncio.gather(*asked, return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return sum(each for each in done if isinstance(each, int))

    async def _settle(self, due: tuple[str, ...]) -> int:
        changed: list[str] = []

        def decide(work: UnitOfWork) -> Answer[Swept]:
            changed.clear()
            for call_id in due:
                # A damaged call must not stop the sweep. So decrypt no ticket, and skip a row that does not verify.
                with suppress(Tampered):
                    call = work.calls.stored(call_id)
                    if call is None:
                        continue
                    settled = lifecycle.settle(call, work.now_ms, self._context.settings.rules)
                    if settled != call:
                        work.calls.put(settled)
                        changed.append(call_id)
            return lambda: Swept(len(changed))

        await self._context.writer.submit(ReadSet(call_ids=due), decide)
        return len(changed)

    async def _prune(self) -> int:
        context = self._context
        if await decoys.missing(context.storage, context.authenticator):
            async with context.storage.transaction() as transaction:
                await decoys.plant(transaction, context.authenticator)
        now_ms, rules = context.clock(), context.settings.rules
        # Keep counts of wrong codes for as long as a call can be open.
        limits_before = now_ms - rules.code_lifetime_ms - rules.max_call_ms - rules.grace_ms
        expired = [await context.storage.fetch(sql, now_ms) for sql in records.EXPIRED.values()]
        expired.append(await context.storage.fetch(records.LIMITS_BEFORE, limits_before))
        looks_before = now_ms - context.settings.look_retention_ms
        expired.append(await context.storage.fetch(look_records.LOOKS_BEFORE, look_at(looks_before)))
        # Expired rows belong to many customers, so the command locks every shard. If no rows have expired, it locks one
        # shard.
        reads = ReadSet()
        if any(expired):
            reads = ReadSet(expired=True, limits_before=limits_before, looks_before=looks_before, everywhere=True)

        def decide(work: UnitOfWork) -> Answer[Swept]:
            for statement in _PRUNE:
                work.writes.stage(statement, (work.now_ms,))
            work.prune()
            return lambda: Swept(0)

        await context.writer.submit(reads, decide)
        return 0
