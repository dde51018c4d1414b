"""Finds bulk reading: staff who look at many customers within an hour. Implements specs/protocol.md section 7.17."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from msgspec import Struct

from verifier.core.bulk_reading import BulkReadings, Seen
from verifier.core.errors import Tampered
from verifier.core.times import DAY_MS, HOUR_MS
from verifier.ledger import look_records, tables
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LookRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.loading import look_at
from verifier.ports import Row
from verifier.service.context import Context

# A commit may take this long after its look has got its time. The clocks of nodes differ by less.
LATE_MS = 60_000


class Found(Struct, frozen=True):
    """The number of new bulk readings."""

    readings: int


class BulkReading:
    """The use case of the scheduler that looks for bulk reading."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._examined: int | None = None

    async def examine(self) -> int:
        """Examine the looks since the last examination, or of the last day. Returns the number of new bulk readings."""
        context = self._context
        now_ms, limit = context.clock(), context.settings.looks_an_hour
        since = (now_ms - DAY_MS if self._examined is None else self._examined) - LATE_MS
        until = now_ms + LATE_MS
        busy = await context.storage.fetch(look_records.BUSY_READERS, look_at(since), look_at(since - HOUR_MS), limit)
        found = 0
        for (reader,) in busy:
            made = await self._readings(reader, since, until)
            # A reader who is known already costs no command.
            if made:
                found += await self._mark(reader, made)
        self._examined = now_ms
        return found

    async def _readings(self, reader: str, since: int, until: int) -> tuple[str, ...]:
        """The ids of the looks between these times that make new bulk readings."""
        context = self._context
        window = look_at(since - HOUR_MS), look_at(until)
        marked = await context.storage.fetch(look_records.BULK_READINGS_OF, reader, *window)
        known = [each.looked_at for row in marked if (each := _verified(context, row, reader)) is not None]
        if any(until - HOUR_MS < each < since + HOUR_MS for each in known):
            # None of these looks can make another one. So repeated looks cost one examination, and not one each sweep.
            return ()
        readings = BulkReadings(context.settings.looks_an_hour, known)
        return tuple([each.look_id async for each in looks_of(context, reader, *window) if readings.add(each)])

    async def _mark(self, reader: str, look_ids: tuple[str, ...]) -> int:
        def decide(work: UnitOfWork) -> Answer[Found]:
            readings = work.looks.mark(reader, look_ids)
            return lambda: Found(readings)

        return (await self._context.writer.submit(ReadSet(bulk=(reader, look_ids)), decide)).readings


async def looks_of(context: Context, reader: str, first: str, before: str) -> AsyncIterator[Seen]:
    """The committed looks of a reader at customers, between two ids, oldest first, read page by page.

    A row that does not verify is left out: the audit finds it. An erased application counts as a customer of its own.
    """
    while page := await context.storage.fetch(look_records.LOOKS_AT_CUSTOMERS, reader, first, before):
        for row in page:
            look = _verified(context, row, reader)
            if look is not None:
                customer = row[tables.LOOKS.width]
                yield Seen(look.look_id, look.looked_at, look.application_id if customer is None else bytes(customer))
        first = page[-1][0]


def _verified(context: Context, row: Row, reader: str) -> LookRow | None:
    with suppress(Tampered):
        look = context.authenticator.read(tables.LOOKS, row)
        return look if look.reader == reader else None
    return None
