"""A database that several nodes share over an unreliable network. The statements run on SQLite.

It simulates PostgreSQL: one batch at a time, a commit whose answer is lost, a leader that is gone for a while, and a
node that freezes while it holds the lock on the head, until the database ends its transaction.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verifier.core.errors import Unavailable
from verifier.ports import Conflict, Row, Storage
from verifier.storage.sqlite import in_list, numbered

TIMEOUT_S = 5.0
RELIEVED_S = 3.0


class Faults:
    """The frequency of each fault, chosen by the seed. Once `healed`, there are no faults."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.healed = False
        self.seen: dict[str, int] = {}
        # A batch makes a dozen round trips to the database, and one commit.
        self._often = {each: rng.choice((0.0, 0.0, 0.001, 0.01)) for each in ("read", "write", "frozen", "conflict")}
        self._often |= {each: rng.choice((0.0, 0.0, 0.02, 0.1)) for each in ("lost", "late", "torn")}

    def strikes(self, what: str) -> bool:
        if self.healed or self.rng.random() >= self._often[what]:
            return False
        self.seen[what] = self.seen.get(what, 0) + 1
        return True

    def delay(self) -> float:
        """The seconds of one round trip to the database: mostly about a millisecond, sometimes up to a second."""
        return self.rng.expovariate(1000) if self.rng.random() < 0.98 else self.rng.uniform(0, 1)


class Database:
    """The SQLite file. One writer at a time. `now_ms` is the database's own clock."""

    def __init__(self, path: Path, now_ms: Callable[[], int], faults: Faults) -> None:
        self.faults = faults
        self.gone = False
        self._turn = asyncio.Lock()
        self._finishing: asyncio.Task[None] | None = None
        self._writer, self._reader = (self._connect(path, now_ms) for _ in range(2))

    def _connect(self, path: Path, now_ms: Callable[[], int]) -> sqlite3.Connection:
        def told() -> str:
            return datetime.fromtimestamp(now_ms() / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        connection.create_function("current_timestamp", 0, told)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def finish(self, left: _Transaction) -> None:
        """Finishes a commit for which no node waits any more."""
        self._finishing = asyncio.create_task(left.finish())

    async def read(self, sql: str, args: Sequence[Any]) -> Sequence[Row]:
        await self._travel("read")
        return list(self._reader.execute(numbered(sql), args))

    async def _travel(self, fault: str) -> None:
        await asyncio.sleep(self.faults.delay())
        if self.gone or self.faults.strikes(fault):
            raise Unavailable("the database cannot answer")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Unavailable("others take too long") from error
        held = _Transaction(self, self._writer, self._turn)
        try:
            await self._travel("write")
            self._writer.execute("BEGIN")
            yield held
            await held.commit()
        finally:
            held.end()


class _Transaction:
    """The transaction of one batch. The database may end it without the node's knowledge."""

    def __init__(self, database: Database, connection: sqlite3.Connection, turn: asyncio.Lock) -> None:
        self._database = database
        self._connection = connection
        self._turn = turn
        self._over = False

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        await self._round_trip()
        return list(self._connection.execute(numbered(sql), args))

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            await self._round_trip()
            self._connection.executemany(numbered(sql), rows)

    async def _round_trip(self) -> None:
        faults = self._database.faults
        if faults.strikes("frozen"):
            await asyncio.sleep(faults.rng.uniform(0, RELIEVED_S))
            if faults.rng.random() < 0.5:
                self.end()
                await asyncio.sleep(faults.rng.uniform(0, 30))
        await self._database._travel("write")
        self._check()
        if faults.strikes("conflict"):
            self.end()
            raise Conflict("met another")

    def _check(self) -> None:
        if self._over:
            raise Unavailable("the database ended the transaction")

    async def commit(self) -> None:
        """Commits, or raises Unavailable whether or not the commit happened."""
        faults = self._database.faults
        await self._database._travel("lost")
        self._check()
        if faults.strikes("late"):
            self._database.finish(self._taken_over())
            raise Unavailable("the commit was not answered in time")
        self._connection.execute("COMMIT")
        self.end()
        torn = faults.strikes("torn")
        await asyncio.sleep(faults.delay())
        if torn:
            raise Unavailable("the answer to the commit was lost")

    def _taken_over(self) -> _Transaction:
        """Ends this transaction for the node. The database continues with the returned one."""
        self._over = True
        return _Transaction(self._database, self._connection, self._turn)

    async def finish(self) -> None:
        """The commit was already sent. It is executed later, or lost if the database crashes."""
        faults = self._database.faults
        try:
            await asyncio.sleep(faults.rng.uniform(0, 8))
            if faults.rng.random() < 0.8:
                self._connection.execute("COMMIT")
        finally:
            self.end()

    def end(self) -> None:
        if not self._over:
            self._over = True
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._turn.release()


class SimulatedStorage:
    """A node's connection to the database: a `verifier.ports.Storage`."""

    commit = Storage.commit

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transaction = database.transaction

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        return await self._database.read(sql, args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self._database.read(in_list(sql, len(wanted)), wanted) if wanted else ()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SimulatedStorage]:
        """No real snapshot: it is used only when no node writes any more."""
        yield self

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        return ()

    async def close(self) -> None:
        """Does nothing, because the nodes share the database."""
