"""PostgreSQL, and databases with its wire protocol, through asyncpg. Implements specs/protocol.md section 10.

The address may name several hosts. The node connects to the host that accepts writes, and again after each failover.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import urlsplit

import asyncpg

from verifier.core.errors import Unavailable
from verifier.ports import Conflict, Row, Storage
from verifier.storage.session import BEGIN, LOST, NO_SESSION, Sessions, SessionSettings

CONNECT_S = 4.0
READERS = 10
WRITERS = 8

# Errors that mean that the database cannot answer now. Errors from a defect in our own SQL do not belong here.
_GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.StatementCompletionUnknownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresIOError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
# Errors that mean a conflict with another transaction. If the failed transaction runs again, it can succeed.
_CONFLICTS = (
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
# The warning of a server that has stopped waiting for its synchronous standby. The server still reports that the commit
# has succeeded.
_WARNING = "01000"


class _Connection:
    """One asyncpg connection as a `Transaction`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return ()
        # Pad the list to a power of two by repeating the last key, so that the server prepares few statements.
        wanted += [wanted[-1]] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
        places = ",".join(f"${n}" for n in range(1, len(wanted) + 1))
        return await self.fetch(sql.replace("($*)", f"({places})"), *wanted)

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            await self._connection.executemany(sql, rows)


class PostgresStorage(Storage):
    """`verifier.ports.Storage` on PostgreSQL. Reads and writes use separate pools, so reads cannot block writes."""

    def __init__(self, readers: asyncpg.Pool, writers: asyncpg.Pool) -> None:
        self._readers = readers
        self._writers = writers

    @classmethod
    async def open(cls, url: str, timeout_s: float, lock_s: float, production: bool = False) -> PostgresStorage:
        """Connect. A statement may take at most `timeout_s`, and may wait at most `lock_s` for a lock.

        Raises Unavailable if no host accepts writes, or if a session lacks a required setting.
        """
        opened: list[asyncpg.Connection] = []
        sessions = Sessions(SessionSettings(timeout_s, lock_s, production))

        async def init(connection: asyncpg.Connection) -> None:
            with _translated():
                try:
                    async with asyncio.timeout(CONNECT_S):
                        await sessions.begin(connection)
                except BaseException:
                    connection.terminate()
                    raise

        try:
            for size in (READERS, WRITERS):
                pool = asyncpg.create_pool(
                    min_size=1,
                    max_size=size,
                    command_timeout=timeout_s,
                    init=init,
                    connect=_connector(url),
                    reset=_no_reset,
                )
                opened.append(pool)
                await pool
        except (*_GONE, Unavailable) as error:
            for pool in opened:
                pool.terminate()
            if isinstance(error, Unavailable):
                raise
            raise Unavailable(f"the database cannot be reached: {error}") from error
        return cls(*opened)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        async with _acquired(self._readers) as connection:
            return await _Connection(connection).fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        wanted = tuple(keys)
        if not wanted:
            return ()
        async with _acquired(self._readers) as connection:
            return await _Connection(connection).fetch_in(sql, wanted)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        # Every batch first updates the head rows of its shards. So the batches of one shard run one after another, even
        # on different nodes. Under READ COMMITTED, each batch sees the writes of all earlier batches.
        async with _acquired(self._writers) as connection:
            warned: list[str] = []

            def listen(_: object, message: asyncpg.PostgresLogMessage) -> None:
                if message.sqlstate == _WARNING:
                    warned.append(message.message)

            connection.add_log_listener(listen)
            await connection.execute(BEGIN)
            yield _Connection(connection)
            if await connection.execute("COMMIT") != "COMMIT" or warned:
                raise Unavailable("the database did not confirm that the commit is durable")
            connection.remove_log_listener(listen)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[_Connection]:
        async with _acquired(self._readers) as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield _Connection(connection)
            await connection.execute("COMMIT")

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """Always empty. On PostgreSQL, the operator looks for damage with checksums and pg_amcheck."""
        return ()

    async def close(self) -> None:
        await self._writers.close()
        await self._readers.close()


async def _no_reset(connection: asyncpg.Connection) -> None:
    """Skip the reset of a connection. No code changes a session's settings, and a reset would cost a round trip."""


@asynccontextmanager
async def _acquired(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Take a connection from the pool. After any failure, close the connection, so that the server rolls back."""
    with _translated():
        async with pool.acquire(timeout=CONNECT_S + 1) as connection:
            try:
                yield connection
            except BaseException as error:
                # Do not wait for the server. It may have crashed, or may no longer be the leader. If the server has
                # already closed the connection, the pool has dropped it and `terminate` raises InterfaceError.
                with suppress(asyncpg.InterfaceError):
                    connection.terminate()
                # If the database cannot answer, close the other connections too. A lock timeout does not affect them.
                if isinstance(error, _GONE) and not isinstance(error, asyncpg.LockNotAvailableError):
                    await pool.expire_connections()
                raise


@contextmanager
def _translated() -> Iterator[None]:
    """Translate errors of the driver into Unavailable or Conflict."""
    try:
        yield
    except asyncpg.StatementCompletionUnknownError as error:
        # The base class of this error means a conflict. But after this error, the transaction may have been committed.
        raise Unavailable("the database did not say whether it has committed") from error
    except _CONFLICTS as error:
        raise Conflict("other transactions were in the way") from error
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable("another transaction held a lock in the database for too long") from error
    except LOST as error:
        raise Unavailable(NO_SESSION) from error
    except _GONE as error:
        raise Unavailable("the database cannot answer") from error


def _connector(url: str) -> Callable[..., Awaitable[asyncpg.Connection]]:
    """Make a function that connects to the host that accepts writes.

    The function tries all hosts at the same time, so that a host that does not answer causes no delay.
    """
    addresses = _addresses(url)

    async def connect(*_: object, **settings: object) -> asyncpg.Connection:
        def ask(address: str) -> asyncpg.Connection:
            return asyncpg.connect(address, **settings, timeout=CONNECT_S, target_session_attrs="read-write")

        asked = {asyncio.ensure_future(ask(each)): each for each in addresses}
        problems: list[str] = []
        chosen: list[asyncpg.Connection] = []
        try:
            for following in asyncio.as_completed(asked):
                try:
                    chosen.append(await following)
                    break
                except Exception as error:
                    problems.append(_in_words(error))
        finally:
            for each in asked:
                each.add_done_callback(lambda late: _close_late(late, chosen))
                each.cancel()
        if not chosen:
            raise OSError("; ".join(dict.fromkeys(problems)))
        return chosen[0]

    return connect


def _close_late(late: asyncio.Future[asyncpg.Connection], chosen: Sequence[asyncpg.Connection]) -> None:
    """Close the connection `late`, unless it was chosen. It was made after another connection had been chosen."""
    if not late.cancelled() and late.exception() is None and late.result() not in chosen:
        late.result().terminate()


def _in_words(error: Exception) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "a host answers, but takes no writes"
    if isinstance(error, asyncio.TimeoutError):
        return f"a host did not answer in {CONNECT_S:.0f} s"
    return str(error) or type(error).__name__


def _addresses(url: str) -> list[str]:
    """One address for each host of `postgresql://user@host1:5432,host2:5432/name`."""
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=who + at + host).geturl() for host in hosts.split(",")]
