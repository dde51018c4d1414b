"""SQLite in one file through aiosqlite: the embedded default. Implements specs/protocol.md section 10 (durability).

The file uses WAL with `synchronous=FULL`: once a commit has returned, it survives a power cut. One connection writes,
and another one reads. If the file is found to be damaged, the node neither reads nor writes it until it starts again.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing

import aiosqlite

from verifier.core.errors import Unavailable
from verifier.ports import Row
from verifier.storage.sqlite_file import SqliteFile, make_private

# Required settings. Each is set and read back, because SQLite ignores a setting that it cannot apply.
_REQUIRED = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "busy_timeout": 5000}
_OPTIONAL = ("PRAGMA cache_size = -16384", "PRAGMA wal_autocheckpoint = 4000")
MAX_DAMAGE = 20
MEMORY = ":memory:"


@functools.lru_cache(maxsize=256)
def numbered(sql: str) -> str:
    """The statement with `?1` in place of `$1`, and so on. In SQLite, `?1` is numbered, but `$1` is a name."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


def in_list(sql: str, count: int) -> str:
    """The statement with `count` parameters in place of `($*)`."""
    return sql.replace("($*)", "(" + ",".join("?" * count) + ")")


class _Connection:
    """One aiosqlite connection as a `Transaction`."""

    def __init__(self, connection: aiosqlite.Connection, file: SqliteFile) -> None:
        self._connection = connection
        self._file = file

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        with self._file.translated("answer"):
            return list(await self._connection.execute_fetchall(numbered(sql), args))

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            with self._file.translated("write"):
                await self._connection.executemany(numbered(sql), rows)


class SqliteStorage:
    """`verifier.ports.Storage` on one SQLite file."""

    def __init__(self, file: SqliteFile, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._file = file
        self._writer = writer
        self._reader = reader
        self._lock = asyncio.Lock()
        self._snapshot = asyncio.Lock()
        self._read = _Connection(reader, file)

    @classmethod
    async def open(cls, path: str) -> SqliteStorage:
        """Open or create the file. Raises Unavailable if it cannot be opened or lacks a required setting."""
        file = SqliteFile(path)
        opened: list[aiosqlite.Connection] = []
        try:
            if path != MEMORY:
                make_private(path)
            # Open the file without aiosqlite first: if aiosqlite fails to open a file, its thread never ends.
            with closing(sqlite3.connect(path)):
                file.check_wal()
            for _ in range(2):
                connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
                opened.append(connection)
                await _begin(connection)
            await opened[1].execute("PRAGMA query_only = ON")
            # SQLite creates its journal on the first read.
            await opened[1].execute_fetchall("SELECT 1 FROM sqlite_master LIMIT 1")
            file.opened()
        except (sqlite3.Error, OSError, Unavailable) as error:
            for connection in opened:
                await connection.close()
            if isinstance(error, Unavailable):
                raise
            raise Unavailable(f"the database file cannot be opened: {error}") from error
        return cls(file, *opened)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        return await self._read.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        return await self._read.fetch_in(sql, keys)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        async with self._lock:
            try:
                await self._run("BEGIN IMMEDIATE")
                yield _Connection(self._writer, self._file)
                await self._run("COMMIT")
            except BaseException:
                # The transaction may still be open: COMMIT may have failed, or the caller may have been cancelled
                # during BEGIN. The rollback runs in the same thread, after BEGIN or COMMIT has ended. If no transaction
                # is open, it does nothing.
                await self._rollback()
                raise
            self._file.check_in_place()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[_Connection]:
        # There is only one reading connection. Until the snapshot ends, all other reads see the same state.
        async with self._snapshot:
            with self._file.translated("read"):
                await self._reader.execute("BEGIN")
            try:
                yield self._read
            finally:
                with self._file.translated("read", always=True):
                    await self._reader.rollback()

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """Run SQLite's own check of the file. It takes about 3 s per GB. With `thorough` it also checks the indexes,
        and takes about 12 s per GB.
        """
        check = "integrity_check" if thorough else "quick_check"
        found = [str(row[0]) for row in await self._read.fetch(f"PRAGMA {check}({MAX_DAMAGE})")]
        return [] if found == ["ok"] else found

    async def _run(self, statement: str) -> None:
        with self._file.translated(statement.split()[0].lower()):
            await self._writer.execute(statement)

    async def _rollback(self) -> None:
        with self._file.translated("roll back", always=True):
            await self._writer.rollback()

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


async def _begin(connection: aiosqlite.Connection) -> None:
    """Set the pragmas of a new connection and read them back. Raises Unavailable, which names the wrong pragma."""
    for name, value in _REQUIRED.items():
        await connection.execute(f"PRAGMA {name} = {value}")
        ((found,),) = await connection.execute_fetchall(f"PRAGMA {name}")
        if found != value:
            raise Unavailable(f"the database lacks a setting that it must have: {name} is {found} and must be {value}")
    for pragma in _OPTIONAL:
        await connection.execute(pragma)
