"""Retention: deletes old statements. The log stays verifiable. Implements specs/protocol.md section 6.3.

Retention deletes the oldest statements of a shard first. So the deleted statements are always the first of their shard.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile

from msgspec import Struct

from verifier.core.errors import Tampered, VerifierError
from verifier.core.ids import made_at
from verifier.core.shards import global_index, origin_shard
from verifier.core.statements import EXCEPTION, REPORT, TICKET
from verifier.ledger import records, tables
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.rows import AnyTable
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Row
from verifier.service.context import Context

AT_ONCE = 500
# For each type of statement: the table of the row that is deleted with the statement. A receipt has no such row.
_GOES_WITH: dict[str, AnyTable] = {TICKET: tables.CALLS, REPORT: tables.REPORTS, EXCEPTION: tables.EXCEPTIONS}


class Forgotten(Struct, frozen=True):
    """The number of deleted statements."""

    statements: int


class Retention:
    """The use case of retention."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def forget(self) -> int:
        """Delete a chunk of expired statements, with their calls, reports and exceptions.

        Returns the number of deleted statements. Call it again until it returns 0.
        """
        context = self._context
        kept_ms = context.settings.retention_ms
        if kept_ms is None:
            return 0
        before = context.clock() - kept_ms
        heads = await context.storage.fetch(records.FORGOTTEN)
        done = 0
        failed: VerifierError | None = None
        for origin, forgotten in heads:
            try:
                done += await self._forget_of(origin, forgotten, before)
            except VerifierError as error:
                # A failure in one shard must not stop the retention in the other shards.
                failed = error
        if failed is not None and not done:
            raise failed
        return done

    async def _forget_of(self, origin: str, forgotten: int, before: int) -> int:
        """Delete the next chunk of one shard. The first `forgotten` statements of the shard are already deleted."""
        context = self._context
        shard = origin_shard(origin, context.settings.origin) or 0
        start, end = global_index(shard, forgotten), global_index(shard, forgotten + AT_ONCE)
        rows = await context.storage.fetch(records.STATEMENTS_FROM, start, end)
        old = list(takewhile(lambda row: made_at(row[2]) < before, rows))
        if not old:
            return 0

        def decide(work: UnitOfWork) -> Answer[Forgotten]:
            for row in old:
                _forget(work, row)
            work.writes.stage(records.ADVANCE_FORGOTTEN, (origin, forgotten + len(old)))
            work.prune()
            return lambda: Forgotten(len(old))

        of = {typ: tuple(row[2] for row in old if row[1] == typ) for typ in _GOES_WITH}
        reads = ReadSet(
            call_ids=of[TICKET],
            report_ids=of[REPORT],
            exception_ids=of[EXCEPTION],
            confirmations=True,
            requests_before=before,
            everywhere=True,
        )
        await context.writer.submit(reads, decide)
        return len(old)


def _forget(work: UnitOfWork, row: Row) -> None:
    leaf_index, typ, statement_id = row
    work.writes.stage(records.FORGET_LEAF, (leaf_index,))
    if typ in _GOES_WITH:
        # Keep a row that does not verify, so that the audit finds it.
        with suppress(Tampered):
            # Keep the row of an open call, so that the call can still be settled.
            call = work.calls.stored(statement_id) if typ == TICKET else None
            if call is None or not call.open:
                if typ == TICKET:
                    work.calls.forget_confirmed(statement_id)
                work.delete(_GOES_WITH[typ], statement_id)
