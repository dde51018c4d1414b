"""A migration while nodes of the previous version serve. They continue, but cannot be restarted.

A migration that cannot lock its tables does not block them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.faults.load import Load
from tests.faults.server import Server
from tests.postgres import Postgres
from verifier.core.errors import Unavailable
from verifier.storage import migrate as migrations
from verifier.storage import open_storage

# Changes that a later version may make to the tables of a verdict.
ADDITIVE = """
CREATE TABLE later (name TEXT PRIMARY KEY);
ALTER TABLE log_head ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leaves ADD COLUMN later TEXT;
ALTER TABLE reports ADD COLUMN later BYTEA;
ALTER TABLE idempotency ADD COLUMN later BIGINT NOT NULL DEFAULT 7;
ALTER TABLE checkpoints ADD COLUMN later TEXT;
CREATE INDEX leaves_later ON leaves (later);
"""


async def test_nodes_of_the_previous_version_serve_through_a_migration(
    tmp_path: Path, session: aiohttp.ClientSession, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.migrations()
    later = (known[-1][0] + 1, "9999_later.sql", ADDITIVE)
    async with Server(tmp_path, session, postgres.new_database()) as server:
        async with Load(server) as load:
            await load.wait_for_answers()
            with monkeypatch.context() as patch:
                patch.setattr(migrations, "migrations", lambda: [*known, later])
                storage = await open_storage(server.bank.config.database)
                assert await migrations.migrate(storage) == ["9999_later.sql"]
                await storage.close()
            await load.wait_for_answers()
            await load.wait_for_answers()
        assert load.refused == {}
        await load.check()
        assert await server.stop() == 0
        with pytest.raises(RuntimeError, match="newer than this program"):
            await server.start()


async def test_a_migration_that_waits_for_a_lock_times_out_before_nodes_do(
    tmp_path: Path, session: aiohttp.ClientSession, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.migrations()
    first, later = (
        (known[-1][0] + n, name, sql) for n, name, sql in ((1, "a", "CREATE TABLE a (n BIGINT)"), (2, "b", ADDITIVE))
    )
    url = postgres.new_database()
    async with Server(tmp_path, session, url) as server, Load(server) as load:
        await load.wait_for_answers()
        monkeypatch.setattr(migrations, "migrations", lambda: [*known, first, later])
        storage = await open_storage(url, timeout_s=3600, lock_s=migrations.LOCK_S)
        dump = await asyncpg.connect(url)
        async with dump.transaction():
            # pg_dump holds this lock for its whole run.
            await dump.execute("LOCK TABLE log_head IN ACCESS SHARE MODE")
            with pytest.raises(Unavailable, match=r"b was not applied.*held a lock"):
                await asyncio.wait_for(migrations.migrate(storage), 2 * migrations.LOCK_S)
            await load.wait_for_answers()
        await dump.close()
        assert await migrations.migrate(storage) == ["b"]
        await storage.close()
        await load.wait_for_answers()
    assert load.refused == {}
