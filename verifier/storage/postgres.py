"""PostgreSQL through asyncpg, and what speaks its wire protocol. Carries out specs/protocol.md section 10."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from verifier.core.errors import Unavailable
from verifier.ports import Row

# Everything that says "the database cannot do it now"; a defect in our own SQL is not among them.
_GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresIOError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


class _Connection:
    """One asyncpg connection as a `Transaction`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return ()
        # Lists are padded to a power of two, so that few distinct texts are prepared.
        wanted += [wanted[-1]] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
        places = ",".join(f"${n}" for n in range(1, len(wanted) + 1))
        return await self.fetch(sql.replace("($*)", f"({places})"), *wanted)

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            await self._connection.executemany(sql, rows)


class PostgresStorage:
    """`verifier.ports.Storage` on a PostgreSQL pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> PostgresStorage:
        """Connect. Raises Unavailable when no server answers."""
        try:
            pool = await asyncpg.create_pool(url, min_size=1, max_size=10, timeout=5, command_timeout=30)
        except _GONE as error:
            raise Unavailable(f"the database cannot be reached: {error}") from error
        return cls(pool)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        async with self._acquired() as connection:
            return await connection.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        async with self._acquired() as connection:
            return await connection.fetch_in(sql, keys)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[_Connection]:
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield _Connection(connection)
        except _GONE as error:
            raise Unavailable("the database cannot answer") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        # Every batch first updates the log's head row, so batches of all nodes run one after another and
        # READ COMMITTED shows each what the one before it wrote.
        try:
            async with self._pool.acquire(timeout=5) as connection, connection.transaction():
                yield _Connection(connection)
        except _GONE as error:
            raise Unavailable("the database cannot write") from error

    async def close(self) -> None:
        await self._pool.close()
