"""What a connection to PostgreSQL must promise. Each promise is asked for, read back, and refused in words if missing.

A pooler may drop what a client asks for at start-up, and a role or a server may say otherwise. So nothing is asked for
at start-up: a new connection sets its own session and reads it again.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import asyncpg
from msgspec import Struct

from verifier.core.errors import Unavailable

# Durability does not hang on the session: each transaction asks for it itself, in the message that begins it.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on"
NO_SESSION = (
    "the pooler gives one session's statements to several connections, as PgBouncer does in transaction and statement "
    "mode: set pool_mode=session"
)

LOOKS = 10

# What no session can set. Without the first two a crash of the server's machine loses commits or the whole database.
_OF_THE_SERVER = {"fsync": "on", "full_page_writes": "on"}
_READ = (
    "SELECT name, setting, pg_backend_pid(), pg_postmaster_start_time()::text, inet_server_addr() IS NULL "
    "FROM pg_catalog.pg_settings WHERE name = ANY($1::text[])"
)
# What a pooler answers that has given this session's statements to another connection.
LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_REFUSED = (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.CantChangeRuntimeParamError)
_SET = (
    "SELECT pg_backend_pid(), pg_postmaster_start_time()::text, set_config(name, value, false) "
    "FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"
)


class Promises(Struct, frozen=True):
    """The settings each session must have: durability, and how long a statement may take or wait for a lock.

    In production the server itself must be durable too.
    """

    timeout_s: float
    lock_s: float
    production: bool

    def settings(self) -> dict[str, str]:
        """The session's settings, as `pg_settings` tells them: times in milliseconds."""
        return {
            # A commit waits for the disk, and for the synchronous standby where there is one.
            "synchronous_commit": "on",
            "default_transaction_isolation": "read committed",
            "client_encoding": "UTF8",
            # A node that froze or was cut off lets go of the head row before others have lost patience.
            "idle_in_transaction_session_timeout": "3000",
            # A statement does not wait on in the server after its node has given up.
            "lock_timeout": f"{self.lock_s * 1000:.0f}",
            "statement_timeout": f"{self.timeout_s * 1000:.0f}",
            "tcp_user_timeout": "10000",
        }


class Sessions:
    """The sessions of one node. No two connections may share one."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self._live: weakref.WeakKeyDictionary[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()

    async def begin(self, connection: Any) -> None:
        """Set a new connection's session and read it back. Raises Unavailable, naming what cannot be had."""
        wanted = self._promises.settings()
        try:
            set_by = await connection.fetch(_SET, list(wanted), list(wanted.values()))
        except LOST as error:
            raise Unavailable(NO_SESSION) from error
        except _REFUSED as error:
            # Below the first line are hints for programmers of the driver.
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"the database does not let a session set what it must: {reason}") from error
        required = wanted | {"transaction_read_only": "off"}
        if self._promises.production:
            required |= _OF_THE_SERVER
        rows = await connection.fetch(_READ, list(required))
        backend = tuple(rows[0][2:4]) if rows else ()
        if backend != tuple(set_by[0][:2]) or self._shared(backend) or not await _kept(connection, backend[0]):
            raise Unavailable(NO_SESSION)
        if rows[0][4]:
            # On a UNIX socket there is no TCP.
            del required["tcp_user_timeout"]
        _compare(required, {row[0]: row[1] for row in rows})
        self._live[connection] = backend

    def _shared(self, backend: tuple[Any, ...]) -> bool:
        return any(backend == each for other, each in self._live.items() if not other.is_closed())


async def _kept(connection: Any, pid: int) -> bool:
    """Whether one backend goes on answering. While others use the same pool, one look would be answered by chance."""
    for _ in range(LOOKS):
        if await connection.fetchval("SELECT pg_backend_pid()") != pid:
            return False
    return True


def _compare(required: Mapping[str, str], found: Mapping[str, str]) -> None:
    if found.get("transaction_read_only") == "on":
        raise Unavailable("the database takes no writes")
    wrong = [
        f"{name} is {found.get(name, 'not known')} and must be {value}"
        for name, value in required.items()
        if found.get(name) != value
    ]
    if wrong:
        raise Unavailable(f"the database does not promise what it must: {', '.join(wrong)}")
