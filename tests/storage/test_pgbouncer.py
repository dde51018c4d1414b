"""PgBouncer between a node and PostgreSQL: session mode is safe, and other modes are refused."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.test_cli import Shell
from tests.pgbouncer import PgBouncer
from tests.postgres import Postgres
from verifier.core.errors import Unavailable
from verifier.storage import open_storage

pytestmark = pytest.mark.needs("postgresql", "pgbouncer")

EVERYTHING = (
    "synchronous_commit,idle_in_transaction_session_timeout,lock_timeout,statement_timeout,tcp_user_timeout,"
    "extra_float_digits,default_transaction_isolation"
)
UNSAFE = {
    "synchronous_commit": "off",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
    "statement_timeout": "200ms",
    "default_transaction_isolation": "serializable",
}
PROMISED = {
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "3s",
    "lock_timeout": "4500ms",
    "statement_timeout": "5s",
}


@pytest.fixture
def unsafe_server() -> Iterator[tuple[Postgres, str]]:
    """A server to kill, with a slow WAL writer, and a database. `_make_unsafe` gives its role unsafe settings."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder), "wal_writer_delay=10s", "autovacuum=off")
        server.start()
        yield server, server.new_database()
        server.stop()


async def _make_unsafe(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE tally (name TEXT PRIMARY KEY)")
    for name, value in UNSAFE.items():
        await connection.execute(f"ALTER ROLE verifier SET {name} = '{value}'")
    await connection.close()


@asynccontextmanager
async def _opened(url: str, **more: Any) -> AsyncIterator[Any]:
    storage = await open_storage(url, **more)
    try:
        yield storage
    finally:
        await storage.close()


async def _shown(reader: Any) -> dict[str, str]:
    return {name: (await reader.fetch(f"SHOW {name}"))[0][0] for name in PROMISED}


@pytest.mark.shows("CVP-10-13")
@pytest.mark.parametrize("ignored", ["", EVERYTHING])
async def test_session_mode_overrides_unsafe_settings_of_the_role(
    unsafe_server: tuple[Postgres, str], ignored: str
) -> None:
    _, url = unsafe_server
    await _make_unsafe(url)
    with PgBouncer(url, ignore_startup_parameters=ignored) as pooler:
        async with _opened(pooler.url) as storage:
            assert await _shown(storage) == PROMISED
            async with storage.transaction() as transaction:
                assert await _shown(transaction) == PROMISED
                assert (await transaction.fetch("SHOW transaction_isolation"))[0][0] == "read committed"


@pytest.mark.shows("CVP-10-4", "CVP-10-13")
async def test_a_crash_behind_session_mode_loses_no_acknowledged_commit(
    unsafe_server: tuple[Postgres, str],
) -> None:
    server, url = unsafe_server
    await _make_unsafe(url)
    with PgBouncer(url, ignore_startup_parameters=EVERYTHING) as pooler:
        async with _opened(pooler.url) as storage:
            for n in range(20):
                async with storage.transaction() as transaction:
                    await transaction.execute_many("INSERT INTO tally VALUES ($1)", [(f"acknowledged {n}",)])
            # The same crash loses a commit that is made with the settings of the role.
            other = await asyncpg.connect(url)
            await other.execute("INSERT INTO tally VALUES ('unsafe')")
            server.kill()
            other.terminate()
    server.start()
    async with _opened(url) as storage:
        rows = await storage.fetch("SELECT name FROM tally")
    assert {row[0] for row in rows} == {f"acknowledged {n}" for n in range(20)}


@pytest.mark.shows("CVP-10-13")
@pytest.mark.parametrize("changes", [{}, {"server_round_robin": "1"}, {"default_pool_size": "1"}])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_another_pool_mode_is_refused_with_its_reason(
    postgres: Postgres, mode: str, changes: dict[str, str]
) -> None:
    with PgBouncer(postgres.new_database(), pool_mode=mode, **changes) as pooler:
        for _ in range(3):
            with pytest.raises(Unavailable, match="set pool_mode=session"):
                await open_storage(pooler.url)


async def test_another_pool_mode_is_refused_while_others_use_the_pool(postgres: Postgres) -> None:
    with PgBouncer(postgres.new_database(), pool_mode="transaction") as pooler:
        others = [await asyncpg.connect(pooler.url, statement_cache_size=0) for _ in range(8)]

        async def busy(connection: Any) -> None:
            while True:
                await connection.execute("BEGIN; SELECT pg_sleep(0.002)")
                await connection.execute("COMMIT")

        load = [asyncio.create_task(busy(each)) for each in others]
        await asyncio.sleep(0.2)
        try:
            for _ in range(10):
                with pytest.raises(Unavailable, match="set pool_mode=session"):
                    await open_storage(pooler.url)
        finally:
            for each in load:
                each.cancel()
            await asyncio.gather(*load, return_exceptions=True)
            for other in others:
                other.terminate()


async def test_the_command_line_refuses_another_pool_mode_in_one_line(postgres: Postgres, tmp_path: Path) -> None:
    with PgBouncer(postgres.new_database(), pool_mode="transaction") as pooler:
        refused = await asyncio.to_thread(Shell(tmp_path).run, "migrate", VERIFIER_DATABASE=pooler.url)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert "set pool_mode=session" in refused.stderr
