"""The settings that a session of PostgreSQL must have. Each is set, read back, and named in the error if it is wrong.

A pooler may drop the settings that a client sends when it connects, and a role or a server may override them. So a new
connection sets them in its own session and reads them back.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import asyncpg
from msgspec import Struct

from verifier.core.errors import Unavailable

# Durability does not depend on the session: each transaction sets it in the message that begins the transaction.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on"
NO_SESSION = (
    "the pooler does not keep one server session for each connection, as PgBouncer does not in transaction and "
    "statement mode: set pool_mode=session"
)

LOOKS = 10

# Server settings, which no session can change. Without them a crash of the server's machine loses commits or the whole
# database.
_OF_THE_SERVER = {"fsync": "on", "full_page_writes": "on"}
_READ = (
    "SELECT name, setting, pg_backend_pid(), pg_postmaster_start_time()::text, inet_server_addr() IS NULL "
    "FROM pg_catalog.pg_settings WHERE name = ANY($1::text[])"
)
# Errors that show that a pooler has given this session to another connection.
LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_REFUSED = (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.CantChangeRuntimeParamError)
_SET = (
    "SELECT pg_backend_pid(), pg_postmaster_start_time()::text, set_config(name, value, false) "
    "FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"
)


class SessionSettings(Struct, frozen=True):
    """The settings each session must have: durability, the statement timeout and the lock timeout.

    In production the server's own durability settings are checked too.
    """

    timeout_s: float
    lock_s: float
    production: bool

    def settings(self) -> dict[str, str]:
        """The settings as `pg_settings` shows them, with times in milliseconds."""
        return {
            # A commit waits for the disk, and for the synchronous standby if there is one.
            "synchronous_commit": "on",
            "default_transaction_isolation": "read committed",
            "client_encoding": "UTF8",
            # A node that hangs or is cut off loses its lock on the head row before other nodes time out.
            "idle_in_transaction_session_timeout": "3000",
            # A statement must not go on waiting in the server after its node has timed out.
            "lock_timeout": f"{self.lock_s * 1000:.0f}",
            "statement_timeout": f"{self.timeout_s * 1000:.0f}",
            "tcp_user_timeout": "10000",
        }


class Sessions:
    """The sessions of one node. Two connections must not share one."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._live: weakref.WeakKeyDictionary[asyncpg.Connection, tuple[object, ...]] = weakref.WeakKeyDictionary()

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Set up a new connection's session and read it back. Raises Unavailable, which names the wrong settings."""
        wanted = self._settings.settings()
        try:
            set_by = await connection.fetch(_SET, list(wanted), list(wanted.values()))
        except LOST as error:
            raise Unavailable(NO_SESSION) from error
        except _REFUSED as error:
            # The lines after the first are hints for developers of the driver.
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"the database does not let a session set a required setting: {reason}") from error
        required = wanted | {"transaction_read_only": "off"}
        if self._settings.production:
            required |= _OF_THE_SERVER
        rows = await connection.fetch(_READ, list(required))
        backend = tuple(rows[0][2:4]) if rows else ()
        if backend != tuple(set_by[0][:2]) or self._shared(backend) or not await _keeps_backend(connection, backend[0]):
            raise Unavailable(NO_SESSION)
        if rows[0][4]:
            # A UNIX socket has no TCP timeout.
            del required["tcp_user_timeout"]
        _compare(required, {row[0]: row[1] for row in rows})
        self._live[connection] = backend

    def _shared(self, backend: tuple[object, ...]) -> bool:
        return any(backend == each for other, each in self._live.items() if not other.is_closed())


async def _keeps_backend(connection: asyncpg.Connection, pid: int) -> bool:
    """Whether the same backend answers every time. A single check could pass by chance while others use the pooler."""
    for _ in range(LOOKS):
        if await connection.fetchval("SELECT pg_backend_pid()") != pid:
            return False
    return True


def _compare(required: Mapping[str, str], found: Mapping[str, str]) -> None:
    if found.get("transaction_read_only") == "on":
        raise Unavailable("the database takes no writes")
    wrong = [
        f"{name} is {found.get(name, 'unknown')} and must be {value}"
        for name, value in required.items()
        if found.get(name) != value
    ]
    if wrong:
        raise Unavailable(f"the database lacks a setting that it must have: {', '.join(wrong)}")
