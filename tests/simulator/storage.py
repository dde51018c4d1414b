"""A database that several nodes share, reached over a network that loses things; the statements are really run.

What PostgreSQL does to nodes is done here: one batch at a time, a commit whose answer is lost, a leader that is gone
for a while, a node that froze with the head row in its hands and is relieved of it.
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
from verifier.ports import Conflict, Row
from verifier.storage.sqlite import in_list, numbered

TIMEOUT_S = 5.0
RELIEVED_S = 3.0


class Faults:
    """How often what goes wrong, by seed; healed, nothing does."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.healed = False
        self.seen: dict[str, int] = {}
        # A batch has a dozen exchanges with the database, and one commit.
        self._often = {each: rng.choice((0.0, 0.0, 0.001, 0.01)) for each in ("read", "write", "frozen", "conflict")}
        self._often |= {each: rng.choice((0.0, 0.0, 0.02, 0.1)) for each in ("lost", "late", "torn")}

    def strikes(self, what: str) -> bool:
        if self.healed or self.rng.random() >= self._often[what]:
            return False
        self.seen[what] = self.seen.get(what, 0) + 1
        return True

    def delay(self) -> float:
        """How long one exchange with the database takes: mostly a millisecond or so, now and then a second."""
        return self.rng.expovariate(1000) if self.rng.random() < 0.98 else self.rng.uniform(0, 1)


class Database:
    """The file, whose writers take turns. `now_ms` is the database's own clock."""

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
        """Go on with what no node waits for any more."""
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
    """One batch's; it is the database that ends it, whatever the node believes."""

    def __init__(self, database: Database, connection: sqlite3.Connection, turn: asyncio.Lock) -> None:
        self._database = database
        self._connection = connection
        self._turn = turn
        self._over = False

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        await self._exchange()
        return list(self._connection.execute(numbered(sql), args))

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            await self._exchange()
            self._connection.executemany(numbered(sql), rows)

    async def _exchange(self) -> None:
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
        """Commits; or says it cannot, having done it or not."""
        faults = self._database.faults
        await self._database._travel("lost")
        self._check()
        if faults.strikes("late"):
            self._database.finish(self._left())
            raise Unavailable("the commit was not answered in time")
        self._connection.execute("COMMIT")
        self.end()
        torn = faults.strikes("torn")
        await asyncio.sleep(faults.delay())
        if torn:
            raise Unavailable("the answer to the commit was lost")

    def _left(self) -> _Transaction:
        """What the database goes on with when the node has given it up."""
        self._over = True
        return _Transaction(self._database, self._connection, self._turn)

    async def finish(self) -> None:
        """The commit had been sent: it is carried out some time, or given up when the database dies."""
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
    """One node's way to the database: `verifier.ports.Storage`."""

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
        """Once nobody writes any more, every read sees the same."""
        yield self

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        return ()

    async def close(self) -> None:
        """The database is everybody's."""
