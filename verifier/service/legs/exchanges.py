"""Notices when a telephone exchange has gone silent. Implements specs/protocol.md section 6.6 (law L13).

While an exchange is silent, its legs are unknown. So nobody may be told that the bank is not calling them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec import Struct

from verifier.core.legs import ExchangeAlive, Exchanges, ExchangeView
from verifier.core.principal import Principal
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import EXCHANGES, ExchangeRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.context import Context

# A node that knows of a silent exchange reads the database at most once in this time: another node may have heard it.
SILENT_READ_MS = 1_000


class _Kept(Struct, frozen=True):
    heard_at: int


class TelephoneExchanges:
    """When each exchange was last heard, by the id of its system.

    A node keeps a copy in memory, and reads the database again after a quarter of the silence time: another node may
    have heard an exchange that this node does not know yet. If the copy says that an exchange is silent, the node reads
    the database before it says so.

    An exchange counts from the first time that it is heard until its system is removed from the systems file. If no
    exchange counts, the answer is the same as for a silent one. In leg mode `off` no exchange is needed.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._silence_ms = context.settings.leg_silence_ms
        self._systems: frozenset[str] = frozenset()
        self._heard: dict[str, int] = {}
        self._read_at: int | None = None
        self._reading = asyncio.Lock()

    def adopt(self, system_ids: Iterable[str]) -> None:
        """Set the systems that may report legs."""
        self._systems = frozenset(system_ids)

    async def alive(self, exchange: Principal) -> ExchangeAlive:
        """Record that an exchange is alive. On return, the record is durable."""
        await self.hear(exchange)
        return ExchangeAlive(from_ms(self._context.clock()), self._silence_ms // 1000)

    async def hear(self, exchange: Principal) -> None:
        """Record that an exchange is alive. Within a quarter of the silence time, nothing is written again."""
        system_id = exchange.id
        if self._context.clock() < self._heard.get(system_id, 0) + self._silence_ms // 4:
            return

        def decide(work: UnitOfWork) -> Answer[_Kept]:
            before = work.exchanges.of(system_id)
            heard_at = work.now_ms if before is None else max(before.heard_at, work.now_ms)
            work.exchanges.put(ExchangeRow(system_id, heard_at))
            return lambda: _Kept(heard_at)

        kept = await self._context.writer.submit(ReadSet(exchange_id=system_id), decide)
        self._heard[system_id] = kept.heard_at

    async def silent(self) -> bool:
        """Whether an exchange is silent. Raises Tampered or Unavailable if the database must be asked and fails."""
        if not self._fresh:
            async with self._reading:
                if not self._fresh:
                    await self._read()
        return self.silent_here

    @property
    def _fresh(self) -> bool:
        """Whether the copy is recent enough for an answer."""
        if self._context.settings.rules.leg_mode == "off":
            return True
        most_ms = SILENT_READ_MS if self.silent_here else self._silence_ms // 4
        return self._read_at is not None and 0 <= self._context.clock() - self._read_at < most_ms

    @property
    def silent_here(self) -> bool:
        """Whether an exchange is silent, as far as this node knows."""
        if self._context.settings.rules.leg_mode == "off":
            return False
        oldest = self._context.clock() - self._silence_ms
        heard = [at for system_id, at in self._heard.items() if system_id in self._systems]
        return not heard or min(heard) < oldest

    async def list(self) -> Exchanges:
        """Every exchange of the systems file, and when it was last heard."""
        silent = await self.silent()
        oldest = self._context.clock() - self._silence_ms
        heard = {each: self._heard.get(each) for each in sorted(self._systems)}
        found = (
            ExchangeView(each, optional_from_ms(at), at is not None and at >= oldest) for each, at in heard.items()
        )
        return Exchanges(tuple(found), silent)

    async def _read(self) -> None:
        context = self._context
        at = context.clock()
        for row in await context.storage.fetch(records.ALL_EXCHANGES):
            found = context.authenticator.read(EXCHANGES, row)
            self._heard[found.system_id] = max(found.heard_at, self._heard.get(found.system_id, 0))
        self._read_at = at
