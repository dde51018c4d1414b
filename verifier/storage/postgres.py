"""PostgreSQL through asyncpg, and what speaks its wire protocol. Carries out specs/protocol.md section 10.

Several hosts may be named; the one that takes writes is used. After a failover connections are made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from verifier.core.errors import Unavailable
from verifier.ports import Conflict, Row
from verifier.storage.session import BEGIN, LOST, NO_SESSION, Promises, Sessions

CONNECT_S = 4.0
READERS = 10
WRITERS = 8

# Everything that says "the database cannot do it now"; a defect in our own SQL is not among them.
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
# What says "as things are now it cannot, but once more it can".
_CROSSED = (
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
# A commit that nobody replicated, because its wait was cancelled, is told as a success, with this warning.
_WARNING = "01000"


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
    """`verifier.ports.Storage` on PostgreSQL. Writers have connections of their own, which no reader can take."""

    def __init__(self, readers: Any, writers: Any) -> None:
        self._readers = readers
        self._writers = writers

    @classmethod
    async def open(cls, url: str, timeout_s: float, lock_s: float, production: bool = False) -> PostgresStorage:
        """Connect; a statement may take `timeout_s`, and wait for a lock for `lock_s`.

        Raises Unavailable when no host answers that takes writes, and when a session does not promise what it must.
        """
        opened: list[Any] = []
        sessions = Sessions(Promises(timeout_s, lock_s, production))

        async def init(connection: Any) -> None:
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
                    reset=_as_it_is,
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

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        async with _acquired(self._readers) as connection:
            return await _Connection(connection).fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = tuple(keys)
        if not wanted:
            return ()
        async with _acquired(self._readers) as connection:
            return await _Connection(connection).fetch_in(sql, wanted)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        # Every batch first updates the head rows of its shards, so batches of all nodes that need the same run one
        # after another, and READ COMMITTED shows each what the one before it wrote.
        async with _acquired(self._writers) as connection:
            warned: list[str] = []

            def listen(_: Any, message: Any) -> None:
                if message.sqlstate == _WARNING:
                    warned.append(message.message)

            connection.add_log_listener(listen)
            await connection.execute(BEGIN)
            yield _Connection(connection)
            if await connection.execute("COMMIT") != "COMMIT" or warned:
                raise Unavailable("the database did not commit as it should")
            connection.remove_log_listener(listen)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[_Connection]:
        async with _acquired(self._readers) as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield _Connection(connection)
            await connection.execute("COMMIT")

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """Nothing: its checksums and pg_amcheck are the operator's."""
        return ()

    async def close(self) -> None:
        await self._writers.close()
        await self._readers.close()


async def _as_it_is(connection: Any) -> None:
    """Nothing here changes a session, so there is nothing to ask of the server before the next one uses it."""


@asynccontextmanager
async def _acquired(pool: Any) -> AsyncIterator[Any]:
    """A connection of the pool. After any failure it is not used again, and the server rolls back."""
    with _translated():
        async with pool.acquire(timeout=CONNECT_S + 1) as connection:
            try:
                yield connection
            except BaseException as error:
                # Without waiting: there may be nobody at the other end, or a leader that is one no more. A connection
                # that the server has closed is not the pool's any more, and cannot be terminated.
                with suppress(asyncpg.InterfaceError):
                    connection.terminate()
                # Who holds a lock for long says nothing of the other connections.
                if isinstance(error, _GONE) and not isinstance(error, asyncpg.LockNotAvailableError):
                    await pool.expire_connections()
                raise


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except asyncpg.StatementCompletionUnknownError as error:
        # By its class it would be a conflict; but it may have been committed.
        raise Unavailable("nobody knows whether the database has committed") from error
    except _CROSSED as error:
        raise Conflict("other transactions were in the way") from error
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable("the database has others at work on the same for too long") from error
    except LOST as error:
        raise Unavailable(NO_SESSION) from error
    except _GONE as error:
        raise Unavailable("the database cannot answer") from error


def _connector(url: str) -> Callable[..., Awaitable[Any]]:
    """Connects to whichever host takes writes. All are asked at once, so that a silent one costs no time."""
    addresses = _addresses(url)

    async def connect(*_: Any, **settings: Any) -> Any:
        def ask(address: str) -> Any:
            return asyncpg.connect(address, **settings, timeout=CONNECT_S, target_session_attrs="read-write")

        asked = {asyncio.ensure_future(ask(each)): each for each in addresses}
        problems: list[str] = []
        chosen: list[Any] = []
        try:
            for following in asyncio.as_completed(asked):
                try:
                    chosen.append(await following)
                    break
                except Exception as error:
                    problems.append(_in_words(error))
        finally:
            for each in asked:
                each.add_done_callback(lambda late: _let_go(late, chosen))
                each.cancel()
        if not chosen:
            raise OSError("; ".join(dict.fromkeys(problems)))
        return chosen[0]

    return connect


def _let_go(late: asyncio.Future[Any], chosen: Sequence[Any]) -> None:
    """Close a connection that came too late to be chosen."""
    if not late.cancelled() and late.exception() is None and late.result() not in chosen:
        late.result().terminate()


def _in_words(error: Exception) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "a host is there, but takes no writes"
    if isinstance(error, asyncio.TimeoutError):
        return f"a host did not answer in {CONNECT_S:.0f} s"
    return str(error) or type(error).__name__


def _addresses(url: str) -> list[str]:
    """One address for each host of `postgresql://user@host1:5432,host2:5432/name`."""
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=who + at + host).geturl() for host in hosts.split(",")]
