"""Faults that only PostgreSQL has: leader changes, missing replicas, locks, TLS and unsafe settings."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.certificates import certified
from tests.postgres import Postgres
from tests.world import Person, World
from verifier.core.errors import Unavailable
from verifier.ports import Conflict, Storage
from verifier.storage import open_storage
from verifier.storage import postgres as postgres_module
from verifier.storage.migrate import migrate
from verifier.storage.postgres import PostgresStorage
from verifier.storage.session import SessionSettings

ADD = "UPDATE tally SET n = n + 1 WHERE name = $1 RETURNING n"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Storage]:
    storage = await open_storage(url)
    yield storage
    await storage.close()


@asynccontextmanager
async def admin(url: str) -> AsyncIterator[Any]:
    """A connection outside the storage under test."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def tally(postgres: Postgres) -> str:
    """A database with a table of two rows."""
    url = postgres.new_database()
    async with admin(url) as connection:
        await connection.execute("CREATE TABLE tally (name TEXT PRIMARY KEY, n BIGINT NOT NULL)")
        await connection.execute("INSERT INTO tally VALUES ('a', 0), ('b', 0)")
    return url


async def _add(storage: Storage, *names: str, pause: float = 0.0) -> int:
    async with storage.transaction() as transaction:
        for name in names:
            n = (await transaction.fetch(ADD, name))[0][0]
            await asyncio.sleep(pause)
    return int(n)


