"""SQLite in one file through aiosqlite: the embedded default. Carries out specs/protocol.md section 10 (durability).

WAL with `synchronous=FULL`: a commit that returned survives a power cut. One connection writes, one reads.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite

from verifier.core.errors import Unavailable
from verifier.ports import Row

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA secure_delete = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 4000",
)


@functools.lru_cache(maxsize=256)
def numbered(sql: str) -> str:
    """`$1` is a named parameter to SQLite; `?1` is a numbered one, as PostgreSQL means it."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


def in_list(sql: str, count: int) -> str:
    """A statement whose `($*)` has become that many parameters."""
    return sql.replace("($*)", "(" + ",".join("?" * count) + ")")


# What says that the database cannot do it now; a defect in our own statements is not among them.
_GONE = (sqlite3.OperationalError, sqlite3.InternalError, sqlite3.NotSupportedError)


class _Connection:
    """One aiosqlite connection as a `Transaction`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        try:
            return list(await self._connection.execute_fetchall(numbered(sql), args))
        except _GONE as error:
            raise Unavailable("the database cannot answer") from error

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        try:
            await self._connection.executemany(numbered(sql), rows)
        except _GONE as error:
            raise Unavailable("the database cannot write") from error


class SqliteStorage:
    """`verifier.ports.Storage` on one SQLite file."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._lock = asyncio.Lock()
        self._read = _Connection(reader)

    @classmethod
    async def open(cls, path: str) -> SqliteStorage:
        """Open or create the file. Raises Unavailable when it cannot be opened or is not a database."""
        opened: list[aiosqlite.Connection] = []
        try:
            for _ in range(2):
                connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
                opened.append(connection)
                for pragma in _PRAGMAS:
                    await connection.execute(pragma)
            await opened[1].execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            for connection in opened:
                await connection.close()
            raise Unavailable(f"the database file cannot be opened: {error}") from error
        return cls(*opened)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        return await self._read.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        return await self._read.fetch_in(sql, keys)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        async with self._lock:
            try:
                await self._run("BEGIN IMMEDIATE")
                yield _Connection(self._writer)
                await self._run("COMMIT")
            except BaseException:
                # A failed COMMIT leaves the transaction open, and so does a BEGIN whose caller gave up while the
                # thread still waits in it. This comes after both in that thread, and without either does nothing.
                await self._rollback()
                raise

    async def _run(self, statement: str) -> None:
        try:
            await self._writer.execute(statement)
        except _GONE as error:
            raise Unavailable(f"the database cannot {statement.split()[0].lower()}: {error}") from error

    async def _rollback(self) -> None:
        try:
            await self._writer.rollback()
        except _GONE as error:
            raise Unavailable(f"the database cannot roll back: {error}") from error

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()
