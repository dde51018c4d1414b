"""SQLite in one file: the embedded default. Implements specs/protocol.md section 10 (durability).

The file uses WAL with `synchronous=FULL`: after COMMIT has returned, the data survives a power cut. One connection
writes, in a thread of its own (specs/decisions/0036). Another connection reads, through aiosqlite. If SQLite reports
that the file is damaged, the node stops using the file until the node is restarted.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import TypedDict, TypeVar, cast

import aiosqlite

from verifier.core.errors import InternalError, Unavailable
from verifier.ports import Row, Storage, Transaction
from verifier.storage.sqlite_file import SqliteFile, make_private


class _Options(TypedDict):
    """Options of `sqlite3.connect`."""

    isolation_level: None
    cached_statements: int


# Required settings. Each setting is set and read back, because SQLite ignores a setting that it cannot apply.
_REQUIRED = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "busy_timeout": 5000}
_OPTIONAL = ("PRAGMA cache_size = -4096", "PRAGMA wal_autocheckpoint = 4000")
# Both connections begin and end their transactions themselves.
_OPTIONS = _Options(isolation_level=None, cached_statements=256)
MAX_DAMAGE = 20
T = TypeVar("T")
MEMORY = ":memory:"


@functools.lru_cache(maxsize=256)
def numbered(sql: str) -> str:
    """The statement with `?1` in place of `$1`, and so on. In SQLite, `?1` is numbered, but `$1` is a name."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


@functools.lru_cache(maxsize=512)
def _places(count: int) -> str:
    return "(" + ",".join(f"?{n}" for n in range(1, count + 1)) + ")"


def in_list(sql: str, count: int) -> str:
    """The statement with `count` parameters in place of each `($*)`. All places get the same parameters."""
    return sql.replace("($*)", _places(count))


class _Connection:
    """The reading connection, as a `Reader`."""

    def __init__(self, connection: aiosqlite.Connection, file: SqliteFile) -> None:
        self._connection = connection
        self._file = file

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        with self._file.translated("answer"):
            return list(await self._connection.execute_fetchall(numbered(sql), args))

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()


class _InThread:
    """The writing connection as a `Transaction`, for code in the writer's thread. Its coroutines never wait."""

    def __init__(self, connection: sqlite3.Connection, file: SqliteFile) -> None:
        self._connection = connection
        self._file = file

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        with self._file.translated("answer"):
            return self._connection.execute(numbered(sql), args).fetchall()

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        return await self.fetch(in_list(sql, len(wanted)), *wanted) if wanted else ()

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            with self._file.translated("write"):
                self._connection.executemany(numbered(sql), rows)

    async def run(self, statement: str) -> None:
        """Run a BEGIN or COMMIT statement."""
        with self._file.translated(statement.split()[0].lower()):
            self._connection.execute(statement)

    async def rollback(self) -> None:
        """Roll back, if a transaction is open."""
        with self._file.translated("roll back", always=True):
            self._connection.rollback()

    async def transact(self, work: Callable[[_InThread], Coroutine[object, object, T]]) -> T:
        """Run `work` in one transaction, from BEGIN to COMMIT. Returns the result of `work`."""
        try:
            await self.run("BEGIN IMMEDIATE")
            result = await work(self)
            await self.run("COMMIT")
        except BaseException:
            # The transaction may still be open, even after a failed COMMIT.
            await self.rollback()
            raise
        self._file.check_in_place()
        return result

    async def close(self) -> None:
        self._connection.close()


