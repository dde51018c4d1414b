"""The settings that a PostgreSQL session must have. If a setting is wrong, the error names the setting.

A pooler may drop the settings that a client sends when it connects. A role or a server may override the settings. So
each new connection sets the settings in its own session and reads them back.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import asyncpg
from msgspec import Struct

from verifier.core.errors import Unavailable

# Each transaction sets `synchronous_commit` itself, in the message that begins it. So durability does not depend on the
# session.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on"
NO_SESSION = (
    "the pooler does not keep one server session for each connection, as PgBouncer does not in transaction and "
    "statement mode: set pool_mode=session"
)

LOOKS = 10

# Server settings that no session can change. If one of them is off, a crash of the server's machine can lose commits or
# the whole database.
_OF_THE_SERVER = {"fsync": "on", "full_page_writes": "on"}
_READ = (
    "SELECT name, setting, pg_backend_pid(), pg_postmaster_start_time()::text, inet_server_addr() IS NULL "
    "FROM pg_catalog.pg_settings WHERE name = ANY($1::text[])"
)
# Errors that mean that a pooler has given the session of this connection to another connection.
LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_REFUSED = (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.CantChangeRuntimeParamError)
_SET = (
    "SELECT pg_backend_pid(), pg_postmaster_start_time()::text, set_config(name, value, false) "
    "FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"
)


class SessionSettings(Struct, frozen=True):
    """The settings that each session must have. `timeout_s` is the statement timeout. `lock_s` is the lock timeout.

    With `production`, the durability settings of the server are checked too.
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
            # If a node hangs in a transaction, the server must release the node's locks before other nodes time out.
            "idle_in_transaction_session_timeout": "3000",
            # The server must stop a statement before the node stops waiting for it.
            "lock_timeout": f"{self.lock_s * 1000:.0f}",
            "statement_timeout": f"{self.timeout_s * 1000:.0f}",
            "tcp_user_timeout": "10000",
        }


class Sessions:
    """The sessions of one node. Two connections must not share a session."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._live: weakref.WeakKeyDictionary[asyncpg.Connection, tuple[object, ...]] = weakref.WeakKeyDictionary()

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Set the settings of a new connection's session and read them back.

        Raises Unavailable if a setting is wrong. The detail of the error names the wrong settings.
        """
        wanted = self._settings.settings()
        try:
            set_by = await connection.fetch(_SET, list(wanted), list(wanted.values()))
        except LOST as error:
            raise Unavailable(NO_SESSION) from error
        except _REFUSED as error:
            # Keep only the first line of the error. The other lines are hints for developers of the driver.
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
    """Whether the same backend answers every time. A pooler may use one backend twice by chance, so ask LOOKS times."""
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