@pytest.mark.shows("CVP-10-6")
async def test_a_commit_that_was_not_replicated_is_not_acknowledged(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    async with admin(url) as connection, opened(url) as storage:
        await connection.execute("CREATE TABLE tally (name TEXT PRIMARY KEY, n BIGINT NOT NULL)")
        await connection.execute("INSERT INTO tally VALUES ('a', 0)")
        await connection.execute("ALTER ROLE verifier SET synchronous_commit = off")
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await connection.execute("SELECT pg_reload_conf()")
        adding = asyncio.create_task(_add(storage, "a"))
        waits = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        async with asyncio.timeout(10):
            while not await connection.fetch(waits):
                await asyncio.sleep(0.02)
                # The commit may have ended before the server knew of the standby.
                adding = asyncio.create_task(_add(storage, "a")) if adding.done() else adding
        with pytest.raises(Unavailable):
            await adding


async def test_a_node_frozen_in_a_transaction_blocks_others_for_a_few_seconds_only(tally: str) -> None:
    async with opened(tally) as frozen, opened(tally) as other:

        async def freeze() -> None:
            async with frozen.transaction() as transaction:
                await transaction.fetch(ADD, "a")
                assert await _add(other, "a") == 1
                await transaction.fetch(ADD, "a")

        with pytest.raises(Unavailable):
            await freeze()
        assert await _add(frozen, "a") == 2


async def test_a_deadlock_is_a_conflict_for_one_of_the_transactions(tally: str) -> None:
    async with opened(tally) as one, opened(tally) as other:
        both = await asyncio.gather(
            _add(one, "a", "b", pause=0.2), _add(other, "b", "a", pause=0.2), return_exceptions=True
        )
    assert {type(each) for each in both} == {int, Conflict}


@pytest.mark.shows("CVP-10-7")
async def test_a_command_is_executed_once_after_conflicts(postgres: Postgres, tmp_path: Path) -> None:
    async with opened(postgres.new_database()) as storage:
        await migrate(storage)
        conflicts: list[str] = []

        class Conflicting:
            """The same database, but the first three transactions of the service end in a conflict."""

            fetch, fetch_in, close, damage = storage.fetch, storage.fetch_in, storage.close, storage.damage
            snapshot, commit = storage.snapshot, Storage.commit

            @asynccontextmanager
            async def transaction(self) -> AsyncIterator[Any]:
                async with storage.transaction() as transaction:
                    yield transaction
                    if len(conflicts) < 3 and started:
                        conflicts.append("met")
                        raise Conflict("met")

        started = False
        async with World(Conflicting(), tmp_path / "ring.json") as world:
            started = True
            await world.register(Person(1))
            assert len(conflicts) == 3
            issued = await world.issue(Person(1))
            assert issued["ticket"]["proof"]
            assert (await world.audit()).findings == []


async def test_a_schema_change_while_a_node_works_is_a_conflict_once(tally: str) -> None:
    async with opened(tally) as storage, admin(tally) as connection:
        whole = "SELECT * FROM tally ORDER BY name"

        async def read() -> list[Any]:
            async with storage.transaction() as transaction:
                return [tuple(row) for row in await transaction.fetch(whole)]

        assert await read() == [("a", 0), ("b", 0)]
        await connection.execute("ALTER TABLE tally ADD COLUMN note TEXT")
        with pytest.raises(Conflict):
            await read()
        assert await read() == [("a", 0, None), ("b", 0, None)]


async def test_readers_cannot_take_the_connections_of_the_writer(tally: str) -> None:
    async with opened(tally) as storage:
        slow = [asyncio.create_task(storage.fetch("SELECT pg_sleep(2)")) for _ in range(40)]
        await asyncio.sleep(0.3)
        before = time.monotonic()
        assert await _add(storage, "a") == 1
        assert time.monotonic() - before < 1.5
        for each in slow:
            each.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


@pytest.fixture
def silent() -> Any:
    """The port of a host that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_the_host_that_accepts_writes_is_used_without_waiting_for_a_silent_one(tally: str, silent: int) -> None:
    name = tally.rpartition("/")[2]
    real = tally.rpartition("@")[2].partition("/")[0]
    before = time.monotonic()
    async with opened(f"postgresql://verifier@127.0.0.1:1,127.0.0.1:{silent},{real}/{name}") as storage:
        assert time.monotonic() - before < 2
        assert await _add(storage, "a") == 1


async def test_a_read_only_replica_is_refused(tally: str) -> None:
    async with admin(tally) as connection:
        await connection.execute("ALTER ROLE verifier SET default_transaction_read_only = on")
        try:
            with pytest.raises(Unavailable, match="takes no writes"):
                await open_storage(tally)
        finally:
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute("ALTER ROLE verifier RESET default_transaction_read_only")


async def test_a_server_without_the_required_tls_is_refused(tally: str) -> None:
    with pytest.raises(Unavailable, match="SSL"):
        await open_storage(tally + "?sslmode=require")


async def test_the_certificate_and_name_of_a_server_are_verified_if_configured(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    url, another = own_postgres.new_database(), tmp_path / "another"
    another.mkdir()
    certified(another, "other.bank.example")
    data = own_postgres._data
    certified(data, "db.bank.example")
    shutil.chown(data / "key.pem", data.stat().st_uid, data.stat().st_gid)
    (data / "key.pem").chmod(0o600)
    own_postgres.stop()
    own_postgres._settings += ("ssl=on", "ssl_cert_file=certificate.pem", "ssl_key_file=key.pem")
    own_postgres.start()
    root = f"sslrootcert={data / 'certificate.pem'}"
    async with opened(f"{url}?sslmode=verify-ca&{root}") as storage:
        assert (await storage.fetch("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))[0][0]
    for wrong in (f"verify-full&{root}", f"verify-ca&sslrootcert={another / 'certificate.pem'}"):
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await open_storage(f"{url}?sslmode={wrong}")


@pytest.mark.parametrize("mode", ["prefer", "allow"])
async def test_optional_tls_is_refused_in_production(tally: str, mode: str) -> None:
    with pytest.raises(ValueError, match="may not use TLS"):
        await open_storage(f"{tally}?sslmode={mode}", production=True)


async def test_the_error_says_that_the_server_demands_tls(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    async with admin(url) as connection:
        rules = Path(await connection.fetchval("SHOW hba_file"))
        rules.write_text("hostssl all all all trust\n")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.3)
        with pytest.raises(Unavailable, match="no encryption"):
            await open_storage(url)


@pytest.mark.parametrize("url", ["postgresql://verifier@127.0.0.1:port/x", "postgresql://h/x?sslmode=perhaps"])
async def test_an_invalid_url_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached: .+"):
        await open_storage(url)


async def test_a_commit_with_an_unknown_outcome_is_not_a_conflict(tally: str) -> None:
    """Distributed engines report SQLSTATE 40003, which belongs to the class of rollbacks."""
    async with opened(tally) as storage:
        with pytest.raises(Unavailable) as caught:
            async with storage.transaction():
                raise asyncpg.StatementCompletionUnknownError("nobody knows")
        assert not isinstance(caught.value, Conflict)


async def test_a_lock_timeout_does_not_close_the_other_connections(tally: str) -> None:
    storage = await PostgresStorage.open(tally, 5.0, 0.2)
    try:
        async with storage.transaction() as holder:
            await holder.fetch(ADD, "a")
            with pytest.raises(Unavailable, match="held a lock"):
                await _add(storage, "a")
        assert storage._writers._generation == 0
        assert await _add(storage, "a") == 2
    finally:
        await storage.close()


async def test_a_late_or_cancelled_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []

    class Made:
        def __init__(self, address: str) -> None:
            self.address = address

        def terminate(self) -> None:
            closed.append(self.address)

    async def connect(address: str, **_: Any) -> Made:
        try:
            await asyncio.sleep(0.01 if "first" in address else 0.05)
        except asyncio.CancelledError:
            # The connection was made at the moment of the cancellation.
            return Made(address)
        return Made(address)

    monkeypatch.setattr(asyncpg, "connect", connect)
    to = postgres_module._connector("postgresql://verifier@first:1,second:2/x")
    assert "first" in (await to()).address
    await asyncio.sleep(0.1)
    assert ["second" in each for each in closed] == [True]
    closed.clear()
    asked = asyncio.ensure_future(to())
    await asyncio.sleep(0.001)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert len(closed) == 2


@pytest.mark.shows("CVP-10-13")
@pytest.mark.parametrize(
    ("name", "careless", "kept"),
    [
        ("synchronous_commit", "off", "on"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("statement_timeout", "100ms", "5s"),
        ("lock_timeout", "0", "4500ms"),
        ("idle_in_transaction_session_timeout", "0", "3s"),
        ("tcp_user_timeout", "0", "10000"),
        ("client_encoding", "SQL_ASCII", "UTF8"),
    ],
)
async def test_a_session_overrides_the_settings_of_the_database(
    tally: str, name: str, careless: str, kept: str
) -> None:
    async with admin(tally) as connection:
        await connection.execute(f"ALTER DATABASE {tally.rpartition('/')[2]} SET {name} = '{careless}'")
    async with opened(tally) as storage:
        assert (await storage.fetch(f"SHOW {name}"))[0][0] == kept
        async with storage.transaction() as transaction:
            assert (await transaction.fetch(f"SHOW {name}"))[0][0] == kept


@pytest.mark.shows("CVP-10-13")
async def test_each_transaction_sets_synchronous_commit_again(tally: str) -> None:
    async with opened(tally) as storage:
        async with storage.transaction() as transaction:
            await transaction.fetch("SELECT set_config('synchronous_commit', 'off', false)")
        async with storage.transaction() as transaction:
            assert (await transaction.fetch("SHOW synchronous_commit"))[0][0] == "on"


@pytest.mark.shows("CVP-10-13")
async def test_a_server_that_can_lose_commits_is_refused_in_production(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    with pytest.raises(Unavailable, match="fsync is off and must be on"):
        await open_storage(url, production=True)
    own_postgres.stop()
    own_postgres._settings += ("fsync=on", "full_page_writes=off")
    own_postgres.start()
    with pytest.raises(Unavailable, match="full_page_writes is off and must be on"):
        await open_storage(url, production=True)
    own_postgres.stop()
    own_postgres._settings += ("full_page_writes=on",)
    own_postgres.start()
    await (await open_storage(url, production=True)).close()


@pytest.mark.shows("CVP-10-13")
async def test_the_error_names_a_setting_that_could_not_be_set(tally: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"fsync": "on", "no_such_setting": "on", "lock_timeout": "x"}.items():
        wanted = {name: value}
        monkeypatch.setattr(SessionSettings, "settings", lambda self, wanted=wanted: wanted)
        with pytest.raises(Unavailable, match=name):
            await open_storage(tally)
    # The server accepts the setting but reports another value.
    monkeypatch.setattr(SessionSettings, "settings", lambda self: {"lock_timeout": "5s"})
    with pytest.raises(Unavailable, match="lock_timeout is 5000 and must be 5s"):
        await open_storage(tally)