class _FromLoop:
    """The writing connection as a `Transaction`, for code on the event loop.

    Each statement is sent to the writer's thread and runs there. Meanwhile the event loop can run other code.
    """

    def __init__(self, writer: _InThread, thread: ThreadPoolExecutor) -> None:
        self._writer = writer
        self._thread = thread

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        return await _hop(self._thread, self._writer.fetch, sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        return await _hop(self._thread, self._writer.fetch_in, sql, keys)

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        await _hop(self._thread, self._writer.execute_many, sql, rows)


async def _hop(thread: ThreadPoolExecutor, work: Callable[..., Coroutine[object, object, T]], *args: object) -> T:
    """Run a coroutine in the writer's thread. The coroutine must never wait."""
    return await asyncio.get_running_loop().run_in_executor(thread, _complete, work, *args)


def _complete(work: Callable[..., Coroutine[object, object, T]], *args: object) -> T:
    """Run a coroutine to its end. Raises InternalError if the coroutine waits for anything outside of this thread."""
    coroutine = work(*args)
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return cast("T", ended.value)
    coroutine.close()
    raise InternalError("a transaction waits for something other than its database")


class SqliteStorage(Storage):
    """`verifier.ports.Storage` on one SQLite file."""

    def __init__(
        self, file: SqliteFile, thread: ThreadPoolExecutor, writer: _InThread, reader: aiosqlite.Connection
    ) -> None:
        self._file = file
        self._thread = thread
        self._writer = writer
        self._reader = reader
        self._closed = False
        self._lock = asyncio.Lock()
        self._snapshot = asyncio.Lock()
        self._read = _Connection(reader, file)

    @classmethod
    async def open(cls, path: str) -> SqliteStorage:
        """Open or create the file. Raises Unavailable if the file cannot be opened or lacks a required setting."""
        file = SqliteFile(path)
        thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite writer")
        opened: list[_InThread | aiosqlite.Connection] = []
        try:
            if path != MEMORY:
                make_private(path)
            # Open the file without aiosqlite first: if aiosqlite fails to open a file, its thread never ends.
            with closing(sqlite3.connect(path)):
                file.check_wal()
            connection = sqlite3.connect(path, check_same_thread=False, **_OPTIONS)
            writer = _InThread(connection, file)
            opened.append(writer)
            await _begin(lambda sql: _at_once(connection, sql))
            reader = await aiosqlite.connect(path, **_OPTIONS)
            opened.append(reader)
            await _begin(reader.execute_fetchall)
            await reader.execute("PRAGMA query_only = ON")
            # Read once now, because SQLite creates its journal on the first read.
            await reader.execute_fetchall("SELECT 1 FROM sqlite_master LIMIT 1")
            file.opened()
        except (sqlite3.Error, OSError, Unavailable) as error:
            for each in opened:
                await each.close()
            thread.shutdown()
            if isinstance(error, Unavailable):
                raise
            raise Unavailable(f"the database file cannot be opened: {error}") from error
        return cls(file, thread, writer, reader)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        return await self._read.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        return await self._read.fetch_in(sql, keys)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_FromLoop]:
        async with self._lock:
            try:
                await _hop(self._thread, self._writer.run, "BEGIN IMMEDIATE")
                yield _FromLoop(self._writer, self._thread)
                await _hop(self._thread, self._writer.run, "COMMIT")
            except BaseException:
                # The transaction may still be open: COMMIT may have failed, or the caller may have been cancelled
                # during BEGIN. The rollback runs in the same thread, after BEGIN or COMMIT has ended. If no transaction
                # is open, the rollback does nothing.
                # The shield keeps a second cancellation from dropping the rollback.
                await asyncio.shield(_hop(self._thread, self._writer.rollback))
                raise
            self._file.check_in_place()

    async def commit(self, run: Callable[[Transaction], Coroutine[object, object, T]]) -> T:
        # If the caller is cancelled, the thread does not stop. It ends this transaction before it begins the next one.
        async with self._lock:
            return await _hop(self._thread, self._writer.transact, run)

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
        """Run SQLite's own check of the file, which takes about 3 s per GB.

        With `thorough`, the check also covers the indexes, and takes about 12 s per GB.
        """
        check = "integrity_check" if thorough else "quick_check"
        found = [str(row[0]) for row in await self._read.fetch(f"PRAGMA {check}({MAX_DAMAGE})")]
        return [] if found == ["ok"] else found

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await _hop(self._thread, self._writer.close)
        finally:
            self._thread.shutdown()
            await self._reader.close()


async def _at_once(connection: sqlite3.Connection, sql: str) -> Iterable[Row]:
    return connection.execute(sql).fetchall()


async def _begin(execute: Callable[[str], Awaitable[Iterable[Row]]]) -> None:
    """Set the pragmas of a new connection and read them back.

    Raises Unavailable if a pragma is wrong. The error names the pragma.
    """
    for name, value in _REQUIRED.items():
        await execute(f"PRAGMA {name} = {value}")
        ((found,),) = await execute(f"PRAGMA {name}")
        if found != value:
            raise Unavailable(f"the database lacks a setting that it must have: {name} is {found} and must be {value}")
    for pragma in _OPTIONAL:
        await execute(pragma)
