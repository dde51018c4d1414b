"""Finds bulk reading: staff who look at many customers within an hour. Implements specs/protocol.md section 7.17."""

from __future__ import annotations

from contextlib import suppress

from msgspec import Struct

from verifier.core.bulk_reading import Seen, bulk_readings
from verifier.core.errors import Tampered
from verifier.core.times import DAY_MS, HOUR_MS
from verifier.ledger import records, tables
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.loading import look_at
from verifier.ledger.unit_of_work.looks import seen
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
        window = since - HOUR_MS, now_ms + LATE_MS
        busy = await context.storage.fetch(records.BUSY_READERS, look_at(since), look_at(window[0]), limit)
        found = 0
        for (reader,) in busy:
            looks = await looks_of(context, reader, *map(look_at, window))
            # A reader who is known already costs no command.
            if bulk_readings(looks, limit):
                found += await self._mark(reader, *window)
        self._examined = now_ms
        return found

    async def _mark(self, reader: str, since: int, until: int) -> int:
        def decide(work: UnitOfWork) -> Answer[Found]:
            readings = work.looks.examine(reader, self._context.settings.looks_an_hour)
            return lambda: Found(readings)

        return (await self._context.writer.submit(ReadSet(looks_of=(reader, since, until)), decide)).readings


async def looks_of(context: Context, reader: str, first: str, before: str) -> list[Seen]:
    """The committed looks of a reader between two ids. A row that does not verify is left out: the audit finds it."""
    looks = []
    for row in await context.storage.fetch(records.LOOKS_AT_CUSTOMERS, reader, first, before):
        with suppress(Tampered):
            look = context.authenticator.read(tables.LOOKS, row)
            if look.reader == reader:
                looks.append(seen(look, row[tables.LOOKS.width]))
    return looks
